"""What the checks share: which tables and columns can be looked at, where a damage is, and how it reads."""

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import poisson
from rca.errors import NotApplicable
from rca.stats import Floats, rate_change
from rca.tables import SAMPLE, Column
from rca.types import Case, Finding, Pair

Mask = NDArray[np.bool_]
Where = Mapping[str, Any]

#: A share counts as risen above its floor when chance would do it less often than this.
ALPHA = 0.01
#: Numeric columns with fewer distinct values are flags or small counts, for which range and unit mean nothing.
DISTINCT = 10
#: A damage of part of the rows is looked for in parts of at least so many rows.
FEWEST = 100


def filled(case: Case) -> list[Pair]:
    """Return the pairs with at least two rows on both sides; if there is none, NotApplicable tells their rows."""
    pairs = [pair for pair in case.pairs if min(rows(pair)) > 1]
    if not pairs:
        short = ", ".join(f"{pair.name} has {rows(pair)[0]:,} and {rows(pair)[1]:,}" for pair in case.pairs)
        raise NotApplicable(f"at least two rows are needed on both sides: {short or 'there is no pair of tables'}.")
    return pairs


def rows(pair: Pair) -> tuple[int, int]:
    """Return the rows of the reference and of the current table."""
    return pair.reference.profile.rows, pair.current.profile.rows


def samples(pair: Pair) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the samples of both sides, as :attr:`rca.tables.Table.sample` describes them."""
    return pair.reference.sample, pair.current.sample


def labelled(case: Case) -> list[tuple[Any, str]]:
    """Return the pairs of one role with the target on both sides, and its name; NotApplicable where there is none."""
    target = case.roles.target or ""
    pairs = [p for p in filled(case) if p.same_role and all(target in t.sample for t in (p.reference, p.current))]
    if not pairs:
        raise NotApplicable("no pair of tables with the same role has the target on both sides.")
    return [(pair, target) for pair in pairs]


def columns(case: Case, kind: str | None = None) -> Iterator[tuple[Pair, Column, Column]]:
    """Each column that both sides have, of one kind on both where `kind` is given, without keys."""
    for pair in filled(case):
        before, after = pair.reference.profile.columns, pair.current.profile.columns
        for name in (name for name in before if name in after and name not in case.roles.key):
            if kind is None or before[name].kind == after[name].kind == kind:
                yield pair, before[name], after[name]


def numbers(case: Case) -> Iterator[tuple[Pair, Column, Column]]:
    """Each numeric column that has a range: no key, no target, no flag, no constant."""
    for pair, reference, current in columns(case, "number"):
        if reference.name != case.roles.target and reference.quantiles and (reference.distinct or 0) >= DISTINCT:
            yield pair, reference, current


@functools.lru_cache(maxsize=8)
def beside(before: Any, now: Any, key: tuple[str, ...]) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """Return the rows whose key both tables have exactly once, side by side; None without a key, or for few rows."""
    sides = chosen((before, now), key, sorted(set(before.sample.columns) & set(now.sample.columns)))
    if sides is None or any(before.kinds[name] != now.kinds[name] for name in key):
        return None
    unique = [side.drop_duplicates(key, keep=False).dropna(subset=key) for side in sides]
    both = unique[0][[*key]].merge(unique[1][[*key]], on=key)
    first, last = (both.merge(side, on=key, how="left") for side in unique)
    return (first, last) if len(both) >= max(30, 0.01 * len(sides[1])) else None


def chosen(tables: Sequence[Any], key: Sequence[str], names: Iterable[str]) -> list[pd.DataFrame] | None:
    """Return the rows of tables that a hash of their key chooses, one key in so many; None without a key."""
    if not key or any(set(key) - set(table.sample) for table in tables):
        return None
    found, step = [], -(-max(table.rows for table in tables) // SAMPLE)
    for table in tables:
        asked = [n for n in names if n not in key and n in table.sample]
        side = table.sample[[*key, *asked]] if step <= 1 else table.keyed([*key], asked, step)
        # keys of two tables are compared as text or numbers, not as the categories of one of them
        found.append(side.assign(**{k: side[k].astype("object") for k in key if side[k].dtype == "category"}))
    return found


def time_of(pair: Pair, case: Case) -> str | None:
    """Return the time column if it is one on both sides."""
    time, tables = case.roles.time, (pair.reference, pair.current)
    return time if all(time in t.columns and t.profile.columns[time].kind == "time" for t in tables) else None


def locate(sample: pd.DataFrame, hit: Mask, case: Case, column: str | None = None, usual: float = 0.0) -> Where:
    """Return of `time`, `onset`, `until`, `all_since` and `segment` what can be told; a `usual` share is everywhere."""
    n, time = int(hit.sum()) - usual * len(hit), case.roles.time
    if n < 5 or hit.all():
        return {}
    timed = time is not None and time in sample.columns and sample[time].dtype.kind == "M" and time != column
    if timed and (found := _span(sample[time].to_numpy(), hit, str(time), usual)):
        return found
    for name in sorted(sample.columns):
        values = sample[name]
        if values.dtype != "category" or name == column or len(values.cat.categories) > 50:
            continue
        sizes: Any = values.value_counts()
        excess = values[hit].value_counts() - usual * sizes
        level, most = str(excess.idxmax()), excess.max()
        # one value holds the damage, which it would not if the damage were spread
        if most >= 0.95 * n and sizes[level] < 0.8 * len(sample) and most >= 0.5 * sizes[level]:
            return {"segment": {name: level}}
    return {}


def cumulated(times: NDArray[Any], score: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], Floats]:
    """Return moments in order, their scores, and these cumulated less their mean; NaN inside a moment.

    It turns where a span of another level begins and ends (Page, 1954).
    """
    known = np.flatnonzero(~np.isnat(times) & np.isfinite(score))
    order = known[np.argsort(times[known], kind="stable")]
    moments, score = times[order], score[order]
    total = np.append(0.0, np.cumsum(score - score.mean())) if len(order) else np.zeros(1)
    total[1:-1][moments[1:] == moments[:-1]] = np.nan
    return moments, score, total


def _span(times: NDArray[Any], hit: Mask, time: str, usual: float) -> dict[str, Any]:
    moments, struck, excess = cumulated(times, hit)
    start = int(np.nanargmin(excess))
    stop = start + int(np.nanargmax(excess[start:]))
    inside, n = struck[start:stop], len(struck)
    outside = (struck.sum() - inside.sum()) / max(n - len(inside), 1)
    if not len(inside) or outside - usual > 0.1 * (inside.mean() - usual) or len(inside) > 0.95 * n:
        return {}
    first = start + int(np.argmax(inside))
    span = {"time": time, "onset": iso(moments[first]), "all_since": bool(inside.mean() >= 0.99), "before": first / n}
    return span | ({"until": iso(moments[stop - 1])} if stop < 0.99 * n else {})


def told(where: Where) -> str:
    """Return where a damage is as the end of a sentence."""
    if where.get("segment"):
        ((name, level),) = where["segment"].items()
        return f" with {name} '{level}'"
    onset, until = ((where.get(word) or "")[:10] for word in ("onset", "until"))
    if until:
        return f", from {onset} to {until}" if onset else f", up to {until}"
    return onset and (f", all of them since {onset}" if where.get("all_since") else f", the first on {onset}")


def report(  # noqa: PLR0913  each argument is one fact of the finding
    pair: Pair,
    column: str | None,
    case: Case,
    hit: Mask,
    kind: str,
    text: str,
    floor: float,
    *,
    before: float = 0.0,
    p_value: float = 0.0,
    tail: float = 1.0,
    where: Where | None = None,
    **evidence: Any,
) -> Iterator[Finding]:
    """Report the rows of the current sample that are damaged, if they are more than the floor and than chance.

    The text may name `{column}`, `{table}`, `{share}`, `{where}`, `{before}` and what is in the evidence. `before` is
    the share of the reference's rows to which the same can be said, `p_value` of what else speaks for chance, `tail` of
    what speaks against it, and `where` the place, if it is known; otherwise it is looked for.
    """
    first, now = len(pair.reference.sample), len(hit)
    rate = rate_change(round(before * first), first, int(hit.sum()), now, floor)
    p_value = max(rate.p_value, p_value)
    if rate.difference <= floor or p_value > ALPHA:
        return
    place = dict(locate(pair.current.sample, hit, case, column, before) if where is None else where)
    shown = told(place) if place.get("before", 1.0) >= 0.05 else ""
    share = float(hit.mean())
    words = {"column": column, "table": pair.name, "share": percent(share), "where": shown, "before": percent(before)}
    subject = f"data.{pair.name}" + (f".{column}" if column is not None else "")
    named = {"column": column} if column is not None else {}
    facts = {**named, "rows": round(share * rows(pair)[1]), "share": share, **evidence, **place}
    said, effect = text.format(**{**evidence, **words}), (rate.difference, rate.low, rate.high)
    yield Finding("", kind, subject, said, None, *effect, min(p_value, tail), facts)  # the registry writes the code


def noise(n0: int, n1: int) -> float:
    """Return the distance that two samples of one distribution keep, 99 times in 100 (Kolmogorov and Smirnov)."""
    return 1.63 * float(np.sqrt(1 / max(n0, 1) + 1 / max(n1, 1)))


def apart(first: Floats, second: Floats, both: bool = False) -> float:
    """Return the largest gap of two distributions, with `both` to either side (Kuiper, 1960); 1 where one is empty."""
    first, second = (np.sort(side[np.isfinite(side)]) for side in (first, second))
    if not len(first) or not len(second):
        return 1.0
    points = np.concatenate([first, second])
    shares = [np.searchsorted(side, points, "right") / len(side) for side in (first, second)]
    gap = np.append(shares[0] - shares[1], 0.0)
    return float(np.ptp(gap) if both else np.abs(gap).max())


def differ(first: Floats, second: Floats) -> float:
    """Return by how much two distributions differ beyond noise; negative where they do not."""
    return apart(first, second) - noise(int(np.isfinite(first).sum()), int(np.isfinite(second).sum()))


def beyond_chance(count: int, n0: int, n1: int) -> float:
    """Return the chance that the `count` largest values of two like samples, of any tail, all are of the second."""
    return float((n1 / (n0 + n1)) ** count)


def tail_chance(old: Floats, low: float, high: float, count: int, rows: int) -> float:
    """Return the chance that so many of some rows of a reference's law lie beyond bounds that none of it passes.

    Its tails go on as Pareto's law at worst, whose index is that of their outer twentieth, less its error (Hill, 1975).
    """
    known = np.sort(old[np.isfinite(old)])
    expected, middle, most = 0.0, float(np.median(known)), max(len(known) // 20, 10)
    for sides, bound in ((known - middle, high - middle), (middle - known[::-1], middle - low)):
        outer = sides[-most:]
        if np.isfinite(bound) and outer[0] > 0:
            index = float(np.log(outer / outer[0]).mean()) * (1 + 1.645 / np.sqrt(most))
            expected += rows * most / len(known) * (bound / outer[0]) ** (-1 / max(index, 1e-3))
        elif np.isfinite(bound):
            return 1.0
    return float(poisson.sf(count - 1, expected))


def text_of(value: Any) -> str:
    """Return a value as text, whole numbers without decimals."""
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def percent(share: float) -> str:
    """Return a share as a person reads it; neither all nor none unless it is so."""
    if 0 < share < 0.001:
        return "under 0.1 %"
    if 0.999 < share < 1:
        return "over 99.9 %"
    return f"{100 * share:.1f} %" if share % 1 and (share < 0.0995 or share > 0.99) else f"{100 * share:.0f} %"


def listed(values: Sequence[str], limit: int = 3) -> str:
    """Return a few values in quotes and how many more there are."""
    more = f" and {len(values) - limit} more" if len(values) > limit else ""
    return ", ".join(f"'{value}'" for value in values[:limit]) + more


def iso(moment: Any) -> str | None:
    """Return a date or time as text, to the day where it falls on midnight."""
    return None if moment is None else pd.Timestamp(moment).isoformat().removesuffix("T00:00:00")
