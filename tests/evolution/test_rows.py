from __future__ import annotations

from typing import Any
import numpy as np
import pandas as pd
from rca.registry import diff, run
from rca.tables import open_table
from rca.types import Case, Finding, Outcome, Pair, Roles


def look(old: pd.DataFrame, new: pd.DataFrame, **roles: Any) -> tuple[Outcome, tuple[Finding, ...]]:
    case = Case((Pair("train", open_table(old), open_table(new)),), Roles(**roles))
    (outcome,), findings = run([diff.get("RCA210")], case)
    return outcome, findings


def table(n: int = 200) -> pd.DataFrame:
    city = [None, "A", "A", "A"] * (n // 4)
    return pd.DataFrame({"id": range(n), "a b": np.arange(n) * 0.5, "city": city, "y": ["no", "yes"] * (n // 2)})


def test_equal_tables_are_silent_in_any_order() -> None:
    whole = table()
    for key in ((), ("id",)):
        outcome, findings = look(whole, whole.sample(frac=1, random_state=0), target="y", key=key)
        assert (outcome.status, findings) == ("clear", ())


def test_cells_that_came_or_went_missing_changed() -> None:
    whole = table()
    other = whole.assign(city=whole["city"].fillna("B"), **{"a b": whole["a b"].mask(whole.index < 7)})
    _, (finding,) = look(whole, other, target="y", positive="yes", key=("id",))
    assert finding.evidence["cells"] == {"a b": 7, "city": 50}
    assert finding.evidence["changed"] == 50 + 7 - 2
    assert finding.evidence["rate"] == [0.5, 0.5]


def test_rows_that_came_went_and_changed_are_counted() -> None:
    old = pd.DataFrame({"id": range(100), "age": range(100), "y": [0, 1] * 50})
    new = pd.concat([old[10:], pd.DataFrame({"id": [200], "age": [7], "y": [1]})])
    new.loc[20:39, "age"] = 0
    _, (finding,) = look(old, new, target="y", key=("id",))
    moved = "1 came, 10 went, and 20 have other values (age in 20)"
    assert finding.text == f"train went from 100 to 91 rows: {moved}; mean y from 0.5 to 0.5055"


def test_without_a_key_the_sizes_and_the_label_tell() -> None:
    _, (finding,) = look(table(), table()[table()["y"] == "yes"], target="y", positive="yes")
    assert finding.text == "train went from 200 to 100 rows; the share of y 'yes' from 0.5 to 1"
    assert finding.subject == "data.train"


def test_a_key_that_repeats_is_said() -> None:
    twice = pd.concat([table(), table()[:3]])
    outcome, _ = look(table(), twice, key=("id",))
    assert "3 rows of" in str(outcome.reason)


def test_another_type_and_a_table_of_keys_alone_are_no_failure() -> None:
    whole = table()
    assert look(whole, whole.assign(**{"a b": whole["a b"].astype(str)}), key=("id",))[0].status == "clear"
    assert look(whole[["id"]], whole[["id"]][5:], key=("id",))[1][0].evidence["went"] == 5


def test_keys_of_another_type_are_said_and_a_key_named_twice_is_one() -> None:
    whole = table()
    outcome, _ = look(whole, whole.assign(id=whole["id"].astype(str)), key=("id",))
    assert "the key 'id' has another type" in str(outcome.reason)
    assert look(whole, whole.astype({"id": "int32"})[5:], key=("id", "id"))[1][0].evidence["went"] == 5
