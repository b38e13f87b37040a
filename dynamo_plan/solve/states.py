"""States of a pool: their exact power, their bounds, and the lists of those that can matter at given prices."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.errors import Fault, InputError
from dynamo_plan.model.constraints import reserve, served_demand
from dynamo_plan.model.constraints.instance_starts import start_cost
from dynamo_plan.problem import PoolProblem
from dynamo_plan.solve.courses import Course, NearOptimal, PoolPrices
from dynamo_plan.solve.dispatch import Fleet
from dynamo_plan.solve.kernels import course, dispatch, powers, states
from dynamo_plan.solve.tables import pool_limits, pool_tables
from dynamo_plan.units import WATTS_PER_KILOWATT

LARGEST_BOX = 3_000_000
"""Pairs of window and state up to which `box` lists everything; it serves small problems and tests."""

LARGEST_LIST = 3_000_000
"""Partial states of one window looked at for a list, and pairs of window and state on it; a memory guard."""

MOST = (400_000, 60_000, 2_000)
"""Partial states, states that pass the cuts and candidates of one window that a course may look at before it drops states within a
tolerance; some milliseconds of work."""

LARGEST_KEY_BITS = 62
"""Bits of the number of a window and state; it must fit a signed 64-bit integer."""

FIRST_SLOTS = 1024
"""Slots of a new table of powers, a power of two; it doubles when half full."""


class TooManyStatesError(InputError):
    """A pool has more candidate states than memory allows to list."""

    def __init__(self, pool: str, states: int) -> None:
        super().__init__(
            Fault(
                "pool-too-large",
                f"pool {pool}",
                f"more than {states:,} candidate states would have to be listed",
                "Caps and whole servers are decided over lists of states; these are long where a pool has hundreds of instances",
                "Split the pool, or leave out kinds that are never chosen",
            )
        )


LOOSE = 1e-2
"""Loss of a course, relative to its value, above which another bound is asked for."""


class StateSpace:
    """The states of one pool.

    A pool that may take any share of a load has a stage per window and share, numbered window by window; to all that takes a window
    below, each of its stages is one. Other pools have one stage per window.

    Parameters
    ----------
    pool : PoolProblem
    window_h : float
        Length of a window [h].
    most : tuple of int
        See `MOST`.

    Attributes
    ----------
    shares : array, shape (stage of a window,)
        Shares of the load that the pool may take [1].
    """

    def __init__(self, pool: PoolProblem, window_h: float, most: tuple[int, int, int] = MOST) -> None:
        self.pool = pool
        self.window_h = window_h
        self.most = most
        shares = 1 if pool.split is None else pool.split.steps + 1
        if math.log2(pool.mix.size * shares) + float(np.log2(pool.max_instances + 1.0).sum()) > LARGEST_KEY_BITS:
            raise TooManyStatesError(pool.name, 2**LARGEST_KEY_BITS)
        self.fleets = [Fleet(kinds) for kinds in pool.mixes]
        self.tables = pool_tables([fleet.envelopes for fleet in self.fleets])
        self.shares = np.ones(1) if pool.split is None else pool.split.shares
        self.staged = unfolded(pool)
        self.limits = pool_limits(self.staged)
        self._memory = (np.full(FIRST_SLOTS, -1, dtype=np.int64), np.empty(FIRST_SLOTS))
        self._used = 0

    def codes(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """One number per state (pair, kind), in lexicographic order (pair,)."""
        return np.asarray(counts @ self.limits.kinds[2])

    def kwh(self, power_w: NDArray[np.float64]) -> NDArray[np.float64]:
        """Energy of these powers [W] over one window [kWh]."""
        return power_w * self.window_h / WATTS_PER_KILOWATT

    def bound_w(self, window: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Hull's lower bound on the power of pairs of window and state (pair,) [W]."""
        counts = np.ascontiguousarray(counts, dtype=np.int64)
        return dispatch.hull_powers(self.tables, self.limits.mix[window], counts, self.staged.rate_rps[window])

    def power_w(self, window: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Exact power of the dispatch of pairs of window and state (pair,) [W]; computed once each."""
        window, counts = (np.ascontiguousarray(array, dtype=np.int64) for array in (window, counts))
        power, self._memory, self._used = powers.known_powers(
            self.tables, self.limits, window, counts, self._memory, self._used
        )
        return power

    def box(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Every admitted pair of window and state within the instance limits: (pair,), (pair, kind).

        Raises
        ------
        TooManyStatesError
            More pairs than `LARGEST_BOX`.
        """
        windows = self.staged.mix.size
        if self.box_size() > LARGEST_BOX:
            raise TooManyStatesError(self.pool.name, LARGEST_BOX)
        grid = np.array(list(product(*(range(int(limit) + 1) for limit in self.pool.max_instances))), dtype=np.int64)
        grid = grid.reshape(-1, len(self.pool.kinds))
        window = np.repeat(np.arange(windows), grid.shape[0])
        counts = np.tile(grid, (windows, 1))
        keep = admitted(self.staged, window, counts)
        return window[keep], counts[keep]

    def box_size(self) -> int:
        """Pairs of window and state within the instance limits, admitted or not."""
        return self.staged.mix.size * math.prod(int(limit) + 1 for limit in self.pool.max_instances)

    def stage(
        self, prices: PoolPrices, window: NDArray[np.int64], counts: NDArray[np.int64], power_w: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Cost of pairs of window and state, starts between windows apart (pair,) [objective]."""
        return np.asarray(
            (prices.instance[window] * counts).sum(axis=1)
            + prices.energy[window] * self.kwh(power_w)
            + end_starts(self.pool, prices, window, counts)
        )

    def lower(self, prices: PoolPrices, window: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Lower bound on that cost; none where energy has a negative price."""
        bound = self.stage(prices, window, counts, self.bound_w(window, counts))
        return np.where(prices.energy[window] >= 0, bound, -np.inf)

    def cheapest(
        self,
        prices: PoolPrices,
        stop: NDArray[np.int64] | None = None,
        offer: NDArray[np.float64] | None = None,
    ) -> Course:
        """The course of least cost at these prices, by dynamic programming (`dynamo_plan.solve.kernels.course`).

        Parameters
        ----------
        stop : array of int, shape (1,), optional
            Set it to 1 from another thread to end the search early; the course then has no bound.
        offer : array, shape (window, share), optional
            Cost of taking each share, instead of `prices.share` times it [objective].
        """
        counts, power, value, loss, *_, taken = self._course(prices, stop, 0.0, offer)
        bound = value - loss
        if loss > LOOSE * abs(value) and (prices.least_start >= 0).all():
            # Windows by themselves, starts for nothing: seldom close, but never as far off as states dropped without measure.
            _, _, alone, lost, *_ = self._course(prices.without_starts(), stop, 0.0, offer)
            bound = max(bound, alone - lost)
        return Course(counts, power, value, bound, None if self.pool.split is None else self.shares[taken])

    def near_optimal(self, prices: PoolPrices, slack: float) -> NearOptimal:
        """Every state of every course that costs at most `slack` [objective] more than the cheapest one at these prices.

        Raises
        ------
        TooManyStatesError
            More candidates in some window than `most` allows.
        """
        _, _, value, loss, edge, rows, ahead, place, _ = self._course(prices, None, slack)
        if loss > 0.0:
            raise TooManyStatesError(self.pool.name, self.most[-1])
        windows = self.pool.mix.size
        order = np.concatenate([np.arange(edge[t], edge[t + 1]) for t in range(windows - 1, -1, -1)])
        size = np.diff(edge)[::-1]
        window, place = np.repeat(np.arange(windows), size), place[order]
        rows = np.ascontiguousarray(rows[order])
        watts = self.power_w(window * self.shares.size + place, rows)
        taking = 0.0 if prices.share is None else prices.share[window] * self.shares[place]
        return NearOptimal(
            value=value,
            edge=np.concatenate([[0], np.cumsum(size)]),
            counts=rows,
            power_w=watts,
            stage=self.stage(prices, window, rows, watts) - end_starts(self.pool, prices, window, rows) + taking,
            onward=ahead[order],
            place=place,
        )

    def _course(
        self,
        prices: PoolPrices,
        stop: NDArray[np.int64] | None,
        slack: float,
        offer: NDArray[np.float64] | None = None,
    ) -> tuple[Any, ...]:
        if offer is None:
            each = np.zeros(self.pool.mix.size) if prices.share is None else prices.share
            offer = np.outer(each, self.shares)
        found = course.course(
            self.tables,
            self.limits,
            np.repeat(prices.energy * self.window_h / WATTS_PER_KILOWATT, self.shares.size),
            np.repeat(prices.instance, self.shares.size, axis=0),
            np.ascontiguousarray(prices.start if prices.saved is None else np.hstack([prices.start, prices.saved])),
            (self._end(self.pool.initial_counts), self._end(self.pool.final_counts)),
            self._memory,
            self._used,
            np.zeros(1, dtype=np.int64) if stop is None else stop,
            slack,
            self.most,
            offer.ravel(),
        )
        self._memory, self._used = found[4:6]
        return (*found[:4], *found[6:])

    def _end(self, counts: NDArray[np.int64] | None) -> NDArray[np.int64]:
        return np.full(len(self.pool.kinds), -1) if counts is None else np.ascontiguousarray(counts, dtype=np.int64)

    def within(self, prices: PoolPrices, slack: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pairs of window (pair,) and state (pair, kind) whose cost without starts may lie within a slack of the window's least.

        Parameters
        ----------
        slack : array, shape (window,)
            [objective]

        Raises
        ------
        TooManyStatesError
            More than `LARGEST_LIST`.
        """
        free = prices.without_starts()
        best = self.cheapest(free)
        line = np.arange(slack.size)
        # What the ends of the horizon cost the cheapest states is room that others may have saved, and so is what they may gain.
        room = slack + end_starts(self.pool, prices, line, best.counts)
        if self.pool.initial_counts is not None:
            room[0] += float(np.maximum(-prices.least_start[0], 0.0) @ self.pool.max_instances)
        if self.pool.final_counts is not None:
            room[-1] += float(np.maximum(-prices.least_start[-1], 0.0) @ self.pool.final_counts)
        edge, rows, complete = states.within(
            self.tables,
            self.limits,
            prices.energy * self.window_h / WATTS_PER_KILOWATT,
            np.ascontiguousarray(prices.instance),
            self.stage(free, line, best.counts, best.power_w) + room,
            LARGEST_LIST,
        )
        if not complete:
            raise TooManyStatesError(self.pool.name, LARGEST_LIST)
        return np.repeat(line, np.diff(edge)), rows


def unfolded(pool: PoolProblem) -> PoolProblem:
    """A pool with a window for every window and share that it may take of its load; one whose load is its own as it is."""
    if pool.split is None:
        return pool
    shares = pool.split.shares
    return replace(
        pool,
        mix=np.repeat(pool.mix, shares.size),
        rate_rps=np.outer(pool.rate_rps, shares).ravel(),
        reserve_rate_rps=np.outer(pool.reserve_rate_rps, shares).ravel(),
        reserve_capacity_rps=np.repeat(pool.reserve_capacity_rps, shares.size, axis=0),
        split=None,
    )


def end_starts(
    pool: PoolProblem, prices: PoolPrices, window: NDArray[np.int64], counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Cost of the starts at the ends of the horizon, of pairs of window and state (pair,) [objective]; 0 where an end is free."""
    cost = np.zeros(window.size)
    if pool.initial_counts is not None:
        first = np.flatnonzero(window == 0)
        saved = None if prices.saved is None else prices.saved[0]
        cost[first] += start_cost(pool.initial_counts[None, :], counts[first], prices.start[0], pool.kinds, saved)
    if pool.final_counts is not None:
        last = np.flatnonzero(window == pool.mix.size - 1)
        saved = None if prices.saved is None else prices.saved[-1]
        cost[last] += start_cost(counts[last], pool.final_counts[None, :], prices.start[-1], pool.kinds, saved)
    return cost


def windows_of(window: NDArray[np.int64], count: int) -> Iterator[tuple[int, slice]]:
    """Each window with the slice of its pairs; `window` sorted."""
    edges = np.searchsorted(window, np.arange(count + 1))
    for t, (start, stop) in enumerate(pairwise(edges.tolist())):
        yield t, slice(start, stop)


def admitted(pool: PoolProblem, window: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each pair of window (pair,) and state (pair, kind) satisfies every pool constraint."""
    return served_demand.admits(pool, window, counts) & reserve.admits(pool, window, counts)
