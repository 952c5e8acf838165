import numpy as np
from rca.types import Remainder, plain


def test_records_arrays_and_nan_become_what_json_knows() -> None:
    found = plain({"a": (1, float("nan")), "b": Remainder(0.5, 0.0, 1.0), "c": np.arange(2), "d": np.float64(2)})
    assert found == {"a": [1, None], "b": {"contribution": 0.5, "low": 0.0, "high": 1.0}, "c": [0, 1], "d": 2.0}
