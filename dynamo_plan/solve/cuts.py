r"""Which states can matter at all, found without building the grid of all states.

For every slope :math:`s \ge 0` [W per request/s] the hull power of a state :math:`N` at load :math:`L` is at least
:math:`s L + \sum_k N_k \psi_k(s)`, with :math:`\psi_k(s) = \min_v (p_{k,v} - s r_{k,v})` over the hull vertices of
kind :math:`k`. So a state can only survive the detour test of `dynamo_plan.solve.states` against a reference state
:math:`M` if, for every slope,

.. math:: \pi \big( s L + \sum_k N_k \psi_k(s) \big) + \sum_k f_k N_k - u_k (M_k - N_k)^+ - d_k (N_k - M_k)^+ \le e(M)

Every term belongs to one kind, so kinds are added one after the other, largest capacity first, and a partial state is
dropped as soon as the best of the remaining kinds cannot save it. Where energy has a negative price the bound turns:
power is at most that of full load.

Source: Lagrangian relaxation of the load balance in unit commitment; the nested enumeration is ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.errors import Fault, InputError
from dynamo_plan.model.constraints import reserve, served_demand
from dynamo_plan.model.constraints.served_demand import CAPACITY_TOLERANCE
from dynamo_plan.problem import PoolProblem
from dynamo_plan.solve.dispatch import Fleet

SLOPES = 24
"""Slopes tried per mix, spread over the hull's own; more cut little further."""

ROUNDING = 1e-9
"""Relative; room that a cut leaves for the last digits of the sums on both of its sides."""

LARGEST_EXPANSION = 30_000_000
"""Partial states of one pool held at once; a memory guard: beyond it the pool is refused with advice, never thinned out."""


class TooManyStatesError(InputError):
    """A pool has more candidate states, in a window or while they are enumerated, than memory allows."""

    def __init__(self, pool: str, states: int) -> None:
        super().__init__(
            Fault(
                "pool-too-large",
                f"pool {pool}",
                f"{states:,} candidate states would have to be compared with each other",
                "A pool is planned exactly or not at all; states are many where starting an instance costs more than keeping it idle "
                "through a window, and where a pool has hundreds of instances",
                "Use longer windows, split the pool, or leave out kinds that are never chosen",
            )
        )


@dataclass(frozen=True, slots=True)
class Detour:
    """The test that a state must pass per window; arrays with a first axis `window`.

    Attributes
    ----------
    energy : array, shape (window,)
        Price of one watt over the window [objective/W].
    fixed : array, shape (window, kind)
        Cost of a running instance besides its energy [objective].
    up, down : array, shape (window, kind)
        Most that one instance more, or less, can add to start costs [objective].
    reference : array of int, shape (window, kind)
    limit : array, shape (window,)
        Cost of the reference state, plus the slack [objective].
    slack : array, shape (window,)
        Room beyond the test: states dearer by up to this much are kept too [objective].
    """

    energy: NDArray[np.float64]
    fixed: NDArray[np.float64]
    up: NDArray[np.float64]
    down: NDArray[np.float64]
    reference: NDArray[np.int64]
    limit: NDArray[np.float64]
    slack: NDArray[np.float64]

    def way(self, window: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Cost of going from states to the reference and back; pairs of window and state (pair, kind) -> (pair,)."""
        step = self.reference[window] - counts
        cost = np.maximum(step, 0) * self.up[window] + np.maximum(-step, 0) * self.down[window]
        return np.asarray(cost.sum(axis=1))


def slopes(fleet: Fleet) -> NDArray[np.float64]:
    """Slopes to cut with: 0, and the hull's own thinned to `SLOPES` [W per request/s]."""
    own = np.unique(np.concatenate([[0.0], *(hull_slopes(fleet, kind) for kind in range(len(fleet.kinds)))]))
    own = own[own >= 0]
    return np.asarray(own[np.unique(np.linspace(0, own.size - 1, min(SLOPES, own.size)).round().astype(int))])


def hull_slopes(fleet: Fleet, kind: int) -> NDArray[np.float64]:
    """Slopes of one kind's hull, and its least power per rate [W per request/s]."""
    found = fleet.envelopes[kind]
    if found is None:
        return np.zeros(0)
    inner = np.diff(found.hull_power_w) / np.diff(found.hull_rate_rps)
    return np.append(inner, (found.hull_power_w[1:] / found.hull_rate_rps[1:]).min())


class Cuts:
    """Coefficients of all cuts of one pool: psi (mix, slope, kind) and slope (mix, slope)."""

    def __init__(self, pool: PoolProblem, fleets: list[Fleet]) -> None:
        self.pool = pool
        count, kinds = SLOPES, len(pool.kinds)
        self.slope = np.zeros((len(fleets), count))
        self.psi = np.zeros((len(fleets), count, kinds))
        self.full = np.zeros((len(fleets), kinds))
        for mix, fleet in enumerate(fleets):
            own = slopes(fleet)
            self.slope[mix] = np.append(own, np.full(count - own.size, own[-1]))
            for kind, found in enumerate(fleet.envelopes):
                if found is not None:
                    self.psi[mix, :, kind] = (found.hull_power_w - self.slope[mix][:, None] * found.hull_rate_rps).min(
                        axis=1
                    )
                    self.full[mix, kind] = found.power_w.max()
        self.usable = np.array([[found is not None for found in fleet.envelopes] for fleet in fleets]).reshape(
            -1, kinds
        )
        capacity = pool.reserve_capacity_rps.mean(axis=0) if kinds else np.zeros(0)
        self.order = np.argsort(-capacity, kind="stable")

    def candidates(self, test: Detour) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Every pair of window and state that passes all cuts and can serve the reserve: (pair,), (pair, kind).

        Raises
        ------
        TooManyStatesError
            More than `LARGEST_EXPANSION` partial states.
        """
        pool, mix = self.pool, self.pool.mix
        positive = test.energy >= 0
        psi = np.where(positive[:, None, None], self.psi[mix], self.full[mix][:, None, :])
        slope = np.where(positive[:, None], self.slope[mix], 0.0)
        per_instance = test.fixed[:, None, :] + test.energy[:, None, None] * psi
        budget = test.limit[:, None] - test.energy[:, None] * slope * pool.rate_rps[:, None]
        tails = self._tails(test, per_instance)
        window = np.arange(mix.size)
        counts = np.zeros((mix.size, len(pool.kinds)), dtype=np.int64)
        spent = np.zeros_like(budget)
        for depth, kind in enumerate(self.order):
            rest = budget[window] - spent - tails[depth + 1][window]
            low = np.zeros(window.size, dtype=np.int64)
            if depth == len(self.order) - 1:
                low = self._least_last(kind, window, counts)
            high = self._most(test, kind, window, per_instance[window, :, kind], rest)
            sizes = np.maximum(high - low + 1, 0)
            if int(sizes.sum()) > LARGEST_EXPANSION:
                raise TooManyStatesError(pool.name, int(sizes.sum()))
            parent = np.repeat(np.arange(window.size), sizes)
            number = np.arange(parent.size) - np.repeat(np.cumsum(sizes) - sizes, sizes) + low[parent]
            here = window[parent]
            term = self._term(test, kind, here, number)[:, None] + number[:, None] * per_instance[here, :, kind]
            passes = (term <= rest[parent] + ROUNDING * np.abs(test.limit[here])[:, None]).all(axis=1)
            parent, number, term = parent[passes], number[passes], term[passes]
            window, spent = window[parent], spent[parent] + term
            counts = counts[parent]
            counts[:, kind] = number
        keep = admitted(pool, window, counts)
        return window[keep], counts[keep]

    def _term(
        self, test: Detour, kind: int, window: NDArray[np.int64], number: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        step = test.reference[window, kind] - number
        way = np.maximum(step, 0) * test.up[window, kind] + np.maximum(-step, 0) * test.down[window, kind]
        return np.asarray(-way)

    def _tails(self, test: Detour, per_instance: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Least that the kinds from each depth on can add to a cut (window, slope); concave in each number, so at an end."""
        windows = np.arange(test.limit.size)
        tails = [np.zeros(per_instance.shape[:2])]
        for kind in reversed(self.order):
            ends = []
            for number in (0, int(self.pool.max_instances[kind])):
                numbers = np.full(windows.size, number)
                ends.append(self._term(test, kind, windows, numbers)[:, None] + number * per_instance[:, :, kind])
            tails.insert(0, tails[0] + np.minimum(*ends))
        return tails

    def _most(
        self,
        test: Detour,
        kind: int,
        window: NDArray[np.int64],
        per_instance: NDArray[np.float64],
        rest: NDArray[np.float64],
    ) -> NDArray[np.int64]:
        """Most instances of a kind that every cut leaves room for, given what is spent (pair,).

        A cut rises with the number by the instance's own cost less the detour above the reference, plus the detour below it.
        """
        reference = test.reference[window, kind]
        down, up = test.down[window, kind][:, None], test.up[window, kind][:, None]
        room = rest + ROUNDING * np.abs(test.limit[window])[:, None]
        above = _largest(room - down * reference[:, None], per_instance - down)
        below = _largest(room + up * reference[:, None], per_instance + up)
        most = np.where(above >= reference, above, np.minimum(below, reference - 1))
        top = float(self.pool.max_instances[kind])
        usable = self.usable[self.pool.mix[window], kind]
        return np.where(usable, np.clip(most, -1.0, top), np.minimum(most, 0.0)).astype(np.int64)

    def _least_last(self, kind: int, window: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Fewest instances of the last kind that bring a state up to its reserve."""
        capacity = self.pool.reserve_capacity_rps[window]
        missing = self.pool.reserve_rate_rps[window] * (1 - CAPACITY_TOLERANCE) - (counts * capacity).sum(axis=1)
        own = capacity[:, kind]
        never = float(self.pool.max_instances[kind] + 1)
        need = np.where(
            own > 0, np.ceil(missing / np.where(own > 0, own, 1.0) - ROUNDING), np.where(missing > 0, never, 0.0)
        )
        return np.clip(need, 0, never).astype(np.int64)


def _largest(room: NDArray[np.float64], slope: NDArray[np.float64]) -> NDArray[np.float64]:
    """Largest whole number n with slope x n <= room for every cut (pair, slope) -> (pair,); infinite if none limits it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(slope > 0, np.floor(room / slope), np.inf).min(axis=1))


def admitted(pool: PoolProblem, window: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each pair of window (pair,) and state (pair, kind) satisfies every pool constraint."""
    return served_demand.admits(pool, window, counts) & reserve.admits(pool, window, counts)
