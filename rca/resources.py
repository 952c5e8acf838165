"""The files that travel with rca: inside an installed package (``force-include``), at the root of a checkout."""

from __future__ import annotations

from pathlib import Path

from rca.errors import ConfigError

_HOME = Path(__file__).resolve().parent


def share(name: str) -> Path:
    """Return where a file or folder that travels with rca is."""
    # what lies next to an installed package belongs to others
    homes = [_HOME / "_share", *([_HOME.parent] if (_HOME.parent / "pyproject.toml").is_file() else [])]
    for home in homes:
        if (home / name).exists():
            return home / name
    raise ConfigError(f"this installation of rca has no '{name}': install rca again, or run it from a checkout.")
