"""RCA115, whether the exam holds rows that the model was trained on."""

from collections.abc import Iterator, Sequence
from typing import Any

import ibis

from rca.errors import NotApplicable
from rca.integrity._common import ALPHA, filled, percent, rows
from rca.registry import check
from rca.stats import rate_change
from rca.types import Case, Finding

#: How the engine reads values, so that whole numbers and floats of one value are equal.
_AS = {"number": "float64", "category": "string", "time": "timestamp"}


@check("RCA115", "the exam holds training rows")
def train_test_overlap(case: Case, *, floor: float = 0.01) -> Iterator[Finding]:
    """Find exams of which more rows are in the training table than were before, by key or by all they say.

    Rows of few values, and clients that come back, are in both tables by nature: what counts is what goes beyond the
    reference, half as much again.

    The subject is the exam, the effect the rise of the share of its rows that training has seen.

    Examples
    --------
    >>> from rca.tables import open_table
    >>> from rca.types import Case, Pair, Roles
    >>> train, exam = (pd.DataFrame({"amount": [i + 0.5 for i in range(*ends)]}) for ends in ((0, 900), (900, 1200)))
    >>> tables = [open_table(side) for side in (train, train, exam, pd.concat([exam[30:], train[:30]]))]
    >>> pairs = Pair("train", *tables[:2]), Pair("evaluate", *tables[2:])
    >>> [finding.text for finding in train_test_overlap(Case(pairs, Roles()))]
    ['10 % of the rows of evaluate are in train as well, 0 % in the reference.']
    """
    pairs = filled(case)
    train = next((pair for pair in pairs if pair.name == "train"), None)
    if train is None or len(pairs) == 1:
        raise NotApplicable("a training table and an exam are needed, and there are not both.")
    key, roles = case.roles.key, {*case.roles.key, case.roles.prediction}
    grown = max(1.0, rows(train)[1] / rows(train)[0])
    for pair in (p for p in pairs if p is not train):
        tables = (train.current, pair.current, train.reference, pair.reference)
        common = sorted(set.intersection(*(set(t.sample.columns) for t in tables)))
        ways = [sorted(key)] if key and pair.same_role and set(key) <= set(common) else []
        first, last = rows(pair)
        for names in [*ways, [n for n in common if n not in roles]]:
            now = _shared(train.current, pair.current, names)
            if now <= floor * last:
                continue
            before = min(grown * _shared(train.reference, pair.reference, names) / first, 1.0)
            usual = min(1.5 * before, 1.0)
            rate = rate_change(round(usual * first), first, now, last, floor)
            if rate.difference > floor and rate.p_value <= ALPHA:
                text = f"{percent(now / last)} of the rows of {pair.name} are in {train.name} as well, "
                text += f"{percent(before / grown)} in the reference."
                facts = {"rows": now, "share": now / last, "by_key": names in ways, "table": train.name}
                subject, kind = f"data.{pair.name}", "train_test_overlap"
                yield Finding("", kind, subject, text, None, rate.difference, rate.low, rate.high, rate.p_value, facts)
                break


def _shared(train: Any, exam: Any, names: Sequence[str]) -> int:
    """Count the rows of an exam that the training table has as well."""
    if not names:
        return 0
    seen, asked = (
        t.expr.select(row=ibis.struct({f"c{i}": t.expr[n].cast(_AS[t.kinds[n]]) for i, n in enumerate(names)}).hash())
        for t in (train, exam)
    )
    return int(asked.semi_join(seen.distinct(), "row").count().execute())
