"""RCA107, RCA109 and RCA111, whether text is new, in a wrong encoding, or under another name."""

import functools
import html
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any
import numpy as np
from scipy.optimize import linear_sum_assignment
from rca.integrity._common import columns, listed, report
from rca.integrity._law import kinship, skipped
from rca.registry import check
from rca.stats import Floats
from rca.tables import CATEGORIES, Column
from rca.types import Case, Finding, Pair

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
    """Say whether one may be the other, shortened or with something added."""
    short, long = sorted((_normal(new), _normal(old)), key=len)
    letters = iter(long)
    subsequence = short[:1] == long[:1] and all(c in letters for c in short)
    return short != "" and not short.isdecimal() and (short in long or subsequence)
