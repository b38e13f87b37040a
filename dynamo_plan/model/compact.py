r"""Compact formulation: one binary per pool, window and admitted state; the readable reference and the oracle in tests.

.. math::
   \sum_N z_{p,N,t} = 1, \qquad
   y_{p,k,t} \ge \sum_N N_k (z_{p,N,t} - z_{p,N,t-1}), \qquad
   q = \sum_{p} \text{contribution}_p(z, y)

with the same precomputed dispatch cost of each state that the dynamic programme uses, so both agree to rounding.
Starts :math:`y` are exact where they cost something; where electricity prices make them a gain, one more binary per
row keeps them from exceeding what really starts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pulp
from numpy.typing import NDArray

from dynamo_plan.model.quantities import site_axes, start_energy_kwh, start_hours
from dynamo_plan.model.site import LINKED, SiteModel, Term, build_site, link
from dynamo_plan.problem import PoolProblem, Problem
from dynamo_plan.units import WH_PER_KWH

Terms = dict[str, dict[tuple[int, int], list[Term]]]


@dataclass(frozen=True, slots=True)
class PoolStates:
    """Admitted states of one pool per window: counts (state, kind) and power (state,) [W]."""

    counts: list[NDArray[np.int64]]
    power_w: list[NDArray[np.float64]]


class CompactModel:
    """The whole problem as one MILP.

    Parameters
    ----------
    problem : Problem
    states : list of PoolStates
        One per pool.
    start_is_gain : array of bool, shape (site, window)
        Where a start's price may be negative.
    """

    def __init__(self, problem: Problem, states: list[PoolStates], start_is_gain: NDArray[np.bool_]) -> None:
        self.problem = problem
        self.states = states
        self.site: SiteModel = build_site(problem)
        self.prob = self.site.prob
        self.terms: Terms = {name: {} for name in LINKED}
        self._axes = site_axes(problem)
        self._choice: list[list[list[pulp.LpVariable]]] = []
        for index, pool in enumerate(problem.pools):
            self._choice.append(self._choose(index, pool))
            self._start(index, pool, start_is_gain[self._axes.sites.index(pool.site)])
        link(self.site, self.terms)

    def _add(self, quantity: str, row: int, t: int, variable: pulp.LpVariable, factor: float) -> None:
        if factor != 0.0:
            self.terms[quantity].setdefault((row, t), []).append((variable, factor))

    def _choose(self, index: int, pool: PoolProblem) -> list[list[pulp.LpVariable]]:
        hours = self.problem.windows.hours
        home = self._axes.sites.index(pool.site)
        chosen = []
        for t, counts in enumerate(self.states[index].counts):
            z = [self.prob.add_variable(f"state_{index}_{t}_{i}", cat="Binary") for i in range(counts.shape[0])]
            chosen.append(z)
            self.prob.addConstraint(pulp.lpSum_vars(z) == 1.0, f"one_state_{index}_{t}")
            for i, variable in enumerate(z):
                energy = float(self.states[index].power_w[t][i]) * hours / WH_PER_KWH
                self._add("instance_energy_kwh", home, t, variable, energy)
                for k, kind in enumerate(pool.kinds):
                    stock = self._axes.stocks.index((pool.site, kind.gpu))
                    gpus = float(counts[i, k] * kind.gpus)
                    self._add("gpus_in_use", stock, t, variable, gpus)
                    self._add("gpu_hours", stock, t, variable, gpus * hours)
        return chosen

    def _start(self, index: int, pool: PoolProblem, is_gain: NDArray[np.bool_]) -> None:
        home = self._axes.sites.index(pool.site)
        for t in range(1, self._axes.windows):
            for k, kind in enumerate(pool.kinds):
                before = [
                    (z, -float(n))
                    for z, n in zip(self._choice[index][t - 1], self.states[index].counts[t - 1][:, k], strict=True)
                ]
                after = [
                    (z, float(n))
                    for z, n in zip(self._choice[index][t], self.states[index].counts[t][:, k], strict=True)
                ]
                y = self.prob.add_variable(f"starts_{index}_{k}_{t}", lowBound=0.0)
                rise = pulp.lpSum_vars_coefs([term for term in (*after, *before) if term[1] != 0.0])
                self.prob.addConstraint(y - rise >= 0.0, f"instance_starts_{index}_{k}_{t}")
                if is_gain[t]:
                    most = float(pool.max_instances[k])
                    grows = self.prob.add_variable(f"grows_{index}_{k}_{t}", cat="Binary")
                    self.prob.addConstraint(y - rise.copy() + most * grows <= most, f"exact_starts_{index}_{k}_{t}")
                    self.prob.addConstraint(y - most * grows <= 0.0, f"no_starts_{index}_{k}_{t}")
                self._add("instance_starts", home, t, y, 1.0)
                self._add("instance_energy_kwh", home, t, y, start_energy_kwh(self.problem))
                stock = self._axes.stocks.index((pool.site, kind.gpu))
                self._add("gpu_hours", stock, t, y, kind.gpus * start_hours(self.problem))

    def chosen(self, values: NDArray[np.float64]) -> list[NDArray[np.int64]]:
        """Index of the chosen state per pool and window (window,), from the values of all variables in order of declaration."""
        order = {variable.name: index for index, variable in enumerate(self.prob.exported_variables())}
        return [
            np.array([int(np.argmax(values[[order[v.name] for v in z]])) for z in windows], dtype=np.int64)
            for windows in self._choice
        ]
