"""The fault of a wrong encoding."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from rca.errors import ConfigError, choices
from rca.faults._common import chosen, require
from rca.registry import fault

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import pandas as pd

_ACCENTS = str.maketrans("aeiouAEIOU", "áéíóúÁÉÍÓÚ")
WAYS: dict[str, Callable[[str], str]] = {
    "mojibake": lambda text: text.encode().decode("cp1252", "replace"),
    "twice": lambda text: WAYS["mojibake"](WAYS["mojibake"](text)),
    "latin": lambda text: text.encode("latin-1", "replace").decode("utf-8", "replace"),
    "ascii": lambda text: text.encode("ascii", "replace").decode(),
    "html": lambda text: html.escape(text).encode("ascii", "xmlcharrefreplace").decode(),
    "bom": lambda text: "\ufeff" + text,
    "accents": lambda text: text.translate(_ACCENTS),
    "typed": lambda text: WAYS["mojibake"](WAYS["accents"](text)),
    "lost": lambda text: text.translate(_ACCENTS).encode("ascii", "replace").decode(),
}


@fault("encoding", "read text in a wrong encoding")
def encoding(
    frame: pd.DataFrame, column: str | None, rng: np.random.Generator, *, share: float = 0.1, way: str = "typed"
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Damage text as programs do that disagree on an encoding.

    Parameters
    ----------
    way : str
        One of ``WAYS``; 'accents', 'typed' and 'lost' damage plain ASCII too.
    share : float
        Of the rows.

    Returns
    -------
    DataFrame, dict
        The damaged table, and the truth about it; `rows` counts the cells that changed.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> whole = pd.DataFrame({"city": ["Köln", "Bonn"]})
    >>> encoding(whole, "city", np.random.default_rng(0), way="mojibake", share=1.0)[0]["city"].tolist()
    ['KÃ¶ln', 'Bonn']
    """
    name = require(frame, column)
    if way not in WAYS:
        raise ConfigError(f"there is no way '{way}': choose one of {choices(WAYS)}.")
    text = frame[name].astype("object").map(str, na_action="ignore")
    broken = text.map(WAYS[way], na_action="ignore")
    rows = chosen(frame, rng, share) & text.ne(broken).to_numpy() & text.notna().to_numpy()
    damaged = frame.assign(**{name: text.mask(rows, broken).astype("str")})
    return damaged, {"kind": "encoding", "column": name, "way": way, "rows": int(rows.sum())}
