"""What the examples of docstrings take for granted."""

import numpy as np
import pandas as pd
import pytest
from rca import types
from rca.integrity._common import texts
from rca.tables import open_table

NOUNS = ("Artifact", "Case", "Finding", "Outcome", "Pair", "Roles", "Stage", "Version")


@pytest.fixture(autouse=True)
def _namespace(doctest_namespace: dict[str, object]) -> None:
    doctest_namespace.update(np=np, pd=pd, texts=texts, open_table=open_table)
    doctest_namespace.update({name: getattr(types, name) for name in NOUNS})
