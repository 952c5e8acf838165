"""What is known of a gap before the current labels are there: what scores that are calibrated expect, or the scores."""

from typing import Any
import numpy as np
from rca.metrics import Metric, score
from rca.stats import Floats


def expected_values(metric: Metric, y: Floats, before: Floats, now: Floats) -> tuple[Floats, Floats, str, str]:
    """Return values of both sides whose gap can be known, its name, and what it rests on.

    For a loss of two classes these are the reference's own losses, and of each current row the loss that its score
    expects once it is calibrated on the reference (confidence-based estimation; Garg et al., 2022, Leveraging unlabeled
    data to predict out-of-distribution performance): right as long as a score means what it meant. Else it is the
    mean prediction.

    Examples
    --------
    >>> from rca.metrics import get
    >>> draw = np.random.default_rng(0)
    >>> p, q = draw.uniform(0.2, 0.8, 20_000), draw.uniform(0.4, 0.6, 20_000)
    >>> y = (draw.random(20_000) < p) * 1.0
    >>> old, new, name, _ = expected_values(get("zero_one"), y, (p > 0.5) * 1.0, (q > 0.5) * 1.0)
    >>> name, round(old.mean(), 2)
    ('estimated zero_one', 0.35)
    """
    two = metric.loss is not None and set(np.unique(y)) <= {0.0, 1.0} and before.ndim == now.ndim == 1
    if not two:
        why = "without current labels only the predictions are compared: whether they are right cannot be known"
        return before, now, "mean prediction", why
    from sklearn.isotonic import IsotonicRegression

    chance = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(before, y).predict(now)
    ends: Any = [metric.values(score(np.full(len(now), end), now, "current")) for end in (0.0, 1.0)]
    why = "there are no current labels: the current losses are what the scores expect as they were right in the "
    why += "reference, and a changed relation to the target would not show"
    return (
        np.asarray(metric.values(score(y, before, "reference"))),
        ends[0] + chance * (ends[1] - ends[0]),
        f"estimated {metric.name}",
        why,
    )
