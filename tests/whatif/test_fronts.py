"""Fronts and sensitivities by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamo_plan.report.charts.names import Effect
from dynamo_plan.schema.sweep import Change, Outcome
from dynamo_plan.whatif.fronts import AIMS, COST, ENERGY, SLACK, pareto_front, sensitivities


def outcome(
    energy: float, cost: float, change: Change | None = None, status: str = "optimal", slack: float = 0.1
) -> Outcome:
    return Outcome(
        f"{energy}-{cost}-{slack}",
        change or {},
        status,
        energy_kwh=energy,
        cost_usd=cost,
        carbon_kg=energy,
        peak_gpus=8.0,
        slo_slack=slack,
    )


def test_a_run_that_another_beats_is_not_on_the_front() -> None:
    cheap, lean, beaten = outcome(3.0, 1.0), outcome(1.0, 3.0), outcome(3.0, 2.0)
    assert pareto_front([beaten, cheap, lean], (ENERGY, COST)) == [cheap, lean]


def test_more_slack_is_better() -> None:
    tight, easy = outcome(1.0, 1.0, slack=0.0), outcome(1.0, 1.0, slack=0.5)
    assert pareto_front([tight, easy], (ENERGY, SLACK)) == [easy]


def test_equal_runs_are_both_on_the_front() -> None:
    assert len(pareto_front([outcome(1.0, 1.0), outcome(1.0, 1.0)])) == 2


@pytest.mark.parametrize("status", ["infeasible", "failed"])
def test_what_breaks_a_promise_is_not_compared(status: str) -> None:
    good, broken = outcome(5.0, 5.0), outcome(1.0, 1.0, {"pue": 1.0}, status)
    assert pareto_front([good, broken]) == [good]
    assert sensitivities([good, broken], {}, ENERGY) == []


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=20))
def test_fronts_are_complete_and_free_of_the_beaten(pairs: list[tuple[int, int]]) -> None:
    runs = [outcome(float(x), float(y)) for x, y in pairs]
    front = pareto_front(runs)
    for run in runs:
        beaten = any(
            all(aim.of(other) <= aim.of(run) for aim in AIMS) and any(aim.of(other) < aim.of(run) for aim in AIMS)
            for other in runs
        )
        assert (run in front) is not beaten


def test_main_effects_of_a_grid() -> None:
    # Energy 10 a + b over a in {1, 2}, b in {3, 7}: mean 20; a moves it by 5 either way, b by 2.
    grid = {"a": [1, 2], "b": [3, 7]}
    runs = [outcome(10.0 * a + b, 1.0, {"a": a, "b": b}) for a in (1, 2) for b in (3, 7)]
    effects = sensitivities([outcome(100.0, 1.0), *runs], grid, ENERGY)
    assert effects == [Effect("a", 95.0, 105.0, "1", "2"), Effect("b", 98.0, 102.0, "3", "7")]


def test_cases_are_compared_with_the_base() -> None:
    runs = [
        outcome(100.0, 1.0),
        outcome(90.0, 1.0, {"slo_scale": 2.0}),
        outcome(50.0, 1.0, {"slo_scale": 2.0, "pue": 1}),
    ]
    assert sensitivities(runs, {}, ENERGY) == [Effect("slo_scale", 90.0, 100.0, "2.0", "as is")]


def test_without_a_plan_for_the_base_nothing_is_said() -> None:
    runs = [replace(outcome(100.0, 1.0), status="failed"), outcome(90.0, 1.0, {"pue": 1.0})]
    assert sensitivities(runs, {}, ENERGY) == []
