"""RCA101, RCA102, RCA107, RCA109 and RCA111: values that are missing, and text that is new, misread or renamed."""

import functools
import html
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any
import numpy as np
from scipy.optimize import linear_sum_assignment
from rca.integrity._common import DISTINCT, FEWEST, Mask, columns, iso, listed, locate, percent, report, time_of
from rca.integrity._law import kinship, skipped
from rca.registry import check
from rca.stats import Floats
from rca.tables import CATEGORIES, Column
from rca.types import Case, Finding, Pair, Table

_LEAST = 0.02  # smaller categories may be missing by chance
_FEW = 10  # a value in fewer rows may be a person's
_MANY = 200  # columns with more distinct values in the reference are text or keys: a new value in them is no news
_WORDS = """? ?? - -- . .. ... * # n/a na n.a. #n/a #na <na> null (null) #null! none nan nat nil unknown missing
undefined unspecified empty blank (blank) void tbd \\n -1 -9 -99 -999 -9999 99 999 9999 99999 9999-12-31 1900-01-01"""
#: Words that stand for nothing, in small letters.
NULLS = frozenset(_WORDS.split()) | {"not available", "not applicable", "not known", "no data"}
_FAR = re.compile(r"[^\x00-\x7f]{2,}")
_ODD = re.compile(r"[^\t-\r -~]|&#?\w+;")
_LOST = re.compile(r"\ufffd|\w\?+\w")
# letters that Unicode does not take apart into a plain one and an accent
_PLAIN = str.maketrans({"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ß": "ss", "æ": "ae", "œ": "oe"})


@check("RCA107", "a category is new", symptom=True, alone=True)
def new_category(case: Case, *, floor: float = 0.005) -> Iterator[Finding]:
    """Find text columns with categories that the reference never had, under no name.

    The evidence holds the new categories and their rows.

    Examples
    --------
    >>> whole = pd.DataFrame({"city": ["Rome", "Bonn", "Bonn", "Oslo"] * 200})
    >>> opened = whole.assign(city=whole["city"].where(whole.index % 10 > 0, "Lima"))
    >>> texts(new_category, whole, opened), texts(new_category, whole, whole)
    (["city of train has 'Lima' in 10 % of the rows, never seen in the reference."], [])
    """
    text = "{column} of {table} has {names} in {share} of the rows{where}, never seen in the reference."
    for pair, reference, new in changed(case, "new"):
        shown = {v: n for v, n in new.items() if n >= _FEW}
        # a sample misses about as large a share as it has of those seen once (Good, 1953, Biometrika 40)
        once = sum(n == 1 for n in reference.top.values()) / reference.rows
        hit = pair.current.sample[reference.name].isin(list(new)).to_numpy()
        facts: dict[str, Any] = {"new": shown, "names": listed(list(shown)) or f"{len(new)} values", "mapping": {}}
        yield from report(pair, reference.name, case, hit, "new_category", text, floor, before=once, **facts)


@check("RCA111", "a category was renamed", alone=True)
def renamed_category(case: Case, *, floor: float = 0.005) -> Iterator[Finding]:
    """Find categories under a new name: an old one spelled otherwise, or one that lost as many rows.

    The evidence maps new names to old ones, as far as that is sure: where all names changed, some may fit several
    old ones. Where only some changed and several fit, it is left to that of new ones; see :func:`new_category`.
    """
    text = "{column} of {table} has {names} where the reference has {old}, in {share} of the rows{where}."
    for pair, reference, renamed in changed(case, "renamed"):
        mapping = {v: old for v, old in sorted(renamed.items()) if old and reference.top[old] >= _FEW}
        names, olds = sorted([*mapping, *(v for v in renamed if renamed[v] is None)]), list(mapping.values())
        if len(names) > len(mapping):
            now = pair.current.profile.columns[reference.name].top
            olds = sorted(old for old, n in reference.top.items() if n >= _FEW and old not in now)
        hit = pair.current.sample[reference.name].isin(names).to_numpy()
        facts: dict[str, Any] = {"names": listed(names), "old": listed(olds), "mapping": mapping}
        yield from report(pair, reference.name, case, hit, "renamed_category", text, floor, **facts)


@check("RCA109", "text was read in a wrong encoding", alone=True)
def encoding(case: Case, *, floor: float = 0.005) -> Iterator[Finding]:
    """Find text with the marks of a wrong encoding, and categories with accents lost or gained.

    The evidence maps damaged values to what they were, as far as that is sure; see :func:`new_category`.
    """
    text = "{column} of {table} has text in a wrong encoding in {share} of the rows{where}."
    for pair, reference, damaged in changed(case, "damaged"):
        old, new = (side.sample[reference.name] for side in (pair.reference, pair.current))
        hit, before = new.isin(list(damaged)), 0.0
        if not damaged and (reference.distinct or 0) > _MANY:
            usual, hit = (side.map(marked, na_action="ignore").eq(True) for side in (old, new))
            before = float(usual.mean())
        mapping = {v: was for v, was in damaged.items() if was is not None and reference.top[was] >= _FEW}
        facts: dict[str, Any] = {"before": before, "mapping": mapping}
        yield from report(pair, reference.name, case, hit.to_numpy(), "encoding", text, floor, **facts)


def mended(text: str) -> str:
    """Undo a wrong reading of UTF-8, once or more often, and HTML entities; drop marks that nobody sees."""
    for _ in range(3):
        text = html.unescape(_FAR.sub(_read, text))
    return "".join(c for c in text if c.isspace() or unicodedata.category(c) not in ("Cc", "Cf"))


def _read(run: re.Match[str]) -> str:
    try:
        return run[0].encode("cp1252").decode()
    except UnicodeError:
        return run[0]


def marked(text: str) -> bool:
    """Say whether a text shows the marks of a wrong encoding."""
    return bool(_LOST.search(text)) or (bool(_ODD.search(text)) and mended(text) != text)


def bare(text: str) -> str:
    """Return a text as it was meant, without accents."""
    apart = unicodedata.normalize("NFKD", mended(text))
    return "".join(c for c in apart if not unicodedata.combining(c)).translate(_PLAIN)


def _normal(text: str) -> str:
    return "".join(c for c in bare(text).casefold() if c.isalnum())


def origins(new: Iterable[str], known: Iterable[str]) -> dict[str, str | None]:
    """Return the new texts that a wrong encoding made, and which known one each was, where that is sure."""
    meant: dict[str, list[str]] = defaultdict(list)
    for text in known:
        meant[bare(text)].append(text)
    dirty = any(marked(text) for texts in meant.values() for text in texts)
    found: dict[str, str | None] = {}
    for text in new:
        plain = bare(text)
        fits = meant.get(plain, [])
        if not fits and set("?\ufffd") & set(plain) and (_normal(plain) or len(plain) > 2):
            shape = re.sub("\ufffd+", lambda m: f"\\\\w{{1,{len(m[0])}}}", re.escape(plain)).replace(r"\?", r"\w")
            fits = [old for key, olds in meant.items() if re.fullmatch(shape, key) for old in olds]
        if fits or (not dirty and marked(text)):
            found[text] = fits[0] if len(fits) == 1 else None
    return found


def changed(case: Case, what: str) -> Iterator[tuple[Pair, Column, dict[str, Any]]]:
    """Each text column and its values of one sort: counts of `nulls` and `new`, what `damaged` and `renamed` were."""
    for pair, reference, _ in columns(case, "category"):
        yield pair, reference, _levels((pair.reference, pair.current), reference.name, skipped(case)).get(what, {})


@functools.lru_cache(maxsize=64)
def _levels(sides: tuple[Any, Any], name: str, skip: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    reference, current = (side.profile.columns[name] for side in sides)
    # a stored profile does not name what is rare
    rare = 3 * _FEW * current.rows / reference.rows if reference.present > sum(reference.top.values()) else 0
    new = {v: n for v, n in current.top.items() if v not in reference.top and v.strip() and n > rare}
    if not new or not reference.top or len(reference.top) >= CATEGORIES:
        return {}
    nulls = {v: n for v, n in new.items() if v.strip().casefold() in NULLS}
    damaged = origins([v for v in new if v not in nulls], reference.top)
    rest = {v: n for v, n in new.items() if v not in nulls and v not in damaged}
    now: Counter[Any] = Counter({v: n for v, n in current.top.items() if v not in nulls and v not in damaged})
    for text, old in damaged.items():
        now[old] += new[text]
    renamed = _renamed(reference, now, rest, lambda values, olds: kinship(sides, skip, name, values, olds))
    left = {v: n for v, n in rest.items() if v not in renamed} if (reference.distinct or 0) <= _MANY else {}
    return {"nulls": nulls, "damaged": damaged, "renamed": renamed, "new": left}


def _renamed(reference: Column, now: Counter[Any], rest: dict[str, int], far: Callable[..., Floats]) -> dict[str, Any]:
    """Map new values to the old ones that they stand for: by spelling, else by the share that those lost.

    Where old values of about one share were lost, what they have to do with the other columns decides; where that
    does not tell and all names changed, to None.
    """
    spelled, times = {_normal(old): old for old in reference.top}, Counter(map(_normal, reference.top))
    mapping = {v: spelled[_normal(v)] for v in rest if _normal(v) and times[_normal(v)] == 1}
    values, olds = [v for v in rest if v not in mapping], list(reference.top)
    if not values or max(len(values), len(olds)) > _MANY:
        return mapping
    n0, n1 = reference.present, sum(now.values())
    for v, old in mapping.items():
        now[old] += rest[v]
    share, size = np.array([rest[v] for v in values])[:, None] / n1, np.array(list(reference.top.values())) / n0
    gone = size - np.array([now[old] for old in olds]) / n1
    error = 3 * np.sqrt(np.maximum(size * (1 - size), 1e-4) * (1 / n0 + 1 / n1))
    like = np.array([[_alike(v, old) for old in olds] for v in values])
    gap = np.abs(share - gone) / np.maximum(error, np.where(like, 0.25, 0.1) * share)
    # a value that only gave its part to something new loses no more of itself than all others
    fits = (gap <= 1) & (gone > 0) & (like | (gone - (size + 0.1) * share > error * 2 / 3))
    kin = far(values, olds)
    cost = np.where(fits, gap - 2 * like + np.minimum(kin, 20.0), 99.0)
    pairs = [p for p in zip(*linear_sum_assignment(cost), strict=True) if fits[p]]
    undone = size - gone + sum(np.where(np.arange(len(olds)) == j, share[i], 0.0) for i, j in pairs)
    # with the old names back, the shares are as they were; else another population came with the names
    same = undone.sum() > 0.5 and np.abs(size - undone / undone.sum()).sum() <= 0.04 + error.sum() / 3
    everything = len(pairs) == len(values) >= sum(size >= _LEAST)
    rivals = fits & (kin <= kin.min(axis=1, keepdims=True) + 3)
    sure = like | (rivals.sum(axis=1)[:, None] + rivals.sum(axis=0) <= 2)
    told = {values[i]: olds[j] if sure[i, j] else None for i, j in pairs if same and (everything or sure[i, j])}
    return {**mapping, **told}


def _alike(new: str, old: str) -> bool:
    short, long = sorted((_normal(new), _normal(old)), key=len)
    letters = iter(long)
    subsequence = short[:1] == long[:1] and all(c in letters for c in short)
    return short != "" and not short.isdecimal() and (short in long or subsequence)


_NUMBERS = {0.0, -1.0, -9.0, 32767.0, -32768.0, 65535.0, 2147483647.0, -2147483648.0, 1e9, -1e9, 1e10}
_DAYS = {"0001-01-01", "1753-01-01", "1899-12-30", "1900-01-01", "1970-01-01", "2099-12-31", "9999-12-31"}


@check("RCA101", "values went missing", alone=True, explains=("label_noise",))
def missing_values(case: Case, *, floor: float = 0.02) -> Iterator[Finding]:
    """Find columns whose share of missing values (null, NaN or blank text) rose beyond what it ever was.

    What counts is the rise over the reference's share, or its largest in a tenth of its time. The target
    counts only between tables of the same role: the newest labels may not be known yet.

    Examples
    --------
    >>> whole = pd.DataFrame({"income": range(1000), "city": ["A", "B"] * 500})
    >>> damaged = whole.assign(income=whole["income"].where(whole.index >= 300))
    >>> texts(missing_values, whole, damaged), texts(missing_values, whole, whole)
    (['income is missing in 30 % of the rows of train, 0 % in the reference.'], [])
    """
    for pair, reference, current in columns(case):
        name, time = reference.name, time_of(pair, case)
        if name == case.roles.target and not pair.same_role:
            continue
        empty, hit = _empty(pair.reference, reference), _empty(pair.current, current)
        share = most = float(empty.mean())
        if time is not None and time != name and 0 < share < 1 and len(empty) >= FEWEST:
            order = np.argsort(pair.reference.sample[time].to_numpy(), kind="stable")
            tenths = [empty[part].mean() for part in np.array_split(order, 10)]
            most = max(share, float(max(tenths) - 2 * np.sqrt(share * (1 - share) * 10 / len(empty))))
        text = "{column} is missing in {share} of the rows of {table}{where}, " + f"{percent(share)} in the reference."
        where: dict[str, Any] | None = None if name in pair.current.sample else {}
        yield from report(pair, name, case, hit, "missing_values", text, floor, before=most, where=where)


def _empty(table: Table, column: Column) -> Mask:
    sample = table.sample
    if column.name not in sample:  # of a type of which only the count is known
        return np.arange(len(sample)) * column.rows < column.missing * len(sample)
    return np.asarray(sample[column.name].isna() | sample[column.name].isin([v for v in column.top if not v.strip()]))


@check("RCA102", "a constant stands for missing values")
def sentinel_values(case: Case, *, floor: float = 0.005) -> Iterator[Finding]:
    """Find constants that stand for null: known ones, lonely spikes, or fills; see :func:`missing_values`.

    The evidence lists the constants as `values`. One counts that the reference has a tenth as often at most, if
    it is known to stand for null or lies as far outside as the reference is wide, or that rose as the nulls fell.
    """
    text = "{column} holds {names} in {share} of the rows of {table}{where}."
    words = {(pair.name, column.name): np.array(list(new)) for pair, column, new in changed(case, "nulls")}
    for pair, reference, current in columns(case):
        name, sample = reference.name, pair.current.sample
        if name not in sample or name not in pair.reference.sample or not current.present or not reference.present:
            continue
        values, now, before = risen(pair, name, floor)
        sure = _constants(pair, reference, current, case, values, now, before)
        values, before = values[sure], before[sure]
        if len(said := words.get((pair.name, name), ())):
            values, before = said, np.zeros(1)
        shown = [iso(v) if hasattr(v, "isoformat") else v for v in values.tolist()]
        names = listed([f"{v:.6g}" if isinstance(v, float) else str(v) for v in shown])
        facts: dict[str, Any] = {"before": before.sum(), "values": shown, "names": names}
        hit = sample[name].isin(values).to_numpy()
        yield from report(pair, name, case, hit, "sentinel_values", text, floor, **facts)


def _constants(pair: Pair, reference: Column, current: Column, case: Case, values: Any, now: Any, before: Any) -> Mask:
    """Return which of the values that rose stand for null."""
    if reference.kind != current.kind:
        said = (str(v).strip().casefold() for v in values)
        return np.array([word in NULLS and not word[-1].isdigit() for word in said], dtype=bool)
    fill = np.zeros(len(values), dtype=bool)
    fall = reference.missing / reference.rows - current.missing / current.rows
    noise = 3 * error(reference.missing / reference.rows, pair)
    if len(values) and fall > 0.02 + noise:  # one value rose by as much as the nulls fell; a fair fill raises it less
        i = int(np.argmax(now - before))
        fair, rise = before[i] * reference.rows / reference.present * fall, now[i] - before[i]
        slack = 0.15 * fall + 3 * error(before[i], pair) + noise
        fill[i] = abs(rise - fall) < slack and rise - fair > max(noise, (fall - fair) / 2)
    if fill.any() or not len(values) or reference.max is None:  # categories have no extremes
        return fill
    cells, name = pair.current.sample, reference.name
    old, new = (side[np.isfinite(side)] for side in (pair.reference.sample[name].to_numpy(), cells[name].to_numpy()))
    low, high, rare = old.min(), old.max(), before <= 0.1 * now
    known = rare & [_known(value) for value in values]
    far = rare & ((low - values > high - low) | (values - high > high - low)) & ((reference.distinct or 0) >= DISTINCT)
    # a column that moved as a whole, or goes by steps, comes to new values all the time
    steps, rest = now[rare & ~known & ~far].sum(), new[~np.isin(new, values)]
    calm = ((rest < low) | (rest > high)).sum() <= 0.02 * len(rest) and far.sum() == 1 and not steps
    # values may be cut off there, or a usual value is all there is from a moment on
    tails = [(old < v).mean() if v == new.min() else (old > v).mean() if v == new.max() else 0.0 for v in values]
    frozen = [
        k and low <= v <= high and locate(cells, (cells[name] == v).to_numpy(), case, name).get("all_since", False)
        for k, v in zip(known, values, strict=True)
    ]
    other = (np.array(tails) > 0.3 * now) | np.array(frozen, dtype=bool)
    return np.asarray(far & (calm | known) | known & (steps <= now / 2) & ~other)


def _known(value: Any) -> bool:
    if isinstance(value, np.datetime64):
        return str(value)[:10] in _DAYS
    size = abs(float(value))
    return float(value) in _NUMBERS or (size >= 99 and set(f"{size:.10g}".replace(".", "")) == {"9"})


def error(share: Any, pair: Pair) -> Any:
    """Return the standard error of the difference of two shares of about this size."""
    share = np.clip(share, 0.005, 0.995)
    return np.sqrt(share * (1 - share) * sum(1 / len(side.sample) for side in (pair.reference, pair.current)))


def risen(pair: Pair, name: str, floor: float) -> tuple[Any, Floats, Floats]:
    """Return the values whose share rose by more than the floor and than chance, and both shares."""
    old, new = (table.sample[name].value_counts() / len(table.sample) for table in (pair.reference, pair.current))
    now = new[new > floor].drop([np.inf, -np.inf], errors="ignore").sort_index()
    before = np.array([old.get(value, 0.0) for value in now.index])
    rose = (now - before > floor + 2 * error(before, pair)).to_numpy()
    return now.index.to_numpy()[rose], now.to_numpy()[rose], before[rose]
