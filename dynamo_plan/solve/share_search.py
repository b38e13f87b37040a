"""Joint search of the pools that share a load: their shares must make it up. What else ties pools together has its price only.

To the search of `dynamo_plan.solve.joint` the parts that a pool takes are one more thing of which there are so many, and the parts that it
leaves another: together these say that all parts are taken, no more and no less.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.model.quantities import SiteVector
from dynamo_plan.problem import Problem
from dynamo_plan.solve.courses import Course, NearOptimal
from dynamo_plan.solve.joint import JointSearch
from dynamo_plan.solve.kernels.joint import SharedWindows
from dynamo_plan.solve.pricing import pool_prices
from dynamo_plan.solve.states import StateSpace


class ShareSearch(JointSearch):
    """The search for one load.

    Parameters
    ----------
    spaces : list of StateSpace
        Of all pools that share the load.
    prices : SiteVector
        Prices of site quantities, those of loads among them.
    """

    def __init__(self, problem: Problem, load: str, spaces: list[StateSpace], prices: SiteVector) -> None:
        self.problem, self.spaces = problem, spaces
        windows, parts = len(problem.windows), spaces[0].shares.size - 1
        self.stock = np.tile([float(parts), float(parts * (len(spaces) - 1))], (windows, 1))
        self.price = np.zeros(self.stock.shape)
        self.cap_kwh = np.full(windows, np.inf)
        self.mu = np.zeros(windows)
        self.prices = [pool_prices(problem, space.pool, prices) for space in spaces]
        self.courses = [space.cheapest(price) for space, price in zip(spaces, self.prices, strict=True)]
        worth = float(prices.served[problem.loads().index(load)].sum())
        self.bound = sum(course.bound for course in self.courses) - worth

    def _use(self, space: StateSpace, near: NearOptimal) -> NDArray[np.int64]:
        """Parts taken and parts left by a pool's states (row, 2)."""
        return np.column_stack([near.place, space.shares.size - 1 - near.place])

    def _course(self, space: StateSpace, windows: SharedWindows, rows: NDArray[np.int64]) -> Course:
        counts = np.ascontiguousarray(windows.counts[rows, : len(space.pool.kinds)])
        return at_parts(space, counts, windows.gpus[rows, 0])


def at_parts(space: StateSpace, counts: NDArray[np.int64], parts: NDArray[np.int64]) -> Course:
    """These counts (window, kind), serving these parts of the load (window,)."""
    stage = np.arange(parts.size) * space.shares.size + parts
    return Course(counts, space.power_w(stage, counts), float("nan"), share=space.shares[parts])
