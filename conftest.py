"""What the examples of docstrings take for granted."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any
import numpy as np
import pandas as pd
import pytest
from rca import types
from rca.tables import open_table
from rca.types import Case, Finding, Pair, Roles

NOUNS = ("Artifact", "Case", "Finding", "Outcome", "Pair", "Roles", "Stage", "Version")


def texts(
    check: Callable[[Case], Iterator[Finding]], *tables: Any, names: Sequence[str] = ("train", "evaluate"), **roles: Any
) -> list[str]:
    """Return what a check says of a reference and a current table for each name."""
    sides = zip(names, tables[::2], tables[1::2], strict=False)
    pairs = [Pair(name, open_table(old), open_table(new), name != "production") for name, old, new in sides]
    return [finding.text for finding in check(Case(tuple(pairs), Roles(**roles)))]


@pytest.fixture(autouse=True)
def _namespace(doctest_namespace: dict[str, object]) -> None:
    doctest_namespace.update(np=np, pd=pd, texts=texts, open_table=open_table)
    doctest_namespace.update({name: getattr(types, name) for name in NOUNS})
