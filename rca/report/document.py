"""The document ``investigation.json``: read with every field checked, and written."""

import dataclasses
import functools
import json
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints
from rca.errors import ConfigError
from rca.types import Investigation


@functools.cache
def schema() -> dict[str, Any]:
    """Return the JSON schema of the document."""
    return dict(json.loads((Path(__file__).parents[1] / "schema/investigation-1.json").read_text(encoding="utf-8")))


def read(path: str | Path) -> Investigation:
    """Read a document that ``rca investigate``, ``check`` or ``diff`` wrote."""
    try:
        raw = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as problem:
        hint = "name a file that rca wrote with --format json."
        raise ConfigError(f"cannot read {path} ({problem.strerror}): {hint}") from None
    except (ValueError, RecursionError) as problem:
        raise ConfigError(f"{path} is not JSON: {problem}.") from None
    return parse(raw, str(path))


def parse(raw: Any, name: str = "the document") -> Investigation:
    """Turn the document, loaded from JSON, into the record; the schema names the deepest place that is wrong."""
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it comes without types
    from jsonschema.exceptions import best_match  # type: ignore[import-untyped]

    problem = best_match(Draft202012Validator(schema()).iter_errors(raw))
    if problem is not None:
        place = ".".join(str(part) for part in problem.absolute_path) or "the top"
        text = problem.message if len(problem.message) < 300 else problem.message[:300] + " ..."
        raise ConfigError(f"{name} is no investigation: at {place}, {text}.")
    return _value(Investigation, raw)  # type: ignore[no-any-return]  # it is what is asked for


def _value(kind: Any, raw: Any) -> Any:
    """Return a value as a record's annotation has it; a number is null where it is not finite."""
    if raw is None:
        return float("nan") if kind is float else None
    inner = get_args(kind)
    if get_origin(kind) is tuple:
        return tuple(_value(inner[0], item) for item in raw)
    for one in filter(dataclasses.is_dataclass, (kind, *inner)):
        hints = get_type_hints(one)
        return one(**{name: _value(hints[name], item) for name, item in raw.items()})  # type: ignore[operator]
    return raw


def dump(investigation: Investigation, path: str | Path) -> Path:
    """Write the document and return its path."""
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(investigation.to_json() + "\n", encoding="utf-8")
    except OSError as problem:
        raise ConfigError(f"cannot write {path} ({problem.strerror}): choose another place.") from None
    return path
