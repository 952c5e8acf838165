"""The nouns: a Case goes in, Findings and Causes come out, an Investigation holds them; it imports nothing of rca."""

import importlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.figure import Figure

Pillar = Literal["integrity", "evolution", "inputs"]
Status = Literal["confirmed", "likely", "possible"]
Verdict = Literal["cause_found", "no_incident", "inconclusive"]
State = Literal["found", "clear", "not_applicable", "failed"]

#: The statuses of a cause, weakest first; ``--fail-on`` compares positions in it.
STATUSES: tuple[Status, ...] = ("possible", "likely", "confirmed")


class Table(Protocol):
    """What the pillars need of a table; :class:`rca.tables.Table` is the one that exists."""

    name: str
    expr: Any

    @property
    def columns(self) -> tuple[str, ...]: ...  # noqa: D102  see Table
    @property
    def profile(self) -> Any: ...  # noqa: D102  see Table
    @property
    def sample(self) -> "pd.DataFrame": ...  # noqa: D102  see Table
    @property
    def hashes(self) -> Any: ...  # noqa: D102  see Table
    def frame(self, limit: int = ..., seed: int = ...) -> "pd.DataFrame": ...  # noqa: D102  see Table


class Model(Protocol):
    """What is needed of a fitted model; scikit-learn's estimators are such."""

    def predict(self, X: Any) -> "np.ndarray": ...  # noqa: D102, N803


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file of a version: where its bytes came from and whether they are what the lock says."""

    path: str
    md5: str | None  # the hash that dvc.lock or the .dvc file records; None for a file kept in git
    file: str | None  # a readable local copy (cache object or temporary file), or None where it could not be had
    problem: str | None = None  # why the artifact cannot be used, in one sentence
    corrupt: bool = False  # true where bytes were found but are not those that were recorded


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a pipeline as dvc.lock records it."""

    name: str
    cmd: str
    deps: Mapping[str, str]  # path to recorded hash
    outs: Mapping[str, str]
    params: Mapping[str, Mapping[str, Any]]  # file to key to value


@dataclass(frozen=True, slots=True)
class Version:
    """The system at one git revision, read without checkout."""

    rev: str
    commit: str
    stages: Mapping[str, Stage] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)  # every git-tracked path of the project and its blob id
    code: Mapping[str, str] = field(default_factory=dict)  # source of Python files and of what else differs
    tracked: Mapping[str, str] = field(default_factory=dict)  # path of a DVC-tracked source to its .dvc file
    params: Mapping[str, Any] = field(default_factory=dict)  # dotted key to value, over every parameter file
    environment: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    artifacts: Mapping[str, Artifact] = field(default_factory=dict)  # by role: ``model`` and ``data.train``, ...
    tables: Mapping[str, Table] = field(default_factory=dict)  # by role: ``train``, ``evaluate``, ``production``
    model: Model | None = None
    model_problem: str | None = None
    snapshot: Any = field(default=None, compare=False, repr=False)  # :class:`rca.versions.Snapshot`, to read more of it


@dataclass(frozen=True, slots=True)
class Pair:
    """The same table on both sides of a case."""

    name: str
    reference: Table
    current: Table
    same_role: bool = True  # else, as evaluation against production, row counts and keys cannot be compared


@dataclass(frozen=True, slots=True)
class Roles:
    """What the columns are for."""

    target: str | None = None
    positive: Any = None
    features: tuple[str, ...] = ()
    prediction: str | None = None
    key: tuple[str, ...] = ()
    time: str | None = None
    sensitive: tuple[str, ...] = ()
    inputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """A reference and a current version (or two tables) and the metric that moved."""

    pairs: tuple[Pair, ...]
    roles: Roles
    reference: Version | None = None
    current: Version | None = None
    model_path: str | None = None
    seed_key: str | None = None
    lock_path: str | None = None  # the file that pins the environment
    events: str | None = None  # a readable log of events
    trust: bool = False  # whether pickled models may be loaded, by a process apart


@dataclass(frozen=True, slots=True)
class Finding:
    """One observed fact."""

    code: str
    kind: str
    subject: str
    text: str
    stage: str | None = None
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    id: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one plug-in did."""

    code: str
    title: str
    status: State
    reason: str | None = None
    seconds: float = 0.0
    findings: tuple[str, ...] = ()


#: What the plug-ins did, and what they found.
Seen = tuple[tuple[Outcome, ...], tuple[Finding, ...]]


@dataclass(frozen=True, slots=True)
class Cause:
    """A hypothesis with its contribution to the gap."""

    pillar: Pillar
    kind: str
    subject: str
    contribution: float
    low: float
    high: float
    status: Status
    summary: str
    rank: int = 0
    stage: str | None = None
    within: int | None = None
    share: float | None = None
    counterfactual: str | None = None
    reproduce: str | None = None
    findings: tuple[str, ...] = ()
    mitigations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """A hypothesis that is no cause: ruled out by a test, or not testable for want of something."""

    pillar: Pillar
    kind: str
    subject: str
    reason: str
    contribution: float | None = None
    low: float | None = None
    high: float | None = None
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gap:
    """The metric on both sides; `difference` is current minus reference, higher is better."""

    metric: str
    reference: float
    current: float
    difference: float
    low: float
    high: float
    n_reference: int
    n_current: int
    detectable: float  # the smallest gap that these samples could have shown (80 % power)


@dataclass(frozen=True, slots=True)
class Remainder:
    """What the causes leave of the gap."""

    contribution: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Side:
    """Which version and which table stood on one side."""

    rev: str | None
    commit: str | None
    data: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Investigation:
    """The answer: the gap, its causes, the remainder, and all that was done to find them."""

    schema: str = "rca/investigation/1"
    system: str
    summary: str = ""
    verdict: Verdict
    severity: Literal[1, 2, 3] | None = None
    reference: Side
    current: Side
    gap: Gap | None = None
    causes: tuple[Cause, ...] = ()
    ruled_out: tuple[Rejected, ...] = ()
    not_testable: tuple[Rejected, ...] = ()
    unexplained: Remainder | None = None
    outcomes: tuple[Outcome, ...]
    findings: tuple[Finding, ...]
    provenance: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return the document of the contract: plain values, in the order of the fields."""
        return plain(self)  # type: ignore[no-any-return]  # a record becomes a mapping

    def to_json(self) -> str:
        """Return the document as JSON; numbers that are not finite become null."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)

    def frame(self) -> "pd.DataFrame":
        """Return the causes, one a row, ranked, with the remainder as the last row."""
        import pandas as pd

        names = ["rank", "pillar", "kind", "subject", "contribution", "low", "high", "share", "status", "within"]
        rows = [asdict(cause) for cause in self.causes]
        if self.unexplained is not None:
            rows.append({"subject": "unexplained", **asdict(self.unexplained)})
        return pd.DataFrame(rows, columns=names)

    def plot(self) -> "Figure":
        """Draw the waterfall of the gap."""
        return importlib.import_module("rca.plots").waterfall(self)  # type: ignore[no-any-return]  # data know no drawing

    def report(self, path: str) -> str:
        """Run the report notebook and write it as one HTML file; return its path."""
        return importlib.import_module("rca.report").write(self, path)  # type: ignore[no-any-return]

    def _repr_html_(self) -> str:
        html = importlib.import_module("rca.report.html")
        return "".join(part(self) for part in (html.verdict, html.waterfall, html.causes))


def plain(value: Any) -> Any:
    """Turn records, arrays and numpy scalars into what JSON knows."""
    if is_dataclass(value) and not isinstance(value, type):
        value = {f.name: getattr(value, f.name) for f in fields(value)}
    elif hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | bool | int) else str(value)


def flatten(content: Any, prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as dotted keys."""
    if not isinstance(content, Mapping):
        return {prefix: content} if prefix else {}
    inner = (flatten(value, f"{prefix}.{key}" if prefix else str(key)) for key, value in content.items())
    return {key: value for part in inner for key, value in part.items()}
