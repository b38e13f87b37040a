"""Options of a pool in the window bound: its candidate states, sorted by window and GPUs in use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.solve.courses import PoolPrices
from dynamo_plan.solve.states import StateSpace


@dataclass(slots=True)
class PoolOptions:
    """Candidate states of one pool.

    Attributes
    ----------
    window, gpus : array of int, shape (option,)
    counts : array of int, shape (option, kind)
    cost : array, shape (option,)
        Stage cost without potentials: exact where `exact`, else a lower bound [objective].
    first : array of int, shape (group,)
        First option of each pair of window and GPUs; `group` (option,) is the pair's index.
    level : array of int, shape (option,)
        GPUs above `least_gpus` (window,), in units of the knapsack.
    edge : array of int, shape (window + 1,)
        First option of each window.
    """

    space: StateSpace
    prices: PoolPrices
    window: NDArray[np.int64]
    gpus: NDArray[np.int64]
    counts: NDArray[np.int64]
    cost: NDArray[np.float64]
    exact: NDArray[np.bool_]
    group: NDArray[np.int64]
    first: NDArray[np.int64]
    level: NDArray[np.int64]
    least_gpus: NDArray[np.int64]
    edge: NDArray[np.int64]

    def best_of_groups(self, adder: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Cheapest option of each pair of window and GPUs with an adder (option,): its index and cost."""
        cost = self.cost + adder
        least = np.minimum.reduceat(cost, self.first)
        hit = np.flatnonzero(cost == least[self.group])
        own = self.group[hit]
        once = np.append(True, own[1:] != own[:-1])
        return hit[once], least

    def least(self, cost: NDArray[np.float64]) -> NDArray[np.float64]:
        """Least of a cost (option,) in each window (window,)."""
        return np.minimum.reduceat(cost, self.edge[:-1])

    def sharpen(self, picked: NDArray[np.int64]) -> int:
        """Replace bounds by exact costs for these options; how many were new."""
        new = picked[~self.exact[picked]]
        if new.size:
            window, counts = self.window[new], self.counts[new]
            self.cost[new] = self.space.stage(self.prices, window, counts, self.space.power_w(window, counts))
            self.exact[new] = True
        return int(new.size)


def gather_options(
    space: StateSpace,
    prices: PoolPrices,
    linear: NDArray[np.float64],
    slack: NDArray[np.float64],
    unit: int,
) -> PoolOptions:
    """States within `slack` (window,) of the pool's least cost when every instance pays `linear` (window, kind) and starts are free.

    Costs are exact at least for the cheapest option of each pair of window and GPUs.
    """
    priced = PoolPrices(prices.energy, prices.instance + linear, prices.start, prices.saved)
    window, counts = space.within(priced, slack)
    gpus = counts @ space.pool.gpus
    order = np.lexsort((gpus, window))
    window, counts, gpus = window[order], counts[order], gpus[order]
    begins = np.append(True, (window[1:] != window[:-1]) | (gpus[1:] != gpus[:-1]))
    edge = np.searchsorted(window, np.arange(slack.size + 1))
    least = gpus[edge[:-1]]
    options = PoolOptions(
        space=space,
        prices=prices,
        window=window,
        gpus=gpus,
        counts=counts,
        cost=space.lower(prices, window, counts),
        exact=np.zeros(window.size, dtype=bool),
        group=np.cumsum(begins) - 1,
        first=np.flatnonzero(begins),
        level=(gpus - least[window]) // unit,
        least_gpus=least,
        edge=edge,
    )
    adder = (counts * linear[window]).sum(axis=1)
    while options.sharpen(options.best_of_groups(adder)[0]):
        pass
    return options
