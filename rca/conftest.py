"""What the examples of docstrings take for granted."""

import numpy as np
import pandas as pd
import pytest
from rca.integrity._common import texts


@pytest.fixture(autouse=True)
def _namespace(doctest_namespace: dict[str, object]) -> None:
    doctest_namespace.update(np=np, pd=pd, texts=texts)
