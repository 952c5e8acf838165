"""Label shift, the other reading of a gap: not the inputs moved, but the mix of outcomes.

It fits where the outcome helps to tell the sides apart once the inputs are known, and the inputs do not once the
outcome is (classifier two-sample tests; Lopez-Paz and Oquab, 2017); it is never added to covariate and concept.
"""

from dataclasses import dataclass
from typing import Any, Literal
import numpy as np
import pandas as pd
from rca.inputs.encode import Order, encode, is_number, labels, numbers, shuffled
from rca.inputs.nuisance import Folds, log_ratio, one_thread, split, surprise
from rca.stats import Estimate, Floats, mean, total

Verdict = Literal["none", "covariate", "label", "concept/mixed"]

_FLOOR = 0.002  # nats a row below which nothing is said to differ: a mean moved by an eighth of its deviation
_LEVEL = 0.9  # with the floor, and gains below zero where nothing is to be learned, errors are rare
_BINS = 10
_OUTCOME = "\0outcome"  # no column is called so


@dataclass(frozen=True, slots=True)
class LabelShift:
    """The gap read as a change of the mix of outcomes."""

    label: Estimate  # what the new mix costs at the reference's values for each outcome
    rest: Estimate
    verdict: Verdict  # the reading that fits
    outcome_beyond_inputs: Estimate  # what the outcome adds to telling the sides apart, in nats a row
    inputs_beyond_outcome: Estimate


def label_shift(
    values_p: Floats, values_q: Floats, y_p: Any, y_q: Any, p: pd.DataFrame, q: pd.DataFrame, rng: np.random.Generator
) -> LabelShift:
    """Split the gap by outcome (numbers are cut at the deciles), and judge whether that is the right reading."""
    y_p, y_q = pd.Series(np.asarray(y_p)), pd.Series(np.asarray(y_q))
    ordered, known = is_number(y_p) and is_number(y_q), pd.concat([y_p, y_q])
    if ordered and known.nunique() > _BINS:
        edges = np.unique(np.nanquantile(numbers(y_p), np.linspace(0, 1, _BINS + 1)[1:-1]))
        codes_p, codes_q = (np.searchsorted(edges, numbers(y), "right") for y in (y_p, y_q))
    else:
        codes, distinct = pd.factorize(labels(known), sort=True)
        codes_p, codes_q, ordered = codes[: len(y_p)], codes[len(y_p) :], len(distinct) == 2
    label = _mix(values_p, codes_p, codes_q)
    rest = mean(values_q, "current") - mean(values_p, "reference") - label
    kind = float if ordered else str  # a number is multiplied with the inputs, so that a turned relation shows
    outcomes = [pd.DataFrame({_OUTCOME: codes.astype(kind)}) for codes in (codes_p, codes_q)]
    both = [pd.concat([x.reset_index(drop=True), y], axis=1) for x, y in zip((p, q), outcomes, strict=True)]
    order_p, order_q = shuffled(values_p, both[0], rng), shuffled(values_q, both[1], rng)
    place = np.argsort(np.concatenate([order_p, order_q + len(order_p)]))
    with one_thread():
        data = encode(both[0].iloc[order_p], both[1].iloc[order_q])
        folds = split(len(order_p), len(order_q), rng)

        def cost(columns: list[str]) -> Floats:
            return surprise(log_ratio(data.pick(columns), folds)[0], folds.current)

        inputs = cost(list(p.columns))
        outcome, joint = cost([_OUTCOME]), cost([*p.columns, _OUTCOME])
    by_outcome = _gain(inputs - joint, place, folds)
    by_inputs = _gain(outcome - joint, place, folds)
    at_all = _gain(np.log(2.0) - joint, place, folds)
    # A gain counts that is large enough to matter, and not by chance.
    y, x, any_ = (g.value > _FLOOR and g.interval(_LEVEL)[0] > 0 for g in (by_outcome, by_inputs, at_all))
    # Where inputs and outcome say the same, neither adds to the other: the inputs are named.
    verdict: Verdict = ("concept/mixed" if x else "label") if y else "covariate" if x or any_ else "none"
    return LabelShift(label, rest, verdict, by_outcome, by_inputs)


def _gain(each: Floats, place: Order, folds: Folds) -> Estimate:
    """Return the mean gain, both sides counting half, with the rows put back to their place."""
    back = each[place]
    return 0.5 * (mean(back[~folds.current], "reference") + mean(back[folds.current], "current"))


def _mix(values: Floats, codes_p: Order, codes_q: Order) -> Estimate:
    """Return the sum over outcomes of the change in share times the reference's mean value, if it has them."""
    terms = []
    overall = mean(values, "reference")
    for code in np.union1d(codes_p, codes_q):
        here, there = codes_p == code, codes_q == code
        level = mean(values, "reference", here.astype(float)) if here.any() else overall
        share = mean(there.astype(float), "current") - mean(here.astype(float), "reference")
        # The product rule: both the share and the level have noise.
        terms.append(share * (level.value - overall.value) + Estimate(0.0, (level - overall).influence) * share.value)
    return total(terms)
