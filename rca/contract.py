"""A contract: what the tables of a system promise, as YAML that a person can read and change."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self
import yaml
from pydantic import Field, ValidationError, model_validator
from rca.config import Strict
from rca.errors import ConfigError, NotApplicable, choices
from rca.integrity._common import listed, percent
from rca.integrity.relation import rule_of, rules_of
from rca.profiles import FEWEST, Kind
from rca.tables import Table
from rca.types import Case, Finding, Pair, plain

CODE, TITLE = "RCA190", "a promise of the contract is broken"
#: More values than this are no closed list, and more rules than this nobody reads.
LEVELS, RULES = 50, 40


class Promise(Strict):
    """What one column promises; what is left out is not promised."""

    type: Kind | None = None
    missing: float = Field(default=1.0, ge=0, le=1)  # the share of rows without a value, at most
    min: float | None = None
    max: float | None = None
    values: tuple[str, ...] = ()


class Terms(Strict):
    """What one table promises."""

    mostly: float = Field(default=0.999, gt=0, le=1)  # the share of rows that must keep each promise
    columns: dict[str, Promise] = Field(default_factory=dict)
    key: tuple[str, ...] = ()  # columns that together name a row
    # a kind, the column that the rule is about, and the others: ["+", "gross", "net", "tax"]
    rules: tuple[tuple[Literal["<=", "settled by"], str, str] | tuple[Literal["+", "*"], str, str, str], ...] = ()

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if any(len(set(names)) < len(names) for names in (self.key, *self.rules)):
            raise ValueError("a key, or a rule, names a column twice")
        if any(p.min is not None and p.max is not None and not p.min <= p.max for p in self.columns.values()):
            raise ValueError("a column's min is above its max")
        return self


class Contract(Strict):
    """What the tables of a system promise, by role."""

    form: Literal["rca/contract/1"] = Field(default="rca/contract/1", alias="schema")
    tables: dict[str, Terms]


def read(path: str | Path) -> Contract:
    """Read a contract; a ConfigError names each problem of one that is not there or not valid."""
    try:
        return Contract.model_validate(yaml.safe_load(Path(path).read_text(encoding="utf-8")))
    except ValidationError as problem:
        parts = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in problem.errors()[:5]]
        raise ConfigError(f"{path} is no valid contract: {'; '.join(parts)}; correct these lines.") from None
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as problem:
        detail = " ".join(str(problem).split())
        raise ConfigError(f"{path} cannot be read ({detail}): rca check --suggest writes a contract.") from None


def write(contract: Contract, path: str | Path) -> None:
    """Write a contract as YAML."""
    content = plain({"schema": contract.form} | contract.model_dump(by_alias=True, exclude_defaults=True))
    text = yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=110, allow_unicode=True)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text("# What these tables promise; change what is too strict, or too loose.\n" + text, "utf-8")


def suggest(case: Case) -> Contract:
    """Learn what the reference tables of a case promise, so that another sample of the same data keeps it."""
    return Contract(tables={pair.name: _learn(pair, case) for pair in case.pairs})


def _learn(pair: Pair, case: Case) -> Terms:
    table, roles = pair.reference, case.roles
    labels = {roles.target, roles.prediction, *roles.key} - set(roles.features)
    names = [name for name in table.columns if pair.same_role or name not in labels]
    mostly = 1 - max(0.001, round(6 / max(table.profile.rows, 12), 3))  # what none of so many breaks, few will
    columns = {name: _promise(table, name, roles.key, mostly) for name in names}
    used = [name for name in names if name in table.sample and name not in roles.key]
    rules: list[Any] = list(rules_of(table.sample, used))
    ordered = {rule.columns for rule in rules if rule.kind == "<="}
    implied = {(a, c) for a, b in ordered for b2, c in ordered if b == b2}  # they follow from two others
    told = [(rule.kind, *rule.columns) for rule in rules if rule.kind != "<=" or rule.columns not in implied]
    named = bool(roles.key) and set(roles.key) <= set(names) and not _repeated(table, roles.key)
    return Terms(mostly=mostly, columns=columns, key=roles.key if named else (), rules=tuple(told[:RULES]))


def _promise(table: Any, name: str, key: tuple[str, ...], mostly: float) -> Promise:
    seen, sample = table.profile.columns[name], table.sample
    if not seen.present:
        return Promise()
    rate = seen.missing / seen.rows
    most = min(rate + 4 * math.sqrt(rate * (1 - rate) / seen.rows), 1.0)
    told: dict[str, Any] = {"type": seen.kind, "missing": math.ceil(1e4 * most) / 1e4}
    if seen.quantiles and name not in key and not seen.infinite:
        whole = bool((sample[name].dropna() % 1 == 0).all())
        # an extreme is moved outwards, the less the more rows were seen, to a number that reads well
        for side, end, inner in (("min", seen.min, seen.at(0.05)), ("max", seen.max, seen.at(0.95))):
            margin = (end - inner) * 3 / max(math.log(seen.present / 20), 1.0)
            digits = 0 if whole or not 0 < abs(margin) < math.inf else 2 - math.floor(math.log10(abs(margin)))
            moved = round(end + margin, digits) if margin else end
            moved = max(moved, 0.0) if end >= 0 else moved  # what never was negative is rarely meant to be
            told[side] = moved if math.isfinite(moved) else end
    known = [value for value, count in seen.top.items() if count >= FEWEST]  # others may be somebody's name
    rare = seen.present - sum(seen.top[value] for value in known)
    if seen.kind == "category" and name not in key and len(known) <= LEVELS and rare <= (1 - mostly) * seen.present:
        told["values"] = tuple(sorted(known))
    return Promise(**told)


def _repeated(table: Any, key: tuple[str, ...]) -> int:
    return int(table.profile.rows - Table(table.expr.select(*key).distinct()).rows)


def hold(contract: Contract, case: Case) -> Iterator[Finding]:
    """Hold the current tables of a case to a contract; each promise that is broken is a finding.

    Missing values, types and repeated keys are counted in all rows, the rest in the sample.
    """
    alone = next(iter(contract.tables.values())) if len(contract.tables) == len(case.pairs) == 1 else None
    known = [(pair, contract.tables.get(pair.name, alone)) for pair in case.pairs]
    if not any(terms for _, terms in known):
        roles = choices(pair.name for pair in case.pairs)
        raise NotApplicable(f"the contract speaks of {choices(contract.tables)}, and the tables are {roles}.")
    for pair, terms in known:
        for kind, names, share, text in broken(terms, pair) if terms is not None else ():
            subject = f"data.{pair.name}" + (f".{names[0]}" if kind not in ("duplicate_rows", "truncation") else "")
            told = {"columns": list(names)} if len(names) != 1 else {"column": names[0]}
            facts = {**told, "share": share, "rows": round(share * pair.current.profile.rows)}
            yield Finding("", kind, subject, text, effect=share, evidence=facts)


def broken(terms: Terms, pair: Pair) -> Iterator[tuple[str, tuple[str, ...], float, str]]:
    """Yield the promises that the current table breaks: the kind, the columns, the share of rows, and a sentence."""
    table, role = pair.current, pair.name
    slack, seen, sample, rows = 1 - terms.mostly + 1e-9, table.profile.columns, table.sample, table.profile.rows
    if not rows:
        yield "truncation", (), 1.0, f"{role} has no rows."
        return
    for name, promise in terms.columns.items():
        for kind, share, text in _kept(promise, seen.get(name), sample.get(name), role):
            if share > slack + (promise.missing if kind == "missing_values" else 0.0):
                yield kind, (name,), share, f"{name} {text}."
    if terms.key and set(terms.key) <= set(seen) and (share := _repeated(table, terms.key) / rows):
        text = f"{', '.join(terms.key)} of {role} repeats in {percent(share)} of the rows."
        yield "duplicate_rows", terms.key, share, text
    for rule in (rule_of(rule, sample) for rule in terms.rules if rows > 1 and set(rule[1:]) <= set(sample)):
        if (share := float(rule.broken(sample).mean())) > slack:
            text = f"{rule.text} is broken in {percent(share)} of the rows of {role}."
            yield "broken_relation", rule.columns, share, text


def _kept(promise: Promise, seen: Any, values: Any, role: str) -> Iterator[tuple[str, float, str]]:
    """Yield each kind of promise of a column with the share of rows that break it, and how that reads."""
    if seen is None:
        yield "schema_change", 1.0, f"is gone from {role}"
        return
    share, most = seen.missing / seen.rows, percent(promise.missing)
    yield "missing_values", share, f"of {role} is missing in {percent(share)} of the rows, where {most} may be"
    if promise.type not in (None, seen.kind):
        yield "type_change", float(seen.present > 0), f"of {role} is a {seen.kind}, and no {promise.type}"
        return
    if seen.kind == "number":
        low = -math.inf if promise.min is None else promise.min
        high = math.inf if promise.max is None else promise.max
        outside = float(((values < low) | (values > high)).mean())
        text = f"of {role} is outside {low:,.6g} to {high:,.6g} in {percent(outside)} of the rows"
        yield "range_violation", outside, text
    if promise.values and values is not None:
        other = float((values.notna() & ~values.isin(promise.values)).mean())
        text = f"of {role} has other values than {listed(promise.values)} in {percent(other)} of the rows"
        yield "new_category", other, text


def to_pandera(terms: Terms) -> Any:
    """Return a pandera schema of a table's columns; its ``to_yaml`` and ``to_script`` write it.

    Rules and the tolerance are left out: pandera holds every row to every promise. It must be installed.
    """
    try:
        import pandera.pandas as pa
    except ImportError:
        raise ConfigError("pandera is not installed: pip install 'rca[pandera]'.") from None
    columns = {}
    for name, promise in terms.columns.items():
        # truth values are read as text, which pandera does not do
        checks = [pa.Check.isin(list(promise.values))] if {*promise.values} - {"true", "false"} else []
        checks += [pa.Check.ge(promise.min)] if promise.min is not None else []
        checks += [pa.Check.le(promise.max)] if promise.max is not None else []
        columns[name] = pa.Column(None, checks, nullable=promise.missing > 0)
    return pa.DataFrameSchema(columns, unique=list(terms.key) or None)
