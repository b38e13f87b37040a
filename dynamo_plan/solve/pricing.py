r"""Pricing of one pool: the cheapest course of instance counts at given prices, by dynamic programming, exactly.

.. math:: V_t(N) = e_t(N) + \min_M \Big( V_{t-1}(M) + \sum_k c_{k,t} (N_k - M_k)^+ \Big)

over the surviving states of each window (`states`). The value is exact for the dispatch cost of `dispatch`, so it is
both the pool's optimum where nothing couples it to others and its part of the Lagrangian bound where something does.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.model.constraints.instance_starts import start_cost
from dynamo_plan.model.quantities import SiteVector, reshard_saving, site_axes, start_energy_kwh, start_hours
from dynamo_plan.problem import PoolProblem, Problem
from dynamo_plan.schema.kind import Kind
from dynamo_plan.solve.courses import Course, PoolPrices, WindowStates
from dynamo_plan.solve.states import StateSpace
from dynamo_plan.solve.stopping import stopping
from dynamo_plan.units import WH_PER_KWH


def pool_prices(problem: Problem, pool: PoolProblem, prices: SiteVector) -> PoolPrices:
    """What prices of site quantities mean for one pool's instances and starts."""
    axes = site_axes(problem)
    row = axes.sites.index(pool.site)
    energy = prices.instance_energy_kwh[row]
    start_price = prices.instance_starts[row] + energy * start_energy_kwh(problem)
    instance = np.empty((axes.windows, len(pool.kinds)))
    start = np.empty_like(instance)
    for index, kind in enumerate(pool.kinds):
        stock = axes.stocks.index((pool.site, kind.gpu))
        hourly = prices.gpu_hours[stock] * kind.gpus
        instance[:, index] = kind.gpus * prices.gpus_in_use[stock] + hourly * problem.windows.hours
        start[:, index] = start_price + hourly * start_hours(problem)
    saved = reshard_saving(problem, pool, prices) if problem.transitions.reshards else None
    share = None if pool.split is None else prices.served[axes.loads.index(pool.split.load)]
    return PoolPrices(energy, instance, start, saved, share)


def cheapest_courses(
    problem: Problem, spaces: list[StateSpace], prices: SiteVector, threads: int, deadline: float = math.inf
) -> list[Course]:
    """Every pool's cheapest course at prices of site quantities.

    Parameters
    ----------
    deadline : float
        By `time.monotonic`; then, or at an interrupt, searches are cut short and their courses have no bound.
    """
    # Pools do not see each other here, so threads change the time and nothing else.
    with ThreadPoolExecutor(threads) as workers, stopping(deadline) as stop:
        return list(workers.map(lambda space: space.cheapest(pool_prices(problem, space.pool, prices), stop), spaces))


def cheapest_course(space: StateSpace, prices: PoolPrices) -> Course:
    """The course of least cost at these prices."""
    return space.cheapest(prices)


def cheapest_through(
    states: list[WindowStates],
    prices: PoolPrices,
    window_h: float,
    extra: list[NDArray[np.float64]] | None = None,
    kinds: tuple[Kind, ...] = (),
) -> Course:
    """The course of least cost through given states.

    Parameters
    ----------
    extra : list of array, optional
        Added cost per window and state [objective].
    kinds : tuple of Kind, optional
        The pool's kinds, where re-shards are to be told from starts.
    """
    hours = window_h / WH_PER_KWH
    value = np.zeros(0)
    choices: list[NDArray[np.int64]] = []
    for t, here in enumerate(states):
        stage = here.counts @ prices.instance[t] + prices.energy[t] * hours * here.power_w
        if extra is not None:
            stage = stage + extra[t]
        if t == 0:
            value = stage
            continue
        before = states[t - 1].counts
        saved = prices.saved[t] if kinds and prices.saved is not None else None
        way = value[:, None] + start_cost(before[:, None, :], here.counts[None, :, :], prices.start[t], kinds, saved)
        choice = way.argmin(axis=0)
        choices.append(choice)
        value = stage + way[choice, np.arange(choice.size)]
    index = int(value.argmin())
    path = [index]
    for choice in reversed(choices):
        path.append(int(choice[path[-1]]))
    path.reverse()
    counts = np.array([here.counts[i] for here, i in zip(states, path, strict=True)])
    power = np.array([here.power_w[i] for here, i in zip(states, path, strict=True)])
    return Course(counts, power, float(value[index]))
