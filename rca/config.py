"""``rca.yaml``: what the system is made of, validated before anything runs."""

from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Self
import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from rca.errors import ConfigError, choices
from rca.types import Roles

FILE = "rca.yaml"
#: The smallest gap that matters unless said, as a share of the reference metric.
MATERIAL = 0.02


def _inside(value: str) -> str:
    if PurePosixPath(value).is_absolute() or ".." in PurePosixPath(value).parts:
        raise ValueError("must be a path inside the project")
    return value


#: One name needs no list.
Names = Annotated[tuple[str, ...], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)]
File = Annotated[str, AfterValidator(_inside)]


class Strict(BaseModel):
    """A record that knows its fields, and cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class Data(Strict):
    """Where the tables are, relative to the project or as a URL that the engine reads."""

    train: str
    evaluate: str
    production: str | None = None


class Config(Strict):
    """The fields of ``rca.yaml``."""

    system: str
    model: File
    data: Data
    target: str
    positive: Any = None
    features: Names = ()
    prediction: str | None = None
    key: Names = ()
    time: str | None = None
    metric: str = "roc_auc"
    sensitive: Names = ()
    inputs: dict[str, Names] = Field(default_factory=dict)
    events: File | None = None
    seed: str | None = None
    environment: File | None = None
    contract: File | None = None
    material: float = Field(default=MATERIAL, gt=0, lt=1)

    @model_validator(mode="after")
    def _groups_do_not_overlap(self) -> Self:
        if "other" in self.inputs:
            raise ValueError("the inputs 'other' are those in no group: name the group otherwise")
        seen: dict[str, str] = {}
        for group, column in ((group, column) for group, columns in self.inputs.items() for column in columns):
            if column in seen:
                raise ValueError(f"column '{column}' is in the inputs '{seen[column]}' and '{group}'")
            seen[column] = group
        if self.target in self.features:
            raise ValueError(f"the target '{self.target}' is listed as a feature")
        return self

    def roles(self, columns: tuple[str, ...]) -> Roles:
        """Return the roles of `columns`, the features being those that no other field names."""
        other = {self.target, self.prediction, self.time, *self.key, *self.sensitive}
        grouped = {column for names in self.inputs.values() for column in names}
        features = self.features or tuple(c for c in columns if c not in other or c in grouped)
        named: dict[str, Any] = {name: getattr(self, name) for name in Roles.__dataclass_fields__}
        return Roles(**{**named, "features": features})


def parse(text: str, name: str = FILE) -> Config:
    """Read the text of a configuration."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as problem:
        raise ConfigError(f"{name} is not YAML ({' '.join(str(problem).split())}): correct that line.") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{name} holds no mapping: it needs the fields {choices(Config.model_fields)}.")
    try:
        return Config.model_validate(content)
    except ValidationError as problem:
        parts = [f"{'.'.join(map(str, e['loc'])) or name}: {e['msg']}" for e in problem.errors()]
        raise ConfigError(f"{name} is not valid: {'; '.join(parts)} (fields: see rca.yaml in the README).") from None


def load(path: Path) -> Config:
    """Read a configuration file."""
    try:
        return parse(path.read_text(encoding="utf-8"), path.name)
    except FileNotFoundError:
        hint = "write one as the README shows, name another with --config, or go to its folder."
        raise ConfigError(f"there is no {path}: {hint}") from None
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigError(f"{path} cannot be read ({problem}): make it a UTF-8 text file.") from None
