"""Routed pools in the compact formulation: integer instances per kind and clock, continuous shares of every bucket.

Rows: `dynamo_plan.model.constraints.routing`. A routed pool adds to the site quantities like any other, except that its energy is a
straight line in instances and shares: a bound on what its groups draw, which `dynamo_plan.solve.routing` then reads off the curves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pulp
from numpy.typing import NDArray

from dynamo_plan.model.constraints.routing import NAME, Shares, add_capacity, add_shares
from dynamo_plan.model.quantities import site_axes
from dynamo_plan.model.site import Term
from dynamo_plan.problem import Problem, RoutedMode, RoutedPool
from dynamo_plan.units import WH_PER_KWH

Add = Callable[[str, int, int, pulp.LpVariable, float], None]
"""Adds a variable with a factor to the linking row of a site quantity, row and window."""


LEAST_FILLED = 1e-6
"""Instances that a whole bucket fills; where it fills fewer, a row says that even so little needs an instance, because the solver
lets a capacity be exceeded by 1e-9."""


@dataclass(frozen=True, slots=True)
class Routes:
    """How one routed pool is served.

    Attributes
    ----------
    instances : array of int, shape (window, mode)
    shares : array, shape (window, bucket, mode)
        Share of each bucket's rate [1]; sums to 1 over the modes where the bucket has load.
    """

    instances: NDArray[np.int64]
    shares: NDArray[np.float64]


class RoutedRows:
    """Variables and rows of one routed pool.

    Parameters
    ----------
    label : str
        Stands in the names of its variables and rows.
    energy_is_gain : array of bool, shape (window,)
        Where the price of energy is negative, so that the bound is a line above the curves.
    """

    def __init__(
        self,
        prob: pulp.LpProblem,
        problem: Problem,
        pool: RoutedPool,
        label: str,
        add: Add,
        energy_is_gain: NDArray[np.bool_],
    ) -> None:
        self.pool = pool
        self._prob = prob
        self._label = label
        self._reserve_modes = reserve_modes(pool)
        self._instances: list[list[pulp.LpVariable]] = []
        self._shares: list[Shares] = []
        for t in range(len(problem.windows)):
            self._window(t)
            self._contribute(problem, t, add, is_gain=bool(energy_is_gain[t]))

    def _window(self, t: int) -> None:
        """Instances and shares of one window, at the mean and at the reserve."""
        pool, prob, label = self.pool, self._prob, f"{self._label}_{t}"
        most = pool.max_instances.tolist()
        instances = [
            prob.add_variable(f"instances_{label}_{m}", lowBound=0.0, upBound=float(most[mode.kind]), cat="Integer")
            for m, mode in enumerate(pool.modes)
        ]
        self._instances.append(instances)
        self._shares.append(add_shares(prob, pool.modes, pool.rate_rps[t], label))
        for m, mode in enumerate(pool.modes):
            used = self._used(pool.modes, self._shares[t], m, pool.rate_rps[t])
            add_capacity(prob, mode, used, [instances[m]], f"{label}_{m}")
            for i, (share, filled) in enumerate(used):
                if filled < LEAST_FILLED:
                    prob.addConstraint(share - instances[m] <= 0.0, f"{NAME}_{label}_{m}_rare_{i}")
        for k in range(len(pool.kinds)):
            own = [v for v, mode in zip(instances, pool.modes, strict=True) if mode.kind == k]
            if len(own) > 1:
                prob.addConstraint(pulp.lpSum_vars(own) <= float(most[k]), f"{NAME}_{label}_most_{k}")
        if pool.min_instances > 0:
            prob.addConstraint(pulp.lpSum_vars(instances) >= float(pool.min_instances), f"{NAME}_{label}_least")
        if (pool.reserve_rate_rps[t] > pool.rate_rps[t]).any():  # else the rows above say as much
            self._reserve(t, instances)

    def _reserve(self, t: int, instances: list[pulp.LpVariable]) -> None:
        """The same instances, their clocks set anew, can serve the reserve."""
        pool, prob, label = self.pool, self._prob, f"reserve_{self._label}_{t}"
        modes = self._reserve_modes
        shares = add_shares(prob, modes, pool.reserve_rate_rps[t], label)
        for k in range(len(pool.kinds)):
            own = [m for m, mode in enumerate(modes) if mode.kind == k]
            committed = [v for v, mode in zip(instances, pool.modes, strict=True) if mode.kind == k]
            clocked = [committed]
            if len(own) > 1:
                clocked = [[prob.add_variable(f"instances_{label}_{m}", lowBound=0.0, cat="Integer")] for m in own]
                some = pulp.lpSum_vars_coefs([*((v[0], 1.0) for v in clocked), *((v, -1.0) for v in committed)])
                prob.addConstraint(some <= 0.0, f"{NAME}_{label}_kind_{k}")
            for m, running in zip(own, clocked, strict=True):
                used = self._used(modes, shares, m, pool.reserve_rate_rps[t])
                add_capacity(prob, modes[m], used, running, f"{label}_{m}")

    @staticmethod
    def _used(modes: Sequence[RoutedMode], shares: Shares, m: int, rate_rps: NDArray[np.float64]) -> list[Term]:
        """Shares that a mode takes, with the instances that the whole of their buckets would fill [1]."""
        return [
            (share, float(rate_rps[b]) / capacity_rps(modes[m], b)) for (b, own), share in shares.items() if own == m
        ]

    def _contribute(self, problem: Problem, t: int, add: Add, *, is_gain: bool) -> None:
        axes, hours = site_axes(problem), problem.windows.hours
        home = axes.sites.index(self.pool.site)
        for m, mode in enumerate(self.pool.modes):
            kind = self.pool.kinds[mode.kind]
            stock = axes.stocks.index((self.pool.site, kind.gpu))
            base_w, slope_w = power_line(mode, above=is_gain)
            instances = self._instances[t][m]
            add("gpus_in_use", stock, t, instances, float(kind.gpus))
            add("gpu_hours", stock, t, instances, kind.gpus * hours)
            add("instance_energy_kwh", home, t, instances, base_w * hours / WH_PER_KWH)
            for (b, own), share in self._shares[t].items():
                if own == m:
                    filled = float(self.pool.rate_rps[t, b]) / capacity_rps(mode, b)
                    add("instance_energy_kwh", home, t, share, float(slope_w[b]) * filled * hours / WH_PER_KWH)

    def running(self, k: int, t: int, sign: float) -> list[Term]:
        """Terms of the running instances of a kind in a window."""
        pairs = zip(self._instances[t], self.pool.modes, strict=True)
        return [(variable, sign) for variable, mode in pairs if mode.kind == k]

    def routes(self, value: Callable[[pulp.LpVariable], float]) -> Routes:
        """How the pool is served, from the values of its variables."""
        windows, modes = len(self._instances), len(self.pool.modes)
        shares = np.zeros((windows, len(self.pool.buckets), modes))
        for t, own in enumerate(self._shares):
            for (b, m), share in own.items():
                shares[t, b, m] = value(share)
        counts = np.array([[round(value(v)) for v in own] for own in self._instances], dtype=np.int64)
        return Routes(counts.reshape(windows, modes), shares)


def capacity_rps(mode: RoutedMode, b: int) -> float:
    """Rate of one bucket alone that fills an instance [1/s]; 0 where the mode cannot serve it."""
    curve = mode.curves[b]
    return 0.0 if curve is None else curve.capacity_rps


def reserve_modes(pool: RoutedPool) -> list[RoutedMode]:
    """Modes that the reserve may need: without those that another clock of the kind matches in every bucket."""
    room = [np.array([capacity_rps(mode, b) * mode.limit for b in range(len(pool.buckets))]) for mode in pool.modes]
    kept = []
    for m, mode in enumerate(pool.modes):
        rivals = [n for n, other in enumerate(pool.modes) if other.kind == mode.kind and n != m]
        if not any((room[n] >= room[m]).all() and (n < m or (room[n] > room[m]).any()) for n in rivals):
            kept.append(mode)
    return kept


def power_line(mode: RoutedMode, *, above: bool) -> tuple[float, NDArray[np.float64]]:
    """A straight line under, or above, the power of any instance in a mode: at idle [W], and per bucket [W] (bucket,).

    An instance that buckets fill to the parts :math:`u_b` draws at least, or at most, `idle + sum of slope_b u_b`: each bucket's
    own power at the instance's whole utilisation lies on that side of the line, and the instance draws their weighted mean.
    """
    curves = [(b, curve) for b, curve in enumerate(mode.curves) if curve is not None]
    extreme = max if above else min
    idle = extreme(float(curve.power_w[0]) for _, curve in curves)
    slope = np.zeros(len(mode.curves))
    for b, curve in curves:
        knots = curve.rate_rps[1:] / curve.capacity_rps
        loads = np.append(knots[knots < mode.limit], mode.limit)
        power = curve.power_at(loads * curve.capacity_rps)
        slope[b] = extreme(((power - idle) / loads).tolist())
    return idle, slope
