"""The filter on the rows of "Towards Greener LLMs" (arXiv 2403.20306), and what it means for a plan."""

from __future__ import annotations

import numpy as np
import pytest

from dynamo_plan.planner import plan_scenario
from dynamo_plan.profile.curve import OperatingCurve
from dynamo_plan.profile.dominance import undominated, worth_running
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.profile import Provenance
from tests.profile.paper_table import cell, profile_table
from tests.solve.invented import inputs_of, service

GIGAHERTZ = (2.0, 1.6, 1.2)
TOKENS_PER_S = np.array([100.0, 99.0, 70.0])
JOULE_PER_TOKEN = np.array([10.0, 7.9, 8.5])
TOKENS_PER_REQUEST = 100.0


def test_a_low_clock_can_cost_more_energy_at_less_throughput() -> None:
    assert [GIGAHERTZ[index] for index in undominated(TOKENS_PER_S, JOULE_PER_TOKEN)] == [1.6, 2.0]


def test_of_equal_points_the_first_is_kept() -> None:
    assert undominated(np.array([5.0, 5.0, 5.0]), np.array([2.0, 1.0, 1.0])).tolist() == [1]


def test_kept_points_rise_in_both() -> None:
    rng = np.random.default_rng(3)
    throughput, energy = rng.uniform(1, 2, 200), rng.uniform(1, 2, 200)
    kept = undominated(throughput, energy)
    assert (np.diff(throughput[kept]) > 0).all()
    assert (np.diff(energy[kept]) > 0).all()
    for index in set(range(200)) - set(kept.tolist()):
        assert ((throughput[kept] >= throughput[index]) & (energy[kept] <= energy[index])).any()


@pytest.mark.parametrize(("rate_rps", "clock"), [(0.6, 1600.0), (0.9, 1600.0), (0.99, 1600.0), (1.0, 2000.0)])
def test_with_slack_in_load_the_plan_takes_the_middle_clock(rate_rps: float, clock: float) -> None:
    """Watts in proportion to load, so that every clock has its joules per token at any load."""
    kind = Kind("v100", 1, 1, "fp16")
    rows = []
    for gigahertz, tokens_per_s, joules in zip(GIGAHERTZ, TOKENS_PER_S, JOULE_PER_TOKEN, strict=True):
        top = float(tokens_per_s) / TOKENS_PER_REQUEST
        watts = joules * TOKENS_PER_REQUEST
        rows += cell(kind, 1000.0 * gigahertz, [(r, 10.0, watts * r) for r in (0.0, top / 2, top)])
    # One instance at most: a second could only help by lending the fleet slack that this test wants absent at rate 1.
    plan = plan_scenario(inputs_of([service(profile_table(rows), [[rate_rps]])], count=1, per_server=1)).plan
    assert [(group.frequency_mhz, group.instances) for group in plan.groups] == [(clock, 1)]
    assert plan.totals.energy_kwh == pytest.approx(rate_rps * (1.0 if clock == 2000.0 else 0.79), rel=1e-9)


def test_clocks_worth_running_by_hand() -> None:
    """Capacity 1, 2, 3 requests/s at 100, 150, 300 W: 100, 75, 100 J per request; the first serves less at more energy than the second."""
    curves = tuple(
        OperatingCurve(clock, np.array([0.0, capacity]), np.array([50.0, power]), Provenance.MEASURED)
        for clock, capacity, power in ((800.0, 1.0, 100.0), (1200.0, 2.0, 150.0), (1600.0, 3.0, 300.0))
    )
    assert [curve.frequency_mhz for curve in worth_running(curves)] == [1200.0, 1600.0]
