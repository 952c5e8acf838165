"""Attribute the gap between two tables to rows out of support, to moved inputs by group, and to their relation."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import TYPE_CHECKING, Any
import numpy as np
import pandas as pd
from pandas.api import types
from rca.errors import ConfigError, DataError, NotApplicable, choices
from rca.inputs.decompose import Decomposition, LabelShift, complete, decompose, label_shift
from rca.inputs.judged import ESTIMATED, MEAN, Tables, judge, judge_unlabelled
from rca.inputs.slices import slices
from rca.inputs.timeline import change_points, history, read_events
from rca.metrics import get
from rca.stats import LEVEL, Estimate, gap_of
from rca.tables import open_table
from rca.types import Gap, Model

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Rows of a side that an attribution is made from at most, chosen at random.
ROWS = 150_000


@dataclass(frozen=True, slots=True)
class Attribution:
    """The gap and its terms; `frame` shares out what the estimates in `parts` lack of it by linearisation."""

    gap: Gap
    parts: Decomposition
    notes: tuple[str, ...]
    _label_shift: Callable[[], LabelShift] | None = field(repr=False)
    _timeline: Callable[[], pd.DataFrame] | None = field(repr=False)
    _history: Callable[[], pd.DataFrame] | None = field(repr=False)
    _slices: Callable[[], pd.DataFrame] = field(repr=False)

    @property
    def reason(self) -> str | None:
        """Why covariate and concept could not be told apart, or None where they could."""
        return self.parts.reason

    def frame(self, level: float = LEVEL) -> pd.DataFrame:
        """Return the terms, one a row: term, group, contribution, low, high, status.

        The rows without a group are the whole terms and sum to the gap; the rows with a group sum to
        their term. Where status is ``not_identified``, covariate holds covariate and concept together.
        """
        parts = self.parts
        terms = {"support": parts.support or Estimate(0.0), "covariate": parts.covariate, "concept": parts.concept}
        whole = _top_up(terms, self.gap.difference)
        grouped, rows = {"support": parts.support_groups, "covariate": parts.groups}, []
        for term, estimate in whole.items():
            known = parts.identified or term == "support"
            for group, part in [(None, estimate), *_top_up(grouped.get(term, {}), estimate.value).items()]:
                low, high = part.interval(level) if known else (-np.inf, np.inf)
                rows.append((term, group, part.value, low, high, "identified" if known else "not_identified"))
        found = pd.DataFrame(rows, columns=["term", "group", "contribution", "low", "high", "status"])
        return found.astype({"group": object}).assign(group=lambda f: f["group"].where(f["group"].notna(), None))

    def label_shift(self) -> LabelShift:
        """Judge the other reading of the gap: that the mix of outcomes moved, and nothing else."""
        if self._label_shift is None:
            raise NotApplicable("the current rows have no labels, so nothing is known of their mix.")
        return self._label_shift()

    @property
    def change_points(self) -> pd.DataFrame:
        """Since when: a row for each change, strongest first, with its 90 % interval and the event that it matches.

        The `series` is loss, residual (what the inputs do not explain of it), a group of inputs, or volume; `shift` is
        in standard deviations of a row. Without a time, NotApplicable says so.
        """
        if self._timeline is None:
            raise NotApplicable("attribute was given no time column, so nothing is known of when.")
        return self._timeline()

    @property
    def history(self) -> pd.DataFrame:
        """The mean of what each row costs or gains over time: time, mean, low, high, rows, side; needs a time."""
        if self._history is None:
            raise NotApplicable("attribute was given no time column, so nothing is known of when.")
        return self._history()

    @property
    def slices(self) -> pd.DataFrame:
        """For whom: the rows that moved otherwise than the rest; see :func:`rca.inputs.slices.slices`."""
        return self._slices()

    def plot(self) -> "Figure":
        """Draw the terms with their intervals."""
        return importlib.import_module("rca.plots").terms(self)  # type: ignore[no-any-return]  # looked up by name


def attribute(  # noqa: PLR0913  the contract
    reference: Any,
    current: Any,
    *,
    target: str,
    prediction: str | None = None,
    model: Model | None = None,
    metric: str = "log_loss",
    groups: Mapping[str, Sequence[str]] | None = None,
    time: str | None = None,
    events: Any = None,
    sensitive: Sequence[str] = (),
    seed: int = 0,
) -> Attribution:
    """Attribute the gap between two tables.

    Parameters
    ----------
    reference, current : DataFrame, Ibis table or path
        At least 50 rows each that the model was not trained on. Each counts as one: weights are not taken.
    target : str
        The outcome. Of two classes, 1, True or "yes" is the positive one, else the second in order.
    prediction : str, optional
        Column of predictions; for classes the probability of the positive one.
    model : estimator, optional
        A fitted scikit-learn model, in place of `prediction`. Without either, the mean of the target is explained.
    metric : str
        A loss of a row (higher is worse) or any scikit-learn scorer (higher is better); where the current rows have no
        labels, ``mean_prediction``, or ``estimated_log_loss`` and ``estimated_brier``, which trust the scores.
    groups : mapping of str to sequence of str, optional
        Inputs by source; those in none form ``other``, as do the least ones of more than six. By default each
        column is a group, but for times and keys.
    time : str, optional
        The column of the rows' times: then `change_points` of the answer says since when.
    events : DataFrame, Ibis table or path, optional
        What happened when: `time`, `name` and optionally the group of inputs (`input`) that it may have moved.
    sensitive : sequence of str, optional
        Columns of groups that are always looked at; metrics of fairness compare those of the first.
    """
    if events is not None and time is None:
        raise ConfigError("events need the rows' times to be matched with: name their column as time.")
    if not isinstance(target, str) or not isinstance(seed, int) or seed < 0 or not isinstance(groups or {}, Mapping):
        raise ConfigError("attribute takes the target's name, a seed from 0 on, and groups as {name: [columns]}.")
    if prediction == target:
        raise ConfigError(f"'{target}' is the target and the prediction too: name the column of predictions.")
    log = None if events is None else read_events(events)
    sensitive = [sensitive] if isinstance(sensitive, str) else list(sensitive or ())
    answer_columns = [name for name in (target, prediction, time) if name is not None]
    p = _frame(reference, "the reference table", [*answer_columns, *sensitive], seed)
    blind = metric == MEAN or metric.startswith(ESTIMATED)
    asked = [name for name in answer_columns if name != target or not blind]
    q = _frame(current, "the current table", [*asked, *sensitive], seed)
    asked_of = (p, q), target, prediction, model
    judged = judge_unlabelled(*asked_of, metric) if blind else judge(*asked_of, get(metric, sensitive))
    before, after = judged.tables
    inputs = _inputs(judged.tables, answer_columns, groups or {})
    p, q = before[inputs], after[inputs]
    hints = judged.hints if set(getattr(model, "feature_names_in_", ())) <= set(inputs) else None
    sources = {n: [n] for n in inputs} if groups is None else {str(n): columns for n, columns in groups.items()}
    parts = decompose(*judged.values, p, q, sources, rng=np.random.default_rng(seed), hints=hints)
    gap = gap_of(judged.name, *judged.sides, (len(p), len(q)))
    labels = before[target], after[target]
    # what is asked for by itself is found when it is asked for
    shift = cache(lambda: label_shift(*judged.values, *labels, p, q, np.random.default_rng(seed + 1)))
    line = past = None
    if time is not None:
        times, owned = (before[time], after[time]), complete(sources, inputs)
        line = cache(partial(change_points, judged.values, (p, q), times, owned, log, seed))
        past = partial(history, judged.values, times)
    shown = list(dict.fromkeys([*inputs, *sensitive]))
    whom = cache(lambda: slices(judged.values, (before[shown], after[shown]), np.random.default_rng(seed), sensitive))
    return Attribution(gap, parts, judged.notes, None if blind else shift, line, past, whom)


def _frame(source: Any, name: str, needed: Sequence[str], seed: int) -> pd.DataFrame:
    table = open_table(source, name)
    table.require(*needed)
    if isinstance(source, pd.DataFrame) and len(source) <= ROWS:
        return source.reset_index(drop=True).rename(columns=str)  # it need not pass through the engine
    return table.frame(ROWS, seed)


def _inputs(tables: Tables, answers: Sequence[str], groups: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the columns that both sides share, less the answers, and less times and keys unless a group names them."""
    p, q = tables
    shared = [name for name in p.columns if name in q.columns and name not in answers]
    named = {name for columns in groups.values() for name in columns}

    def serves(name: str) -> bool:
        times = any(types.is_datetime64_any_dtype(table[name]) for table in tables)
        # Measurements are all distinct as well, but they are no integers or texts.
        discrete = not types.is_float_dtype(p[name]) and not types.is_bool_dtype(p[name])
        return not times and not (discrete and p[name].is_unique and q[name].is_unique)

    nested = {n for n in shared if any(t[n].map(types.is_list_like).any() for t in tables if t[n].dtype == "O")}
    if nested & named:
        raise DataError(f"the input {choices(nested & named)} holds lists: take them apart into columns of their own.")
    found = [name for name in shared if name not in nested and (name in named or serves(name))]
    if not found:
        raise ConfigError(f"the two sides share no input column beside {choices(answers)}: give some.")
    return found


def _top_up(parts: Mapping[str, Estimate], whole: float) -> dict[str, Estimate]:
    """Share out what the parts lack of the whole, by their size: the error of linearisation, or of rounding."""
    size = sum(abs(part.value) for part in parts.values()) or 1.0
    lacking = whole - sum(part.value for part in parts.values())
    return {name: part + lacking * abs(part.value) / size for name, part in parts.items()}
