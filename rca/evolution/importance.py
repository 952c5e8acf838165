"""What each input is worth to the two models, on the same exam."""

from collections.abc import Iterator
from typing import Any
import numpy as np
from scipy.stats import norm
from rca import metrics
from rca.evolution._changes import asked
from rca.evolution.behaviour import answered, both
from rca.models import classes
from rca.registry import diff
from rca.stats import benjamini_hochberg, mean
from rca.types import Case, Finding

_ROWS = 2000
_MATTERS = 0.1  # of the largest importance, by which one must move


@diff("RCA211", "inputs weigh otherwise")
def importances(case: Case) -> Iterator[Finding]:
    """Compare the permutation importances of both models (Breiman, 2001; Fisher, Rudin and Dominici, 2019).

    An importance is how much the loss of a row (Brier score, or absolute error) grows when the input is shuffled, on
    the current exam. At most one finding: the inputs whose importance moved by a tenth of the largest one, under FDR.
    `effect` is the largest move, with the interval of paired rows.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> frame = pd.DataFrame(np.random.default_rng(0).normal(size=(500, 2)), columns=["a", "b"]).assign(y=lambda t: t.a)
    >>> old, new = (Version(c, c, model=LinearRegression().fit(frame[["a", "b"]], frame[c])) for c in ("a", "b"))
    >>> exam = open_table(frame, "exam")
    >>> case = Case((Pair("evaluate", exam, exam),), Roles(target="y", features=("a", "b")), old, new)
    >>> print(next(importances(case)).text)
    inputs are worth otherwise to the model: a 1.12 → 0 (-1.12)
    """
    frame = answered(case)[0]
    draw = np.random.default_rng(0)
    frame = frame.iloc[np.sort(draw.permutation(len(frame))[:_ROWS])].reset_index(drop=True)
    models, known = asked(case), classes(asked(case)[1])
    scored = known is not None and all(hasattr(model, "predict_proba") for model in models)
    metric = metrics.get("brier" if scored else "absolute_error" if known is None else "zero_one")
    read = {name for model in models for name in getattr(model, "feature_names_in_", case.roles.features)}

    def losses(table: Any) -> list[Any]:
        return [metric.values(scored) for scored in both(case, metric.name, table)]

    usual = losses(frame)
    mixed = draw.permutation(len(frame))
    found: dict[str, list[Any]] = {}
    for name in (n for n in frame.columns if n in read):
        table = frame.assign(**{name: frame[name].to_numpy()[mixed]})
        found[name] = [now - before for now, before in zip(losses(table), usual, strict=True)]
    moves = {name: mean(new - old, "exam") for name, (old, new) in found.items()}
    p_values = benjamini_hochberg([2 * norm.sf(abs(m.value) / max(m.se, 1e-12)) for m in moves.values()])
    least = _MATTERS * max(abs(side.mean()) for pair in found.values() for side in pair)
    kept = [n for n, p in zip(moves, p_values, strict=True) if p < 0.05 and abs(moves[n].value) >= max(least, 1e-12)]
    kept.sort(key=lambda name: -abs(moves[name].value))
    worth = {name: [round(float(side.mean()), 9) for side in found[name]] for name in found}
    told = [f"{n} {worth[n][0]:.3g} → {worth[n][1]:.3g} ({moves[n].value:+.3g})" for n in kept[:5]]
    if kept:
        text, size = f"inputs are worth otherwise to the model: {', '.join(told)}", moves[kept[0]]
        facts = {"importances": worth, "moved": kept, "loss": metric.name}
        yield Finding("RCA211", "weights", "model", text, None, size.value, *size.interval(), evidence=facts)
