"""Raw calls to the prepared calls of the training and the evaluation clients."""

from pathlib import Path
import numpy as np
import pandas as pd
import yaml

RAW = Path("data/raw/bank_marketing.parquet")
FOLDER = Path("data/prepared")
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
WEEKDAYS = ["mon", "tue", "wed", "thu", "fri"]
OFFICE_OPENS = pd.Timedelta(hours=9)
OFFICE_SECONDS = 9 * 60 * 60


def contact_days(calls: pd.DataFrame) -> pd.Series:
    """Give each call the day it was made on.

    The source has month and weekday only, but its rows are in date order: a new day starts where the weekday
    changes, and it is the next date of the month with that weekday.

    Parameters
    ----------
    calls : DataFrame
        The raw calls, in date order.

    Returns
    -------
    Series
        One date for each call, never decreasing.
    """
    names = calls[["year", "month", "day_of_week"]]
    starts = (names != names.shift()).any(axis=1)
    days: list[pd.Timestamp] = []
    for year, month, weekday in names[starts].itertuples(index=False):
        first = pd.Timestamp(year=int(year), month=MONTHS.index(month) + 1, day=1)
        day = first
        if days and days[-1] >= first:
            day = days[-1] + pd.Timedelta(days=1)
        day += pd.Timedelta(days=(WEEKDAYS.index(weekday) - day.weekday()) % 7)
        # a few weekdays out of order would carry the walk into the next month
        days.append(min(day, first + pd.offsets.MonthEnd()))
    block = starts.cumsum().to_numpy() - 1
    return pd.Series(pd.DatetimeIndex(days)[block], index=calls.index)


def tidy(raw: pd.DataFrame) -> pd.DataFrame:
    """Name the columns for Python, and give each call a client and a time.

    Parameters
    ----------
    raw : DataFrame
        The raw calls, in date order.

    Returns
    -------
    DataFrame
        The same calls with `client_id` and `contacted_at` in front.
    """
    day = contact_days(raw)
    # the hour is not known either: spread the calls of a day over the office hours
    calls_of_day = day.groupby(day)
    second = calls_of_day.cumcount() * OFFICE_SECONDS // calls_of_day.transform("size")
    time = day + OFFICE_OPENS + pd.to_timedelta(second, unit="s")
    calls = raw.drop(columns=["year", "month", "day_of_week"])
    calls.columns = calls.columns.str.replace(".", "_")
    calls.insert(0, "client_id", [f"C{number:05d}" for number in range(1, len(calls) + 1)])
    calls.insert(1, "contacted_at", time.astype("datetime64[us]"))
    return calls


def split(calls: pd.DataFrame, seed: int) -> dict[str, pd.DataFrame]:
    """Divide the clients at random, three fifths, one fifth and one fifth.

    Every run of five clients is divided in itself, so that the parts cover the whole time span alike.

    Parameters
    ----------
    calls : DataFrame
        The tidy calls, in time order.
    seed : int
        Seed of the division.

    Returns
    -------
    dict
        The parts by name: train, evaluate and served.
    """
    rng = np.random.default_rng(seed)
    fives = np.tile(np.arange(5), (-(-len(calls) // 5), 1))
    place = rng.permuted(fives, axis=1).ravel()[: len(calls)]
    return {"served": calls[place == 0], "evaluate": calls[place == 1], "train": calls[place > 1]}


def main() -> None:
    """Write the prepared calls; the served clients never enter them."""
    seed = yaml.safe_load(Path("params.yaml").read_text())["split"]["seed"]
    parts = split(tidy(pd.read_parquet(RAW)), seed)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in ("train", "evaluate"):
        parts[name].to_parquet(FOLDER / f"{name}.parquet", index=False, compression="zstd")


if __name__ == "__main__":
    main()
