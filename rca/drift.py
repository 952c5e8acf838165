"""Evidently's report on the same two tables, for those who read it: its verdicts are told, and change no exit code."""

import os
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any
import numpy as np
import pandas as pd
from rca.errors import choices
from rca.registry import Entry, run
from rca.types import Case, Outcome, Pair

#: Rows of each side that evidently is shown.
ROWS = 20_000
_LEVELS = 1000  # text with more values than this takes evidently minutes, and says nothing


def evidently(pair: Pair, case: Case, path: str | Path) -> Outcome:
    """Write evidently's data drift and data summary as HTML; return which columns it calls drifted, as the reason."""
    told: list[str] = []

    def report(case: Case) -> tuple[()]:
        with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
            told.append(_report(pair, case, path))
        return ()

    (outcome,), _ = run([Entry("RCA198", "evidently's drift report", report, alone=True)], case)
    return replace(outcome, reason=outcome.reason or told[0])


def _report(pair: Pair, case: Case, path: str | Path) -> str:
    os.environ.setdefault("DO_NOT_TRACK", "1")  # evidently and what it is built on send usage otherwise
    from evidently import Report
    from evidently.presets import DataDriftPreset, DataSummaryPreset

    sides = [_rows(table) for table in (pair.reference, pair.current)]
    both = [n for n in sides[0] if n in sides[1] and n not in case.roles.key]
    used = [n for n in both if sides[0][n].dtype == sides[1][n].dtype and all(side[n].notna().any() for side in sides)]
    used = [n for n in used if sides[0][n].dtype.kind != "O" or max(side[n].nunique() for side in sides) <= _LEVELS]
    found = Report([DataDriftPreset(), DataSummaryPreset()]).run(sides[1][used], sides[0][used])
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    found.save_html(str(path))
    looked = [(m["value"], m["config"]) for m in found.dict()["metrics"] if m["config"]["type"].endswith(":ValueDrift")]
    # a p-value is low, and a distance high
    moved = [how["column"] for value, how in looked if value < how["threshold"] and "p_value" in how["method"]]
    moved += [how["column"] for value, how in looked if value >= how["threshold"] and "p_value" not in how["method"]]
    left = set(both) - set(used)
    tail = f"; not shown to it, as empty, of two types or of too many values: {choices(left, 5)}" if left else ""
    return f"evidently calls {len(moved)} of {len(looked)} columns drifted: {choices(moved, 10)}{tail}."


def _rows(table: Any) -> pd.DataFrame:
    sample = table.sample.iloc[np.argsort(table.hashes, kind="stable")[:ROWS]].reset_index(drop=True)
    texts = [n for n in sample if sample[n].dtype == "category"]
    read: pd.DataFrame = sample.replace([np.inf, -np.inf], np.nan).astype(dict.fromkeys(texts, "object"))
    # evidently writes names and texts into a script of its page, which none of them may end
    read[texts] = read[texts].replace("<", "\u2039", regex=True)
    return read.rename(columns=lambda name: str(name).replace("<", "\u2039")).sort_index(axis=1)
