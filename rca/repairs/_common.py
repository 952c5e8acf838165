"""What the repairs share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rca.errors import NotApplicable

if TYPE_CHECKING:
    import pandas as pd

    from rca.types import Finding


def column_of(frame: pd.DataFrame, finding: Finding, reference: pd.DataFrame) -> str:
    """Return the column that a finding is about.

    Raises
    ------
    NotApplicable
        If one of the tables does not have it.
    """
    parts = finding.subject.split(".", 2)
    name = str(finding.evidence.get("column") or (parts[2] if len(parts) == 3 else ""))
    for side, table in (("current", frame), ("reference", reference)):
        if name not in table.columns:
            raise NotApplicable(f"the {side} table has no column '{name}' to repair.")
    return name
