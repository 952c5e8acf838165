"""What became of text on its way: the marks that a wrong encoding leaves, and the words that stand for nothing."""

from __future__ import annotations

import codecs
import functools
import html
import re
import unicodedata
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_WORDS = """? ?? - -- . .. ... * # n/a na n.a. #n/a #na <na> null (null) #null! none nan nat nil unknown missing
undefined
unspecified empty blank (blank) void tbd \\n -1 -9 -99 -999 -9999 99 999 9999 99999 9999-12-31 1900-01-01 1970-01-01"""
#: In small letters.
NULLS = frozenset(_WORDS.split()) | {"not available", "not applicable", "not known", "no data"}
_CODECS = ("cp1252", "cp437", "cp850", "mac_roman", "cp1251")
_FAR = re.compile(r"[^\x00-\x7f]{2,}")
_LOST = re.compile(r"\ufffd+|\?")
_ENTITY = re.compile(r"&(#\d+|#x[0-9a-f]+|[a-z]+\d?);", re.IGNORECASE)
GAP = re.compile(r"\w\?+\w")
_MARK = re.compile(r"[\ufffd\ufeff\x00-\x08\x0e-\x1f\x7f-\x9f]|" + _ENTITY.pattern, re.IGNORECASE)
#: Letters that Unicode does not take apart into a plain one and an accent.
_PLAIN = str.maketrans({"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ß": "ss", "æ": "ae", "œ": "oe"})
# the five bytes that cp1252 leaves out pass as they are in most programs
codecs.register_error("rca.byte", lambda e: (e.object[e.start : e.end].encode("latin-1"), e.end))  # type: ignore[attr-defined]


def mended(text: str) -> str:
    """Undo a wrong reading of UTF-8, once or more often, and HTML entities; drop marks that nobody sees.

    Examples
    --------
    >>> [mended(text) for text in ("CafÃ©", "CafÃƒÂ©", "Caf&eacute;", "ï»¿Café", "Café")]
    ['Café', 'Café', 'Café', 'Café', 'Café']
    """
    for _ in range(3):
        text, before = _ENTITY.sub(lambda m: html.unescape(m[0]), _reread(text)), text
        if text == before:
            break
    return "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf"))


def _reread(text: str) -> str:
    return next((new for codec in _CODECS if (new := _FAR.sub(functools.partial(_read, codec), text)) != text), text)


def _read(codec: str, run: re.Match[str]) -> str:
    try:
        return run[0].encode(codec, "rca.byte").decode("utf-8")
    except UnicodeError:
        return run[0]


def marked(text: str) -> bool:
    """Say whether a text shows the marks of a wrong encoding."""
    return bool(_MARK.search(text)) or (not text.isascii() and mended(text) != text)


def bare(text: str) -> str:
    """Return a text as it was meant, without accents."""
    apart = unicodedata.normalize("NFKD", mended(text))
    return "".join(c for c in apart if not unicodedata.combining(c)).translate(_PLAIN)


def normal(text: str) -> str:
    """Return the letters and digits of a text, without accents and case."""
    return "".join(c for c in bare(text).casefold() if c.isalnum())


def origins(new: Iterable[str], known: Iterable[str]) -> dict[str, str | None]:
    r"""Return the new texts that a wrong encoding made, and what of the known ones each was, where that is sure.

    Examples
    --------
    >>> origins(["Koln", "Kï¿½ln", "K?ln", "R\ufffdme", "Oslo"], ["Köln", "Rom"])
    {'Koln': 'Köln', 'Kï¿½ln': 'Köln', 'K?ln': 'Köln', 'R\ufffdme': None}
    """
    known = list(known)
    meant: dict[str, list[str]] = defaultdict(list)
    for text in known:
        meant[bare(text)].append(text)
        # accented letters are left out where only ASCII is let through
        meant[text.encode("ascii", "ignore").decode()] += [] if text.isascii() else [text]
    dirty = any(map(marked, known))
    found: dict[str, str | None] = {}
    for text in new:
        plain = bare(text)
        fits = meant.get(plain, [])
        if not fits and _LOST.search(plain) and (normal(plain) or len(plain) > 2):
            parts = re.split(f"({_LOST.pattern})", plain)
            holes = (f"\\w{{1,{len(p)}}}" if p[:1] == "\ufffd" else r"\w" if p == "?" else re.escape(p) for p in parts)
            shape = re.compile("".join(holes))
            fits = [old for key, olds in meant.items() if shape.fullmatch(key) for old in olds]
        if fits or (not dirty and marked(text)):
            found[text] = fits[0] if len(set(fits)) == 1 else None
    return found
