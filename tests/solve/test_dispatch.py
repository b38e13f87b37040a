"""How near the closed forms come to the best dispatch, and that power, groups and hull tell one story.

Measured (excess of power over the least possible): see the constants below, each a little above what was found.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dynamo_plan.assemble import assemble
from dynamo_plan.ingest import read_inputs
from dynamo_plan.problem import KindCurves, PoolProblem
from dynamo_plan.profile.curve import OperatingCurve
from dynamo_plan.schema.profile import Provenance
from dynamo_plan.solve.dispatch import Fleet, LoadGroup
from tests.model.paper import OLD, STRAIGHT, TP1, TP2
from tests.solve.exact_dispatch import exact_power, knapsack_power

RANDOM_MEAN_EXCESS, RANDOM_MAX_EXCESS = 5e-4, 0.10
"""Relative, random small fleets of smooth curves."""

SHIPPED_MEAN_EXCESS, SHIPPED_MAX_EXCESS = 1e-3, 0.10
"""Relative, two instances of the shipped profile."""

ROUNDING = 1e-9


def smooth_curve(rng: np.random.Generator, clock: float, scale: float) -> OperatingCurve:
    """Concave or convex power up to a capacity, both rising with the clock."""
    capacity = float(rng.uniform(0.8, 1.2)) * scale * (clock / 2000.0) ** 0.7
    level = np.linspace(0.0, 1.0, int(rng.integers(3, 9)))
    span = rng.uniform(150, 400) * (clock / 2000.0) ** 1.6
    power = scale * (rng.uniform(60, 120) + span * level ** rng.uniform(0.4, 1.8))
    return OperatingCurve(clock, capacity * level, power, Provenance.MODELLED)


def random_fleet(rng: np.random.Generator) -> tuple[Fleet, tuple[int, ...]]:
    """One to three kinds of one to four clocks, and a state of one to four instances."""
    kinds = []
    for kind, scale in zip((TP1, TP2, OLD)[: int(rng.integers(1, 4))], (1.0, 2.0, 0.6), strict=False):
        clocks = np.sort(rng.choice(np.arange(800.0, 2001.0, 100.0), int(rng.integers(1, 5)), replace=False))
        kinds.append(KindCurves(kind, tuple(smooth_curve(rng, clock, scale) for clock in clocks.tolist())))
    state = np.zeros(len(kinds), dtype=np.int64)
    while not 1 <= state.sum() <= 4:
        state = rng.integers(0, 4, len(kinds))
    return Fleet(tuple(kinds)), tuple(state.tolist())


def capacity(fleet: Fleet, state: tuple[int, ...]) -> float:
    return sum(n * own.capacity_rps for n, own in zip(state, fleet.envelopes, strict=True) if n and own is not None)


def dispatched(fleet: Fleet, state: tuple[int, ...], loads: np.ndarray) -> np.ndarray:
    return fleet.power(np.tile(np.array(state), (loads.size, 1)), loads)


def shipped_pools(root: Path) -> tuple[PoolProblem, ...]:
    """One pool per bucket on the shipped profile."""
    overrides = [("services.0.pools", "per-bucket")]
    return assemble(read_inputs(root / "examples/first-plan/scenario.yaml", overrides)).pools


def test_one_kind_by_hand() -> None:
    """80 + 100 r up to 1, 100 + 200 r up to 2. Three instances."""
    fleet = Fleet((KindCurves(TP1, STRAIGHT[TP1]),))
    state = (3,)
    # 2.5: all at the low clock. 3.5: two at 1 and the low clock, one at 1.5 and the high one.
    found = dispatched(fleet, state, np.array([0.0, 2.5, 3.0, 3.5, 6.0]))
    assert found == pytest.approx([240.0, 490.0, 540.0, 760.0, 1500.0], rel=ROUNDING)
    assert fleet.groups(np.array([[3], [0]]), np.array([3.5, 0.0])) == [
        [LoadGroup(0, 1, 1.5), LoadGroup(0, 2, 1.0)],
        [],
    ]
    assert dispatched(fleet, (0,), np.array([0.0, 1.0])).tolist() == [0.0, np.inf]


def test_two_kinds_by_hand() -> None:
    """TP1 low clock 100 W per request up to 1; TP2 200 W per request: TP1 is filled first."""
    fleet = Fleet((KindCurves(TP1, STRAIGHT[TP1]), KindCurves(TP2, STRAIGHT[TP2])))
    assert dispatched(fleet, (1, 1), np.array([0.5, 1.0, 3.0])) == pytest.approx([330.0, 380.0, 780.0], rel=ROUNDING)


def test_one_instance_above_the_vertex_beside_idle_ones() -> None:
    """Getting off idle costs 250 W, so 1.1 requests/s belong on one instance (600 W) beside an idle one (100 W)."""
    power = np.array([100.0, 350.0, 500.0, 700.0])
    curve = OperatingCurve(1400.0, np.array([0.0, 0.1, 1.0, 1.2]), power, Provenance.MEASURED)
    fleet = Fleet((KindCurves(TP1, (curve,)),))
    assert exact_power(fleet, (2,), np.array([1.1])) == pytest.approx([700.0])
    assert dispatched(fleet, (2,), np.array([1.1])) == pytest.approx([700.0])


def test_near_the_best_on_random_fleets_and_never_below_the_hull() -> None:
    excess = []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        fleet, state = random_fleet(rng)
        full = capacity(fleet, state)
        loads = np.append(rng.uniform(0.0, full, 7), full)
        least, ours = exact_power(fleet, state, loads), dispatched(fleet, state, loads)
        hull = fleet.hull_power(np.tile(np.array(state), (loads.size, 1)), loads)
        assert (hull <= least * (1 + ROUNDING)).all(), seed
        assert (least <= ours * (1 + ROUNDING)).all(), seed
        excess.append(ours / least - 1.0)
    found = np.concatenate(excess)
    print(f"dispatch, random fleets: mean excess {found.mean():.2e}, max {found.max():.2e}")
    assert found.mean() <= RANDOM_MEAN_EXCESS
    assert found.max() <= RANDOM_MAX_EXCESS


def test_near_the_best_on_the_shipped_profile(root: Path) -> None:
    rng = np.random.default_rng(0)
    excess = []
    for pool in shipped_pools(root):
        fleet = Fleet(pool.mixes[0])
        for state in [(2, 0, 0), (0, 2, 0), (0, 0, 2), (1, 1, 0), (0, 1, 1), (1, 0, 1)]:
            loads = rng.uniform(0.02, 1.0, 12) * capacity(fleet, state)
            excess.append(dispatched(fleet, state, loads) / exact_power(fleet, state, loads) - 1.0)
    found = np.concatenate(excess)
    print(f"dispatch, two instances of the shipped profile: mean excess {found.mean():.2e}, max {found.max():.2e}")
    assert found.min() >= -ROUNDING
    assert found.mean() <= SHIPPED_MEAN_EXCESS
    assert found.max() <= SHIPPED_MAX_EXCESS


def test_larger_fleets_are_near_a_fine_knapsack(root: Path) -> None:
    """The knapsack's own levels cost it up to 2 %, so only the far side is a limit."""
    rng = np.random.default_rng(1)
    excess = []
    for pool in shipped_pools(root):
        fleet = Fleet(pool.mixes[0])
        for state in rng.integers(0, 5, (6, len(pool.kinds))).tolist():
            if sum(state) > 2:
                load = float(rng.uniform(0.05, 0.98)) * capacity(fleet, tuple(state))
                best = knapsack_power(fleet, tuple(state), load, levels=300)
                excess.append(float(dispatched(fleet, tuple(state), np.array([load]))[0]) / best - 1.0)
    print(f"dispatch, 3 to 12 instances against a knapsack: mean {np.mean(excess):.2e}, max {np.max(excess):.2e}")
    assert len(excess) > 40
    assert np.mean(excess) <= 2 * SHIPPED_MEAN_EXCESS
    assert np.max(excess) <= SHIPPED_MAX_EXCESS


def test_groups_are_the_dispatch_that_was_costed() -> None:
    for seed in range(300):
        rng = np.random.default_rng(seed)
        fleet, state = random_fleet(rng)
        load = float(rng.choice([0.0, 1.0, rng.random(), rng.random()])) * capacity(fleet, state)
        (groups,) = fleet.groups(np.array([state]), np.array([load]))
        power, served, running = 0.0, 0.0, np.zeros(len(state), dtype=np.int64)
        for group in groups:
            curve = fleet.curve(group.kind, group.rate_rps)
            assert any(curve is own for own in fleet.kinds[group.kind].curves)
            assert -ROUNDING <= group.rate_rps <= curve.capacity_rps * (1 + ROUNDING)
            power += group.instances * float(curve.power_at(min(group.rate_rps, curve.capacity_rps)))
            served += group.instances * group.rate_rps
            running[group.kind] += group.instances
        assert running.tolist() == list(state), seed
        assert served == pytest.approx(load, rel=ROUNDING, abs=ROUNDING), seed
        assert power == pytest.approx(float(dispatched(fleet, state, np.array([load]))[0]), rel=ROUNDING), seed


def test_the_clock_of_a_load_is_the_cheapest_that_carries_it() -> None:
    fleet = Fleet((KindCurves(TP1, STRAIGHT[TP1]),))
    assert [fleet.curve(0, load).frequency_mhz for load in (0.0, 1.0, 1.0 + ROUNDING, 2.0)] == [
        1000.0,
        1000.0,
        2000.0,
        2000.0,
    ]


def test_a_state_of_no_instances_serves_nothing() -> None:
    fleet = Fleet((KindCurves(TP1, ()), KindCurves(TP2, STRAIGHT[TP2])))
    assert dispatched(fleet, (0, 1), np.array([2.0])) == pytest.approx([600.0])
    assert fleet.hull_power(np.array([[0, 1]]), np.array([5.0])).tolist() == [np.inf]
