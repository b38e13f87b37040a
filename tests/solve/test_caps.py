"""What is said about caps that cannot be held, and that the problem with these caps raised has a plan."""

from __future__ import annotations

import numpy as np
import pytest

from dynamo_plan.planner import plan_scenario
from dynamo_plan.problem import Problem
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import PlanStatus, Violation
from dynamo_plan.schema.scenario import GpuSpec
from dynamo_plan.solve.caps import mended
from dynamo_plan.solve.states import StateSpace
from tests.model.paper import TP1, line, pool, problem
from tests.profile.paper_table import cell, profile_table
from tests.solve.enumeration import optimum
from tests.solve.invented import inputs_of, service

PLAIN = {TP1: (line(1000.0, 1.0, 100.0, 200.0),)}
"""One clock: 100 W idle and 100 W per request/s up to 1."""

HOUR_S = 3600


def mend(of: Problem) -> tuple[Problem, tuple[Violation, ...]]:
    return mended(of, [StateSpace(one, of.windows.hours) for one in of.pools])


def test_caps_that_can_be_held_stay_as_they_are() -> None:
    of = problem(pool([1.0, 2.0], curves=PLAIN), gpus={"h100": GpuSpec(count=2, per_server=1)}, power_cap_kw=0.4)
    found, violations = mend(of)
    assert violations == ()
    assert found.sites[0].stock["h100"].tolist() == [2.0, 2.0]
    assert found.sites[0].power_cap_kw.tolist() == [0.4, 0.4]


def test_too_small_a_stock() -> None:
    """2, 3 and 4 instances are needed; there are 2 GPUs."""
    of = problem(pool([2.0, 3.0, 4.0], curves=PLAIN), gpus={"h100": GpuSpec(count=2, per_server=1)})
    found, (violation,) = mend(of)
    assert (violation.windows, violation.shortfall, violation.unit) == ((1, 2), (1.0, 2.0), "GPUs")
    assert found.sites[0].stock["h100"].tolist() == [2.0, 3.0, 4.0]
    assert np.isfinite(optimum(found))


def test_too_small_a_power_cap() -> None:
    """200, 400, 400 W at PUE 1.5 against 0.45 kW."""
    of = problem(pool([1.0, 2.0, 2.0], curves=PLAIN), pue=1.5, power_cap_kw=0.45)
    found, (violation,) = mend(of)
    assert violation.windows == (1, 2)
    assert violation.shortfall == pytest.approx((0.15, 0.15))
    assert found.sites[0].power_cap_kw == pytest.approx([0.45, 0.6, 0.6])
    assert np.isfinite(optimum(found))


def test_a_cap_is_raised_enough_for_the_starts_it_needs() -> None:
    """Two instances are needed in window 1 (300 W) and too many for the cap in window 0, so one must start: 50 Wh more."""
    of = problem(
        pool([1.0, 1.0], reserve_rps=[1.0, 2.0], curves=PLAIN),
        power_cap_kw=0.25,
        window_s=HOUR_S,
        instance_start_wh=50.0,
    )
    found, violations = mend(of)
    assert [violation.constraint for violation in violations] == ["power_cap"]
    assert np.isfinite(optimum(found))


def test_starts_count_where_every_window_alone_would_hold_the_cap() -> None:
    """Alone, window 0 takes one instance (200 W), window 1 two (250 W); under 0.26 kW there is no way from one to the other."""
    of = problem(
        pool([1.0, 0.5], reserve_rps=[1.0, 2.0], curves=PLAIN),
        power_cap_kw=0.26,
        window_s=HOUR_S,
        instance_start_wh=50.0,
    )
    assert optimum(of) == np.inf
    found, violations = mend(of)
    assert violations != ()
    assert np.isfinite(optimum(found))


@pytest.mark.parametrize("released_server_w", [0.0, 10.0])
def test_a_plan_beyond_the_stock_owns_up_and_verifies(released_server_w: float) -> None:
    rows = cell(Kind("h100", 1, 1, "bf16"), 1000.0, [(0.0, 0.0, 100.0), (0.5, 10.0, 150.0), (1.0, 10.0, 200.0)])
    short = inputs_of(
        [service(profile_table(rows), [[2.0], [3.0]])], count=2, per_server=1, released_server_w=released_server_w
    )
    run = plan_scenario(short)
    assert run.plan.status is PlanStatus.INFEASIBLE
    assert [(v.constraint, v.windows, v.shortfall) for v in run.plan.violations] == [("gpu_stock", (1,), (1.0,))]
    assert run.findings == ()
    assert "the smallest count of h100 that serves every window is 3" in run.diagnosis[0]
