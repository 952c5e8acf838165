"""How two models answer the same exam: flips, scores and groups."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest, norm

from rca import metrics
from rca.errors import NotApplicable, RcaError
from rca.evolution._changes import sides
from rca.models import classes
from rca.registry import diff
from rca.stats import Floats, benjamini_hochberg, mean
from rca.types import Case, Finding

#: Slices and groups of fewer rows are not told apart.
_FEWEST = 30
#: A slice, or a gap between groups, that moved by less than this is not worth a name.
_MATTERS = 0.02
_DRAWS = 500


@diff("RCA208", "predictions changed on the same exam")
def predictions(case: Case) -> Iterator[Finding]:
    """Put both models before the current exam and compare them row by row.

    Churn is the share of rows with another answer (Milani Fard et al., 2016); negative flips were right and are wrong
    now, positive flips the other way (Yan et al., 2021), tested by McNemar's exact test.

    Yields
    ------
    Finding
        At most one; `effect` is the change of accuracy (of minus the mean absolute error for a regressor) on these
        rows, with the interval of paired rows. The evidence has the flips, scores, calibration, and the slices where
        flips gather.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from sklearn.dummy import DummyClassifier
    >>> from rca.tables import open_table
    >>> from rca.types import Case, Pair, Roles, Version
    >>> frame = pd.DataFrame({"x": np.arange(100.0), "y": np.arange(100) % 10 > 0})
    >>> old, new = (
    ...     Version(r, r, model=DummyClassifier(strategy="constant", constant=c).fit(frame[["x"]], frame["y"]))
    ...     for r, c in (("good", True), ("bad", False))
    ... )
    >>> exam = open_table(frame, "exam")
    >>> case = Case((Pair("evaluate", exam, exam),), Roles(target="y", features=("x",)), old, new)
    >>> print(next(predictions(case)).text)
    100 % of the 100 rows of exam are answered otherwise: 90 % were right and are wrong now, 10 % the other way \
(McNemar p = 3e-17); accuracy moved by -0.8 [-0.899, -0.701].
    """
    frame, answered, name = _answers(case)
    (y, before), (_, after) = answered
    if np.array_equal(before, after):
        return
    if classes(_models(case)[1]) is None:
        yield _numbers(y, before, after, name)
        return
    right = before == y, after == y
    lost, won = right[0] & ~right[1], right[1] & ~right[0]
    change = mean(won.astype(float) - lost, name)
    low, high = change.interval()
    flips = int(lost.sum()), int(won.sum())
    p = float(binomtest(min(flips), max(sum(flips), 1)).pvalue) if sum(flips) else 1.0
    text = (
        f"{_share(before != after)} of the {len(y)} rows of {name} are answered otherwise: {_share(lost)} were "
        f"right and are wrong now, {_share(won)} the other way (McNemar p = {p:.1g}); "
        f"accuracy moved by {change.value:+.3g} [{low:+.3g}, {high:+.3g}]."
    )
    slices = _slices(case, frame, won.astype(float) - lost)
    if slices:
        text += " Most flips are where " + ", ".join(f"{s['where']} ({s['accuracy']:+.2g})" for s in slices) + "."
    facts = {"churn": float((before != after).mean()), "negative_flips": flips[0], "positive_flips": flips[1]}
    evidence = {**facts, "mcnemar_p": p, "slices": slices, "scores": _scores(case, frame)}
    yield Finding("RCA208", "weights", "model", text, None, change.value, low, high, evidence=evidence)


@diff("RCA209", "groups are treated otherwise")
def groups(case: Case) -> Iterator[Finding]:
    """Compare how far apart sensitive groups are under both models on the current exam.

    Yields
    ------
    Finding
        For each sensitive column and each of positive answers (demographic parity) and accuracy, where the largest
        difference between groups moved; `effect` is by how much, with a paired bootstrap interval.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from rca.tables import open_table
    >>> from rca.types import Case, Pair, Roles, Version
    >>> draw = np.random.default_rng(0)
    >>> frame = pd.DataFrame({"sex": draw.integers(0, 2, 900), "x": draw.normal(size=900)}).assign(y=lambda t: t.x > 0)
    >>> old, new = (
    ...     Version(r, r, model=DecisionTreeClassifier(max_depth=2).fit(frame[["sex", "x"]], y))
    ...     for r, y in (("good", frame["y"]), ("bad", frame["y"] & (frame["sex"] == 1)))
    ... )
    >>> exam = open_table(frame, "exam")
    >>> case = Case((Pair("evaluate", exam, exam),), Roles(target="y", sensitive=("sex",)), old, new)
    >>> [f.text.split(" [")[0] for f in groups(case)]
    ["positive answers differ between the groups of 'sex' by 0.477 instead of 0.00847 (+0.469", \
"accuracy differs between the groups of 'sex' by 0.486 instead of 0 (+0.486"]
    """
    if not case.roles.sensitive:
        raise NotApplicable("rca.yaml names no sensitive columns")
    frame, ((y, before), (_, after)), _ = _answers(case)
    if classes(_models(case)[1]) is None:
        raise NotApplicable("the model is a regressor, which gives no positive answers")
    rng, views = np.random.default_rng(0), {"accuracy differs": (before == y, after == y)}
    if len(classes(_models(case)[1]) or ()) == 2:
        views = {"positive answers differ": (before == 1, after == 1), **views}
    for column in (c for c in case.roles.sensitive if c in frame):
        codes, names = pd.factorize(frame[column].astype(str))
        kept = np.flatnonzero(np.bincount(codes) >= _FEWEST)
        for what, (old, new) in views.items() if len(kept) > 1 else ():
            cells = np.bincount(codes * 4 + old * 2 + new, minlength=4 * len(names))
            drawn = np.vstack([cells, rng.multinomial(cells.sum(), cells / cells.sum(), _DRAWS)])
            table = drawn.reshape(-1, len(names), 2, 2)[:, kept]  # draw, group, old answer, new answer
            whole = np.maximum(table.sum(axis=(2, 3)), 1)
            first, second = (np.ptp(t.sum(axis=2) / whole, axis=1) for t in (table[:, :, 1], table[:, :, :, 1]))
            moved, (low, high) = second[0] - first[0], np.quantile((second - first)[1:], [0.05, 0.95])
            if abs(moved) < _MATTERS or low <= 0 <= high:
                continue
            rates = pd.Series(new).groupby(names[codes]).mean()[list(names[kept])]
            text = (
                f"{what} between the groups of '{column}' by {second[0]:.3g} instead of {first[0]:.3g} "
                f"({moved:+.3g} [{low:+.3g}, {high:+.3g}]): now lowest for '{rates.idxmin()}', "
                f"highest for '{rates.idxmax()}'."
            )
            facts = {"column": column, "groups": {str(k): round(float(v), 4) for k, v in rates.items()}}
            yield Finding(
                "RCA209", "weights", "model", text, None, float(moved), float(low), float(high), evidence=facts
            )


def _share(rows: Any) -> str:
    """Return the share of rows as a text."""
    return f"{100 * float(np.mean(rows)):.3g} %"


def _models(case: Case) -> tuple[Any, Any]:
    old, new = (side.model for side in sides(case))
    if old is None or new is None:
        which = next(side for side in sides(case) if side.model is None)
        raise NotApplicable(f"the model of {which.rev} cannot be asked: {which.model_problem or 'there is none'}")
    return old, new


def _answers(case: Case) -> tuple[pd.DataFrame, list[tuple[Floats, Floats]], str]:
    """Return the labelled rows of the current exam, and the target with the answers of both models, as numbers."""
    models = _models(case)
    pair = next((p for p in reversed(case.pairs) if p.name in ("production", "evaluate")), None)
    if pair is None or case.roles.target is None:
        raise NotApplicable("there is no exam with a target")
    frame = pair.current.frame().reset_index(drop=True)
    if case.roles.target not in frame:
        raise NotApplicable(f"{pair.current.name} lacks the target '{case.roles.target}'")
    frame = frame[frame[case.roles.target].notna()].reset_index(drop=True)
    known = [classes(model) for model in models]
    if known[0] != known[1] or not len(frame):
        raise NotApplicable(f"the models know other classes: {known[0]} and {known[1]}" if len(frame) else "no labels")
    metric = metrics.get("neg_mean_absolute_error" if known[1] is None else "accuracy")
    target, positive = case.roles.target, case.roles.positive
    try:
        found = [metrics.answers(metric, model, frame, target, positive, pair.current.name) for model in models]
    except RcaError as problem:
        raise NotApplicable(str(problem)) from None
    return frame, [(side.y, side.response) for side in found], pair.current.name


def _numbers(y: Floats, before: Floats, after: Floats, name: str) -> Finding:
    """Compare two regressors."""
    errors = np.abs(before - y), np.abs(after - y)
    change = mean(errors[0] - errors[1], name)
    low, high = change.interval()
    moved = float(np.median(np.abs(after - before)))
    worse = errors[1] > errors[0]
    text = (
        f"the predictions for the {len(y)} rows of {name} moved by {moved:.3g} in the middle, and {_share(worse)} of "
        f"them are farther from the target; minus the mean absolute error moved by {change.value:+.3g} "
        f"[{low:+.3g}, {high:+.3g}]."
    )
    facts = {"median_move": moved, "worse": float(worse.mean()), "mean_move": float((after - before).mean())}
    return Finding("RCA208", "weights", "model", text, None, change.value, low, high, evidence=facts)


def _slices(case: Case, frame: pd.DataFrame, change: Floats) -> list[dict[str, Any]]:
    """Return the values of columns, at most three, on which accuracy moved otherwise than on the other rows."""
    found: list[dict[str, Any]] = []
    p_values = []
    for column in dict.fromkeys([*case.roles.sensitive, *case.roles.features]):
        if column not in frame or not 2 <= frame[column].nunique() <= 30:
            continue
        for value, rows in frame.groupby(column, observed=True).indices.items():
            rest = np.delete(change, rows)
            if min(len(rows), len(rest)) < _FEWEST:
                continue
            inside, outside = mean(change[rows], "in"), mean(rest, "out")
            contrast = inside - outside
            facts = {"where": f"{column} = {value}", "rows": len(rows), "accuracy": inside.value}
            found.append({**facts, "size": abs(contrast.value)})
            p_values.append(2 * norm.sf(abs(contrast.value) / max(contrast.se, 1 / len(frame))))
    kept = [f for f, p in zip(found, benjamini_hochberg(p_values), strict=True) if p < 0.05 and f["size"] >= _MATTERS]
    return sorted(kept, key=lambda f: -f["size"] * f["rows"] ** 0.5)[:3]


def _scores(case: Case, frame: pd.DataFrame) -> dict[str, Any]:
    """Compare the scores of a binary classifier: mean, calibration, and the cut that keeps the positive rate."""
    old, new = _models(case)
    if len(classes(new) or ()) != 2 or not (hasattr(old, "predict_proba") and hasattr(new, "predict_proba")):
        return {}
    metric, roles = metrics.get("neg_brier_score"), case.roles
    pairs = [metrics.answers(metric, m, frame, str(roles.target), roles.positive, "exam") for m in (old, new)]
    bins = [pd.qcut(s.response, 10, labels=False, duplicates="drop") for s in pairs]
    error = [
        float(sum(abs((s.y - s.response)[b == i].sum()) for i in np.unique(b)) / len(s.y))
        for s, b in zip(pairs, bins, strict=True)
    ]
    cut = float(np.quantile(pairs[1].response, 1 - (pairs[0].response > 0.5).mean()))
    means = [float(s.response.mean()) for s in pairs]
    return {"mean": means, "rate": float(pairs[0].y.mean()), "calibration_error": error, "cut_for_same_rate": cut}
