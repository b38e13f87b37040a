"""Can the caps be held at all? Decided per window before anything else, and the start of every coupled solve.

Starts are not limited, so a combination of the pools' states that holds the caps in each window is a plan. Where the
cheapest states do not, the least facility power over all combinations within the GPU stock is found exactly: a
dynamic programme over GPUs in use, pool by pool. The same numbers are the diagnosis: what is short, when, by how
much.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.problem import Problem, SiteProblem
from dynamo_plan.solve.coupling import Meter
from dynamo_plan.solve.courses import PoolPrices
from dynamo_plan.solve.kernels import front
from dynamo_plan.solve.states import StateSpace, admitted
from dynamo_plan.solve.stopping import stopping
from dynamo_plan.units import WATTS_PER_KILOWATT

LARGEST_FRONT = 300_000
"""States of one window and pool up to which the whole front is found; larger pools make do with its supported states."""

GPU_PRICES = 2.0 ** np.linspace(-8.0, 6.0, 57)
"""Prices of a GPU tried for these, relative to its energy."""

BEATEN_MARGIN = 1e-9
"""Relative to a power plus 1 W; a state's own bound may lie a rounding above its true power, and no state beats itself."""


@dataclass(frozen=True, slots=True)
class Combination:
    """The joint use of one state per pool that comes closest to a site's caps in one window: GPUs by type, facility power.

    ``least_kw``: the least facility power of any combination, whatever GPUs it takes.
    """

    gpus: dict[str, float]
    power_kw: float
    least_kw: float


def unused_w(site: SiteProblem) -> dict[str, float]:
    """What a GPU of each type draws without an instance, in a server that is on [W]."""
    return {gpu: spec.unused_gpu_w for gpu, spec in site.gpus.items()}


def net_power(
    space: StateSpace, counts: NDArray[np.int64], power_w: NDArray[np.float64], unused: dict[str, float]
) -> NDArray[np.float64]:
    """Power of states less what their GPUs would draw unused (state,) [W].

    A GPU in use is not an unused one, so of two states the better is the one of less net power and no more GPUs, which fill servers.
    """
    saved = np.array([kind.gpus * unused[kind.gpu] for kind in space.pool.kinds])
    return np.asarray(power_w - counts @ saved)


def least_power(
    space: StateSpace, unused: dict[str, float], *, roughly: bool = False, deadline: float = math.inf
) -> NDArray[np.int64]:
    """State of least net power in each window (window, kind), starts free.

    With `roughly`, and after the deadline (by `time.monotonic`), one of little power, found at once.
    """
    windows = space.pool.mix.size
    saved = np.array([kind.gpus * unused[kind.gpu] for kind in space.pool.kinds])
    instance = np.tile(-space.kwh(saved), (windows, 1))
    prices = PoolPrices(np.ones(windows), instance, np.zeros(instance.shape))
    with stopping(-math.inf if roughly else deadline) as stop:
        return space.cheapest(prices, stop).counts


def pareto(
    space: StateSpace, t: int, cheapest: NDArray[np.int64], unused: dict[str, float]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """States of a window that no other matches in GPUs of every type and in net power: counts (state, kind), net power [W].

    Of pools too large to list only those that are cheapest at some price of a GPU: every one of them can be run, and between
    neighbours there is less than one instance's worth of power.

    Parameters
    ----------
    cheapest : array of int, shape (kind,)
        State of least net power: with one GPU type no state of more GPUs can be on the front.
    """
    types = gpu_types(space)
    most = space.pool.max_instances
    if len(types) == 1:
        most = np.minimum(most, int(cheapest @ space.pool.gpus) // space.pool.gpus)
    if math.prod(int(limit) + 1 for limit in most) > LARGEST_FRONT:
        counts = _supported(space, t, unused)
        power = net_power(space, counts, space.power_w(np.full(counts.shape[0], t), counts), unused)
        kept = _front(gpus_by_type(space, counts, types), power)
        return counts[kept], power[kept]
    counts = np.indices(tuple(int(limit) + 1 for limit in most)).reshape(most.size, -1).T
    if len(types) == 1:
        counts = counts[counts @ space.pool.gpus <= int(cheapest @ space.pool.gpus)]
    counts = counts[admitted(space.pool, np.full(counts.shape[0], t), counts)]
    window = np.full(counts.shape[0], t)
    use = gpus_by_type(space, counts, types)
    bound = net_power(space, counts, space.bound_w(window, counts), unused)
    # The bounds' front first: its true powers limit what any other state must beat with its own lower bound.
    likely = _front(use, bound)
    known = net_power(space, counts[likely], space.power_w(window[likely], counts[likely]), unused)
    beaten = _least_within(use[likely], known, use) < bound - BEATEN_MARGIN * (1.0 + np.abs(bound))
    counts, use = counts[~beaten], use[~beaten]
    power = net_power(space, counts, space.power_w(window[: counts.shape[0]], counts), unused)
    kept = _front(use, power)
    return counts[kept], power[kept]


def _supported(space: StateSpace, t: int, unused: dict[str, float]) -> NDArray[np.int64]:
    """States of a window that cost least at some price of a GPU (state, kind)."""
    one = slice(t, t + 1)
    pool = replace(
        space.pool,
        mix=space.pool.mix[one],
        rate_rps=space.pool.rate_rps[one],
        reserve_rate_rps=space.pool.reserve_rate_rps[one],
        reserve_capacity_rps=space.pool.reserve_capacity_rps[one],
        initial_counts=None,
        final_counts=None,
    )
    small = StateSpace(pool, space.window_h)
    saved = space.kwh(np.array([kind.gpus * unused[kind.gpu] for kind in pool.kinds]))
    free = PoolPrices(np.ones(1), -saved[None, :], np.zeros((1, len(pool.kinds))))
    first = small.cheapest(free)
    usual = float(small.kwh(first.power_w)[0]) / max(int(first.counts[0] @ pool.gpus), 1)
    found = [first.counts]
    for gpu in gpu_types(space):
        own = np.array([kind.gpus if kind.gpu == gpu else 0 for kind in pool.kinds])
        for price in usual * GPU_PRICES:
            found.append(small.cheapest(PoolPrices(free.energy, free.instance + price * own, free.start)).counts)
    return np.unique(np.concatenate(found), axis=0)


def gpu_types(space: StateSpace) -> list[str]:
    """GPU types of a pool's kinds, sorted."""
    return sorted({kind.gpu for kind in space.pool.kinds})


def gpus_by_type(space: StateSpace, counts: NDArray[np.int64], types: list[str]) -> NDArray[np.int64]:
    """GPUs that states use of each type; (state, kind) -> (state, type)."""
    use = np.zeros((counts.shape[0], len(types)), dtype=np.int64)
    for index, kind in enumerate(space.pool.kinds):
        use[:, types.index(kind.gpu)] += counts[:, index] * kind.gpus
    return use


def best_combination(
    problem: Problem, site: SiteProblem, spaces: list[StateSpace], cheapest: list[NDArray[np.int64]], t: int
) -> Combination:
    """Combination of least facility power within the stock; with too little stock, of fewest GPUs too many. Exact.

    The pools' fronts in GPUs and power are added up one after the other and pruned to the front of the sums.

    Parameters
    ----------
    cheapest : list of array of int, (pool) of (window, kind)
        See `least_power`.
    """
    types, unused = list(site.gpu_types()), unused_w(site)
    front_use = np.zeros((1, len(types)), dtype=np.int64)
    front_power = np.zeros(1)
    for space, least in zip(spaces, cheapest, strict=True):
        counts, power = pareto(space, t, least[t], unused)
        own = gpus_by_type(space, counts, types)
        use = (front_use[:, None, :] + own[None, :, :]).reshape(-1, len(types))
        total = (front_power[:, None] + power[None, :]).ravel()
        keep = _front(use, total)
        front_use, front_power = use[keep], total[keep]
    meter = Meter(problem, problem.sites.index(site))
    overhead = meter.overhead_w({gpu: front_use[:, i].astype(float) for i, gpu in enumerate(types)})
    instances = front_power + front_use @ np.array([unused[gpu] for gpu in types])
    facility = site.pue * (instances + overhead + meter.released_w()[t]) / WATTS_PER_KILOWATT
    short = np.zeros(facility.size)
    for i, gpu in enumerate(types):
        short += np.maximum(front_use[:, i] - site.stock[gpu][t], 0.0)
    best = int(np.lexsort((facility, short))[0])
    used = {gpu: float(front_use[best, i]) for i, gpu in enumerate(types)}
    return Combination(used, float(facility[best]), float(facility.min()))


def _front(use: NDArray[np.int64], power: NDArray[np.float64]) -> NDArray[np.int64]:
    """Indices of the Pareto front in GPUs by type and power."""
    order = np.lexsort((power, *use.T))
    if use.shape[1] == 1:
        best = np.minimum.accumulate(power[order])
        first = np.append(True, best[1:] < best[:-1])
        return np.asarray(order[first])
    if use.shape[1] == 2:
        return front.undominated(use, power, order)
    kept = np.empty(order.size, dtype=np.int64)
    count = 0
    for index in order:
        rivals = kept[:count]
        if not ((use[rivals] <= use[index]).all(axis=1) & (power[rivals] <= power[index])).any():
            kept[count] = index
            count += 1
    return kept[:count].copy()


def _least_within(use: NDArray[np.int64], power: NDArray[np.float64], asked: NDArray[np.int64]) -> NDArray[np.float64]:
    """Least power of the points (point, type) that take no more GPUs of any type than asked (query, type); infinite where none does."""
    if use.shape[1] <= 2:
        points, queries = (np.pad(rows, ((0, 0), (0, 2 - rows.shape[1]))) for rows in (use, asked))
        order, asked_order = (np.argsort(rows[:, 1], kind="stable") for rows in (points, queries))
        return front.least_within(points, power, order, queries, asked_order)
    least = np.full(asked.shape[0], np.inf)
    for own, watts in zip(use, power, strict=True):
        least = np.where((own <= asked).all(axis=1), np.minimum(least, watts), least)
    return least
