"""Compile the kernels before any clock runs: once per installation it takes some ten seconds, later it loads in half of one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dynamo_plan.problem import PoolProblem
from dynamo_plan.solve.kernels import joint
from dynamo_plan.solve.states import PoolPrices, StateSpace


def compile_pricing(pool: PoolProblem, window_h: float) -> None:
    """Plan one window of a pool in every way that planning needs."""
    one = replace(
        pool,
        mix=pool.mix[:1],
        rate_rps=pool.rate_rps[:1],
        reserve_rate_rps=pool.reserve_rate_rps[:1],
        reserve_capacity_rps=pool.reserve_capacity_rps[:1],
    )
    space = StateSpace(one, window_h)
    free = np.zeros((1, len(pool.kinds)))
    prices = PoolPrices(np.ones(1), free, free)
    window, counts = space.within(prices, np.zeros(1))
    space.near_optimal(prices, 0.0)
    space.bound_w(window, counts)
    space.fleets[int(one.mix[0])].groups(counts, one.rate_rps[window])


def compile_search() -> None:
    """Search one window of one pool with one state."""
    windows = joint.SharedWindows(
        edge=np.array([0, 1]),
        counts=np.ones((1, 1), dtype=np.int64),
        gpus=np.ones((1, 1), dtype=np.int64),
        numbers=np.ones((1, 3)),
        start=np.ones((1, 1, 1)),
        stock=np.ones((1, 1)),
        energy=np.ones((1, 3)),
        price=np.ones((1, 1)),
        servers=np.ones((1, 3)),
        start_kwh=1.0,
    )
    none = np.full((1, 1), -1, dtype=np.int64)
    joint.extended(windows, 0, none, np.zeros(1), np.zeros(1), none, 1.0, (1, 1))
    joint.thinned(windows, 0, none + 1, np.zeros(1), none[0] + 1, 1)
    joint.cost_so_far(windows, none + 1, np.zeros(1))
    cost = np.ones(1)
    joint.reachable(windows.edge, windows.counts, cost, cost, np.ones((1, 1)), none[0], 1.0, 1.0)
