"""Lists of states: against the definition, spelled out over the whole box."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from dynamo_plan.assemble import assemble
from dynamo_plan.problem import PoolProblem
from dynamo_plan.solve.coupling import direct_prices
from dynamo_plan.solve.courses import PoolPrices
from dynamo_plan.solve.pricing import pool_prices
from dynamo_plan.solve.states import StateSpace, admitted
from tests.solve.invented import random_case

ROUNDING = 1e-9


def random_prices(rng: np.random.Generator, of: PoolProblem) -> PoolPrices:
    """Prices of every sign: of energy mostly positive, of instances and starts now and then a gain."""
    shape = (of.mix.size, len(of.kinds))
    energy = rng.uniform(0.1, 2.0, shape[0]) * np.where(rng.random(shape[0]) < 0.15, -1.0, 1.0)
    instance = rng.uniform(0.0, 0.2, shape) * rng.choice([0.0, 1.0, -0.2], shape, p=[0.4, 0.4, 0.2])
    start = rng.uniform(0.0, 0.3, shape) * rng.choice([0.0, 1.0, -0.2], shape, p=[0.3, 0.6, 0.1])
    saved = start * rng.uniform(-0.2, 1.0, shape) if rng.random() < 0.4 else None
    return PoolPrices(energy, instance, start, saved)


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


@pytest.mark.parametrize("block", range(4))
def test_within_lists_every_state_up_to_the_slack(block: int) -> None:
    """No state whose exact cost lies within the slack of the window's least is missing, and none is listed that cannot serve."""
    for space, prices in random_spaces(12, 100 * block):
        least = np.array([stage_costs(space, prices, t)[2].min() for t in range(space.pool.mix.size)])
        slack = 0.05 * np.abs(least)
        window, counts = space.within(prices, slack)
        assert admitted(space.pool, window, counts).all()
        listed = {(t, *state) for t, state in zip(window.tolist(), map(tuple, counts.tolist()), strict=True)}
        assert len(listed) == window.size
        for t in range(space.pool.mix.size):
            states, _, cost = stage_costs(space, prices, t)
            for state in states[cost <= least[t] + slack[t] - ROUNDING * abs(least[t])].tolist():
                assert (t, *state) in listed


def test_bounds_lie_below_exact_powers() -> None:
    for space, prices in random_spaces(8, 7):
        for t in range(space.pool.mix.size):
            counts, power, _ = stage_costs(space, prices, t)
            bound = space.bound_w(np.full(power.size, t), counts)
            assert (bound <= power * (1.0 + ROUNDING)).all()


def test_states_are_numbered_in_lexicographic_order() -> None:
    for space, _ in random_spaces(4, 11):
        window, counts = space.box()
        own = counts[window == 0]
        assert (np.diff(space.codes(own)) > 0).all()
