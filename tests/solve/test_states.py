"""Pruning loses no state that a cheapest course may need: against the definition, spelled out over the whole box."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from dynamo_plan.assemble import assemble
from dynamo_plan.problem import PoolProblem
from dynamo_plan.solve.coupling import direct_prices
from dynamo_plan.solve.pricing import pool_prices
from dynamo_plan.solve.states import PoolPrices, StateSpace, detour_prices, undominated_states
from tests.model.paper import TP1, TP2, pool
from tests.solve.invented import random_case

ROUNDING = 1e-9


def random_prices(rng: np.random.Generator, of: PoolProblem) -> PoolPrices:
    """Prices of every sign: of energy mostly positive, of instances and starts now and then a gain."""
    shape = (of.mix.size, len(of.kinds))
    energy = rng.uniform(0.1, 2.0, shape[0]) * np.where(rng.random(shape[0]) < 0.15, -1.0, 1.0)
    instance = rng.uniform(0.0, 0.2, shape) * rng.choice([0.0, 1.0, -0.2], shape, p=[0.4, 0.4, 0.2])
    start = rng.uniform(0.0, 0.3, shape) * rng.choice([0.0, 1.0, -0.2], shape, p=[0.3, 0.6, 0.1])
    return PoolPrices(energy, instance, start)


def random_spaces(count: int, seed: int) -> list[tuple[StateSpace, PoolPrices]]:
    """State spaces of random pools, at their own direct prices and at random ones by turns."""
    found: list[tuple[StateSpace, PoolPrices]] = []
    while len(found) < count:
        problem = assemble(random_case(seed).inputs)
        for one in problem.pools:
            rng = np.random.default_rng((seed, len(found)))
            own = pool_prices(problem, one, direct_prices(problem))
            prices = own if len(found) % 2 else random_prices(rng, one)
            found.append((StateSpace(one, problem.windows.hours), prices))
        seed += 1
    return found


def stage_costs(
    space: StateSpace, prices: PoolPrices, t: int
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Every admitted state of a window with its power [W] and its cost without starts."""
    window, counts = space.box()
    counts = counts[window == t]
    power = space.power_w(np.full(counts.shape[0], t), counts)
    cost = counts @ prices.instance[t] + prices.energy[t] * power * space.window_h / 1000.0
    return counts, power, cost


def kept_by_definition(counts: NDArray[np.int64], cost: NDArray[np.float64], prices: PoolPrices, t: int) -> list[bool]:
    """e(N) <= e(M) + what going from N to M and back may cost, for all M; one state at a time."""
    last = prices.start.shape[0] - 1
    arrive = prices.start[t] if t > 0 else np.zeros(prices.start.shape[1])
    leave = prices.start[t + 1] if t < last else np.zeros(prices.start.shape[1])
    # One instance more costs at most a start here and a gain lost at the next edge; one less the other way round.
    more = np.array([max(a, 0.0) + max(-b, 0.0) for a, b in zip(arrive, leave, strict=True)])
    less = np.array([max(-a, 0.0) + max(b, 0.0) for a, b in zip(arrive, leave, strict=True)])
    kept = []
    for own, mine in zip(counts, cost, strict=True):
        step = counts - own
        limit = cost + np.where(step > 0, step * more, -step * less).sum(axis=1)
        kept.append(not (mine > limit + ROUNDING * (abs(mine) + np.abs(cost))).any())
    return kept


@pytest.mark.parametrize("block", range(4))
def test_survivors_are_those_of_the_whole_box(block: int) -> None:
    for number, (space, prices) in enumerate(random_spaces(40, 1000 * block)):
        for t, here in enumerate(space.survivors(prices)):
            counts, power, cost = stage_costs(space, prices, t)
            kept = np.array(kept_by_definition(counts, cost, prices, t))
            found = {tuple(state) for state in here.counts.tolist()}
            wanted = {tuple(state) for state in counts[kept].tolist()}
            assert found == wanted, (block, number, t)
            power_of = {tuple(state): float(value) for state, value in zip(counts.tolist(), power, strict=True)}
            assert here.power_w == pytest.approx([power_of[tuple(state)] for state in here.counts.tolist()], rel=1e-12)


def test_the_box_is_every_admitted_state() -> None:
    """TP1 serves 2, TP2 serves 4; 5 are asked for, at most two of each."""
    space = StateSpace(pool([5.0], (TP1, TP2), max_instances=2), 1.0)
    window, counts = space.box()
    assert window.tolist() == [0] * 5
    assert counts.tolist() == [[0, 2], [1, 1], [1, 2], [2, 1], [2, 2]]


def test_the_hull_bounds_the_power() -> None:
    for space, _ in random_spaces(30, 7):
        window, counts = space.box()
        assert (space.bound_w(window, counts) <= space.power_w(window, counts) * (1 + ROUNDING)).all()


def test_the_ends_of_the_horizon_are_free() -> None:
    """Starts at 1, 2, 3; the last at a gain of 4."""
    start = np.array([[1.0], [2.0], [3.0], [-4.0]])
    up, down = detour_prices(PoolPrices(np.ones(4), np.zeros((4, 1)), start))
    assert up[:, 0].tolist() == [0.0, 2.0, 3.0 + 4.0, 0.0]
    assert down[:, 0].tolist() == [2.0, 3.0, 0.0, 4.0]


def test_a_state_off_by_more_than_the_detour_is_dropped() -> None:
    """One kind, detour 1 up and 2 down per instance: costs 5, 3, 4, 6.5 of 0 to 3 instances."""
    counts, cost = np.arange(4)[:, None], np.array([5.0, 3.0, 4.0, 6.5])
    # 0 -> 1 costs 1: 5 > 4 drops it. 2 -> 1 costs 2: 4 <= 5 stays. 3 -> 2 costs 2: 6.5 > 6 drops it.
    assert undominated_states(counts, cost, np.array([1.0]), np.array([2.0])).tolist() == [False, True, True, False]


def test_a_pool_without_load_may_be_empty() -> None:
    space = StateSpace(pool([0.0, 0.0]), 1.0)
    prices = PoolPrices(np.ones(2), np.zeros((2, 1)), np.zeros((2, 1)))
    assert [here.counts.tolist() for here in space.survivors(prices)] == [[[0]], [[0]]]
