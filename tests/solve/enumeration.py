"""The optimum by listing every joint course of all pools: the site's arithmetic a third time, in a few lines of its own.

It shares with the solver only what defines the problem: the limits of the search and the dispatch cost of a state.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

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
    """Least objective over all joint courses at the problem's one site; infinite where no course holds the caps.

    Every array has one axis per window, the joint state there, and spans only the windows that it depends on.
    """
    (site,) = problem.sites
    windows = len(problem.windows)
    hours = problem.windows.hours
    transitions = problem.transitions
    weight = {name: problem.weight(name) for name in ObjectiveName}
    kinds = [kind for pool in problem.pools for kind in pool.kinds]
    joint = [_joint(problem, t) for t in range(windows)]
    counts = [_on_axis(state, t, windows) for t, (state, _) in enumerate(joint)]
    total: Floats = np.zeros(())
    for t, (_, watts) in enumerate(joint):
        edges = []
        if t or problem.pools[0].initial_counts is not None:
            edges.append((counts[t - 1] if t else _ends(problem, "initial_counts"), counts[t]))
        if t == windows - 1 and problem.pools[0].final_counts is not None:
            edges.append((counts[t], _ends(problem, "final_counts")))
        started, moved = np.zeros_like(counts[t]), np.zeros_like(counts[t])
        for then, now in edges:
            taken = _moved(problem, then, now)
            started, moved = started + np.maximum(now - then, 0) - taken, moved + taken
        draw = _on_axis(watts, t, windows)
        over: Any = False
        rent: Any = 0.0
        for gpu, spec in site.gpus.items():
            of_type = np.array([kind.gpus if kind.gpu == gpu else 0 for kind in kinds])
            on = [np.ceil(state @ of_type / spec.per_server) for state in counts]
            used = counts[t] @ of_type
            draw = draw + on[t] * spec.server_idle_w + (on[t] * spec.per_server - used) * spec.unused_gpu_w
            if spec.count is not None:
                draw = draw + (site.stock[gpu][t] / spec.per_server - on[t]) * spec.released_server_w
            booting = _booting_h(on, t, spec.server_start_s / 3600.0, hours, (site.servers_before or {}).get(gpu))
            empty_w = spec.server_idle_w + spec.per_server * spec.unused_gpu_w - spec.released_server_w
            draw = draw + booting / hours * empty_w
            over = over | (used > site.stock[gpu][t])
            held = (started @ of_type) * transitions.instance_start_s + (moved @ of_type) * transitions.reshard_s
            gpu_hours = used * hours + held / 3600.0
            rent = rent + gpu_hours * spec.price_usd_per_gpu_h
        starts = started.sum(axis=-1)
        if site.start_limit is not None:
            over = over | (starts > site.start_limit[t])
        begun_wh = starts * transitions.instance_start_wh + moved.sum(axis=-1) * (transitions.reshard_wh or 0.0)
        energy = site.pue * (draw * hours + begun_wh) / 1000.0
        cost = energy * site.grid.price_usd_per_mwh[t] / 1000.0 + rent + starts * transitions.instance_start_usd
        value = weight[ObjectiveName.ENERGY] * energy + weight[ObjectiveName.COST] * cost
        value = value + weight[ObjectiveName.CARBON] * energy * site.grid.carbon_g_per_kwh[t] / 1000.0
        over = over | _too_soon(problem, counts, t)
        broken = over | (energy / hours > site.power_cap_kw[t] * (1 + ROUNDING))
        total = total + np.where(broken, np.inf, value)
    return float(total.min(initial=np.inf))


def _moved(problem: Problem, then: NDArray[np.int64], now: NDArray[np.int64]) -> NDArray[np.int64]:
    """Instances that begin on GPUs which others of their pool leave, one after the other, the smallest first."""
    fall, rise = np.maximum(then - now, 0), np.maximum(now - then, 0)
    found = np.zeros(rise.shape, dtype=np.int64)
    if problem.transitions.reshard_wh is None:
        return found
    first = 0
    for pool in problem.pools:
        own = list(enumerate(pool.kinds, start=first))
        first += len(own)
        for gpu, dtype in {(kind.gpu, kind.dtype) for kind in pool.kinds}:
            same = sorted((kind.gpus, k) for k, kind in own if (kind.gpu, kind.dtype) == (gpu, dtype))
            room = np.asarray(sum(size * fall[..., k] for size, k in same))
            for size, k in same:
                for nth in range(1, int(rise[..., k].max(initial=0)) + 1):
                    takes = (rise[..., k] >= nth) & (room >= size)
                    found[..., k] += takes
                    room = room - size * takes
    return found


def _too_soon(problem: Problem, counts: list[NDArray[np.int64]], t: int) -> NDArray[np.bool_]:
    """Whether an instance stopped at a window's left edge that began too short a time before; the oldest stop first."""
    young: Any = 0
    first = max(0, t + 1 - int(np.ceil(max(1.0, problem.transitions.min_up_s) / problem.windows.window_s)))
    for then in range(first, t + 1):
        if then or problem.pools[0].initial_counts is not None:
            before = counts[then - 1] if then else _ends(problem, "initial_counts")
            young = young + np.maximum(counts[then] - before, 0)
    return np.asarray((young > counts[t]).any(axis=-1))


def _booting_h(on: list[Floats], t: int, boot_h: float, hours: float, before: int | None) -> Floats:
    """Server-hours of booting servers charged to a window: at every moment what is needed within the boot time is on."""
    rest = boot_h % hours
    moments = [((hours - rest) / 2, hours - rest), (hours - rest / 2, rest)]
    earlier = range(-int(boot_h // hours) - 1, 0) if t == 0 and before is not None else ()
    total: Floats = np.zeros(())
    for here in (*earlier, t):
        own = on[here] if here >= 0 else np.array(before)
        for moment, length in moments:
            most = own
            for later in range(max(here, 0), min(len(on) - 1, int((here * hours + moment + boot_h) // hours)) + 1):
                most = np.maximum(most, on[later])
            total = total + length * (most - own)
    return total


def _on_axis(states: NDArray[Any], t: int, windows: int) -> NDArray[Any]:
    """An array over the states of window `t` (state, ...) with an axis for every window; what follows stays behind."""
    shape = [1] * windows
    shape[t] = states.shape[0]
    return states.reshape(*shape, *states.shape[1:])


def _ends(problem: Problem, name: str) -> NDArray[np.int64]:
    """Joint state of all pools at one end of the horizon (pool x kind,)."""
    return np.concatenate([getattr(pool, name) for pool in problem.pools])


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
