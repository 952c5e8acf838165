"""A contract: what tables promise, as YAML, held against others in the engine, in two queries a table."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rca.engine import fetch, finite, kind_of, missing
from rca.errors import ConfigError, NotApplicable, choices
from rca.integrity._common import listed, percent
from rca.profiles import Kind  # noqa: TC001  pydantic reads the annotation
from rca.tables import Table, open_table
from rca.types import Case, Finding, Pair, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

CODE = "RCA190"
#: What is broken: the sort of promise, and the columns it is about.
Promise = tuple[str, tuple[str, ...]]


class Column(BaseModel):
    """What one column promises; what is left out is not promised."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Kind | None = None
    missing: float | None = Field(default=None, ge=0, le=1)
    """The share of rows without a value, at most."""
    min: float | None = None
    max: float | None = None
    values: tuple[str, ...] | None = None


class Terms(BaseModel):
    """What one table promises."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mostly: float = Field(default=0.999, gt=0, le=1)
    """The share of rows that must keep each promise."""
    columns: dict[str, Column] = Field(default_factory=dict)
    unique: tuple[tuple[str, ...], ...] = ()
    """Columns that together name a row."""
    ordered: tuple[tuple[str, str], ...] = ()
    """The first is at most the second."""
    sums: tuple[tuple[str, str, str], ...] = ()
    """The first is the sum of the others."""
    determines: tuple[tuple[str, str], ...] = ()
    """Rows with the same value of the first have the same value of the second."""

    def without(self, broken: set[Promise]) -> Terms:
        """Return the terms less some promises."""
        fields = {"type": ("type",), "missing": ("missing",), "values": ("values",), "range": ("min", "max")}
        columns = {}
        for name, column in self.columns.items():
            gone = [f for sort, names in fields.items() if (sort, (name,)) in broken for f in names]
            columns[name] = column.model_copy(update=dict.fromkeys(gone))
        lists = {s: tuple(c for c in getattr(self, s) if (s, c) not in broken) for s in SORTS}
        return self.model_copy(update={"columns": columns, **lists})


SORTS = ("unique", "ordered", "sums", "determines")
_KINDS = {
    "column": "schema_change",
    "type": "type_change",
    "missing": "missing_values",
    "range": "range_violation",
    "values": "new_category",
    "unique": "duplicate_rows",
}


class Contract(BaseModel):
    """What the tables of a system promise, by role."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    form: Literal["rca/contract/1"] = Field(default="rca/contract/1", alias="schema")
    tables: dict[str, Terms]


def read(path: str | Path) -> Contract:
    """Read a contract.

    Raises
    ------
    ConfigError
        If it is not there or not valid; each problem is named.
    """
    try:
        return Contract.model_validate(yaml.safe_load(Path(path).read_text(encoding="utf-8")))
    except ValidationError as problem:
        parts = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in problem.errors()[:5]]
        raise ConfigError(f"{path} is no valid contract: {'; '.join(parts)}; correct these lines.") from None
    except (OSError, ValueError, yaml.YAMLError) as problem:
        detail = " ".join(str(problem).split())
        raise ConfigError(f"{path} cannot be read ({detail}): rca check --suggest writes a contract.") from None


def write(contract: Contract, path: str | Path) -> None:
    """Write a contract as YAML that a person can read and change."""
    told = contract.model_dump(exclude_none=True, exclude_defaults=True)["tables"]
    order = ("mostly", "columns", *SORTS)
    tables = {name: {part: terms[part] for part in order if terms.get(part)} for name, terms in told.items()}
    content = plain({"schema": contract.form, "tables": tables})
    text = yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=110, allow_unicode=True)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text("# What these tables promise; change what is too strict, or too loose.\n" + text, "utf-8")


def broken(terms: Terms, table: Table) -> dict[Promise, int]:
    """Return the promises that a table breaks, and in how many rows."""
    expr, rows = table.expr, table.rows
    kinds = {name: kind_of(dtype) for name, dtype in expr.schema().items()}
    present = {name: column for name, column in terms.columns.items() if name in kinds}
    found: dict[Promise, int] = {("column", (n,)): rows for n in terms.columns if n not in kinds}
    asked: list[tuple[Promise, Any]] = []
    for name, column in present.items():
        asked.append((("missing", (name,)), missing(expr[name])))
        if column.type in (None, kinds[name]):
            asked += _values(expr, name, column)
    asked += _relations(terms, expr, kinds)
    measures = {f"m{i}": rule.sum() for i, (_, rule) in enumerate(asked)}
    told = fetch(expr.aggregate(**measures)).to_pylist()[0] if measures and rows else {}
    counts = {promise: int(told.get(f"m{i}") or 0) for i, (promise, _) in enumerate(asked)} | _grouped(terms, expr)
    for name, column in present.items():
        if column.type not in (None, kinds[name]) and counts.get(("missing", (name,)), rows) < rows:
            found["type", (name,)] = rows
    slack = (1 - terms.mostly) * rows * (1 + 1e-9)
    for promise, count in counts.items():
        allowed = slack
        if promise[0] == "missing":
            share = present[promise[1][0]].missing
            allowed = rows if share is None else share * rows + slack
        if count > allowed:
            found[promise] = count
    return found


def _values(expr: Any, name: str, column: Column) -> Iterator[tuple[Promise, Any]]:
    value = expr[name]
    if column.type == "number" and (column.min is not None or column.max is not None):
        low, high = column.min, column.max
        number = value.cast("float64")
        outside = [number < low] * (low is not None) + [number > high] * (high is not None)
        yield ("range", (name,)), functools.reduce(lambda a, b: a | b, outside) & ~missing(value)
    if column.values is not None:
        yield ("values", (name,)), value.notnull() & ~value.cast("string").isin(column.values)


def _relations(terms: Terms, expr: Any, kinds: dict[str, Kind]) -> Iterator[tuple[Promise, Any]]:
    for pair in terms.ordered:
        if {kinds.get(name) for name in pair} == {"number"}:
            one, other = (finite(expr[name]) for name in pair)
            yield ("ordered", pair), one > other
    for triple in terms.sums:
        if {kinds.get(name) for name in triple} == {"number"}:
            total, one, other = (finite(expr[name]) for name in triple)
            size = total.abs() + one.abs() + other.abs()
            yield ("sums", triple), (total - one - other).abs() > 1e-6 * size


def _grouped(terms: Terms, expr: Any) -> dict[Promise, int]:
    """Count the rows that break what is promised of groups of rows, in one query."""
    import ibis

    parts: list[Any] = []
    promises: list[Promise] = []
    for sort, columns in [("unique", c) for c in terms.unique] + [("determines", c) for c in terms.determines]:
        if not set(columns) <= set(expr.columns):
            continue
        promises.append((sort, columns))
        cells = {f"c{i}": expr[name] for i, name in enumerate(columns)}
        known = expr.select(**cells).filter([~missing(expr[name]) for name in columns])
        groups = known.group_by(list(cells)).aggregate(n=known.count())
        if sort == "determines":
            groups = groups.group_by("c0").aggregate(rows=groups["n"].sum(), most=groups["n"].max())
            bad = (groups["rows"] - groups["most"]).sum()
        else:
            bad = (groups["n"] - 1).sum()
        parts.append(groups.aggregate(bad=bad).mutate(which=len(parts)))
    told = fetch(ibis.union(*parts) if len(parts) > 1 else parts[0]).to_pylist() if parts else []
    return {promises[item["which"]]: int(item["bad"] or 0) for item in told}


def hold(contract: Contract, case: Case) -> Iterator[Finding]:
    """Hold the current tables of a case to a contract; each promise that is broken is a finding.

    Raises
    ------
    NotApplicable
        If the contract speaks of none of the tables.
    """
    alone = len(contract.tables) == len(case.pairs) == 1
    known = [(p, next(iter(contract.tables.values())) if alone else contract.tables.get(p.name)) for p in case.pairs]
    if not any(terms for _, terms in known):
        roles = choices(pair.name for pair in case.pairs)
        raise NotApplicable(f"the contract speaks of {choices(contract.tables)}, and the tables are {roles}.")
    for pair, terms in known:
        if terms is not None:
            table = open_table(pair.current)
            for (sort, columns), count in broken(terms, table).items():
                yield _finding(pair, terms, sort, columns, count, table.rows)


def _finding(pair: Pair, terms: Terms, sort: str, columns: tuple[str, ...], count: int, rows: int) -> Finding:
    share = count / max(rows, 1)
    where = f"in {percent(share)} of the rows" if count < rows else "in all rows"
    name, of = columns[0], terms.columns.get(columns[0], Column())
    text = {
        "column": f"{name} is gone from {pair.name}",
        "type": f"{name} of {pair.name} is no longer of type {of.type}",
        "missing": f"{name} of {pair.name} is missing {where}, where {percent(of.missing or 0)} are allowed",
        "range": f"{name} of {pair.name} is outside {_number(of.min)} to {_number(of.max)} {where}",
        "values": f"{name} of {pair.name} has other values than {listed(of.values or ())} {where}",
        "unique": f"{', '.join(columns)} of {pair.name} repeats {where}",
        "ordered": f"{' <= '.join(columns)} is broken {where} of {pair.name}",
        "sums": f"{name} = {' + '.join(columns[1:])} is broken {where} of {pair.name}",
        "determines": f"that {' determines '.join(columns)} is broken {where} of {pair.name}",
    }[sort]
    kind, last = _KINDS.get(sort, "broken_relation"), columns[-1]
    subject = f"data.{pair.name}" if sort == "unique" else f"data.{pair.name}.{last}"
    evidence = {"columns": list(columns)} if len(columns) > 1 else {"column": name}
    return Finding(CODE, kind, subject, f"{text}.", effect=share, evidence={**evidence, "rows": count, "share": share})


def _number(value: float | None) -> str:
    return "…" if value is None else f"{value:,.6g}"


def to_pandera(contract: Contract, role: str) -> Any:
    """Return a pandera schema of one table's columns; its ``to_yaml`` and ``to_script`` write it.

    Relations of columns and the tolerance are left out: pandera holds every row to every promise.

    Raises
    ------
    ConfigError
        If pandera is not installed, or the contract does not speak of the table.
    """
    try:
        import pandera.pandas as pa
    except ImportError:
        raise ConfigError("pandera is not installed: pip install 'rca[pandera]'.") from None
    if role not in contract.tables:
        raise ConfigError(f"the contract has no table '{role}': it has {choices(contract.tables)}.")
    terms, columns = contract.tables[role], {}
    for name, column in terms.columns.items():
        checks = [pa.Check.isin(list(column.values))] if column.values else []
        checks += [pa.Check.ge(column.min)] if column.min is not None else []
        checks += [pa.Check.le(column.max)] if column.max is not None else []
        columns[name] = pa.Column(None, checks, nullable=column.missing != 0)
    return pa.DataFrameSchema(columns, unique=list(terms.unique[0]) if terms.unique else None)
