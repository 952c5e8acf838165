import numpy as np
import pandas as pd
from rca.inputs.encode import encode
from rca.inputs.nuisance import log_ratio, split


def test_the_ratio_of_two_normal_laws_is_a_line() -> None:
    rng = np.random.default_rng(0)
    p, q = pd.DataFrame({"x": rng.normal(size=1000)}), pd.DataFrame({"x": rng.normal(1.0, 1.0, 1000)})
    ratio, _ = log_ratio(encode(p, q), split(1000, 1000, rng))
    assert abs(ratio[:1000] - (p["x"] - 0.5)).mean() < 0.2
