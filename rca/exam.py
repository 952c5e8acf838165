"""Both models on both exams: the grid on which every intervention is scored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rca.metrics import Metric, Scored, answers
from rca.stats import Estimate, scatter, total
from rca.types import Exam, Model, Roles

#: The samples: rows of one share noise, rows of two do not.
REFERENCE, CURRENT = "reference", "current"


class Grid:
    """Scores models on exams, the reference's and the current one of each, and remembers what it scored."""

    def __init__(self, metric: Metric, models: tuple[Model, Model], exams: tuple[Exam, Exam], roles: Roles) -> None:
        self.metric = metric
        self.models = models
        self.roles = roles
        self.tables = {REFERENCE: exams[0].table, CURRENT: exams[1].table}
        self.sizes = {name: len(table) for name, table in self.tables.items()}
        self._scored: dict[tuple[int, int], tuple[Scored, Model, pd.DataFrame]] = {}

    def scored(self, model: Model, table: pd.DataFrame, sample: str) -> Scored:
        """Return a model's answers on a table that is, row by row, (a repair of) an exam."""
        key = (id(model), id(table))
        if key not in self._scored:
            found = answers(self.metric, model, table, str(self.roles.target), self.roles.positive, sample)
            # The objects are kept beside the answers, so that their ids stay theirs.
            self._scored[key] = (found, model, table)
        found = self._scored[key][0]
        return replace(found, size=max(self.sizes[sample], found.size))

    def value(self, model: Model, table: pd.DataFrame, sample: str) -> Estimate:
        """Return the metric of a model on a table."""
        return self.metric.estimate(self.scored(model, table, sample))

    def make_room(self, tables: Iterable[pd.DataFrame]) -> None:
        """Let the current sample hold the rows that repairs bring back."""
        top = max((int(table.index.max()) + 1 for table in tables if len(table)), default=0)
        self.sizes[CURRENT] = max(self.sizes[CURRENT], top)

    def corner(self, model: int, exam: str) -> Estimate:
        """Return the metric of one of the two models on one of the two exams."""
        return self.value(self.models[model], self.tables[exam], exam)

    def both_exams(self, model: Model) -> Estimate:
        """Return the worth of a model: its metric, averaged over both exams."""
        return total(self.value(model, table, sample) for sample, table in self.tables.items()) * 0.5

    def current(self, table: pd.DataFrame) -> Estimate:
        """Return the metric of the current model on (a repair of) the current exam."""
        return self.value(self.models[1], table, CURRENT)

    def on(self, table: pd.DataFrame) -> Grid:
        """Return the same grid with a repair of the current exam in its place."""
        other = copy(self)
        other.tables = {**self.tables, CURRENT: table}
        return other

    def spread(self, estimate: Estimate, rows: Mapping[str, NDArray[np.int64]]) -> Estimate:
        """Return an estimate on some rows as one on all rows of the samples."""
        pulls = estimate.influence.items()
        return Estimate(estimate.value, {name: scatter(p, rows[name], self.sizes[name]) for name, p in pulls})
