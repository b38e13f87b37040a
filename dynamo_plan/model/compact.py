r"""Compact formulation: one binary per pool, window and admitted state; the readable reference and the oracle in tests.

.. math::
   \sum_N z_{p,N,t} = 1, \qquad
   y_{p,k,t} \ge \sum_N N_k (z_{p,N,t} - z_{p,N,t-1}), \qquad
   q = \sum_{p} \text{contribution}_p(z, y)

with the same precomputed dispatch cost of each state that the dynamic programme uses, so both agree to rounding.
Starts :math:`y` are exact where they cost something; where electricity prices make them a gain, or re-shards are told from
them, one more binary per row keeps them from exceeding what really starts. Pools whose load is routed freely have variables of their own
(`dynamo_plan.model.routing`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pulp
from numpy.typing import NDArray

from dynamo_plan.model.constraints.min_up import add_rows, windows_up
from dynamo_plan.model.constraints.resharding import add_rule
from dynamo_plan.model.quantities import (
    reshard_energy_kwh,
    reshard_hours,
    site_axes,
    start_energy_kwh,
    start_hours,
)
from dynamo_plan.model.routing import RoutedRows
from dynamo_plan.model.site import LINKED, SiteModel, Term, build_site, link
from dynamo_plan.problem import PoolProblem, Problem, RoutedPool
from dynamo_plan.units import WH_PER_KWH

Terms = dict[str, dict[tuple[int, int], list[Term]]]
Running = Callable[[int, int, float], list[Term]]
"""Terms of the running instances of a kind in a window, with a sign."""
Rise = tuple[list[Term], float]
"""By how much the instances of a kind rise at an edge: terms and a constant."""


END = "end"
"""Name of the edge after the last window."""


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
            running = partial(self._running, index)
            self._start(str(index), pool, running, start_is_gain[self._axes.sites.index(pool.site)])
        self.routed: list[RoutedRows] = []
        for index, routed in enumerate(problem.routed):
            gain = start_is_gain[self._axes.sites.index(routed.site)]
            rows = RoutedRows(self.prob, problem, routed, f"r{index}", self._add, gain)
            self.routed.append(rows)
            self._start(f"r{index}", routed, rows.running, gain)
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

    def _start(self, label: str, pool: PoolProblem | RoutedPool, running: Running, is_gain: NDArray[np.bool_]) -> None:
        """Starts and re-shards at every edge between two windows, and at the ends of the horizon where these are not free."""
        reshards = self.problem.transitions.reshards
        begun: dict[int, list[pulp.LpVariable]] = {}
        for edge, t, rises in self._edges(pool, running):
            exact = bool(is_gain[t]) or reshards
            name = [f"{label}_{k}_{edge}" for k in range(len(pool.kinds))]
            starts = [self._rise(name[k], pool, k, rise, exact=exact) for k, rise in enumerate(rises)]
            if edge != END:
                begun[t] = starts
            for k, y in enumerate(starts):
                self._add_starts(pool, k, t, y, 1.0, start_energy_kwh(self.problem), start_hours(self.problem))
            if reshards:
                stops = [
                    ([(y, 1.0), *((v, -factor) for v, factor in terms)], -known)
                    for y, (terms, known) in zip(starts, rises, strict=True)
                ]
                most = [most_instances(pool, k) for k in range(len(pool.kinds))]
                moved = add_rule(self.prob, f"{label}_{edge}", pool.kinds, starts, stops, most)
                saved = start_energy_kwh(self.problem) - reshard_energy_kwh(self.problem)
                hours = start_hours(self.problem) - reshard_hours(self.problem)
                for k, r in moved.items():
                    self._add_starts(pool, k, t, r, -1.0, -saved, -hours)
        if windows_up(self.problem) > 1:
            add_rows(self.prob, label, begun, running, self._axes.windows, windows_up(self.problem))

    def _edges(self, pool: PoolProblem | RoutedPool, running: Running) -> Iterator[tuple[str, int, list[Rise]]]:
        """Name of every edge that is not free, the window that it is charged to, and the rise of every kind's instances there."""
        last, kinds = self._axes.windows - 1, range(len(pool.kinds))
        if pool.initial_counts is not None:
            yield "0", 0, [(running(k, 0, 1.0), -float(pool.initial_counts[k])) for k in kinds]
        for t in range(1, last + 1):
            yield str(t), t, [([*running(k, t, 1.0), *running(k, t - 1, -1.0)], 0.0) for k in kinds]
        if pool.final_counts is not None:
            yield END, last, [(running(k, last, -1.0), float(pool.final_counts[k])) for k in kinds]

    def _running(self, index: int, k: int, t: int, sign: float) -> list[Term]:
        """Terms of the running instances of a pool and kind in a window."""
        counts = self.states[index].counts[t][:, k]
        return [(z, sign * float(n)) for z, n in zip(self._choice[index][t], counts, strict=True) if n]

    def _rise(self, name: str, pool: PoolProblem | RoutedPool, k: int, rise: Rise, *, exact: bool) -> pulp.LpVariable:
        """Instances of a kind that are there after an edge and were not before: at least the rise, and exactly where asked."""
        terms, known = rise
        y = self.prob.add_variable(f"starts_{name}", lowBound=0.0)
        over = [(y, 1.0), *((variable, -factor) for variable, factor in terms)]
        self.prob.addConstraint(pulp.lpSum_vars_coefs(over) >= known, f"instance_starts_{name}")
        if exact:
            most = float(most_instances(pool, k))
            grows = self.prob.add_variable(f"grows_{name}", cat="Binary")
            self.prob.addConstraint(
                pulp.lpSum_vars_coefs([*over, (grows, most)]) <= most + known, f"exact_starts_{name}"
            )
            self.prob.addConstraint(y - most * grows <= 0.0, f"no_starts_{name}")
        return y

    def _add_starts(
        self, pool: PoolProblem | RoutedPool, k: int, t: int, y: pulp.LpVariable, count: float, kwh: float, hours: float
    ) -> None:
        """What one more of `y` adds to the site quantities of a window: starts, energy [kWh], time that its GPUs are held [h]."""
        kind, home = pool.kinds[k], self._axes.sites.index(pool.site)
        self._add("instance_starts", home, t, y, count)
        self._add("instance_energy_kwh", home, t, y, kwh)
        self._add("gpu_hours", self._axes.stocks.index((pool.site, kind.gpu)), t, y, kind.gpus * hours)

    def chosen(self, values: NDArray[np.float64]) -> list[NDArray[np.int64]]:
        """Index of the chosen state per pool and window (window,), from the values of all variables in order of declaration."""
        order = {variable.name: index for index, variable in enumerate(self.prob.exported_variables())}
        return [
            np.array([int(np.argmax(values[[order[v.name] for v in z]])) for z in windows], dtype=np.int64)
            for windows in self._choice
        ]


def most_instances(pool: PoolProblem | RoutedPool, k: int) -> int:
    """Most instances of a kind at any time, the ends of the horizon included."""
    ends = [int(counts[k]) for counts in (pool.initial_counts, pool.final_counts) if counts is not None]
    return max(int(pool.max_instances[k]), *ends, 0)
