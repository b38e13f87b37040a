r"""States of a pool that can be part of a cheapest course, and their exact cost.

A state :math:`N` can be left out of window :math:`t` when some other admitted state :math:`M` is cheaper even after
going there and back,

.. math:: e_t(N) > e_t(M) + \sum_k u_{k,t} (M_k - N_k)^+ + \sum_k d_{k,t} (N_k - M_k)^+

where :math:`u` and :math:`d` bound what one instance more or less can add to the start costs at the window's two
edges: for start prices :math:`c \ge 0` that is :math:`u_t = c_t, d_t = c_{t+1}`. Every course through :math:`N` then
gets cheaper through :math:`M`. The test is applied with the hull's lower bound for :math:`e_t(N)` and one reference
state per window, first in the factored form of `dynamo_plan.solve.cuts`, which never builds the grid of all states;
the true dispatch is computed only for the few left, and the test repeated among those. All of it is exact for the
given prices: no course of least cost is lost.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.problem import PoolProblem
from dynamo_plan.solve.cuts import Cuts, Detour, TooManyStatesError, admitted
from dynamo_plan.solve.dispatch import Fleet
from dynamo_plan.units import WATTS_PER_KILOWATT

PRUNING_MARGIN = 1e-9
"""Relative; states are dropped only when dearer by more than rounding could explain."""

LARGEST_BOX = 3_000_000
"""Pairs of window and state up to which `box` lists everything; it serves small problems and tests."""

LARGEST_WINDOW = 3000
"""States of one pool and window that may survive the bounds: the test among them compares each with each."""

NEIGHBOURS = 4
"""Numbers of the largest kind, either way, whose best state is tried as a reference; farther ones rarely rule anything out."""

SURPLUS_PASSES = 3
"""Smallest numbers of the last kind tried as references against larger ones, everything else equal."""

REFERENCES = 3
"""Trial states per window, best by lower bound, whose true dispatch is computed to find the reference."""


@dataclass(frozen=True, slots=True)
class PoolPrices:
    """What a pool pays per window; arrays with a first axis `window`.

    Attributes
    ----------
    energy : array, shape (window,)
        Per kWh of the pool's energy [objective/kWh].
    instance : array, shape (window, kind)
        Per running instance and window, without its energy [objective].
    start : array, shape (window, kind)
        Per start at the window's left edge [objective]; the first row is not used.
    """

    energy: NDArray[np.float64]
    instance: NDArray[np.float64]
    start: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class WindowStates:
    """States of one window: counts (state, kind) and power of their dispatch (state,) [W]."""

    counts: NDArray[np.int64]
    power_w: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of window (pair,) and state (pair, kind), each with a power, bound or cost (pair,)."""

    window: NDArray[np.int64]
    counts: NDArray[np.int64]
    value: NDArray[np.float64]


class StateSpace:
    """The states of one pool: candidates at given prices, and the exact power of any of them.

    Parameters
    ----------
    pool : PoolProblem
    window_h : float
        Length of a window [h].
    """

    def __init__(self, pool: PoolProblem, window_h: float) -> None:
        self.pool = pool
        self.window_h = window_h
        self.fleets = [Fleet(kinds) for kinds in pool.mixes]
        self.cuts = Cuts(pool, self.fleets)
        self._power: dict[tuple[int, int], float] = {}
        self._radix = np.cumprod([1, *(pool.max_instances[:0:-1] + 1)])[::-1].astype(np.int64)[: len(pool.kinds)]

    def codes(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """One number per state (pair, kind), in lexicographic order (pair,)."""
        return np.asarray(counts @ self._radix)

    def kwh(self, power_w: NDArray[np.float64]) -> NDArray[np.float64]:
        """Energy of these powers [W] over one window [kWh]."""
        return power_w * self.window_h / WATTS_PER_KILOWATT

    def bound_w(self, window: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Hull's lower bound on the power of pairs of window and state (pair,) [W]."""
        return self._by_mix(window, counts, "hull_power")

    def power_w(self, window: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Exact power of the dispatch of pairs of window and state (pair,) [W]; computed once each."""
        codes = self.codes(counts)
        keys = list(zip(window.tolist(), codes.tolist(), strict=True))
        missing = [index for index, key in enumerate(keys) if key not in self._power]
        if missing:
            watts = self._by_mix(window[missing], counts[missing], "power")
            self._power.update(zip([keys[index] for index in missing], watts.tolist(), strict=True))
        return np.array([self._power[key] for key in keys])

    def _by_mix(self, window: NDArray[np.int64], counts: NDArray[np.int64], measure: str) -> NDArray[np.float64]:
        watts = np.empty(window.size)
        mix = self.pool.mix[window]
        for index in np.unique(mix):
            here = np.flatnonzero(mix == index)
            fleet = self.fleets[index]
            watts[here] = getattr(fleet, measure)(counts[here], self.pool.rate_rps[window[here]])
        return watts

    def box(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Every admitted pair of window and state within the instance limits: (pair,), (pair, kind).

        Raises
        ------
        TooManyStatesError
            More pairs than `LARGEST_BOX`.
        """
        windows = self.pool.mix.size
        size = self.box_size()
        if size > LARGEST_BOX:
            raise TooManyStatesError(self.pool.name, size)
        grid = np.array(list(product(*(range(int(limit) + 1) for limit in self.pool.max_instances))), dtype=np.int64)
        grid = grid.reshape(-1, len(self.pool.kinds))
        window = np.repeat(np.arange(windows), grid.shape[0])
        counts = np.tile(grid, (windows, 1))
        keep = admitted(self.pool, window, counts)
        return window[keep], counts[keep]

    def box_size(self) -> int:
        """Pairs of window and state within the instance limits, admitted or not."""
        return self.pool.mix.size * math.prod(int(limit) + 1 for limit in self.pool.max_instances)

    def survivors(self, prices: PoolPrices) -> list[WindowStates]:
        """Per window, the states that a cheapest course at these prices may pass through.

        The most promising states get their true cost first and then rule out others by the others' bound, best first, so that
        few true costs are computed.
        """
        test = self.detour(prices)
        window, counts = self.near(prices, test)
        lower = self.lower(prices, window, counts)
        outer = int(self.cuts.order[0])
        known: list[Pairs] = []
        while window.size:
            # The best of every window and number of the largest kind: references all along the exchange between kinds.
            order = np.lexsort((lower, counts[:, outer], window))
            key = (window * (int(self.pool.max_instances[outer]) + 1) + counts[:, outer])[order]
            best = order[np.append(True, key[1:] != key[:-1])]
            power = self.power_w(window[best], counts[best])
            known.append(Pairs(window[best], counts[best], power))
            left = np.ones(window.size, dtype=bool)
            left[best] = False
            window, counts, lower = window[left], counts[left], lower[left]
            stage = self.stage(prices, known[-1].window, known[-1].counts, power)
            alive = ~self._beaten(test, Pairs(window, counts, lower), Pairs(known[-1].window, known[-1].counts, stage))
            window, counts, lower = window[alive], counts[alive], lower[alive]
        return self._undominated(prices, test, known)

    def _undominated(self, prices: PoolPrices, test: Detour, known: list[Pairs]) -> list[WindowStates]:
        window = np.concatenate([part.window for part in known])
        counts = np.concatenate([part.counts for part in known])
        power = np.concatenate([part.value for part in known])
        order = np.lexsort((self.codes(counts), window))
        window, counts, power = window[order], counts[order], power[order]
        stage = self.stage(prices, window, counts, power)
        found = []
        for t, here in windows_of(window, self.pool.mix.size):
            alive = undominated_states(counts[here], stage[here], test.up[t], test.down[t])
            found.append(WindowStates(counts[here][alive], power[here][alive]))
        return found

    def stage(
        self, prices: PoolPrices, window: NDArray[np.int64], counts: NDArray[np.int64], power_w: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Cost of pairs of window and state, starts apart (pair,) [objective]."""
        return np.asarray((prices.instance[window] * counts).sum(axis=1) + prices.energy[window] * self.kwh(power_w))

    def lower(self, prices: PoolPrices, window: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Lower bound on that cost; none where energy has a negative price."""
        bound = self.stage(prices, window, counts, self.bound_w(window, counts))
        return np.where(prices.energy[window] >= 0, bound, -np.inf)

    def _beaten(self, test: Detour, states: Pairs, references: Pairs) -> NDArray[np.bool_]:
        """Whether a reference of the same window beats a state's bound even after the detour (state,).

        One reference at most per window and number of the largest kind; those within `NEIGHBOURS` of a state's own number are tried.
        """
        outer = int(self.cuts.order[0])
        most = int(self.pool.max_instances[outer]) + 1
        lookup = np.full((self.pool.mix.size, most + 2 * NEIGHBOURS), -1, dtype=np.int64)
        lookup[references.window, references.counts[:, outer] + NEIGHBOURS] = np.arange(references.window.size)
        beaten = np.zeros(states.window.size, dtype=bool)
        alive = np.arange(states.window.size)
        for distance in sorted(range(-NEIGHBOURS, NEIGHBOURS + 1), key=abs):
            window, counts = states.window[alive], states.counts[alive]
            ref = lookup[window, counts[:, outer] + NEIGHBOURS + distance]
            step = references.counts[ref] - counts
            way = (np.maximum(step, 0) * test.up[window] + np.maximum(-step, 0) * test.down[window]).sum(axis=1)
            limit = references.value[ref] + way
            worse = (ref >= 0) & (states.value[alive] > limit + PRUNING_MARGIN * np.abs(limit))
            beaten[alive[worse]] = True
            alive = alive[~worse]
        return beaten

    def near(self, prices: PoolPrices, test: Detour) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pairs of window and state that pass the detour test with the hull's bound, sorted by window and state."""
        window, counts = self.cuts.candidates(test)
        lower = self.lower(prices, window, counts)
        limit = test.limit[window] + test.way(window, counts)
        keep = lower <= limit + PRUNING_MARGIN * np.abs(limit)
        window, counts = self._without_surplus(prices, test, Pairs(window[keep], counts[keep], lower[keep]))
        busiest = int(np.bincount(window, minlength=1).max())
        if busiest > LARGEST_WINDOW:
            raise TooManyStatesError(self.pool.name, busiest)
        return window, counts

    def _without_surplus(
        self, prices: PoolPrices, test: Detour, states: Pairs
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The detour test among states that differ in the last kind's number only; sorted by window and state."""
        inner = int(self.cuts.order[-1])
        others = np.delete(np.arange(states.counts.shape[1]), inner)
        order = np.lexsort((states.counts[:, inner], states.counts[:, others] @ self._radix[others], states.window))
        window, counts, lower = states.window[order], states.counts[order], states.value[order]
        key = window * (self._radix[0] * (self.pool.max_instances[0] + 1)) + counts[:, others] @ self._radix[others]
        for rank in range(SURPLUS_PASSES):
            edge = np.append(True, key[1:] != key[:-1])
            first = np.flatnonzero(edge)
            size = np.diff(np.append(first, key.size))
            group = np.cumsum(edge) - 1
            chosen = first[size > rank] + rank
            upper = self.stage(
                prices, window[chosen], counts[chosen], self._by_mix(window[chosen], counts[chosen], "quick_power")
            )
            best = np.full(first.size, np.inf)
            best[size > rank] = upper
            own = np.full(first.size, 0)
            own[size > rank] = counts[chosen, inner]
            step = counts[:, inner] - own[group]
            way = np.maximum(-step, 0) * test.up[window, inner] + np.maximum(step, 0) * test.down[window, inner]
            limit = best[group] + way + test.slack[window]
            keep = (lower <= limit + PRUNING_MARGIN * np.abs(limit)) | (step == 0)
            window, counts, lower, key = window[keep], counts[keep], lower[keep], key[keep]
        order = np.lexsort((self.codes(counts), window))
        return window[order], counts[order]

    def detour(self, prices: PoolPrices, slack: NDArray[np.float64] | float = 0.0) -> Detour:
        """The detour test at these prices; `slack` [objective] keeps states that are dearer by up to this much."""
        up, down = detour_prices(prices)
        window, counts = self.trials()
        energy = prices.energy * self.window_h / WATTS_PER_KILOWATT
        fixed = (prices.instance[window] * counts).sum(axis=1)
        lower = fixed + energy[window] * self.bound_w(window, counts)
        order = np.lexsort((self.codes(counts), lower, window))
        window, counts, fixed = window[order], counts[order], fixed[order]
        first = np.searchsorted(window, np.arange(self.pool.mix.size))
        rank = np.arange(window.size) - first[window]
        window, counts, fixed = window[rank < REFERENCES], counts[rank < REFERENCES], fixed[rank < REFERENCES]
        cost = fixed + energy[window] * self.power_w(window, counts)
        order = np.lexsort((cost, window))
        best = order[np.searchsorted(window[order], np.arange(self.pool.mix.size))]
        room = np.broadcast_to(slack, best.shape)
        return Detour(energy, prices.instance, up, down, counts[best], cost[best] + room, room)

    def trials(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """A few admitted states of every window, among them every kind alone and every kind topped up by another."""
        windows = np.arange(self.pool.mix.size)
        found = [counts for counts in self._trial_counts() if counts.size]
        window = np.tile(windows, len(found))
        counts = np.minimum(np.concatenate(found), self.pool.max_instances)
        keep = admitted(self.pool, window, counts)
        return window[keep], counts[keep]

    def _trial_counts(self) -> Iterator[NDArray[np.int64]]:
        """Counts (window, kind) of each rule for a trial state."""
        pool = self.pool
        kinds = range(len(pool.kinds))
        capacity = np.where(pool.reserve_capacity_rps > 0, pool.reserve_capacity_rps, np.nan)
        need = pool.reserve_rate_rps
        none = np.zeros((need.size, len(pool.kinds)), dtype=np.int64)
        for kind in kinds:
            alone = np.nan_to_num(np.ceil(need / capacity[:, kind] * (1 - PRUNING_MARGIN)))
            for more in range(3):
                counts = none.copy()
                counts[:, kind] = np.maximum(alone + more, pool.min_instances)
                yield counts
            for other in kinds:
                if other == kind:
                    continue
                for fewer in range(1, 4):
                    counts = none.copy()
                    counts[:, kind] = np.maximum(alone - fewer, 0)
                    rest = np.maximum(need - counts[:, kind] * np.nan_to_num(capacity[:, kind]), 0.0)
                    counts[:, other] = np.nan_to_num(np.ceil(rest / capacity[:, other] * (1 - PRUNING_MARGIN)))
                    yield counts


def windows_of(window: NDArray[np.int64], count: int) -> Iterator[tuple[int, slice]]:
    """Each window with the slice of its pairs; `window` sorted."""
    edges = np.searchsorted(window, np.arange(count + 1))
    for t, (start, stop) in enumerate(pairwise(edges.tolist())):
        yield t, slice(start, stop)


def detour_prices(prices: PoolPrices) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Most that one instance more, and one less, in a single window can add to start costs (window, kind).

    The horizon's two ends cost nothing: the first state is free, the last is left as it is.
    """
    left = prices.start.copy()
    left[0] = 0.0
    right = np.vstack([left[1:], np.zeros_like(left[:1])])
    up = np.maximum(left, 0.0) + np.maximum(-right, 0.0)
    down = np.maximum(-left, 0.0) + np.maximum(right, 0.0)
    return up, down


def undominated_states(
    counts: NDArray[np.int64], cost: NDArray[np.float64], up: NDArray[np.float64], down: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which states no other state beats even after the detour to it; counts (state, kind), cost (state,)."""
    step = counts[None, :, :] - counts[:, None, :]  # from row's state to column's
    way = np.maximum(step, 0) @ up + np.maximum(-step, 0) @ down
    beaten = cost[:, None] > cost[None, :] + way + PRUNING_MARGIN * np.abs(cost[:, None])
    return np.asarray(~beaten.any(axis=1))
