"""Root cause analysis of AI incidents: every cause is a term of one sum, the gap.

``rca.investigate("good", "bad")`` explains it for two versions of a system. Imports wait for the first use.
"""

import importlib
from typing import Any

_NAMES = {
    "rca.api": "bisect check diff investigate replay",
    "rca.errors": "NotApplicable RcaError",
    "rca.inputs.attribute": "attribute",
    "rca.inputs.row": "explain_row",
    "rca.registry": "Registry",
    "rca.report.document": "read",
    "rca.types": "Case Cause Finding Investigation Version",
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names.split()}

__all__ = ["Case", "Cause", "Finding", "Investigation", "NotApplicable", "RcaError", "Registry", "Version"]
__all__ += ["attribute", "bisect", "check", "diff", "explain_row", "investigate", "read", "replay"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'rca' has no attribute {name!r}: it has {', '.join(__all__)}")
    # Set, so that `rca.replay` stays the function also once the module of that name is imported.
    globals()[name] = found = getattr(importlib.import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return [*__all__, "__doc__"]
