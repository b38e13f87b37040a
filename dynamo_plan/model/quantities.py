r"""Site quantities: all that pools of one site share, each tied to the pools by one linking row.

.. math:: q_{s,t} = \sum_{p \in s} \text{contribution}_{p,t}

Every site constraint and cost is written on these quantities alone, so the duals of the linking rows are the prices
at which a pool can be planned by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.problem import PoolProblem, Problem
from dynamo_plan.units import SECONDS_PER_HOUR, WH_PER_KWH


@dataclass(frozen=True, slots=True)
class SiteVector:
    """One number per site quantity and window: amounts used, or prices of them.

    Attributes
    ----------
    gpus_in_use : array, shape (site x gpu type, window)
        GPUs of running instances [1].
    gpu_hours : array, shape (site x gpu type, window)
        GPU-hours, time to start included [h].
    instance_energy_kwh : array, shape (site, window)
        Energy of instances and of their starts [kWh].
    instance_starts : array, shape (site, window)
        Instances started [1].
    """

    gpus_in_use: NDArray[np.float64]
    gpu_hours: NDArray[np.float64]
    instance_energy_kwh: NDArray[np.float64]
    instance_starts: NDArray[np.float64]

    def __add__(self, other: SiteVector) -> SiteVector:
        return SiteVector(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __sub__(self, other: SiteVector) -> SiteVector:
        return SiteVector(*(getattr(self, f.name) - getattr(other, f.name) for f in fields(self)))

    def dot(self, other: SiteVector) -> float:
        """Sum over all quantities and windows of amount times price."""
        return float(sum(np.vdot(getattr(self, f.name), getattr(other, f.name)) for f in fields(self)))


@dataclass(frozen=True, slots=True)
class SiteAxes:
    """Row order of the arrays in a `SiteVector`."""

    sites: tuple[str, ...]
    stocks: tuple[tuple[str, str], ...]
    windows: int

    def zeros(self) -> SiteVector:
        """No use of anything."""
        by_stock, by_site = (len(self.stocks), self.windows), (len(self.sites), self.windows)
        return SiteVector(np.zeros(by_stock), np.zeros(by_stock), np.zeros(by_site), np.zeros(by_site))


def site_axes(problem: Problem) -> SiteAxes:
    """Sites in the scenario's order, GPU types sorted within each."""
    stocks = tuple((site.name, gpu) for site in problem.sites for gpu in site.gpu_types())
    return SiteAxes(tuple(site.name for site in problem.sites), stocks, len(problem.windows))


def start_energy_kwh(problem: Problem) -> float:
    """IT energy of one instance start [kWh]."""
    return problem.transitions.instance_start_wh / WH_PER_KWH


def start_hours(problem: Problem) -> float:
    """Time that a starting instance holds its GPUs before it serves [h]."""
    return problem.transitions.instance_start_s / SECONDS_PER_HOUR


def contribution(
    problem: Problem, pool: PoolProblem, counts: NDArray[np.int64], power_w: NDArray[np.float64]
) -> SiteVector:
    """What a pool's course of instance counts puts on its site.

    Parameters
    ----------
    counts : array of int, shape (window, kind)
    power_w : array, shape (window,)
        Power of the pool's dispatch in each window [W].
    """
    axes = site_axes(problem)
    use = axes.zeros()
    row = axes.sites.index(pool.site)
    started = instance_starts(counts)
    for index, kind in enumerate(pool.kinds):
        stock = axes.stocks.index((pool.site, kind.gpu))
        use.gpus_in_use[stock] += counts[:, index] * kind.gpus
        use.gpu_hours[stock] += kind.gpus * (
            counts[:, index] * problem.windows.hours + started[:, index] * start_hours(problem)
        )
    all_starts = started.sum(axis=1)
    energy = power_w * problem.windows.hours / WH_PER_KWH
    use.instance_energy_kwh[row] += energy + all_starts * start_energy_kwh(problem)
    use.instance_starts[row] += all_starts
    return use


def instance_starts(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Instances started at each window's left edge, shape (window, kind); none in the first, whose state is free."""
    return np.diff(counts, axis=0, prepend=counts[:1]).clip(min=0)
