"""Caps that cannot be held are raised just enough that there is a plan; what the plan breaks is stated."""

from __future__ import annotations

import numpy as np
import pytest

from dynamo_plan.planner import plan_scenario
from dynamo_plan.problem import Problem
from dynamo_plan.profile.curve import OperatingCurve
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import PlanStatus
from dynamo_plan.schema.scenario import GpuSpec
from dynamo_plan.solve.caps import relaxed, violations
from dynamo_plan.solve.ledger import ledger
from dynamo_plan.solve.states import StateSpace
from tests.model.paper import TP1, amounts, line, pool, problem
from tests.profile.paper_table import cell, profile_table
from tests.solve.enumeration import optimum
from tests.solve.invented import inputs_of, service

PLAIN: dict[Kind, tuple[OperatingCurve, ...]] = {TP1: (line(1000.0, 1.0, 100.0, 200.0),)}
"""One clock: 100 W idle and 100 W per request/s up to 1."""

HOUR_S = 3600


def relax(of: Problem, *, with_starts: bool = False) -> Problem:
    return relaxed(of, [StateSpace(one, of.windows.hours) for one in of.pools], with_starts=with_starts).problem


def test_caps_that_can_be_held_stay_as_they_are() -> None:
    of = problem(pool([1.0, 2.0], curves=PLAIN), gpus={"h100": GpuSpec(count=2, per_server=1)}, power_cap_kw=0.4)
    found = relax(of)
    assert found.sites[0].stock["h100"].tolist() == [2.0, 2.0]
    assert found.sites[0].power_cap_kw.tolist() == [0.4, 0.4]


def test_too_small_a_stock_is_raised_just_enough() -> None:
    """2, 3 and 4 instances are needed; there are 2 GPUs."""
    of = problem(pool([2.0, 3.0, 4.0], curves=PLAIN), gpus={"h100": GpuSpec(count=2, per_server=1)})
    found = relax(of)
    assert found.sites[0].stock["h100"].tolist() == [2.0, 3.0, 4.0]
    assert np.isfinite(optimum(found))
    assert of.sites[0].stock["h100"].tolist() == [2.0, 2.0, 2.0]


def test_too_small_a_power_cap_is_raised_just_enough() -> None:
    """200, 400, 400 W at PUE 1.5 against 0.45 kW."""
    of = problem(pool([1.0, 2.0, 2.0], curves=PLAIN), pue=1.5, power_cap_kw=0.45)
    found = relax(of)
    assert found.sites[0].power_cap_kw == pytest.approx([0.45, 0.6, 0.6])
    assert np.isfinite(optimum(found))


@pytest.mark.parametrize(("rates", "cap_kw"), [([1.0, 1.0], 0.25), ([1.0, 0.5], 0.26)])
def test_starts_need_room_under_the_cap(rates: list[float], cap_kw: float) -> None:
    """One instance in window 0 (two would break the cap), two in window 1 (300 or 250 W), so one must start: 50 Wh more.

    Under 0.25 kW window 1 breaks the cap by itself; under 0.26 kW each window would hold it alone, but not both in a row.
    """
    of = problem(
        pool(rates, reserve_rps=[1.0, 2.0], curves=PLAIN), power_cap_kw=cap_kw, window_s=HOUR_S, instance_start_wh=50.0
    )
    assert optimum(of) == np.inf
    assert optimum(relax(of)) == np.inf
    assert np.isfinite(optimum(relax(of, with_starts=True)))


def test_what_a_plan_breaks_by_hand() -> None:
    """Stock 4, cap 5 kW; 6, 4 and 7 GPUs; facility energy of 2, 2.5 and 2.75 kWh in half an hour."""
    of = problem(pool([1.0] * 3), gpus={"h100": GpuSpec(count=4, per_server=4)}, power_cap_kw=5.0)
    use = amounts(of, gpus_in_use=[6, 4, 7], instance_energy_kwh=[2.0, 2.5, 2.75])
    stock, cap = violations(of, use, ledger(of, use))
    assert (stock.constraint, stock.where, stock.unit) == ("gpu_stock", "hall/h100", "GPUs")
    assert (stock.windows, stock.shortfall) == ((0, 2), (2.0, 3.0))
    assert stock.mend == "with count: 8 for h100 every window can be served"
    assert (cap.constraint, cap.where, cap.unit) == ("power_cap", "hall", "kW")
    assert cap.windows == (2,)
    assert cap.shortfall == pytest.approx((0.5,))
    assert cap.mend.startswith("with power_cap_kw: 5.5000")


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
    assert "with count: 3 for h100 every window can be served" in run.diagnosis[0]
