import numpy as np
import pandas as pd
import pytest
from rca.errors import ConfigError, DataError, NotApplicable
from rca.inputs.attribute import Attribution, attribute
from rca.inputs.timeline import turns

CUT = pd.Timestamp("2024-02-14")
GROUPS = {"api": ["rate"], "user": ["use", "age"]}
EVENTS = pd.DataFrame(
    {
        "time": pd.to_datetime(["2024-01-20", "2024-02-14", "2024-02-14", "2024-02-25"]),
        "name": ["spring campaign", "rates feed v2", "new form", "holiday"],
        "input": ["user", "api", "user", None],
    }
)


def served(seed: int, start: str, end: str, moved: str = "", rows: int = 3000, season: float = 0.0) -> pd.DataFrame:
    """Rows of some weeks; from the cut on one thing is otherwise."""
    draw = np.random.default_rng(seed)
    span = (pd.Timestamp(end) - pd.Timestamp(start)).total_seconds()
    at = pd.Timestamp(start) + pd.to_timedelta(np.sort(draw.uniform(0, span, rows)), unit="s")
    late = np.asarray(at >= CUT)
    day = season * np.sin((at.hour + at.minute / 60) * 2 * np.pi / 24)
    rate = draw.normal(0, 1, rows) + day + (late if moved == "api" else 0)
    use = draw.normal(0, 1, rows) + (late if moved == "user" else 0)
    odds = 2 * rate + use
    if moved == "concept":
        odds = np.where(late, -odds, odds)
    table = pd.DataFrame({"at": at, "rate": rate, "use": use, "age": draw.normal(40, 9, rows)})
    kept = table.assign(y=draw.random(rows) < 1 / (1 + np.exp(-odds)), score=1 / (1 + np.exp(-2 * rate - use)))
    return kept[~late | (draw.random(rows) < 0.4)] if moved == "volume" else kept


def attributed(moved: str = "", seed: int = 0, **more: float) -> Attribution:
    before = served(100 + seed, "2024-01-01", "2024-02-01", **more)  # type: ignore[arg-type]
    after = served(500 + seed, "2024-02-01", "2024-03-01", moved, **more)  # type: ignore[arg-type]
    told = {"target": "y", "prediction": "score", "groups": GROUPS, "time": "at", "events": EVENTS}
    return attribute(before, after, **told)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("moved", "series", "events"),
    [
        ("api", "api", {"rates feed v2"}),
        ("user", "user", {"new form"}),
        # what is of no group may be of either event of that day
        ("concept", "residual", {"rates feed v2", "new form"}),
        ("volume", "volume", {"rates feed v2", "new form"}),
    ],
)
def test_names_what_moved_since_when_and_with_which_event(moved: str, series: str, events: set[str]) -> None:
    found = attributed(moved).change_points
    first = found[found["series"] == series].iloc[0]
    day = pd.Timedelta(days=1)
    assert abs(first["time"] - CUT) < day
    assert first["low"] - day <= CUT <= first["high"] + day
    assert first["p_value"] < 0.01
    assert first["event"] in events
    others = {"api", "user", "volume"} - {series}
    assert others.isdisjoint(found["series"])


def test_strongest_first_with_the_columns_of_the_contract() -> None:
    found = attributed("api").change_points
    assert list(found.columns[:6]) == ["time", "low", "high", "series", "p_value", "event"]
    assert found["series"].iloc[0] == "api"


@pytest.mark.parametrize("season", [0.0, 1.5])
def test_silent_where_nothing_moved(season: float) -> None:
    spoke = [len(attributed("", seed, rows=800, season=season).change_points) > 0 for seed in range(12)]
    assert sum(spoke) <= 2


def test_a_step_is_a_turn_and_noise_is_none() -> None:
    draw = np.random.default_rng(0)
    level = np.where(np.arange(2000) < 1500, 0.0, 0.7)
    (found,) = turns(draw.normal(level, 1.0), np.arange(2000.0))
    assert abs(found.at - 1500) < 30
    assert found.low <= 1500 <= found.high
    assert list(turns(draw.normal(0, 1.0, 2000), np.arange(2000.0))) == []


def test_the_interval_covers_the_cut() -> None:
    draw, hits, runs = np.random.default_rng(3), 0, 200
    for _ in range(runs):
        cut = int(draw.integers(300, 700))
        found = list(turns(draw.normal(np.arange(1000) >= cut, 1.0), np.arange(1000.0)))
        hits += any(turn.low <= cut <= turn.high for turn in found)
    assert hits >= 0.85 * runs


def test_rows_that_are_alike_beside_each_other_are_no_change() -> None:
    draw, spoke = np.random.default_rng(4), 0
    for _ in range(100):
        noise = draw.normal(0, 1, 2000)
        walk = np.zeros(2000)
        for i in range(1, 2000):
            walk[i] = 0.7 * walk[i - 1] + noise[i]
        spoke += bool(list(turns(walk, np.arange(2000.0))))
    assert spoke <= 15


def test_neither_the_order_of_rows_nor_a_zone_matters() -> None:
    before, after = served(1, "2024-01-01", "2024-02-01"), served(2, "2024-02-01", "2024-03-01", "api")
    asked = {"target": "y", "prediction": "score", "groups": GROUPS, "time": "at"}
    first = attribute(before, after, **asked).change_points  # type: ignore[arg-type]
    mixed = [
        t.sample(frac=1, random_state=0).assign(at=lambda t: t["at"].dt.tz_localize("UTC")) for t in (before, after)
    ]
    pd.testing.assert_frame_equal(first, attribute(*mixed, **asked).change_points)  # type: ignore[arg-type]


def test_says_what_is_missing() -> None:
    table = served(1, "2024-01-01", "2024-02-01")
    with pytest.raises(NotApplicable, match="no time column"):
        _ = attribute(table, table, target="y", prediction="score").change_points
    with pytest.raises(ConfigError, match="name their column as time"):
        attribute(table, table, target="y", prediction="score", events=EVENTS)
    with pytest.raises(DataError, match="no column 'name'"):
        attribute(table, table, target="y", prediction="score", time="at", events=EVENTS[["time"]])
    with pytest.raises(DataError, match="1 events of the log have no time"):
        broken = EVENTS.assign(time=EVENTS["time"].where(EVENTS.index > 0))
        attribute(table, table, target="y", prediction="score", time="at", events=broken)
    words = table.assign(at="soon")
    with pytest.raises(DataError, match="holds no times"):
        _ = attribute(words, words, target="y", prediction="score", time="at").change_points


def test_a_column_that_the_reference_never_filled_is_no_failure() -> None:
    before, after = served(1, "2024-01-01", "2024-02-01"), served(2, "2024-02-01", "2024-03-01", "api")
    found = attribute(before.assign(new=np.nan), after.assign(new=1.0), target="y", prediction="score", time="at")
    assert "rate" in set(found.change_points["series"])
