"""Groups of input columns: checked, completed, and few enough for exact Shapley values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rca.errors import ConfigError, choices
from rca.inputs.encode import Features
from rca.inputs.nuisance import Folds
from rca.stats import Floats

OTHER = "other"
MOST = 6  # groups whose coalitions, 2^6 of them, are all estimated


def complete(
    groups: Mapping[str, Sequence[str]], reference: Sequence[str], current: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Check the groups against the columns that both sides have; columns in none form the group ``other``."""
    common = [name for name in reference if name in set(current)]
    if not common:
        raise ConfigError("the two sides share no input column: give tables with the same columns.")
    owner: dict[str, str] = {}
    for group, columns in groups.items():
        for name in columns:
            if name not in common:
                raise ConfigError(
                    f"the group '{group}' names the column '{name}', which is no input of both sides: "
                    f"they share {choices(common)}."
                )
            if name in owner:
                raise ConfigError(
                    f"the column '{name}' is named by the group '{owner[name]}' and again by '{group}': name it once."
                )
            owner[name] = group
    found = {group: tuple(columns) for group, columns in groups.items() if columns}
    rest = tuple(name for name in common if name not in owner)
    return {**found, OTHER: (*found.get(OTHER, ()), *rest)} if rest else found


def keep_largest(
    parts: Mapping[str, Sequence[str]], data: Features, values: Floats, folds: Folds
) -> dict[str, tuple[str, ...]]:
    """Return at most six groups: those whose shift matters most to a linear model, and the rest as ``other``."""
    if len(parts) <= MOST:
        return {name: tuple(columns) for name, columns in parts.items()}
    from sklearn.linear_model import Ridge

    effect = {}
    for name in sorted(set(parts) - {OTHER}):
        inputs = data.pick(parts[name]).linear(np.arange(len(folds.fold)))
        answers = Ridge(alpha=1.0).fit(inputs[~folds.current], values).predict(inputs)
        effect[name] = abs(float(np.mean(answers[folds.current]) - np.mean(answers[~folds.current])))
    kept = sorted(effect, key=lambda name: -effect[name])[: MOST - 1]
    rest = [column for name, columns in parts.items() if name not in kept for column in columns]
    return {**{name: tuple(parts[name]) for name in parts if name in kept}, OTHER: tuple(sorted(rest))}
