"""RCA118, whether a column lags behind the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rca.errors import NotApplicable
from rca.integrity._common import FEWEST, chance, damage, filled, iso, time_of
from rca.integrity._law import Seen, law_of, seen_of
from rca.integrity._series import codes, entity_of, joined, newest, ordered, pull, row_key
from rca.registry import check

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from rca.integrity._series import Rows
    from rca.stats import Floats
    from rca.types import Case, Finding, Pair

_LAGS = range(1, 31)
_FLOOR = 0.05
#: A lag and what it is counted in; for each row the one that holds its value, or -1.
Lag = tuple[int, str, "Rows"]


@check("RCA118", "a column lags behind the others")
def stale_column(case: Case) -> Iterator[Finding]:
    """Find columns whose values are those of earlier rows, of the series, of each entity or of earlier days.

    Yields
    ------
    Finding
        The effect is the share of rows that lag; shifted back by the lag they have the reference's relations to the
        other columns, or the reference's own values for their keys. A column that has neither cannot be judged.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from rca.tables import open_table
    >>> from rca.types import Case, Pair, Roles
    >>> x = np.random.default_rng(0).normal(size=2000)
    >>> whole = pd.DataFrame({"at": pd.date_range("2024", periods=2000, freq="h"), "load": x, "cost": x + 1})
    >>> def found(table):
    ...     case = Case((Pair("train", open_table(whole), open_table(table)),), Roles(time="at"))
    ...     return [f.text for f in stale_column(case) if f.evidence["column"] == "load"]
    >>> found(whole.assign(load=whole["load"].shift(3)))
    ['load is 3 rows late in 100 % of the rows of train.']
    >>> found(whole)
    []
    """
    pairs = [(pair, time) for pair in filled(case) if (time := time_of(pair, case)) is not None]
    if not pairs:
        raise NotApplicable("without a time column no row is before another.")
    for pair, time in pairs:
        for name, (lag, unit, _), onset, z in _lags(pair, case, time):
            sample, evidence = pair.current.sample, {"time": time, "onset": onset} if onset else {}
            hit = (sample[time] >= np.datetime64(onset)).to_numpy() if onset else np.ones(len(sample), dtype=bool)
            text = f"{name} is {lag} {unit if lag > 1 else unit[:-1]} late".replace("{", "{{").replace("}", "}}")
            yield from damage(
                *("RCA118", "stale_column", pair, name, hit, case),
                text=f"{text} in {{share}} of the rows of {{table}}{{where}}.",
                **{"floor": _FLOOR, "p_value": chance(z), "lag": lag, "unit": unit, "time": time},
                where=evidence | {"before": 1 - hit.mean(), "all_since": True} if onset else {},
                entity=entity_of(pair.current, case.roles) if unit == "rows of its key" else [],
            )


def _lags(pair: Pair, case: Case, time: str) -> Iterator[tuple[str, Lag, str | None, float]]:
    """Yield each column that lags, by what, since when, and how far that is beyond chance."""
    skip = (*case.roles.key, time)
    law, seen = law_of(pair.reference, skip), seen_of(pair.reference, pair.current, skip)
    recent = newest(pair.current, time)
    entity = entity_of(pair.current, case.roles)
    frame, groups = ordered(recent, time, entity)
    place = np.full(len(recent.sample), -1)
    place[frame.index] = np.arange(len(frame))
    both = joined(recent, pair.reference, row_key(pair.reference, case.roles))
    sight: Seen | None = None
    for name in sorted(set(frame.columns) & set(pair.reference.sample.columns) - set(skip)):
        values = frame[name]
        if both is not None and both[1][name].dtype == values.dtype:
            old = both[1][name].to_numpy()
            aligned = np.full(len(frame), np.nan, dtype=object)
            aligned[place[both[0]]] = old
            yield from _judge(name, _equal(values, aligned), frame, groups, time, 0.97, 0.02)
        elif name in law.names:
            relation = law.relation(name, seen)
            if relation.known and relation.slope < min(0.92, 1 - 2 * relation.error):
                sight = sight or Seen(law, frame.iloc[-20_000:])
                score = _agree(pull(law, name, sight), law.cuts[name].codes(values.iloc[-20_000:]))
                yield from _judge(name, score, frame[-20_000:], groups[-20_000:], time, 0.8, 0.2)
