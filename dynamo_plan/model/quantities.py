r"""Site quantities: all that pools of one site share, each tied to the pools by one linking row.

.. math:: q_{s,t} = \sum_{p \in s} \text{contribution}_{p,t}

Every site constraint and cost is written on these quantities alone, so the duals of the linking rows are the prices
at which a pool can be planned by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.model.constraints.resharding import resharded
from dynamo_plan.problem import PoolProblem, Problem, RoutedPool
from dynamo_plan.schema.kind import Kind
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
    served : array, shape (load, window)
        Share served of each load that several sites may share [1].
    """

    gpus_in_use: NDArray[np.float64]
    gpu_hours: NDArray[np.float64]
    instance_energy_kwh: NDArray[np.float64]
    instance_starts: NDArray[np.float64]
    served: NDArray[np.float64]

    def __add__(self, other: SiteVector) -> SiteVector:
        return SiteVector(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __sub__(self, other: SiteVector) -> SiteVector:
        return SiteVector(*(getattr(self, f.name) - getattr(other, f.name) for f in fields(self)))

    def equals(self, other: SiteVector) -> bool:
        """Whether two are equal to the last bit; the duals of a site without binding rows often are."""
        return all(np.array_equal(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))

    def blended(self, other: SiteVector, weight: float) -> SiteVector:
        """A mean of both, `other` with this weight [1]."""
        return SiteVector(
            *((1 - weight) * getattr(self, f.name) + weight * getattr(other, f.name) for f in fields(self))
        )

    def dot(self, other: SiteVector) -> float:
        """Sum over all quantities and windows of amount times price."""
        return float(sum(np.vdot(getattr(self, f.name), getattr(other, f.name)) for f in fields(self)))


@dataclass(frozen=True, slots=True)
class SiteAxes:
    """Row order of the arrays in a `SiteVector`."""

    sites: tuple[str, ...]
    stocks: tuple[tuple[str, str], ...]
    loads: tuple[str, ...]
    windows: int

    def zeros(self) -> SiteVector:
        """No use of anything."""
        rows = (self.stocks, self.stocks, self.sites, self.sites, self.loads)
        return SiteVector(*(np.zeros((len(own), self.windows)) for own in rows))


def site_axes(problem: Problem) -> SiteAxes:
    """Sites in the scenario's order, GPU types sorted within each, loads that sites may share in the order of the pools."""
    stocks = tuple((site.name, gpu) for site in problem.sites for gpu in site.gpu_types())
    return SiteAxes(tuple(site.name for site in problem.sites), stocks, problem.loads(), len(problem.windows))


def start_energy_kwh(problem: Problem) -> float:
    """IT energy of one instance start [kWh]."""
    return problem.transitions.instance_start_wh / WH_PER_KWH


def start_hours(problem: Problem) -> float:
    """Time that a starting instance holds its GPUs before it serves [h]."""
    return problem.transitions.instance_start_s / SECONDS_PER_HOUR


def reshard_energy_kwh(problem: Problem) -> float:
    """IT energy of one re-shard [kWh]; that of a start where these are not told apart."""
    reshard_wh = problem.transitions.reshard_wh
    return start_energy_kwh(problem) if reshard_wh is None else reshard_wh / WH_PER_KWH


def reshard_hours(problem: Problem) -> float:
    """Time that a re-sharded instance holds its GPUs before it serves [h]; that of a start where these are not told apart."""
    transitions = problem.transitions
    return transitions.reshard_s / SECONDS_PER_HOUR if transitions.reshards else start_hours(problem)


def reshard_saving(problem: Problem, pool: PoolProblem | RoutedPool, prices: SiteVector) -> NDArray[np.float64]:
    """What a re-shard of each kind saves of the price of a start, at prices of site quantities (window, kind) [objective]."""
    axes = site_axes(problem)
    row = axes.sites.index(pool.site)
    kwh = start_energy_kwh(problem) - reshard_energy_kwh(problem)
    saved = prices.instance_starts[row] + prices.instance_energy_kwh[row] * kwh
    hours = start_hours(problem) - reshard_hours(problem)
    held = [prices.gpu_hours[axes.stocks.index((pool.site, kind.gpu))] * kind.gpus * hours for kind in pool.kinds]
    return np.stack([saved + own for own in held], axis=1)


@dataclass(frozen=True, slots=True)
class Changes:
    """Instances that are there and were not before, at each window's left edge, shape (window, kind) or as the states given.

    Attributes
    ----------
    started, resharded : array of int
        Those that are started, and those that take over GPUs freed at the same edge (`model.constraints.resharding`).
    """

    started: NDArray[np.int64]
    resharded: NDArray[np.int64]


def contribution(
    problem: Problem,
    pool: PoolProblem | RoutedPool,
    counts: NDArray[np.int64],
    power_w: NDArray[np.float64],
    share: NDArray[np.float64] | None = None,
) -> SiteVector:
    """What a pool's course of instance counts puts on its site.

    Parameters
    ----------
    counts : array of int, shape (window, kind)
    power_w : array, shape (window,)
        Power of the pool's dispatch in each window [W].
    share : array, shape (window,), optional
        Share that it takes of a load which several sites may share [1].
    """
    axes = site_axes(problem)
    use = axes.zeros()
    row = axes.sites.index(pool.site)
    new = changes(problem, pool, counts)
    held_h = new.started * start_hours(problem) + new.resharded * reshard_hours(problem)
    for index, kind in enumerate(pool.kinds):
        stock = axes.stocks.index((pool.site, kind.gpu))
        use.gpus_in_use[stock] += counts[:, index] * kind.gpus
        use.gpu_hours[stock] += kind.gpus * (counts[:, index] * problem.windows.hours + held_h[:, index])
    started, resharded = new.started.sum(axis=1), new.resharded.sum(axis=1)
    energy = power_w * problem.windows.hours / WH_PER_KWH
    use.instance_energy_kwh[row] += (
        energy + started * start_energy_kwh(problem) + resharded * reshard_energy_kwh(problem)
    )
    use.instance_starts[row] += started
    if share is not None and isinstance(pool, PoolProblem) and pool.split is not None:
        use.served[axes.loads.index(pool.split.load)] += share
    return use


def changes(problem: Problem, pool: PoolProblem | RoutedPool, counts: NDArray[np.int64]) -> Changes:
    """Starts and re-shards of a course of instance counts (window, kind).

    Where the state before the first window is free nothing starts in it; where the end is not, what leads back to it is the last
    window's as well.
    """
    before = np.concatenate([counts[:1] if pool.initial_counts is None else pool.initial_counts[None, :], counts[:-1]])
    new = changes_between(problem, pool.kinds, before, counts)
    if pool.final_counts is not None:
        back = changes_between(problem, pool.kinds, counts[-1], pool.final_counts)
        new.started[-1] += back.started
        new.resharded[-1] += back.resharded
    return new


def changes_between(
    problem: Problem, kinds: Sequence[Kind], before: NDArray[np.int64], after: NDArray[np.int64]
) -> Changes:
    """Instances started and re-sharded from one state to another, shape (..., kind); all start where re-shards are not told apart."""
    moved = resharded(before, after, kinds) if problem.transitions.reshards else np.zeros_like(after)
    return Changes(np.maximum(after - before, 0) - moved, moved)
