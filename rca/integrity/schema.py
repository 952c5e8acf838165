"""RCA100, RCA108 and RCA120, whether files are as recorded, and columns still there, of one type and computed alike."""

from collections.abc import Iterator
from typing import Any
import numpy as np
import pandas as pd
from rca.errors import NotApplicable
from rca.integrity._common import FEWEST, Mask, beside, filled, locate, noise, report, rows
from rca.integrity._law import joint
from rca.integrity.clock import entity_of
from rca.registry import check
from rca.types import Artifact, Case, Finding, Pair, Version

_WORDS = {"number": "numbers", "category": "text", "time": "times", "other": "another type"}


@check("RCA100", "a file is not what was recorded")
def corrupt_artifact(case: Case) -> Iterator[Finding]:
    """Find files whose bytes do not have the hash that the version recorded.

    Every output, source and file of a folder that DVC keeps is hashed where the local cache has it, whether or
    not it plays a role; what is absent there is no finding.

    One finding for each side and role (``model``, ``data.train``, ...) or other path (``data.`` and the path).

    Examples
    --------
    A model file was cut off; the training table is as it was recorded.

    >>> cut = Artifact("models/model.skops", "9f3c1a", None, "it has 10 of 2,000 bytes", corrupt=True)
    >>> whole = Artifact("data/train.parquet", "77aa01", "train.parquet")
    >>> version = Version("HEAD", "1f2e", artifacts={"model": cut, "data.train": whole})
    >>> [(f.subject, f.text) for f in corrupt_artifact(Case((), Roles(), current=version))]
    [('model', 'models/model.skops of the current version is not the file that was recorded (hash 9f3c1a): \
it has 10 of 2,000 bytes.')]
    """
    sides = {"reference": case.reference, "current": case.current}
    versions = {side: version for side, version in sides.items() if version is not None and version.artifacts}
    if not versions:
        raise NotApplicable("the case is two tables: there are no recorded files to verify.")
    known: dict[str, bool | None] = {}
    for side, version in versions.items():
        roles = {artifact.path: role for role, artifact in version.artifacts.items()}
        for artifact, members in _corrupt(version, known):
            detail = f": {artifact.problem.rstrip('.')}" if artifact.problem else ""
            listed = {"members": members[:10], "damaged": len(members)} if members else {}
            kept = "what" if members else "the file that"
            text = f"{artifact.path} of the {side} version is not {kept} was recorded (hash {artifact.md5}){detail}."
            subject = roles.get(artifact.path, f"data.{artifact.path}")
            facts = {"path": artifact.path, "md5": artifact.md5, "side": side, "rev": version.rev, **listed}
            yield Finding("RCA100", "corrupt_artifact", subject, text, evidence=facts)
    usable = any(a.file or a.corrupt for version in versions.values() for a in version.artifacts.values())
    if not usable and not any(found is not None for found in known.values()):
        raise NotApplicable(f"none of the {len(known):,} recorded files is in the local cache: run 'dvc fetch'.")


def _corrupt(version: Version, known: dict[str, bool | None]) -> Iterator[tuple[Artifact, list[str]]]:
    """Yield what is not as recorded, and which files of it where it is a folder; each object is hashed once."""
    roles = {artifact.path: artifact for artifact in version.artifacts.values()}
    yield from ((artifact, []) for artifact in roles.values() if artifact.corrupt)
    if version.snapshot is None:
        return

    def broken(md5: str | None) -> bool:
        if md5 and md5 not in known:
            known[md5] = version.snapshot.sound(md5)
        return bool(md5) and known[str(md5)] is False

    how = "in the DVC cache, which 'dvc status' does not see: remove them there, then 'dvc fetch' or 'dvc repro'"
    plain = {path: md5 for path, md5 in version.snapshot.recorded.items() if path not in roles}
    for path, md5 in {**{path: a.md5 for path, a in roles.items() if not a.corrupt}, **plain}.items():
        inside = {p: m for p, m in version.snapshot.members(path).items() if p not in roles}
        members = sorted(p for p, m in inside.items() if broken(m))
        problem = f"{len(members):,} of its {len(inside):,} files have other bytes" if members else "its bytes changed"
        if members or broken(md5):
            yield Artifact(path, md5, None, f"{problem} {how}", corrupt=True), members


@check("RCA108", "a column is gone or changed its type", alone=True)
def schema_change(case: Case) -> Iterator[Finding]:
    """Find columns that disappeared, or whose values are of another family (number, text, time).

    Findings are of kind ``schema_change`` (`renamed` tells the new name of the values) or ``type_change``; facts,
    without p-value. Where the tables of a pair play different roles, only features are expected on both sides.

    Examples
    --------
    >>> whole = pd.DataFrame({"age": range(500), "zip": range(500, 1000)})
    >>> texts(schema_change, whole, whole.drop(columns="age").astype(str))
    ['age is gone from train.', 'zip of train holds text (string), numbers (int64) in the reference.']
    >>> texts(schema_change, whole, whole.rename(columns={"age": "years"})), texts(schema_change, whole, whole)
    (['age is called years in train.'], [])
    """
    roles = case.roles
    for pair in filled(case):
        before, after, renamed = pair.reference.profile.columns, pair.current.profile.columns, _renamed(pair, case)
        for name, reference in before.items():
            current = after.get(name)
            facts: dict[str, Any] = {"column": name, "from": reference.type, "to": None, "rows": reference.rows}
            others = (roles.target, roles.prediction, *roles.key)
            expected = pair.same_role or (name in roles.features if roles.features else name not in others)
            if current is None and expected:
                kind, text = "schema_change", f"{name} is gone from {pair.name}."
                if name in renamed:
                    text, facts["renamed"] = f"{name} is called {renamed[name]} in {pair.name}.", renamed[name]
            # a column without any value has whatever type the file format gives it
            elif current and reference.present and current.present and reference.kind != current.kind:
                kind, words = "type_change", [f"{_WORDS[side.kind]} ({side.type})" for side in (current, reference)]
                text = f"{name} of {pair.name} holds {', '.join(words)} in the reference."
                facts |= {"to": current.type, "rows": current.present}
            else:
                continue
            yield Finding("RCA108", kind, f"data.{pair.name}.{name}", text, effect=1.0, evidence=facts)


def _renamed(pair: Pair, case: Case) -> dict[str, str]:
    before, after = pair.reference.profile.columns, pair.current.profile.columns
    lost, fresh = ([n for n in one if n not in other] for one, other in ((before, after), (after, before)))
    if not lost or not fresh or min(rows(pair)) < FEWEST:
        return {}
    law, found = joint(pair, case)[0], []
    for old, new in ((o, n) for o in lost for n in fresh if o in law.names and before[o].kind == after[n].kind):
        gap = law.cuts[old].cells(pair.current.sample[new]).mean(axis=0) - law.seen.shares[law.place[old]]
        found += [(old, new)] if np.abs(np.cumsum(gap)).max() <= noise(*rows(pair)) else []
    names = [name for one in found for name in one]
    return {old: new for old, new in found if names.count(old) == names.count(new) == 1}


@check("RCA120", "production computes a feature otherwise than training")
def train_serve_skew(case: Case, *, floor: float = 0.02) -> Iterator[Finding]:
    """Compare rows of production with the same rows of train or evaluate, joined on the key, cell by cell.

    The effect is the share of the joined rows that differ, where most columns do not.

    Examples
    --------
    >>> train = pd.DataFrame({"id": range(500), "age": 20.25 + np.arange(500) % 50, "city": ["A", "B"] * 250})
    >>> texts(train_serve_skew, train, train.assign(age=train["age"].round()), names=["production"], key=("id",))
    ['age differs from train in 100 % of the 500 rows that production shares with it: rounded.']
    """
    pairs: list[Any] = [pair for pair in filled(case) if not pair.same_role]
    roles, joined = case.roles, False
    for pair in pairs:
        known: dict[str, Any] = dict(case.current.tables) if case.current is not None else {}
        sides = {role: known[role] for role in ("train", "evaluate") if role in known} or {"train": pair.reference}
        timed = entity_of(pair.current, roles) and roles.time
        key = tuple(dict.fromkeys([*roles.key, roles.time])) if timed else roles.key
        done = {*key, roles.target, roles.prediction, roles.time}
        for role, other in sides.items():
            if (both := beside(other, pair.current, key)) is None:
                continue
            joined, frame = True, both[1]
            for name, (hit, how) in _different(*both, [str(name) for name in frame if name not in done], floor).items():
                done.add(name)
                facts: dict[str, Any] = {"rows": len(frame), "against": role, "key": list(key)}
                facts["where"] = locate(frame, hit, case, name)
                text = "{column} differs from {against} in {share} of the {rows:,} rows that {table} shares with it"
                text = f"{text}{{where}}: {how.pop('text')}."
                yield from report(pair, name, case, hit, "train_serve_skew", text, floor, **facts, **how)
    if not joined:
        raise NotApplicable("there is no production table with a key that train or evaluate shares.")


def _numbers(values: pd.Series) -> pd.Series:
    """Return a column as numbers, also where they or truth values are written as text; words stay words."""
    if values.dtype.kind == "f":
        return values
    words = values.astype("object").map(str, na_action="ignore")
    numbers = pd.to_numeric(words.str.lower().replace({"true": "1", "false": "0"}), errors="coerce")
    return numbers.astype(float) if numbers.notna().sum() == words.notna().sum() else words


def _different(before: pd.DataFrame, now: pd.DataFrame, names: list[str], floor: float) -> dict[str, Any]:
    """Return the columns in which the same rows differ, unless most do: then the key names other rows."""
    found = {}
    for name in (n for n in names if now[n].dtype.kind != "M"):
        old, new = _numbers(before[name]), _numbers(now[name])
        if old.dtype.kind == new.dtype.kind == "f":
            same = np.isclose(new, old, rtol=1e-6, atol=0.0, equal_nan=True)
        else:
            old, new = (side.astype("object").map(str, na_action="ignore") for side in (before[name], now[name]))
            same = ((old == new) | (old.isna() & new.isna())).to_numpy(dtype=bool)
        found[name] = old, new, ~same
    if np.median([0.0, *(hit.mean() for _, _, hit in found.values())]) > floor:
        return {}
    return {name: (hit, _how(old, new, hit)) for name, (old, new, hit) in found.items() if hit.mean() > floor}


def _how(old: pd.Series, new: pd.Series, hit: Mask) -> dict[str, Any]:
    """Say how the cells of a column differ, as a sentence and for a repair."""
    gone = new[hit & old.isna() & new.notna()].value_counts()
    if len(gone) and gone.iloc[0] > 0.9 * hit.sum():
        return {"how": "null_fill", "value": gone.index[0], "text": "missing values are {value}"}
    if old.dtype.kind == new.dtype.kind == "f":
        for decimals in range(-3, 7):
            size = 10.0**decimals
            for word, change in (("rounded", np.round), ("cut off", np.trunc)):
                if np.isclose(new, change(old * size) / size, equal_nan=True, atol=1e-12).mean() > 0.98:
                    return {"how": "rounded", "decimals": decimals, "text": word}
        ratio = (new / old)[hit & (old != 0) & np.isfinite(new) & np.isfinite(old)]
        factor = float(ratio.median())
        if factor and np.isclose(ratio, factor, rtol=1e-4).mean() > 0.95:
            return {"how": "scaled", "factor": factor, "text": "times {factor:.6g}"}
    return {"how": "other", "text": "other values"}
