"""The files that travel with rca: the notebooks and the demo system.

An installed package has them inside, a checkout has them at its root; see ``force-include`` in pyproject.toml.
"""

from __future__ import annotations

from pathlib import Path

from rca.errors import ConfigError

_HOME = Path(__file__).resolve().parent


def share(name: str) -> Path:
    """Return where a file or folder that travels with rca is.

    Raises
    ------
    ConfigError
        If neither an installed package nor a checkout has it.

    Examples
    --------
    >>> share("notebooks").name
    'notebooks'
    >>> share("nowhere")
    Traceback (most recent call last):
    ...
    rca.errors.ConfigError: this installation of rca has no 'nowhere': install rca again, or run it from a checkout.
    """
    places = [_HOME / "_share" / name]
    # what lies next to an installed package belongs to others
    if (_HOME.parent / "pyproject.toml").is_file():
        places.append(_HOME.parent / name)
    for place in places:
        if place.exists():
            return place
    raise ConfigError(f"this installation of rca has no '{name}': install rca again, or run it from a checkout.")
