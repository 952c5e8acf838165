"""Which of the two models answered in production, by the scores that it logged."""

from collections.abc import Iterator
from typing import Any
import numpy as np
import pandas as pd
from rca.errors import NotApplicable
from rca.evolution._changes import asked, sides
from rca.evolution.behaviour import both
from rca.models import classes
from rca.registry import diff
from rca.stats import rate_change
from rca.types import Case, Finding

_FEWEST = 30  # rows that tell the models apart
_FLOOR = 0.005  # share of them that may be answered by the old model, as in the moment of a release


@diff("RCA209", "production was answered by another model")
def mixed_versions(case: Case) -> Iterator[Finding]:
    """Hold the scores that production logged against what both models answer on its rows.

    A row is of the model whose answer it has, to as many decimals as were logged; rows on which both say the same tell
    nothing. At most one finding; `effect` is the share of the telling rows that the reference's model answered.

    Examples
    --------
    >>> from sklearn.dummy import DummyRegressor
    >>> x = pd.DataFrame({"x": np.arange(100.0)})
    >>> models = [DummyRegressor(strategy="mean").fit(x, x.x + c) for c in (0, 9)]
    >>> old, new = (Version(r, r, model=model) for r, model in zip(("a", "b"), models))
    >>> log = open_table(x.assign(score=[49.5] * 40 + [58.5] * 60), "log")
    >>> roles = Roles(target="y", features=("x",), prediction="score")
    >>> [f.text for f in mixed_versions(Case((Pair("production", log, log, same_role=False),), roles, old, new))]
    ['40 of the 100 rows of log that tell the models apart were answered by the model of a.']
    """
    roles, rev = case.roles, sides(case)[0].rev
    pair = next((p for p in case.pairs if p.name == "production"), None)
    if pair is None or roles.prediction not in pair.current.columns:
        raise NotApplicable("production logged no score: name its column as 'prediction' in rca.yaml")
    frame = pair.current.frame()
    frame = frame[frame[roles.prediction].notna()].reset_index(drop=True)
    old, new, logged = _scores(case, frame)
    scale = max(float(np.abs(logged).max(initial=0.0)), 1e-9)
    decimals = next((d for d in range(1, 9) if np.allclose(logged, logged.round(d), rtol=0, atol=1e-12 * scale)), 9)
    near = max(0.51 * 10.0**-decimals, 1e-6 * scale)  # some systems keep single precision
    telling = np.abs(old - new) > 2 * near
    by_old, by_new = ((np.abs(logged - side) <= near) & telling for side in (old, new))
    known = by_old | by_new
    mine, told, name = int(by_old.sum()), int(known.sum()), pair.current.name
    if told < max(_FEWEST, telling.sum() / 2):
        count = f"{told} of the {int(telling.sum())} rows"
        raise NotApplicable(f"{count} of {name} on which the models differ have the answer of one of them")
    share = rate_change(0, told, mine, told, _FLOOR)
    if share.difference <= _FLOOR or share.p_value > 0.01:
        return
    facts: dict[str, Any] = {"rows": mine, "telling": told, "neither": int((~known & telling).sum())}
    text = f"{mine} of the {told} rows of {name} that tell the models apart were answered by the model of {rev}"
    if roles.time in frame and pd.api.types.is_datetime64_any_dtype(frame[roles.time]):
        ends = [frame.loc[by_old, roles.time].min(), frame.loc[by_old, roles.time].max()]
        facts |= {"onset": ends[0].isoformat(), "until": ends[1].isoformat()}
        text += f", from {ends[0]:%Y-%m-%d} to {ends[1]:%Y-%m-%d}"
    size = share.difference, share.low, share.high, share.p_value
    yield Finding("RCA209", "mixed_versions", "model", f"{text}.", None, *size, facts)


def _scores(case: Case, frame: pd.DataFrame) -> tuple[Any, Any, Any]:
    """Return what both models say of the rows, and what was logged, in one unit."""
    known, said = classes(asked(case)[1]), frame[str(case.roles.prediction)]
    number = pd.api.types.is_numeric_dtype(said) and not set(said.unique()) <= set(known or ())
    metric = "neg_mean_absolute_error" if known is None else "neg_brier_score" if number else "accuracy"
    # rows without a label were answered too; where classes were logged, they are made numbers as labels are
    label: Any = said if not number else 0.0 if known is None else known[0]
    old, new = both(case, metric, frame.assign(**{str(case.roles.target): label}), "log")
    if max(old.response.ndim, new.response.ndim) > 1:
        raise NotApplicable("one score does not tell the answers of more than two classes")
    return old.response, new.response, said.to_numpy(dtype=float) if number else new.y
