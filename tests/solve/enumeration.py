"""The optimum by listing every joint course of all pools: the site's arithmetic a third time, in a few lines of its own.

It shares with the solver only what defines the problem: the limits of the search and the dispatch cost of a state.
"""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.problem import PoolProblem, Problem
from dynamo_plan.schema.scenario import ObjectiveName
from dynamo_plan.solve.dispatch import Fleet

ROUNDING = 1e-9

Floats = NDArray[np.float64]


def admitted_states(pool: PoolProblem, t: int) -> NDArray[np.int64]:
    """Every state of a pool in a window that serves its load, holds its reserve and its minimum (state, kind)."""
    best = [max((c.capacity_rps for c in kind.curves), default=0.0) for kind in pool.mixes[pool.mix[t]]]
    found = []
    for state in product(*(range(int(most) + 1) for most in pool.max_instances)):
        serves = sum(n * c for n, c in zip(state, best, strict=True)) >= pool.rate_rps[t] * (1 - ROUNDING)
        able = sum(n * c for n, c in zip(state, pool.reserve_capacity_rps[t], strict=True))
        holds = able >= pool.reserve_rate_rps[t] * (1 - ROUNDING)
        runs = all(c > 0 for n, c in zip(state, best, strict=True) if n)
        if serves and holds and runs and sum(state) >= pool.min_instances:
            found.append(state)
    return np.array(found, dtype=np.int64).reshape(-1, len(pool.kinds))


def joint_courses(problem: Problem) -> int:
    """Number of joint courses."""
    return prod(admitted_states(pool, t).shape[0] for pool in problem.pools for t in range(len(problem.windows)))


def optimum(problem: Problem) -> float:
    """Least objective over all joint courses at the problem's one site; infinite where no course holds the caps."""
    (site,) = problem.sites
    windows = len(problem.windows)
    hours = problem.windows.hours
    weight = {name: problem.weight(name) for name in ObjectiveName}
    kinds = [kind for pool in problem.pools for kind in pool.kinds]
    states = [_joint(problem, t) for t in range(windows)]
    total: Floats = np.zeros(())
    for t, (counts, watts) in enumerate(states):
        started = np.zeros((1, counts.shape[0], counts.shape[1]))
        if t:
            started = np.maximum(counts[None, :, :] - states[t - 1][0][:, None, :], 0)
        draw, over = watts.copy(), np.zeros(counts.shape[0], dtype=bool)
        rent = np.zeros(started.shape[:2])
        for gpu, spec in site.gpus.items():
            of_type = np.array([kind.gpus if kind.gpu == gpu else 0 for kind in kinds])
            used = counts @ of_type
            servers = np.ceil(used / spec.per_server)
            draw += servers * spec.server_idle_w + (servers * spec.per_server - used) * spec.unused_gpu_w
            if spec.count is not None:
                draw += (site.stock[gpu][t] / spec.per_server - servers) * spec.released_server_w
            over |= used > site.stock[gpu][t]
            gpu_hours = used * hours + (started @ of_type) * problem.transitions.instance_start_s / 3600.0
            rent += gpu_hours * spec.price_usd_per_gpu_h
        starts = started.sum(axis=2)
        energy = site.pue * (draw * hours + starts * problem.transitions.instance_start_wh) / 1000.0
        cost = energy * site.grid.price_usd_per_mwh[t] / 1000.0 + rent + starts * problem.transitions.instance_start_usd
        value = weight[ObjectiveName.ENERGY] * energy + weight[ObjectiveName.COST] * cost
        value = value + weight[ObjectiveName.CARBON] * energy * site.grid.carbon_g_per_kwh[t] / 1000.0
        value[over[None, :] | (energy / hours > site.power_cap_kw[t] * (1 + ROUNDING))] = np.inf
        # Axis t of the sum is the state in window t: after the last window it holds every joint course.
        shape = [1] * windows
        shape[t] = counts.shape[0]
        if t:
            shape[t - 1] = states[t - 1][0].shape[0]
        total = total + value.reshape(shape)
    return float(total.min(initial=np.inf))


def _joint(problem: Problem, t: int) -> tuple[NDArray[np.int64], Floats]:
    """Joint states of all pools in a window (state, pool x kind) and their power (state,) [W]."""
    counts, watts = np.zeros((1, 0), dtype=np.int64), np.zeros(1)
    for pool in problem.pools:
        own = admitted_states(pool, t)
        power = Fleet(pool.mixes[pool.mix[t]]).power(own, np.full(own.shape[0], pool.rate_rps[t]))
        pairs = [(i, j) for i in range(watts.size) for j in range(power.size)]
        left, right = np.array([i for i, _ in pairs], dtype=int), np.array([j for _, j in pairs], dtype=int)
        counts, watts = np.hstack([counts[left], own[right]]), watts[left] + power[right]
    return counts, watts
