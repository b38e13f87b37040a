r"""Trajectory formulation: one column per candidate course of a pool, the site's rows as they are.

.. math::
   \min f(q) \quad \text{s.t.} \quad q = \sum_p \sum_c a_{p,c} \lambda_{p,c}, \quad \sum_c \lambda_{p,c} = 1, \quad \lambda \ge 0

with the site quantities :math:`q`, the site's constraints and costs :math:`f` (`dynamo_plan.model.site`) and the
contribution :math:`a_{p,c}` of course :math:`c` of pool :math:`p`. Its linear relaxation is the master of the
decomposition: the duals of the linking rows are prices of site quantities, at which every pool is planned by itself.

Source: Dantzig and Wolfe, Operations Research 8, 1960. The model is declared and first solved in PuLP; columns are
then added to the live HiGHS model behind it, because PuLP rebuilds the whole model at every solve.
"""

from __future__ import annotations

from collections.abc import Iterator

import highspy
import numpy as np
import pulp
from numpy.typing import NDArray

from dynamo_plan.model.constraints import gpu_stock, power_cap, start_limit
from dynamo_plan.model.live import load
from dynamo_plan.model.quantities import SiteVector, site_axes
from dynamo_plan.model.site import LINKED, SiteModel, build_site, link
from dynamo_plan.problem import Problem

CAPS = (gpu_stock.NAME, power_cap.NAME, start_limit.NAME)
"""Rows that a set of columns may not be able to hold."""


class Master:
    """The relaxed master with its columns.

    Parameters
    ----------
    problem : Problem
    first : list of SiteVector
        One course's contribution per pool.
    penalty : float
        Price of exceeding a cap by one unit of its row [objective]. With these slacks the master is a relaxation whatever the
        columns, so its bound holds; a plan is feasible only where `slack` is 0.
    """

    def __init__(self, problem: Problem, first: list[SiteVector], penalty: float) -> None:
        self.axes = site_axes(problem)
        self.model: SiteModel = build_site(problem)
        link(self.model, {name: {} for name in LINKED})
        prob = self.model.prob
        caps = [row for row in prob.constraints() if row.name.startswith(CAPS)]
        for row in caps:
            prob.add_column(f"over_{row.name}", lowBound=0.0, obj=penalty, coefficients={row: -1.0})
        self._over = len(caps)
        self.penalty = penalty
        none = pulp.lpSum_vars_coefs([])
        self._rows = [(name, row, t) for name in LINKED for row, t in self.model.links[name]]
        self._convexity = []
        for pool, amounts in enumerate(first):
            coefficients = {
                self.model.links[name][row, t]: -amount for (name, row, t), amount in self._nonzero(amounts)
            }
            column = prob.add_column(f"course_{pool}_0", lowBound=0.0, coefficients=coefficients)
            self._convexity.append(prob.addConstraint(none + column == 1.0, f"one_course_{pool}"))
        self.highs = load(prob, pulp.HiGHS(mip=False, msg=False, random_seed=0))
        order = {constraint.name: index for index, constraint in enumerate(prob.constraints())}
        self._index = np.array(
            [order[self.model.links[name][row, t].name] for name, row, t in self._rows], dtype=np.int32
        )
        self._convexity_index = np.array([order[row.name] for row in self._convexity], dtype=np.int32)
        self.highs.run()
        self.owner = list(range(len(first)))
        self.first_column = self.highs.getNumCol() - len(first)

    def _nonzero(self, amounts: SiteVector) -> Iterator[tuple[tuple[str, int, int], float]]:
        for name, row, t in self._rows:
            amount = float(getattr(amounts, name)[row, t])
            if amount != 0.0:
                yield (name, row, t), amount

    def add(self, pool: int, amounts: SiteVector) -> None:
        """A new column for a pool, into the live model."""
        flat = -np.concatenate([getattr(amounts, name).ravel() for name in LINKED])
        used = np.flatnonzero(flat)
        rows = np.append(self._index[used], self._convexity_index[pool]).astype(np.int32)
        self.highs.addCol(0.0, 0.0, highspy.kHighsInf, rows.size, rows, np.append(flat[used], 1.0))
        self.owner.append(pool)

    def solve(self) -> bool:
        """Solve the relaxation again, warm; True if it ended optimal."""
        self.highs.run()
        return bool(self.highs.getModelStatus() == highspy.HighsModelStatus.kOptimal)

    @property
    def value(self) -> float:
        """Value of the relaxed master [objective]."""
        return float(self.highs.getInfo().objective_function_value)

    @property
    def slack(self) -> float:
        """Sum of what the caps are exceeded by in the relaxation [units of the rows]."""
        values = np.asarray(self.highs.getSolution().col_value)
        return float(values[self.first_column - self._over : self.first_column].sum())

    def raise_penalty(self, factor: float) -> None:
        """Make exceeding a cap dearer by a factor."""
        self.penalty *= factor
        for column in range(self.first_column - self._over, self.first_column):
            self.highs.changeColCost(column, self.penalty)

    def duals(self) -> tuple[SiteVector, NDArray[np.float64]]:
        """Prices of site quantities [objective/unit], and of each pool's convexity row (pool,) [objective]."""
        dual = np.asarray(self.highs.getSolution().row_dual)
        flat = dual[self._index]
        parts, start = [], 0
        for name in LINKED:
            shape = getattr(self.axes.zeros(), name).shape
            size = shape[0] * shape[1]
            parts.append(flat[start : start + size].reshape(shape))
            start += size
        return SiteVector(*parts), dual[self._convexity_index]

    def weights(self) -> NDArray[np.float64]:
        """Value of every course's column, in order of addition (column,)."""
        return np.asarray(self.highs.getSolution().col_value)[self.first_column :]
