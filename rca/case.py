"""From names to a Case: the only place that opens what the user points at."""

from pathlib import Path
from typing import Any
import pandas as pd
from rca import versions
from rca.config import Config, load
from rca.errors import ConfigError, DataError, InconclusiveError, VersionError, choices
from rca.gitrepo import Repository
from rca.sandbox import fetch
from rca.tables import Table, open_table
from rca.types import Case, Pair, Roles, Version

#: Fewer labelled rows than this carry no verdict.
FEWEST = 50


def of_versions(
    reference: str, current: str, *, config: str | Path, since: str | None = None, trust: bool = False
) -> tuple[Case, Config]:
    """Read two revisions of a project; `since` splits production: the rows before are the reference."""
    path = Path(config)
    settings = load(path)
    repository = Repository(path.resolve().parent)
    sides = (versions.read(repository, rev, settings, fetch, trust=trust) for rev in (reference, current))
    old, new = versions.code(repository, *sides)
    if settings.seed is not None and settings.seed not in {**old.params, **new.params}:
        known = choices(new.params)
        raise ConfigError(f"the seed '{settings.seed}' is no parameter of either version: they have {known}.")
    tables = [t for v in (new, old) for t in v.tables.values() if isinstance(t, Table)]
    roles = settings.roles(tables[0].columns if tables else ())
    there = dict.fromkeys(column for table in tables for column in table.columns)
    asked = (roles.target, roles.time, *roles.key, *roles.features, *roles.sensitive, *sum(roles.inputs.values(), ()))
    if strange := [name for name in asked if name and there and name not in there]:
        raise ConfigError(f"{path.name} names the column '{strange[0]}', which no table has: choose {choices(there)}.")
    log = None if settings.events is None else new.snapshot.artifact(settings.events).file
    named = {"model_path": settings.model, "seed_key": settings.seed, "lock_path": settings.environment, "events": log}
    return Case(_pairs(old, new, settings, since, roles), roles, old, new, trust=trust, **named), settings


def of_tables(reference: Any, current: Any, **roles: Any) -> Case:
    """Make a case of two tables (paths, DataFrames, Arrow or Ibis tables)."""
    tables = open_table(reference, "the reference table"), open_table(current, "the current table")
    if tables[1].imagined:
        raise ConfigError("a stored profile can stand for the reference only: give the current table itself.")
    if unknown := [name for name in roles if name not in Roles.__dataclass_fields__]:
        raise ConfigError(f"there is no role '{unknown[0]}': choose from {choices(Roles.__dataclass_fields__)}.")
    for name in ("key", "features", "sensitive"):
        given = roles.get(name) or ()
        roles[name] = tuple(dict.fromkeys([given] if isinstance(given, str) else given))
    known = Roles(**{name: value for name, value in roles.items() if value is not None})
    for table in tables:
        table.require(known.target, known.prediction, known.time, *known.key, *known.features, *known.sensitive)
    if known.time and all(table.kinds[known.time] != "time" for table in tables):
        kind = tables[1].expr[known.time].type()
        raise DataError(f"the time column '{known.time}' holds {kind}: make it a timestamp, or name another.")
    return Case((Pair("current", *tables),), known)


def _pairs(old: Version, new: Version, config: Config, since: str | None, roles: Roles) -> tuple[Pair, ...]:
    """Pair each table with its older self, and production with what the reference was judged on."""
    both = [role for role in ("train", "evaluate") if role in old.tables and role in new.tables]
    pairs = [Pair(role, old.tables[role], new.tables[role]) for role in both]
    name, production = config.data.production, new.tables.get("production")
    if name is not None and production is None and not new.artifacts["data.production"].corrupt:
        # it was to be read if it is tracked, or if its name leads nowhere; one that is corrupt is a finding
        tracked = [side.artifacts["data.production"].md5 is not None or name in side.files for side in (new, old)]
        if tracked[0] or not any(tracked):
            versions.require(new, "production")
    if since is not None:
        pairs.append(Pair("production", *_split(new, since, roles), same_role=False))
    elif production is not None and "evaluate" in old.tables:
        pairs.append(Pair("production", old.tables["evaluate"], production, same_role=False))
    return tuple(pairs)


def exam_pair(case: Case) -> Pair:
    """Return the tables on which the two sides are judged."""
    for pair in reversed(case.pairs):
        if pair.name in ("production", "evaluate", "current"):
            return pair
    for version in (case.reference, case.current):
        if version is not None:
            versions.require(version, "evaluate")
    raise VersionError("neither side has a table to be judged on: name data.evaluate in rca.yaml.")


def exams(case: Case, seed: int = 0) -> tuple[tuple[pd.DataFrame, pd.DataFrame], tuple[int, int]]:
    """Bring both sides' exams into memory, with the columns checked, and say how many rows they have in all."""
    sides = ((case.current, "production"), (case.current, "evaluate"), (case.reference, "evaluate"))
    known = [side.artifacts.get(f"data.{role}") for side, role in sides if side is not None]
    spoilt = [artifact for artifact in known if artifact is not None and artifact.corrupt]
    if spoilt and (spoilt[0] is known[0] or not {"production", "evaluate"} & {pair.name for pair in case.pairs}):
        raise InconclusiveError(f"{spoilt[0].problem}.")
    pair: Any = exam_pair(case)
    found: list[pd.DataFrame] = []
    roles, inputs = case.roles, [column for columns in case.roles.inputs.values() for column in columns]
    for table in (pair.reference, pair.current):
        table.require(roles.target, roles.time, *roles.features, *roles.key, *roles.sensitive, *inputs)
        frame = table.frame(seed=seed).reset_index(drop=True)
        labelled = int(frame[roles.target].notna().sum()) if roles.target else len(frame)
        if labelled < FEWEST:
            few = f"{table.name} has {labelled} labelled rows, and {FEWEST} are the fewest that carry a verdict"
            raise InconclusiveError(f"{few}: wait for labels, or choose another window.")
        found.append(frame)
    return (found[0], found[1]), (pair.reference.profile.rows, pair.current.profile.rows)


def _split(version: Version, since: str, roles: Roles) -> tuple[Table, Table]:
    table = version.tables.get("production")
    if roles.time is None or not isinstance(table, Table):
        lacks = f"--since needs a production table and a time column, and {version.rev} lacks one of them"
        raise ConfigError(f"{lacks}: name 'data.production' and 'time' in rca.yaml.")
    try:
        moment = pd.Timestamp(since)
    except ValueError:
        raise ConfigError(f"{since!r} is no time: write it as 2009-06-01 or 2009-06-01T12:00.") from None
    table.require(roles.time)
    at = table.expr[roles.time]
    if table.kinds[roles.time] != "time":
        raise DataError(f"{table.name} has the time column '{roles.time}' of type {at.type()}: make it a timestamp.")
    before = Table(table.expr.filter(at < moment), f"{table.name} before {since}")
    return before, Table(table.expr.filter(at >= moment), f"{table.name} since {since}")
