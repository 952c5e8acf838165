"""The faults of a project: of its parameters, a mapping, and of the texts of its scripts and its pinned packages."""

import copy
import functools
import re
from collections.abc import Callable
from typing import Any
from rca.errors import ConfigError, choices
from rca.faults._common import Done, Draw, Name
from rca.registry import fault
from rca.types import flatten


def _parameter(kind: str, title: str) -> Callable[..., Done]:

    @fault(kind, title)
    def hyperparameter(params: dict[str, Any], column: Name, rng: Draw, *, value: Any = None) -> Done:
        """Give the parameter of a dotted key another value, twice a number unless said.

        Examples
        --------
        >>> damaged, truth = hyperparameter({"fit": {"depth": 8}}, "fit.depth", None, value=1)
        >>> damaged, truth["kind"], truth["was"]
        ({'fit': {'depth': 1}}, 'hyperparameter', 8)
        """
        known = flatten(params)
        if column not in known or (value is None and type(known[column]) not in (int, float)):
            hint = f"give a value to one of {choices(known)}."
            raise ConfigError(f"'{column}' is no parameter that can be set so: {hint}")
        value = known[column] * 2 if value is None else value
        if value == known[column]:
            raise ConfigError(f"'{column}' is {value!r} already: give another value.")
        damaged, (*path, last) = copy.deepcopy(params), column.split(".")
        functools.reduce(dict.__getitem__, path, damaged)[last] = value
        return damaged, {"kind": kind, "column": column, "was": known[column], "value": value}

    return hyperparameter


hyperparameter = _parameter("hyperparameter", "set a parameter")
objective = _parameter("objective", "train for something else")
algorithm = _parameter("algorithm", "train another model")
preprocessing = _parameter("preprocessing", "prepare the inputs otherwise")
seed = _parameter("seed", "draw otherwise")
threshold = _parameter("threshold", "cut the scores elsewhere")


@fault("code_change", "change a script")
def code_change(text: str, column: Name, rng: Draw, *, old: str = "", new: str = "") -> Done:
    """Put some text in the place of other text of a script; see :func:`hyperparameter`."""
    if not old or old not in text:
        raise ConfigError(f"{old!r} is not in the script: name a text that is.")
    return text.replace(old, new), {"kind": "code_change", "column": None, "was": old, "value": new}


@fault("environment_change", "pin another version of a package")
def environment_change(text: str, column: Name, rng: Draw, *, version: str = "0.0.1") -> Done:
    """Pin the package `column` of a lock file to another version; see :func:`hyperparameter`."""
    pin = re.compile(rf"^{re.escape(column or '')}==(\S+)", re.MULTILINE)
    if (was := pin.search(text)) is None:
        raise ConfigError(f"'{column}' is no pinned package: choose one of {choices(re.findall('^(.+?)==', text, 8))}.")
    damaged = pin.sub(lambda _: f"{column}=={version}", text)
    return damaged, {"kind": "environment_change", "column": column, "was": was[1], "value": version}


@fault("corrupt_artifact", "cut a file off")
def corrupt_artifact(content: bytes, column: Name, rng: Draw, *, share: float = 0.5) -> Done:
    """Keep the first bytes of a file alone, as a copy that was interrupted; see :func:`hyperparameter`."""
    return content[: round(len(content) * (1 - share))], {"kind": "corrupt_artifact", "column": None, "share": share}
