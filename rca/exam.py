"""Both models on both exams: the grid on which every intervention is scored."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rca.metrics import Metric, Scored, answers
from rca.stats import Estimate, Floats
from rca.types import Exam, Model, Roles

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

#: The samples: rows of one share noise, rows of two do not.
REFERENCE, CURRENT = "reference", "current"


class Grid:
    """Scores models on exams and remembers what it scored.

    Parameters
    ----------
    metric : Metric
    models : tuple of Model
        The reference's and the current one.
    exams : tuple of Exam
        Likewise.
    roles : Roles
    """

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

    def make_room(self, tables: Mapping[int, pd.DataFrame] | list[pd.DataFrame]) -> None:
        """Let the current sample hold the rows that repairs bring back."""
        frames = tables.values() if isinstance(tables, dict) else tables
        top = max((int(frame.index.max()) + 1 for frame in frames if len(frame)), default=0)
        self.sizes[CURRENT] = max(self.sizes[CURRENT], top)

    def corner(self, model: int, exam: str) -> Estimate:
        """Return the metric of one of the two models on one of the two exams."""
        return self.value(self.models[model], self.tables[exam], exam)

    def both_exams(self, model: Model) -> Estimate:
        """Return the worth of a model: its metric, averaged over both exams."""
        tables = self.tables
        return (self.value(model, tables[REFERENCE], REFERENCE) + self.value(model, tables[CURRENT], CURRENT)) * 0.5

    def both_models(self, table: pd.DataFrame) -> Estimate:
        """Return the worth of a current exam: the metric on it, averaged over both models."""
        return (self.value(self.models[0], table, CURRENT) + self.value(self.models[1], table, CURRENT)) * 0.5

    def spread(self, estimate: Estimate, rows: Mapping[str, np.ndarray]) -> Estimate:  # type: ignore[type-arg]  # rows are integers
        """Return an estimate on some rows as one on all rows of the samples."""
        influence: dict[str, Floats] = {}
        for sample, pull in estimate.influence.items():
            full = np.zeros(self.sizes[sample])
            np.add.at(full, rows[sample], pull)
            influence[sample] = full
        return Estimate(estimate.value, influence)
