"""What a branch of the gap tree works on (both models, both exams, the damages with their repairs), and its terms."""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rca import registry
from rca.errors import NotApplicable
from rca.inputs.nuisance import one_thread
from rca.metrics import Metric, Scored, answers
from rca.stats import ALARM, Estimate, gap_of, scatter, total
from rca.tables import open_table
from rca.types import Case, Finding, Gap, Model, Pair, Pillar, Rejected, Roles

#: The samples: rows of one share noise, rows of two do not.
REFERENCE, CURRENT = "reference", "current"
#: What the columns of a source look like that does not answer: nothing, one value, or a default.
SILENT = {"missing_values", "frozen_column", "sentinel_values"}
Tables = tuple[pd.DataFrame, pd.DataFrame]  # of the reference and the current side


class Grid:
    """Scores models on exams, the reference's and the current one of each, and remembers what it scored."""

    def __init__(self, metric: Metric, models: tuple[Model, Model], exams: Tables, roles: Roles) -> None:
        self.metric, self.models, self.roles = metric, models, roles
        self.tables = dict(zip((REFERENCE, CURRENT), exams, strict=True))
        self.sizes = {name: len(table) for name, table in self.tables.items()}
        self._scored: dict[tuple[int, int], tuple[Scored, Model, pd.DataFrame]] = {}

    def scored(self, model: Model, table: pd.DataFrame, sample: str) -> Scored:
        """Return a model's answers on a table that is, row by row, (a repair of) an exam."""
        key = (id(model), id(table))
        if key not in self._scored:
            with one_thread():
                found = answers(self.metric, model, table, str(self.roles.target), self.roles.positive, sample)
            # The objects are kept beside the answers, so that their ids stay theirs.
            self._scored[key] = (found, model, table)
        found = self._scored[key][0]
        return replace(found, size=max(self.sizes[sample], found.size))

    def value(self, model: Model, table: pd.DataFrame, sample: str) -> Estimate:
        """Return the metric of a model on a table."""
        return self.metric.estimate(self.scored(model, table, sample))

    def both_exams(self, model: Model) -> Estimate:
        """Return the worth of a model: its metric, averaged over both exams."""
        return total(self.value(model, table, sample) for sample, table in self.tables.items()) * 0.5

    def current(self, table: pd.DataFrame) -> Estimate:
        """Return the metric of the current model on (a repair of) the current exam."""
        return self.value(self.models[1], table, CURRENT)

    def on(self, table: pd.DataFrame) -> "Grid":
        """Return the same grid with a repair of the current exam in its place."""
        other = copy(self)
        other.tables = {**self.tables, CURRENT: table}
        return other

    def spread(self, estimate: Estimate, rows: Mapping[str, NDArray[np.int64]]) -> Estimate:
        """Return an estimate on some rows as one on all rows of the samples."""
        pulls = estimate.influence.items()
        return Estimate(estimate.value, {name: scatter(p, rows[name], self.sizes[name]) for name, p in pulls})


@dataclass(frozen=True, slots=True)
class Term:
    """A candidate cause before it is judged."""

    pillar: Pillar
    kind: str
    subject: str
    part: Estimate
    summary: str
    tested: bool  # whether an intervention gave the number, rather than an association
    counterfactual: str | None = None
    runs: bool = False  # whether the pipeline is run again for it
    stage: str | None = None
    findings: tuple[str, ...] = ()
    parent: str | None = None  # the subject of the term that this one explains further, and is no addend beside
    extra_se: float = 0.0  # noise that rows do not carry, such as that of other seeds
    floor: float = 0.0  # an amount that chance alone reaches
    identified: bool = True


@dataclass(slots=True)
class Branch:
    """What one part of the tree found."""

    terms: list[Term] = field(default_factory=list)
    not_testable: list[Rejected] = field(default_factory=list)
    ruled_out: list[Rejected] = field(default_factory=list)  # what is refuted without a number, such as by proof
    notes: list[str] = field(default_factory=list)

    def give_up(self, pillar: Pillar, kind: str, subject: str, reason: str, findings: Iterable[Finding] = ()) -> None:
        """Note what cannot be tested."""
        self.not_testable.append(Rejected(pillar, kind, subject, reason, findings=tuple(f.id for f in findings)))


@dataclass(frozen=True, slots=True)
class Setting:
    """What every branch works on."""

    case: Case
    grid: Grid
    findings: Sequence[Finding]
    seed: int = 0
    rows: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Damage:
    """A damaged column or table, and how to undo the damage."""

    subject: str
    main: Finding
    findings: tuple[Finding, ...]
    undo: Callable[[pd.DataFrame], pd.DataFrame]
    exact: bool  # whether the repair is the inverse of the damage rather than a draw from the reference
    vanished: int  # how many of the findings are gone after the repair
    pillar: Pillar = "integrity"


def damaged(damage: Damage, part: Estimate, counterfactual: str) -> Term:
    """Return a damage as a term of the tree."""
    main = damage.main
    term = Term(damage.pillar, main.kind, damage.subject, part, main.text.rstrip("."), True, counterfactual)
    return replace(term, stage=main.stage, findings=tuple(f.id for f in damage.findings))


def damages(setting: Setting, pair: Pair, tables: Tables, branch: Branch) -> list[Damage]:
    """Group the findings on a pair of tables, given in memory too, and choose a repair for each; note what has none."""
    # That a table differs (RCA2xx) is no damage yet.
    mine = [f for f in setting.findings if f.code < "RCA2" and f"{f.subject}.".startswith(f"data.{pair.name}.")]
    found: list[Damage] = []
    for subject in dict.fromkeys(f.subject for f in mine):
        group = [f for f in mine if f.subject == subject]
        tried, lost = [], []
        for finding in group:
            try:
                tried.append(_try(finding, group, pair, tables, setting))
            except NotApplicable as reason:
                lost.append((finding, str(reason)))
            except Exception as failure:  # noqa: BLE001  a repair that fails leaves the damage, and says so
                lost.append((finding, f"the repair failed ({type(failure).__name__}: {failure})"))
        if tried:
            found.append(max(tried, key=lambda d: (d.vanished, d.exact, -group.index(d.main))))
        for finding, why in lost if not tried else ():
            branch.give_up("integrity", finding.kind, subject, why, [finding])
    return outages(sorted(found, key=lambda d: d.main.code), tables[1], setting.case.roles.inputs)


def outages(found: list[Damage], table: pd.DataFrame, inputs: Mapping[str, Sequence[str]]) -> list[Damage]:
    """Make one damage of the columns of one source of inputs that fell silent in the same rows: the source was out.

    They are more than half of the source's columns, and two or more; of a source that is named as an API, ``api:...``,
    one column is enough where a span of time holds all of it.
    """
    left = list(found)
    for group, columns in inputs.items():
        there = [name for name in columns if name in table]
        silent = [d for d in left if d.main.kind in SILENT and d.main.evidence.get("column") in there]
        rows = [_struck(d, table) for d in silent]
        # the most columns that struck the same rows, for one may be silent elsewhere too
        alike = [[(hit & most).sum() > 0.7 * (hit | most).sum() for hit in rows] for most in rows]
        best = max(range(len(rows)), key=lambda i: sum(alike[i]), default=0)
        silent = [d for d, fits in zip(silent, alike[best] if rows else (), strict=True) if fits]
        alone = group.startswith("api:") and any({"onset", "until"} & set(d.main.evidence) for d in silent)
        if len(silent) <= len(there) / 2 or len(silent) < (1 if alone else 2):
            continue
        told = "; ".join(d.main.text.rstrip(".") for d in silent)
        text = f"the inputs '{group}' fell silent in {rows[best].mean():.0%} of the rows ({told})"
        main = replace(silent[0].main, kind="dependency_outage", subject=f"inputs.{group}", text=text)
        undo = functools.partial(functools.reduce, lambda t, d: d.undo(t), silent)
        findings = tuple(f for d in silent for f in d.findings)
        merged = Damage(main.subject, main, findings, undo, all(d.exact for d in silent), len(findings), "inputs")
        left = [*(d for d in left if d not in silent), merged]
    return left


def _struck(damage: Damage, table: pd.DataFrame) -> NDArray[np.bool_]:
    name = damage.main.evidence["column"]
    before, after = table[name], damage.undo(table)[name].reindex(table.index)
    return np.asarray(~(before.eq(after) | (before.isna() & after.isna())).to_numpy(dtype=bool, na_value=False))


def _try(finding: Finding, group: Sequence[Finding], pair: Pair, tables: Tables, setting: Setting) -> Damage:
    repairs = registry.repair.load()
    if finding.kind not in repairs:
        raise NotApplicable(f"there is no repair for {finding.kind} yet")
    function = repairs[finding.kind].function

    def undo(table: pd.DataFrame, draw: int = setting.seed) -> pd.DataFrame:
        return function(table, finding, tables[0], np.random.default_rng(draw))  # type: ignore[no-any-return]  # repairs return frames

    repaired = undo(tables[1])
    exact = repaired.equals(undo(tables[1], setting.seed + 1))
    after = Pair(pair.name, pair.reference, open_table(repaired, pair.name), pair.same_role)
    checks = [entry for code, entry in registry.check.load().items() if code in {f.code for f in group}]
    left = {(f.kind, f.subject) for f in registry.run(checks, replace(setting.case, pairs=(after,)))[1]}
    gone = sum((f.kind, f.subject) not in left for f in group)
    if (finding.kind, finding.subject) in left:
        raise NotApplicable("the finding is still there after its repair")
    return Damage(finding.subject, finding, tuple(group), undo, exact, gone)


def measure(setting: Setting) -> tuple[Gap, Estimate]:
    """Measure the gap: the current model on its exam minus the reference model on its own."""
    grid = setting.grid
    reference = grid.value(grid.models[0], grid.tables[REFERENCE], REFERENCE)
    current = grid.current(grid.tables[CURRENT])
    return gap_of(grid.metric.name, reference, current, setting.rows), current - reference


def is_material(gap: Gap, difference: Estimate, material: float) -> bool:
    """Whether a gap excludes zero and is large enough to matter, whatever the number of rows."""
    low, high = difference.interval(ALARM)
    return (low > 0 or high < 0) and abs(gap.difference) >= material * abs(gap.reference)
