"""The fault of a wrong encoding."""

from __future__ import annotations

import html
from collections.abc import Callable

from rca.errors import ConfigError, choices
from rca.faults._common import Cells, Draw, Mask, cells

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


@cells("encoding", "read text in a wrong encoding", most=0.1)
def encoding(values: Cells, rows: Mask, rng: Draw, *, way: str = "typed") -> Cells:
    """Damage text as programs do that disagree on an encoding.

    Parameters
    ----------
    way : str
        One of ``WAYS``; 'accents', 'typed' and 'lost' damage plain ASCII too.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> whole = pd.DataFrame({"city": ["Köln", "Bonn"]})
    >>> encoding(whole, "city", np.random.default_rng(0), way="mojibake", share=1.0)[0]["city"].tolist()
    ['KÃ¶ln', 'Bonn']
    """
    if way not in WAYS:
        raise ConfigError(f"there is no way '{way}': choose one of {choices(WAYS)}.")
    text = values.astype("object").map(str, na_action="ignore")
    return text.mask(rows, text.map(WAYS[way], na_action="ignore")).infer_objects()
