"""Which source data of the model changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rca.evolution._changes import root_changes
from rca.registry import diff
from rca.types import Case, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator


@diff("RCA205", "training data changed")
def training_data(case: Case) -> Iterator[Finding]:
    """Compare the recorded hashes of the data that no stage made and that the model descends from.

    Yields
    ------
    Finding
        One for each file or folder; what is different inside is the integrity checks' answer.

    Examples
    --------
    >>> from rca.types import Case, Roles, Stage, Version
    >>> old, new = (
    ...     Version(r, r, stages={"train": Stage("train", "t", {"raw.csv": md5}, {"m.skops": r}, {})},
    ...             tracked={"raw.csv": "raw.csv.dvc"})
    ...     for r, md5 in (("good", "aa"), ("bad", "bb"))
    ... )
    >>> [f.text for f in training_data(Case((), Roles(), old, new, model_path="m.skops"))]
    ['raw.csv differs, and enters at stage train']
    """
    for change in root_changes(case):
        if change.kind == "training_data":
            yield Finding(
                code="RCA205",
                kind="training_data",
                subject=change.subject,
                stage=change.stage,
                text=f"{change.text}, and enters at stage {change.stage}",
                evidence={"files": list(change.paths)},
            )
