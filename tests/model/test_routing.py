"""Rows and lines of routed pools."""

from __future__ import annotations

import numpy as np
import pulp
import pytest
from numpy.typing import NDArray

from dynamo_plan.model.constraints import routing
from dynamo_plan.model.routing import power_line, reserve_modes
from dynamo_plan.problem import RoutedMode, RoutedPool
from dynamo_plan.profile.curve import OperatingCurve, mix_curves
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.profile import Provenance
from dynamo_plan.solve.highs import SolveStatus, run

CONCAVE = np.array([100.0, 180.0, 200.0])
CONVEX = np.array([100.0, 110.0, 200.0])


def curve(capacity: float, power: NDArray[np.float64], clock: float = 1000.0) -> OperatingCurve:
    return OperatingCurve(clock, np.array([0.0, 0.5, 1.0]) * capacity, power, Provenance.MEASURED)


def mode(*curves: OperatingCurve | None, derate: float = 0.0, kind: int = 0, clock: float = 1000.0) -> RoutedMode:
    return RoutedMode(kind, clock, derate, curves)


def test_a_line_through_idle_and_the_end_lies_under_a_concave_curve() -> None:
    idle, slope = power_line(mode(curve(2.0, CONCAVE)), above=False)
    assert (idle, slope.tolist()) == (100.0, [100.0])
    idle, slope = power_line(mode(curve(2.0, CONCAVE)), above=True)
    assert (idle, slope.tolist()) == (100.0, [160.0])  # through the point at half load


def test_it_touches_a_convex_curve_where_that_bends() -> None:
    assert power_line(mode(curve(2.0, CONVEX)), above=False)[1].tolist() == [20.0]
    assert power_line(mode(curve(2.0, CONVEX)), above=True)[1].tolist() == [100.0]


def test_only_loads_within_the_derate_count() -> None:
    """At a derate of 0.25 the curve ends at 0.75 of the capacity, at 190 W."""
    assert power_line(mode(curve(2.0, CONCAVE), derate=0.25), above=False)[1].tolist() == [pytest.approx(120.0)]


def test_a_bucket_that_cannot_be_served_has_no_part_in_it() -> None:
    idle, slope = power_line(mode(None, curve(1.0, CONCAVE)), above=False)
    assert (idle, slope.tolist()) == (100.0, [0.0, 100.0])


@pytest.mark.parametrize("seed", range(20))
def test_no_mix_at_no_load_is_on_the_wrong_side(seed: int) -> None:
    rng = np.random.default_rng(seed)
    derate = float(rng.choice([0.0, 0.3]))
    curves = []
    for _ in range(3):
        rates = np.concatenate([[0.0], np.sort(rng.uniform(0.1, 0.9, 4)), rng.uniform(1.0, 3.0, 1)])
        power = rng.uniform(50, 400, rates.size)
        rises = rng.random() < 0.7
        curves.append(OperatingCurve(1000.0, rates, np.sort(power) if rises else power, Provenance.MEASURED))
    lines = {above: power_line(mode(*curves, derate=derate), above=above) for above in (False, True)}
    capacity = np.array([c.capacity_rps for c in curves])
    for shares in rng.dirichlet(np.ones(3), size=20):
        mixed = mix_curves(curves, shares[None, :], derate)[0]
        for load in np.linspace(0.0, 1.0, 30):
            rate = load * mixed.capacity_rps
            filled = rate * shares / capacity
            drawn = float(mixed.power_at(rate))
            assert lines[False][0] + lines[False][1] @ filled <= drawn + 1e-9
            assert lines[True][0] + lines[True][1] @ filled >= drawn - 1e-9


def pool(*modes: RoutedMode) -> RoutedPool:
    kinds = tuple(Kind(f"gpu-{k}", 1, 1, "bf16") for k in range(1 + max(one.kind for one in modes)))
    rates = np.ones((1, len(modes[0].curves)))
    return RoutedPool("m/AA", "m", "s", ("AA", "BA"), kinds, modes, rates, rates, 0, np.full(len(kinds), 9))


def test_the_reserve_needs_only_clocks_that_no_other_matches() -> None:
    slow, fast = mode(curve(1.0, CONVEX), curve(1.0, CONVEX)), mode(curve(2.0, CONVEX), curve(1.0, CONVEX))
    odd = mode(curve(0.5, CONVEX), curve(3.0, CONVEX))
    other_kind = mode(curve(0.1, CONVEX), curve(0.1, CONVEX), kind=1)
    assert reserve_modes(pool(slow, fast, odd, other_kind)) == [fast, odd, other_kind]


def test_of_equal_clocks_one_is_kept() -> None:
    first, second = (mode(curve(1.0, CONVEX), None, clock=clock) for clock in (1000.0, 1500.0))
    assert reserve_modes(pool(first, second)) == [first]


def test_a_derate_counts_against_a_clock() -> None:
    full = mode(curve(1.0, CONVEX), curve(1.0, CONVEX))
    derated = mode(curve(1.2, CONVEX), curve(1.2, CONVEX), derate=0.5)
    assert reserve_modes(pool(derated, full)) == [full]


def test_rows_make_shares_whole_and_hold_the_capacity() -> None:
    """Load 3 and 1 on instances that hold 2 or 1: 3/2 + 1/1 = 2.5 instances, 0.9 of each usable, so three."""
    one = mode(curve(2.0, CONVEX), curve(1.0, CONVEX), derate=0.1)
    prob = pulp.LpProblem("rows", pulp.LpMinimize)
    instances = prob.add_variable("instances", lowBound=0, cat="Integer")
    shares = routing.add_shares(prob, [one], np.array([3.0, 1.0]), "x")
    used = [(shares[0, 0], 3.0 / 2.0), (shares[1, 0], 1.0)]
    routing.add_capacity(prob, one, used, [instances], "x_0")
    prob.setObjective(pulp.lpSum_vars([instances]))
    outcome = run(prob)
    assert outcome.status is SolveStatus.OPTIMAL
    assert outcome.objective == pytest.approx(3.0)
    assert {row.name for row in prob.constraints()} == {
        "routing_x_bucket_0",
        "routing_x_bucket_1",
        "routing_x_0_capacity",
    }


def test_a_bucket_without_load_has_no_share() -> None:
    one = mode(curve(2.0, CONVEX), curve(1.0, CONVEX))
    prob = pulp.LpProblem("rows", pulp.LpMinimize)
    assert set(routing.add_shares(prob, [one], np.array([0.0, 1.0]), "x")) == {(1, 0)}
