"""A contract: what a table promises, learned from a good one, written as YAML, held against any other.

What is learned must hold in the other half of the same data as well, so it is learned on each half of the sample
and what the other half breaks is dropped; then it must hold in every row that there is. A contract is held in the
engine, in two queries a table.
"""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
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

    import pandas as pd

CODE = "RCA190"
#: More levels than this are no closed list.
LEVELS = 50
#: Relations of one sort that a contract names at most, the most telling first.
MOST = 40
#: Rows of the sample in which relations are looked for, before they are held against all rows.
_ROWS = 2000
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
        lists = {s: tuple(c for c in getattr(self, s) if (s, c) not in broken) for s in _SORTS}
        return self.model_copy(update={"columns": columns, **lists})


_SORTS = ("unique", "ordered", "sums", "determines")
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
    told = contract.model_dump(by_alias=True, exclude_none=True, exclude_defaults=True)
    told = {"schema": contract.form, "tables": {name: _short(terms) for name, terms in told["tables"].items()}}
    text = yaml.safe_dump(plain(told), sort_keys=False, default_flow_style=None, width=110, allow_unicode=True)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text("# What these tables promise; change what is too strict, or too loose.\n" + text, "utf-8")


def _short(terms: dict[str, Any]) -> dict[str, Any]:
    return {name: terms[name] for name in ("mostly", "columns", *_SORTS) if terms.get(name)}


def suggest(case: Case) -> Contract:
    """Learn what the reference tables of a case promise.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> draw = np.random.default_rng(0)
    >>> net = draw.lognormal(3, 1, 2000)
    >>> whole = pd.DataFrame({"net": net, "gross": net * draw.uniform(1, 1.2, 2000), "city": ["A", "B"] * 1000})
    >>> from rca.types import Roles
    >>> pair = Pair("train", open_table(whole), open_table(whole.assign(city="C", gross=net / 2)))
    >>> contract = suggest(Case((pair,), Roles()))
    >>> contract.tables["train"].ordered
    (('net', 'gross'),)
    >>> sorted((f.kind, f.text) for f in hold(contract, Case((pair,), Roles())))
    [('broken_relation', 'net <= gross is broken in all rows of train.'), \
('new_category', "city of train has other values than 'A', 'B' in all rows.")]
    """
    return Contract(tables={pair.name: _suggest(pair, case) for pair in case.pairs})


def _suggest(pair: Pair, case: Case) -> Terms:
    table, roles = pair.reference, case.roles
    expected = set(table.columns)
    if not pair.same_role:
        expected -= {roles.target or "", roles.prediction or "", *roles.key} - set(roles.features)
    opened = open_table(table)
    terms = _learn(opened, expected, roles.key)
    # a bit of the row's hash that did not choose the sample
    side = (opened.hashes * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(63)).astype(bool)
    if min(side.sum(), (~side).sum()) > 1:
        halves = [open_table(opened.sample[mask]) for mask in (side, ~side)]
        for one, other in (halves, halves[::-1]):
            terms = terms.without(set(broken(_learn(one, expected, roles.key), other)))
    return terms.without(set(broken(terms, opened)))


def _learn(table: Table, expected: set[str], key: tuple[str, ...]) -> Terms:
    rows = max(table.rows, 1)
    mostly = round(1 - max(0.001, 5 / rows), 4) if rows > 10 else 0.5
    names = sorted(expected & set(table.columns))
    unique = [tuple(key)] if key and set(key) <= set(names) else [(n,) for n in names if _names_rows(table, n)][:3]
    named = {name for columns in unique for name in columns}
    columns = {name: _column(table, name, bounded=name not in named, mostly=mostly) for name in names}
    sample = table.sample[[n for n in names if n in table.sample.columns and n not in named]]
    return Terms(
        mostly=mostly,
        columns=columns,
        unique=tuple(unique),
        ordered=_ordered(sample),
        sums=_sums(sample),
        determines=_determines(sample),
    )


def _names_rows(table: Table, name: str) -> bool:
    """Say whether a column never repeats a value, though by chance it would."""
    values = table.sample.get(name)
    if values is None or len(values) < 100 or values.dtype.kind == "M" or not values.is_unique or values.hasnans:
        return False
    if values.dtype.kind != "f":
        return True
    return bool((values % 1 == 0).all() and len(values) ** 2 > 20 * (values.max() - values.min()))


def _column(table: Table, name: str, *, bounded: bool, mostly: float) -> Column:
    seen = table.profile.columns[name]
    if not seen.present:
        return Column()
    rate = seen.missing / seen.rows
    most = min(rate + 4 * math.sqrt(rate * (1 - rate) / seen.rows), 1.0)
    told: dict[str, Any] = {"type": seen.kind, "missing": math.ceil(1e4 * most) / 1e4}
    if bounded and seen.quantiles:
        reach = 2 / max(math.log(seen.present / 20), 1.0)
        whole = bool((table.sample[name].dropna() % 1 == 0).all())
        ends = [(seen.min, -1, seen.at(0.05)), (seen.max, 1, seen.at(0.95))]
        told["min"], told["max"] = (_margin(end, side, reach * abs(end - inner), whole) for end, side, inner in ends)
    once = sum(n == 1 for n in seen.top.values())
    if seen.kind == "category" and len(seen.top) <= LEVELS and once <= (1 - mostly) * seen.present:
        told["values"] = tuple(sorted(seen.top))
    return Column(**told)


def _margin(end: float, side: int, margin: float, whole: bool) -> float:
    """Move an extreme outwards, to a number that reads well."""
    if not margin:
        return end
    if whole:
        return float(end + side * math.ceil(margin))
    digits = 1 - math.floor(math.log10(margin))
    scale = 10.0 ** min(max(digits, -300), 300)
    moved = (math.ceil if side > 0 else math.floor)((end + side * margin) * scale)
    return moved / scale


def _numbers(sample: pd.DataFrame) -> tuple[list[str], Any]:
    """Return the numeric columns that vary, and some rows of them."""
    names = [n for n in sample.columns if sample[n].dtype.kind == "f" and sample[n].nunique() > 2]
    return names, sample[names].iloc[:_ROWS].to_numpy(dtype=float).reshape(-1, len(names))


def _ordered(sample: pd.DataFrame) -> tuple[tuple[str, str], ...]:
    """Find the pairs of columns of which one is never larger, where chance would have it so."""
    names, cells = _numbers(sample)
    found = {}
    sorted_cells = np.sort(cells, axis=0)
    for i, name in enumerate(names):
        both = ~np.isnan(cells) & ~np.isnan(cells[:, [i]])
        if not both[:, i].any():
            continue
        kept = ((cells[:, [i]] <= cells) | ~both).all(axis=0) & (both.sum(axis=0) >= 100)
        for j in np.flatnonzero(kept):
            # if the two had nothing to do with each other, this share of rows would break it
            where = np.searchsorted(sorted_cells[:, j], cells[both[:, i], i], "left") / max(both[:, j].sum(), 1)
            if i != j and float(np.minimum(where, 1).mean()) >= 0.05 and _differ(cells[:, i], cells[:, j]):
                found[name, names[j]] = float(where.mean())
    through = {(a, c) for a, b in found for b2, c in found if b == b2}
    return _best({pair: score for pair, score in found.items() if pair not in through})


def _differ(one: Any, other: Any) -> bool:
    return bool(np.mean(one != other) >= 0.05)


def _sums(sample: pd.DataFrame) -> tuple[tuple[str, str, str], ...]:
    """Find columns that are the sum of two others, by a random projection of a few whole rows."""
    names, cells = _numbers(sample)
    cells = cells[np.argsort(np.isnan(cells).sum(axis=1), kind="stable")][:200]
    use = np.isfinite(cells).all(axis=0) & (np.mean(cells != 0, axis=0) >= 0.05) if len(cells) >= 50 else []
    names = [name for name, used in zip(names, use, strict=False) if used]
    if len(names) < 3:
        return ()
    cells = cells[:, np.flatnonzero(use)]
    drawn = np.random.default_rng(0).uniform(0.5, 1.5, len(cells))
    sizes, order = drawn @ cells, np.argsort(drawn @ cells, kind="stable")
    slack = 1e-7 * (drawn @ np.abs(cells))
    found = {}
    for i in range(len(names)):
        total = sizes[i] + sizes[i + 1 :]
        near = np.searchsorted(sizes[order], total - slack[i] - slack[i + 1 :])
        for step in range(3):
            place = order[np.minimum(near + step, len(order) - 1)]
            for j in np.flatnonzero(np.abs(sizes[place] - total) <= slack[place] + slack[i]) + i + 1:
                k = int(place[j - i - 1])
                off = np.abs(cells[:, k] - cells[:, i] - cells[:, j])
                if k not in (i, j) and (off <= 1e-6 * np.abs(cells[:, [i, j, k]]).sum(axis=1)).all():
                    found[names[k], names[i], names[j]] = float(np.mean(cells[:, i] != 0))
    return _best(found)


def _determines(sample: pd.DataFrame) -> tuple[tuple[str, str], ...]:
    """Find columns whose value tells that of another, in rows that are not alone with it."""
    some = sample.iloc[:_ROWS]
    coded = {n: some[n].astype("object").factorize(sort=False)[0] for n in some if some[n].dtype.kind != "M"}
    names = [n for n, codes in coded.items() if 2 <= codes.max(initial=-1) + 1 <= max(len(codes) // 2, 2)]
    if len(names) < 2:
        return ()
    codes = np.column_stack([coded[n] for n in names])
    variety = np.array([1 - np.square(np.bincount(c[c >= 0]) / max((c >= 0).sum(), 1)).sum() for c in codes.T])
    found = {}
    for i, name in enumerate(names):
        turned = codes[np.argsort(codes[:, i], kind="stable")]
        alike = (turned[1:, i] == turned[:-1, i]) & (turned[1:, i] >= 0)
        known = alike[:, None] & (turned[1:] >= 0) & (turned[:-1] >= 0)
        kept = ((turned[1:] == turned[:-1]) | ~known).all(axis=0)
        # so many neighbours would differ by chance
        support = known.sum(axis=0) * variety
        for j in np.flatnonzero(kept & (support >= np.maximum(30, 0.05 * len(codes)))):
            if i != j:
                found[name, names[j]] = float(support[j])
    return _best(found, each=2)


def _best(found: dict[Any, float], each: int = 8) -> tuple[Any, ...]:
    """Return the most telling relations, and of one column no more than a few."""
    kept: list[Any] = []
    for relation in sorted(found, key=lambda r: (-round(found[r], 6), r)):
        if len(kept) < MOST and sum(k[-1] == relation[-1] for k in kept) < each:
            kept.append(relation)
    return tuple(sorted(kept))


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
    asked += [(promise, rule) for promise, rule in _relations(terms, expr, kinds)]
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
        parts.append(groups.aggregate(which=ibis.literal(len(parts)).max(), bad=bad))
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
        checks = [pa.Check.ge(column.min)] * (column.min is not None) + [pa.Check.le(column.max)] * (
            column.max is not None
        )
        checks += [pa.Check.isin(list(column.values))] if column.values else []
        columns[name] = pa.Column(None, checks, nullable=column.missing != 0)
    return pa.DataFrameSchema(columns, unique=list(terms.unique[0]) if terms.unique else None)
