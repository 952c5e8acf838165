"""A made-up investigation with every feature: the examples and the tests of the views show it."""

from __future__ import annotations

from dataclasses import replace
from rca.types import Cause, Finding, Gap, Investigation, Outcome, Rejected, Remainder, Side

_ATTRIBUTE = "rca attribute --reference v1 --current v2"


def investigation() -> Investigation:
    """Return an investigation in which a broken feed is the cause; the numbers are invented.

    Examples
    --------
    >>> found = investigation()
    >>> terms = [cause.contribution for cause in found.causes if cause.within is None]
    >>> round(sum(terms) + found.unexplained.contribution - found.gap.difference, 9)
    0.0
    """
    return Investigation(
        system="term-deposit",
        summary="A broken feed explains 94 % of the loss: euribor3m is 100 times too large since 2009-06-03. "
        "The new model is not the cause.",
        verdict="cause_found",
        severity=2,
        reference=Side("v1", "0f3a9d1c52", "data/features/evaluate.parquet"),
        current=Side("v2", "b81e6470aa", "data/production.parquet"),
        gap=Gap("log_loss", 0.231, 0.412, 0.181, 0.169, 0.194, 4119, 6204, 0.011),
        causes=_causes(),
        ruled_out=(
            Rejected("evolution", "code_change", "code.pipeline/train.py", "formatting only: the outputs are equal"),
            Rejected(
                "inputs", "label_shift", "inputs.target", "reweighting by class leaves the gap", 0.001, -0.002, 0.004
            ),
        ),
        not_testable=(
            Rejected("integrity", "label_noise", "data.train.y", "no key joins both sides", findings=("F4",)),
        ),
        unexplained=Remainder(0.0015, -0.004, 0.007),
        outcomes=(
            Outcome("RCA104", "unit or scale changed", "found", None, 0.41, ("F1", "F3")),
            Outcome("RCA201", "parameters changed", "found", None, 0.02, ("F2",)),
            Outcome("RCA118", "label noise", "found", None, 1.32, ("F4",)),
            Outcome("RCA101", "missing values", "clear", None, 0.12),
            Outcome("RCA309", "events at change points", "not_applicable", "no events file is named in rca.yaml", 0.0),
            Outcome("RCA112", "join fan-out", "failed", "MemoryError: the key has 9 million pairs", 12.5),
        ),
        findings=_findings(),
        provenance={
            "rca": "0.1.0",
            "seed": 0,
            "started": "2026-11-23T04:40:06Z",
            "seconds": 41.7,
            "locks": {"v1": "9b2e61", "v2": "c07d15"},
        },
    )


def checked() -> Investigation:
    """Return what ``rca check`` gives: findings and outcomes, no gap and no causes.

    Examples
    --------
    >>> checked().gap is None, checked().causes
    (True, ())
    """
    return replace(
        investigation(),
        summary="3 checks found something: first data.production.euribor3m, whose unit changed.",
        verdict="inconclusive",
        severity=None,
        gap=None,
        causes=(),
        ruled_out=(),
        not_testable=(),
        unexplained=None,
    )


def _causes() -> tuple[Cause, ...]:
    return (
        Cause(
            "integrity",
            "unit_change",
            "data.production.euribor3m",
            0.171,
            0.160,
            0.183,
            "confirmed",
            "euribor3m is 100 times too large in all 6,204 rows since 2009-06-03",
            rank=1,
            share=0.945,
            counterfactual="with the column divided by 100, log_loss is 0.241",
            reproduce=f"{_ATTRIBUTE} --repair data.production.euribor3m",
            findings=("F1",),
            mitigations=("divide data.production.euribor3m by 100", "ask the source api:rates for the unit"),
        ),
        Cause(
            "evolution",
            "training_data",
            "data.train",
            0.0105,
            0.006,
            0.015,
            "likely",
            "the training data changed",
            rank=2,
            stage="features",
            findings=("F3",),
            reproduce="rca replay v1 v2 --repeats 5",
        ),
        Cause(
            "integrity",
            "missing_values",
            "data.train.campaign",
            0.008,
            0.003,
            0.013,
            "likely",
            "campaign is empty in 12 % of the rows",
            rank=3,
            within=2,
            stage="features",
            findings=("F3",),
        ),
        Cause(
            "inputs",
            "covariate_shift",
            "inputs.behaviour",
            -0.004,
            -0.007,
            -0.001,
            "possible",
            "customers are called less often",
            rank=4,
        ),
        Cause(
            "evolution",
            "hyperparameter",
            "params.train.max_depth",
            0.002,
            -0.001,
            0.005,
            "possible",
            "max_depth: 6 became 8",
            rank=5,
            stage="train",
            findings=("F2",),
        ),
    )


def _findings() -> tuple[Finding, ...]:
    return (
        Finding(
            "RCA104",
            "unit_change",
            "data.production.euribor3m",
            "the ratio of the quantiles is 100 in every row after 2009-06-03",
            effect=100.0,
            low=99.2,
            high=100.9,
            p_value=1e-12,
            evidence={
                "rows": 6204,
                "since": "2009-06-03",
                "quantiles": [{"p": 0.05, "v1": 0.63, "v2": 63.0}, {"p": 0.95, "v1": 4.96, "v2": 496.0}],
            },
            id="F1",
        ),
        Finding("RCA201", "hyperparameter", "params.train.max_depth", "max_depth: 6 became 8", "train", id="F2"),
        Finding(
            "RCA101",
            "missing_values",
            "data.train.campaign",
            "12 % of the rows are empty, none were",
            "features",
            0.12,
            0.11,
            0.13,
            0.0004,
            {"by month": {"2009-05": 0.0, "2009-06": 0.24}},
            id="F3",
        ),
        Finding("RCA118", "label_noise", "data.train.y", "3 % of the labels disagree with their neighbours", id="F4"),
    )
