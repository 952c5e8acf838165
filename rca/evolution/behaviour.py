"""How two models differ: in steps and settings, in what they learned, and in how they answer an exam and production."""

from collections.abc import Iterator, Mapping
from typing import Any
import numpy as np
import pandas as pd
from scipy.stats import binomtest, norm
from rca import metrics
from rca.errors import NotApplicable, RcaError
from rca.evolution._changes import asked, kind_of_key, relative, sides
from rca.models import classes
from rca.registry import diff
from rca.stats import Floats, benjamini_hochberg, mean, rate_change
from rca.types import Case, Finding, Model

_FEWEST = 30  # rows of a slice, or of a group, that is told apart, and those that tell the models apart
_MATTERS = 0.02  # by which a slice, or a gap between groups, must move to be worth a name
_FLOOR = 0.005  # share of rows that may be answered by the old model, as in the moment of a release
_ROWS = 2000  # on which inputs are shuffled
_WEIGHS = 0.1  # of the largest importance, by which one must move
#: Settings that change no prediction.
_IDLE = {"n_jobs", "verbose", "copy", "copy_X", "memory", "warm_start", "verbose_feature_names_out"}
_IDLE |= {"steps", "transformers", "estimators"}  # which are parts
_DEPTH = 12  # how far into values is looked

Part = tuple[Any, bool]  # an estimator, and whether it prepares inputs for another


@diff("RCA208", "predictions changed on the same exam")
def predictions(case: Case) -> Iterator[Finding]:
    """Put both models before the current exam and compare them row by row.

    At most one finding; `effect` is the change of accuracy (of minus the mean absolute error for a regressor), with
    the interval of paired rows. Churn is the share of rows with another answer (Milani Fard et al., 2016); negative
    flips were right and are wrong now, positive flips the other way (Yan et al., 2021), under McNemar's exact test.
    The evidence has the slices where flips gather; the scores (mean, calibration error, and the cut that would keep
    the share of positive answers); and the sensitive groups between which the largest difference in positive answers
    (demographic parity) or accuracy moved.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> frame = pd.DataFrame({"x": np.arange(100.0), "y": np.arange(100) % 10 > 0})
    >>> constant = lambda c: DummyClassifier(strategy="constant", constant=c).fit(frame[["x"]], frame["y"])
    >>> old, new = Version("good", "1", model=constant(True)), Version("bad", "2", model=constant(False))
    >>> exam = open_table(frame, "exam")
    >>> case = Case((Pair("evaluate", exam, exam),), Roles(target="y", features=("x",)), old, new)
    >>> print(next(predictions(case)).text)
    100 % of the 100 rows of exam are answered otherwise: 90 % were right and are wrong now, 10 % the other way \
(McNemar p = 3e-17); accuracy moved by -0.8 [-0.899, -0.701]. The mean score went from 1 to 0.
    """
    frame, name, y, before, after = answered(case)
    known = classes(asked(case)[1])
    scores = _scores(case, frame)
    if np.array_equal(before, after) and len(set(scores.get("mean", [0.0]))) == 1:
        return
    gain = np.abs(before - y) - np.abs(after - y) if known is None else (after == y) * 1.0 - (before == y)
    change = mean(gain, name)
    low, high = change.interval()
    lost, won = gain < 0, gain > 0
    moved = f"moved by {change.value:+.3g} [{low:+.3g}, {high:+.3g}]."
    facts: dict[str, Any] = {"negative_flips": int(lost.sum()), "positive_flips": int(won.sum())}
    if known is None:
        facts["median_move"] = float(np.median(np.abs(after - before)))
        text = f"the predictions for the {len(y)} rows of {name} moved by {facts['median_move']:.3g} in the middle, "
        text += f"{_share(lost)} away from the target; minus the mean absolute error {moved}"
    else:
        p = float(binomtest(min(lost.sum(), won.sum()), max(int((lost | won).sum()), 1)).pvalue)
        facts |= {"churn": float((before != after).mean()), "mcnemar_p": p, "scores": scores}
        text = f"{_share(before != after)} of the {len(y)} rows of {name} are answered otherwise: {_share(lost)} were "
        text += f"right and are wrong now, {_share(won)} the other way (McNemar p = {p:.1g}); accuracy {moved}"
    if scores:
        text += " The mean score went from {:.3g} to {:.3g}.".format(*scores["mean"])
    facts["slices"] = _slices(case, frame, gain)
    if facts["slices"]:
        text += " It moved most where " + ", ".join(f"{s['where']} ({s['moved']:+.2g})" for s in facts["slices"]) + "."
    facts["groups"] = [] if known is None or len(known) != 2 else list(_groups(case, frame, y, before, after))
    for g in facts["groups"]:
        text += f" Between the groups of '{g['column']}', {g['of']} differ by {g['current']:.3g} instead of "
        text += f"{g['reference']:.3g} ({g['moved']:+.3g} [{g['low']:+.3g}, {g['high']:+.3g}])."
    yield Finding("RCA208", "weights", "model", text, None, change.value, low, high, evidence=facts)


@diff("RCA209", "production was answered by another model")
def mixed_versions(case: Case) -> Iterator[Finding]:
    """Hold the scores that production logged against what both models say of its rows; see :func:`predictions`.

    A row is of the model whose answer it has, to as many decimals as were logged; rows on which both say the same tell
    nothing. At most one finding; `effect` is the share of the telling rows that the reference's model answered.
    """
    roles, rev = case.roles, sides(case)[0].rev
    pair = next((p for p in case.pairs if p.name == "production"), None)
    if pair is None or roles.prediction not in pair.current.columns:
        raise NotApplicable("production logged no score: name its column as 'prediction' in rca.yaml")
    frame = pair.current.frame().dropna(subset=[roles.prediction]).reset_index(drop=True)
    old, new, logged = _logged(case, frame)
    scale = max(float(np.abs(logged[np.isfinite(logged)]).max(initial=0.0)), 1e-9)
    decimals = next((d for d in range(1, 9) if np.allclose(logged, logged.round(d), rtol=0, atol=1e-12 * scale)), 9)
    near = max(0.51 * 10.0**-decimals, 1e-6 * scale)  # some systems keep single precision
    telling = np.abs(old - new) > 8 * near  # also where scores were cut off, and not rounded
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
    if roles.time in frame and frame[roles.time].dtype.kind == "M" and frame.loc[by_old, roles.time].notna().any():
        ends = [frame.loc[by_old, roles.time].min(), frame.loc[by_old, roles.time].max()]
        facts |= {"onset": ends[0].isoformat(), "until": ends[1].isoformat()}
        text += f", from {ends[0]:%Y-%m-%d} to {ends[1]:%Y-%m-%d}"
    size = share.difference, share.low, share.high, share.p_value
    yield Finding("RCA209", "mixed_versions", "model", f"{text}.", None, *size, facts)


@diff("RCA211", "inputs weigh otherwise")
def importances(case: Case) -> Iterator[Finding]:
    """Compare permutation importances (Breiman, 2001; Fisher, Rudin and Dominici, 2019); see :func:`predictions`.

    An importance is how much the loss of a row (Brier score, or absolute error) grows when the input is shuffled, on
    the current exam. At most one finding: the inputs whose importance moved by a tenth of the largest one, under FDR.
    `effect` is the largest move, with the interval of paired rows.
    """
    frame, draw = answered(case)[0], np.random.default_rng(0)
    models, known = asked(case), classes(asked(case)[1])
    scored = known is not None and all(hasattr(model, "predict_proba") for model in models)
    metric = metrics.get("brier" if scored else "absolute_error" if known is None else "zero_one")
    read = {name for model in models for name in getattr(model, "feature_names_in_", case.roles.features)}
    content = frame[[name for name in frame.columns if name in read or name == case.roles.target]]
    # in an order of their own, so that theirs cannot matter
    frame = frame.iloc[np.argsort(pd.util.hash_pandas_object(content, index=False))].reset_index(drop=True)
    frame = frame.iloc[draw.permutation(len(frame))[:_ROWS]].reset_index(drop=True)
    mixed, names = draw.permutation(len(frame)), [name for name in frame.columns if name in read]
    tables = [frame, *(frame.assign(**{name: frame[name].to_numpy()[mixed]}) for name in names)]
    losses = np.array([[metric.values(side) for side in both(case, metric.name, table)] for table in tables])
    found = dict(zip(names, losses[1:] - losses[0], strict=True))
    moves = {name: mean(new - old, "exam") for name, (old, new) in found.items()}
    p_values = benjamini_hochberg([2 * norm.sf(abs(m.value) / max(m.se, 1e-12)) for m in moves.values()])
    least = _WEIGHS * max(abs(side.mean()) for pair in found.values() for side in pair)
    kept = [n for n, p in zip(moves, p_values, strict=True) if p < 0.05 and abs(moves[n].value) >= max(least, 1e-12)]
    kept.sort(key=lambda name: -abs(moves[name].value))
    worth = {name: [round(float(side.mean()), 9) for side in found[name]] for name in found}
    told = [f"{n} {worth[n][0]:.3g} → {worth[n][1]:.3g} ({moves[n].value:+.3g})" for n in kept[:5]]
    if kept:
        text, size = f"inputs are worth otherwise to the model: {', '.join(told)}", moves[kept[0]]
        facts = {"importances": worth, "moved": kept, "loss": metric.name}
        yield Finding("RCA211", "weights", "model", text, None, size.value, *size.interval(), evidence=facts)


def _groups(case: Case, frame: pd.DataFrame, y: Floats, before: Floats, after: Floats) -> Iterator[dict[str, Any]]:
    """Say where the largest difference between sensitive groups moved, with a paired bootstrap interval."""
    views = {"positive answers": (before == 1, after == 1), "accuracy": (before == y, after == y)}
    for column in (c for c in case.roles.sensitive if c in frame):
        codes, names = pd.factorize(frame[column].astype(str))
        kept = np.flatnonzero(np.bincount(codes) >= _FEWEST)
        for what, (old, new) in views.items() if len(kept) > 1 else ():
            cells = np.bincount(codes * 4 + old * 2 + new, minlength=4 * len(names))
            drawn = np.vstack([cells, np.random.default_rng(0).multinomial(len(y), cells / len(y), 500)])
            table = drawn.reshape(-1, len(names), 2, 2)[:, kept]  # draw, group, old answer, new answer
            whole = np.maximum(table.sum(axis=(2, 3)), 1)
            rates = [t.sum(axis=2) / whole for t in (table[:, :, 1], table[:, :, :, 1])]
            first, second = (np.ptp(rate, axis=1) for rate in rates)
            moved, (low, high) = second[0] - first[0], np.quantile((second - first)[1:], [0.05, 0.95])
            if abs(moved) >= _MATTERS and not low <= 0 <= high:
                now = dict(zip(names[kept], rates[1][0].round(4).tolist(), strict=True))
                facts = {"column": column, "of": what, "reference": first[0], "current": second[0], "moved": moved}
                yield {**facts, "low": low, "high": high, "groups": now}


def _share(rows: Any) -> str:
    return f"{100 * float(np.mean(rows)):.3g} %"


def answered(case: Case) -> tuple[pd.DataFrame, str, Floats, Floats, Floats]:
    """Return the labelled rows of the current exam, its name, and as numbers the target and both models' answers."""
    models, target = asked(case), case.roles.target
    pair = next((p for p in reversed(case.pairs) if p.name in ("production", "evaluate")), None)
    if pair is None or target not in pair.current.columns:
        raise NotApplicable("there is no exam with a target")
    frame = pair.current.frame().dropna(subset=[target]).reset_index(drop=True)
    known = [classes(model) for model in models]
    if known[0] != known[1] or frame.empty:
        raise NotApplicable(f"the models know other classes: {known[0]} and {known[1]}" if len(frame) else "no labels")
    name, metric = pair.current.name, "neg_mean_absolute_error" if known[1] is None else "accuracy"
    old, new = both(case, metric, frame, name)
    return frame, name, old.y, old.response, new.response


def both(case: Case, metric: str, frame: pd.DataFrame, sample: str = "exam") -> list[metrics.Scored]:
    """Return what the two models answer for the rows of a table; where one cannot, this is not applicable."""
    judged, target, positive = metrics.get(metric), str(case.roles.target), case.roles.positive
    try:
        return [metrics.answers(judged, model, frame, target, positive, sample) for model in asked(case)]
    except RcaError as problem:
        raise NotApplicable(str(problem)) from None


def _slices(case: Case, frame: pd.DataFrame, gain: Floats) -> list[dict[str, Any]]:
    """Return the values of columns, at most three, on which the models part otherwise than on the other rows."""
    found, p_values = list[dict[str, Any]](), list[float]()
    for column in dict.fromkeys([*case.roles.sensitive, *case.roles.features]):
        few = column in frame and 2 <= frame[column].nunique() <= 30
        for value, rows in frame.groupby(column, observed=True).indices.items() if few else ():
            if _FEWEST <= len(rows) <= len(gain) - _FEWEST:
                contrast = (inside := mean(gain[rows], "in")) - mean(np.delete(gain, rows), "out")
                size = abs(contrast.value)
                found.append({"where": f"{column} = {value}", "rows": len(rows), "moved": inside.value, "size": size})
                p_values.append(float(2 * norm.sf(size / max(contrast.se, 1 / len(gain)))))
    least = _MATTERS * float(np.abs(gain).max())
    kept = [f for f, p in zip(found, benjamini_hochberg(p_values), strict=True) if p < 0.05 and f["size"] >= least]
    return sorted(kept, key=lambda f: -f["size"] * f["rows"] ** 0.5)[:3]


def _scores(case: Case, frame: pd.DataFrame) -> dict[str, Any]:
    models = asked(case)
    if len(classes(models[1]) or ()) != 2 or not all(hasattr(m, "predict_proba") for m in models):
        return {}
    pair = both(case, "neg_brier_score", frame)
    bins = [pd.qcut(s.response, 10, labels=False, duplicates="drop") for s in pair]
    error = [float(pd.Series(s.y - s.response).groupby(b).sum().abs().sum()) for s, b in zip(pair, bins, strict=True)]
    cut = float(np.quantile(pair[1].response, 1 - (pair[0].response > 0.5).mean()))
    means = {"mean": [float(s.response.mean()) for s in pair], "rate": float(pair[0].y.mean())}
    return {**means, "calibration_error": [e / len(frame) for e in error], "cut_for_same_rate": cut}


def _logged(case: Case, frame: pd.DataFrame) -> tuple[Any, Any, Any]:
    """Return what both models say of the rows, and what was logged, in one unit."""
    known, said = classes(asked(case)[1]), frame[str(case.roles.prediction)]
    number = pd.api.types.is_numeric_dtype(said) and not set(said.unique()) <= set(known or ())
    metric = "neg_mean_absolute_error" if known is None else "neg_brier_score" if number else "accuracy"
    if not number and not set(said.unique()) <= set(known or ()):
        raise NotApplicable("what production logged is neither a number nor a class of the model")
    # rows without a label were answered too; where classes were logged, they are made numbers as labels are
    label: Any = said if not number else 0.0 if known is None else known[0]
    old, new = both(case, metric, frame.assign(**{str(case.roles.target): label}), "log")
    if max(old.response.ndim, new.response.ndim) > 1:
        raise NotApplicable("one score does not tell the answers of more than two classes")
    return old.response, new.response, said.to_numpy(dtype=float) if number else new.y


@diff("RCA206", "the model's steps or settings changed")
def settings(case: Case) -> Iterator[Finding]:
    """Compare the two models step by step: which there are, of which type, and how each is set.

    One finding for each step that came, went or became another type, and for each setting; `effect` is the relative
    change where both values are numbers.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> old, new = (Version("", "", model=Ridge(alpha).fit([[0.0], [2.0]], [0.0, 2.0])) for alpha in (1, 2))
    >>> case = Case((), Roles(), old, new)
    >>> [(f.subject, f.kind, f.effect) for f in settings(case)]
    [('model.alpha', 'hyperparameter', 1.0)]
    >>> [f.text for f in learned(case)]
    ['the model learned other values: coef_ (0.6667 → 0.5), intercept_ (0.3333 → 0.5)']
    """
    sides = [dict(_parts(model)) for model in _opened(case)]
    for path in {**sides[0], **sides[1]}:
        subject = f"model.{path}".rstrip(".")
        (old, prepared), (new, prepares) = (side.get(path, (None, False)) for side in sides)
        names = [type(part).__name__ if part is not None else "absent" for part in (old, new)]
        if names[0] != names[1]:
            kind = "preprocessing" if prepared or prepares else "algorithm"
            text = f"the model's {f'step {path}' if path else 'type'} went from {names[0]} to {names[1]}"
            yield Finding("RCA206", kind, subject, text, evidence={"reference": names[0], "current": names[1]})
            continue
        values = [{k: v for k, v in part.get_params(deep=False).items() if k not in _IDLE} for part in (old, new)]
        for key in {**values[0], **values[1]}:
            pair = [side.get(key, "unset") for side in values]
            if not _same(*pair) and not any(hasattr(value, "fit") for value in pair):
                before, after = (" ".join(str(value).split())[:60] for value in pair)
                text = f"{subject}.{key} went from {before} to {after}"
                kind = "preprocessing" if prepares else kind_of_key(key)
                facts = {"reference": before, "current": after}
                yield Finding("RCA206", kind, f"{subject}.{key}", text, effect=relative(*pair), evidence=facts)
    order = [[path for path in side if path in sides[0] and path in sides[1]] for side in sides]
    if order[0] != order[1]:
        text = f"the model's steps went from the order {', '.join(order[0][1:])} to {', '.join(order[1][1:])}"
        yield Finding("RCA206", "preprocessing", "model", text)


@diff("RCA207", "what the model learned changed")
def learned(case: Case) -> Iterator[Finding]:
    """Compare what each step of the two models learned: means, categories, weights; see :func:`settings`.

    One finding for each step that is of one type in both models; `effect` is the largest relative change of a number,
    which the text names, by its feature where that is known.
    """
    models = _opened(case)
    before, after = (dict(_parts(model)) for model in models)
    try:
        columns = list(models[1][:-1].get_feature_names_out())  # type: ignore[index]  # what a pipeline's end sees
    except (TypeError, AttributeError, ValueError):
        columns = []
    for path, (part, prepares) in after.items():
        earlier, _ = before.get(path, (None, False))
        if type(earlier) is not type(part):
            continue
        old, new = vars(earlier), vars(part)
        moved = sorted(k for k in {**old, **new} if (k.endswith("_") or k.startswith("_")) and k != "transformers_")
        moved = [k for k in moved if not _same(old.get(k), new.get(k))]
        moved = [k for k in moved if not k.startswith("_")] or moved
        names = list(map(str, new.get("feature_names_in_", columns)))
        found = [_largest(old.get(key), new.get(key), names) for key in moved]
        if moved:
            subject, told = f"model.{path}".rstrip("."), [key + f[1] for key, f in zip(moved, found, strict=True)]
            text = f"{f'the step {path}' if path else 'the model'} learned other values: {', '.join(told)}"
            kind = "objective" if "classes_" in moved else "preprocessing" if prepares else "weights"
            effect = max(size for size, _ in found) or None
            yield Finding("RCA207", kind, subject, text, effect=effect, evidence={"attributes": moved})


def _opened(case: Case) -> tuple[Model, Model]:
    models = asked(case)
    if not all(hasattr(model, "get_params") for model in models):
        raise NotApplicable("a model of this format only answers: its parts are not known")
    return models


def _parts(model: Any, path: str = "", *, prepares: bool = False) -> Iterator[tuple[str, Part]]:
    """Return a model's estimators by their dotted path, outer before inner, in the order in which they are run."""
    yield path, (model, prepares)
    steps = list(getattr(model, "named_steps", {}).items())
    inner = [(name, part, prepares or i < len(steps)) for i, (name, part) in enumerate(steps, 1)]
    inner += [(name, part, True) for name, part in getattr(model, "named_transformers_", {}).items()]
    own = model.get_params(deep=False) if hasattr(model, "get_params") else {}
    # the fitted copy tells more than what it was made from
    inner += [(key, getattr(model, f"{key}_", value), prepares) for key, value in own.items() if hasattr(value, "fit")]
    for name, part, first in inner:
        if hasattr(part, "get_params"):
            yield from _parts(part, f"{path}.{name}".lstrip("."), prepares=first)


def _same(one: Any, other: Any, depth: int = 0) -> bool:
    """Whether two values are equal, as far as can be seen; bytes will not do, for trees have gaps between numbers."""
    if type(one) is not type(other) or depth > _DEPTH:
        return type(one) is type(other)
    if isinstance(one, np.ndarray) and one.dtype != object:
        return one.shape == other.shape and bool(np.all((one == other) | ((one != one) & (other != other))))  # noqa: PLR0124  nan
    states: list[Any] = [None if isinstance(v, type) else v.__getstate__() for v in (one, other)]
    pair: list[Any] = states if all(isinstance(s, dict) and s for s in states) else [one, other]
    if isinstance(pair[0], Mapping):
        return pair[0].keys() == pair[1].keys() and all(_same(v, pair[1][k], depth + 1) for k, v in pair[0].items())
    if isinstance(pair[0], list | tuple | np.ndarray):
        return len(pair[0]) == len(pair[1]) and all(_same(a, b, depth + 1) for a, b in zip(*pair, strict=True))
    default: Any = object.__eq__  # what a compiled object holds is not seen
    return bool(type(one).__eq__ == default or one == other or one != one)  # noqa: PLR0124  nan


def _largest(old: Any, new: Any, names: list[str]) -> tuple[float, str]:
    """Return the largest relative change between two arrays of one shape, and where it is."""
    try:
        one, two = (np.atleast_1d(np.asarray(value, dtype=float)) for value in (old, new))
    except (TypeError, ValueError):
        return 0.0, ""
    if one.shape != two.shape or not one.size:
        return 0.0, f" (of shape {one.shape} → {two.shape})"
    step = np.nan_to_num(np.abs(two - one) / np.maximum(np.abs(one), np.nanmedian(np.abs(one)) or 1.0), nan=0.0)
    at = int(step.argmax())
    where = names[at % one.shape[-1]] if len(names) == one.shape[-1] else str(at)
    values = f"{one.ravel()[at]:.4g} → {two.ravel()[at]:.4g}"
    return float(step.ravel()[at]), f" (most at '{where}': {values})" if one.size > 1 else f" ({values})"
