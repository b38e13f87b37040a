from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from dynamo_plan.assemble import assemble
from dynamo_plan.model.constraints.instance_starts import start_cost
from dynamo_plan.model.quantities import contribution
from dynamo_plan.schema.scenario import GpuSpec, ObjectiveName
from dynamo_plan.solve.coupling import direct_prices
from dynamo_plan.solve.courses import PoolPrices, WindowStates
from dynamo_plan.solve.pricing import cheapest_course, cheapest_through, pool_prices
from dynamo_plan.solve.states import MOST, StateSpace, admitted
from tests.model.paper import TP1, TP2, amounts, pool, problem
from tests.quick import quick_first
from tests.solve.invented import random_case
from tests.solve.test_states import random_spaces, stage_costs


def states(*power_w: list[float]) -> list[WindowStates]:
    """One, two, ... instances at these powers, per window."""
    return [WindowStates(np.arange(1, len(watts) + 1)[:, None], np.array(watts)) for watts in power_w]


def test_what_prices_mean_for_an_instance() -> None:
    """Half-hour windows; a start takes 0.1 h and 40 Wh; TP2 has two GPUs."""
    paper = problem(pool([1.0, 1.0], (TP1, TP2)), instance_start_s=360.0, instance_start_wh=40.0)
    price = amounts(
        paper, gpus_in_use=[1, 2], gpu_hours=[10, 20], instance_energy_kwh=[100, 200], instance_starts=[0.5, 0.25]
    )
    found = pool_prices(paper, paper.pools[0], price)
    assert found.energy.tolist() == [100.0, 200.0]
    assert found.instance == pytest.approx(np.array([[1 + 5, 2 + 10], [2 + 10, 4 + 20]]))
    assert found.start == pytest.approx(np.array([[0.5 + 4 + 1, 0.5 + 4 + 2], [0.25 + 8 + 2, 0.25 + 8 + 4]]))


def test_direct_prices_by_hand() -> None:
    """1 kWh is 1.25 kWh of the facility: weight 1 for energy, 10 x 0.1 USD, 100 x 0.5 kg."""
    weights = {ObjectiveName.ENERGY: 1.0, ObjectiveName.COST: 10.0, ObjectiveName.CARBON: 100.0}
    paper = problem(
        pool([1.0]),
        gpus={"h100": GpuSpec(price_usd_per_gpu_h=2.0)},
        price_usd_per_mwh=100.0,
        carbon_g_per_kwh=500.0,
        pue=1.25,
        weights=weights,
        instance_start_usd=0.5,
    )
    found = direct_prices(paper)
    assert found.instance_energy_kwh[0, 0] == pytest.approx(1.25 * (1 + 1 + 50), rel=1e-12)
    assert found.gpu_hours[0, 0] == 20.0
    assert found.instance_starts[0, 0] == 5.0
    assert found.gpus_in_use[0, 0] == 0.0


def test_a_peak_is_bridged_where_starting_is_dearer() -> None:
    """Two instances are needed in windows 0 and 2; the dip between costs 100 Wh to idle through or a start of 60 or 150 Wh."""
    here = [states([100, 200])[0], states([100, 200])[0], states([100, 200])[0]]
    here[0] = WindowStates(here[0].counts[1:], here[0].power_w[1:])
    here[2] = WindowStates(here[2].counts[1:], here[2].power_w[1:])
    for start, counts, value in ((0.06, [2, 1, 2], 0.56), (0.15, [2, 2, 2], 0.6)):
        prices = PoolPrices(np.ones(3), np.zeros((3, 1)), np.full((3, 1), start))
        course = cheapest_through(here, prices, 1.0)
        assert course.counts[:, 0].tolist() == counts
        assert course.value == pytest.approx(value, rel=1e-12)


def test_extra_costs_move_the_course() -> None:
    prices = PoolPrices(np.ones(2), np.zeros((2, 1)), np.zeros((2, 1)))
    course = cheapest_through(states([100, 150], [100, 150]), prices, 1.0, [np.zeros(2), np.array([0.06, 0.0])])
    assert course.counts[:, 0].tolist() == [1, 2]
    assert course.power_w.tolist() == [100.0, 150.0]
    assert course.value == pytest.approx(0.25, rel=1e-12)


def moving(
    space: StateSpace, prices: PoolPrices, t: int, before: NDArray[np.int64], after: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Cost of the starts between states, re-shards told from them where prices say what they save."""
    saved = None if prices.saved is None else prices.saved[t]
    return start_cost(before, after, prices.start[t], space.pool.kinds, saved)


@pytest.mark.parametrize("block", quick_first(range(3), 1))
def test_the_course_is_the_cheapest_of_all(block: int) -> None:
    """Every course over the whole box, one after the other; random prices, negative ones among them."""
    tried = 0
    for number, (space, prices) in enumerate(random_spaces(60, 200 + 1000 * block)):
        windows = [stage_costs(space, prices, t) for t in range(space.pool.mix.size)]
        if np.prod([counts.shape[0] for counts, _, _ in windows]) > 3000:
            continue
        tried += 1
        best = float("inf")
        for path in product(*(range(counts.shape[0]) for counts, _, _ in windows)):
            value = 0.0
            for t, index in enumerate(path):
                counts, _, cost = windows[t]
                value += float(cost[index])
                if t:
                    value += float(moving(space, prices, t, windows[t - 1][0][path[t - 1]], counts[index]))
            best = min(best, value)
        course = cheapest_course(space, prices)
        assert course.value == pytest.approx(best, rel=1e-9, abs=1e-12), (block, number)
    assert tried >= 20


def test_a_course_s_value_is_its_use_at_the_prices() -> None:
    for seed in range(30):
        of = assemble(random_case(seed).inputs)
        prices = direct_prices(of)
        for one in of.pools:
            course = cheapest_course(StateSpace(one, of.windows.hours), pool_prices(of, one, prices))
            use = contribution(of, one, course.counts, course.power_w)
            assert course.value == pytest.approx(prices.dot(use), rel=1e-9, abs=1e-12)


def whole_box(space: StateSpace, prices: PoolPrices) -> float:
    """Least cost of a course by a plain forward programme over every admitted state, ends of the horizon included."""
    value, before = np.zeros(1), None
    for t in range(space.pool.mix.size):
        counts, _, cost = stage_costs(space, prices, t)
        if t == 0:
            value = cost
            if space.pool.initial_counts is not None:
                value = value + moving(space, prices, 0, space.pool.initial_counts[None, :], counts)
        else:
            assert before is not None
            rise = moving(space, prices, t, before[:, None, :], counts[None, :, :])
            value = cost + (value[:, None] + rise).min(axis=0)
        before = counts
    if space.pool.final_counts is not None:
        assert before is not None
        value = value + moving(space, prices, -1, before, space.pool.final_counts[None, :])
    return float(value.min())


def with_ends(space: StateSpace, rng: np.random.Generator, most: tuple[int, int, int]) -> StateSpace:
    """The same pool with random states before and after the horizon, each given or free."""
    ends = [rng.integers(0, space.pool.max_instances + 1) if rng.random() < 0.6 else None for _ in range(2)]
    return StateSpace(replace(space.pool, initial_counts=ends[0], final_counts=ends[1]), space.window_h, most)


@pytest.mark.parametrize("block", quick_first(range(4), 1))
def test_the_course_is_the_cheapest_through_the_whole_box(block: int) -> None:
    """Longer horizons, ends given and free, prices of every sign; where nothing had to be dropped, value and bound are one."""
    exact = 0
    for space, prices in random_spaces(40, 5000 + 1000 * block):
        own = with_ends(space, np.random.default_rng(space.pool.mix.size + block), MOST)
        course, best = cheapest_course(own, prices), whole_box(own, prices)
        assert course.bound <= best + 1e-9 * abs(best) + 1e-12
        assert course.value >= best - 1e-9 * abs(best) - 1e-12
        if course.bound == course.value:
            assert course.value == pytest.approx(best, rel=1e-9, abs=1e-12)
            exact += 1
    assert exact >= 36


@pytest.mark.slow
@pytest.mark.parametrize("most", [(10, 10, 3), (40, 40, 2), (200, 1000, 4)])
def test_a_search_cut_short_states_a_bound_that_holds(most: tuple[int, int, int]) -> None:
    """With hardly any room the course is dearer, and its bound stays below the optimum; both are close where little was dropped."""
    worse = 0
    for space, prices in random_spaces(60, 9000):
        own = with_ends(space, np.random.default_rng(space.pool.mix.size), most)
        course = cheapest_course(own, prices)
        best = whole_box(own, prices)
        assert course.value >= best - 1e-9 * abs(best)
        assert course.bound <= best + 1e-9 * abs(best)
        worse += course.bound < course.value
    assert worse >= 5


def test_a_search_that_is_stopped_still_gives_a_course() -> None:
    for space, prices in random_spaces(6, 77):
        course = space.cheapest(prices, np.ones(1, dtype=np.int64))
        assert course.bound == float("-inf")
        assert course.value >= cheapest_course(space, prices).value * (1 - 1e-9)
        line = np.arange(space.pool.mix.size)
        assert admitted(space.pool, line, course.counts).all()
