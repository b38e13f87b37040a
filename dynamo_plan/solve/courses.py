"""What pricing speaks of: prices of a pool, states of windows, courses through them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
        Per start at the window's left edge [objective]; the first row counts only where the state before is given.
    saved : array, shape (window, kind), or None
        What a re-shard saves of a start [objective]; None where there are none.
    share : array, shape (window,), or None
        Per whole load of which the pool takes a share [objective]; None where its load is its own.
    """

    energy: NDArray[np.float64]
    instance: NDArray[np.float64]
    start: NDArray[np.float64]
    saved: NDArray[np.float64] | None = None
    share: NDArray[np.float64] | None = None

    @property
    def least_start(self) -> NDArray[np.float64]:
        """Least that one more instance can cost when it comes, by a start or by a re-shard (window, kind) [objective]."""
        return self.start if self.saved is None else self.start - np.maximum(self.saved, 0.0)

    def without_starts(self) -> PoolPrices:
        """The same prices with starts for nothing, so that every window stands alone."""
        return PoolPrices(self.energy, self.instance, np.zeros_like(self.start))


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


@dataclass(frozen=True, slots=True)
class Course:
    """A pool's course over the horizon.

    Attributes
    ----------
    counts : array of int, shape (window, kind)
        Running instances.
    power_w : array, shape (window,)
        Power of the dispatch [W].
    value : float
        Cost at the prices it was found with [objective].
    bound : float
        No course costs less at these prices; equal to `value` where no tolerance was needed [objective].
    share : array, shape (window,), or None
        Share taken of a load that several sites may share [1]; None where the load is the pool's own.
    """

    counts: NDArray[np.int64]
    power_w: NDArray[np.float64]
    value: float
    bound: float = float("-inf")
    share: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True)
class NearOptimal:
    """States of a pool's near-optimal courses at some prices, sorted by window.

    Attributes
    ----------
    value : float
        Cost of the cheapest course [objective].
    edge : array of int, shape (window + 1,)
        First state of each window.
    counts : array of int, shape (state, kind)
    power_w : array, shape (state,)
        Power of the dispatch [W].
    stage : array, shape (state,)
        Cost of the state in its window, all starts apart [objective].
    onward : array, shape (state,)
        Least cost from the state's window to the end, the end's own starts included [objective].
    place : array of int, shape (state,)
        Place of the state's stage among its window's: parts taken of a load that several sites share, else 0.
    """

    value: float
    edge: NDArray[np.int64]
    counts: NDArray[np.int64]
    power_w: NDArray[np.float64]
    stage: NDArray[np.float64]
    onward: NDArray[np.float64]
    place: NDArray[np.int64]
