"""The problem: every set and parameter of docs/reference/model.md, frozen, between the inputs and the mathematics.

`assemble` (in `dynamo_plan.assemble`) makes it from a scenario's inputs; the model, the solvers and the baselines
read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.profile.curve import OperatingCurve
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.load import GridSignals, Windows
from dynamo_plan.schema.plan import Omission, PredictionError
from dynamo_plan.schema.scenario import GpuSpec, ObjectiveName, TransitionSpec


@dataclass(frozen=True, slots=True)
class KindCurves:
    """What one instance of a kind can do for one mix of buckets.

    Attributes
    ----------
    kind : Kind
    curves : tuple of OperatingCurve
        One per SLO-feasible clock, ascending in clock.
    """

    kind: Kind
    curves: tuple[OperatingCurve, ...]

    @property
    def capacity_rps(self) -> float:
        """Rate one instance can serve within the SLO at its best clock [1/s]; 0 where no clock is feasible."""
        return max((curve.capacity_rps for curve in self.curves), default=0.0)


@dataclass(frozen=True, slots=True)
class Split:
    """How a pool takes part in a load that several sites share.

    Attributes
    ----------
    load : str
        Name of the load, ``service/buckets``; the pools of all its sites name it.
    steps : int
        A share of it is a whole number of this many parts.
    """

    load: str
    steps: int

    @property
    def shares(self) -> NDArray[np.float64]:
        """Every share that a pool may take, from 0 to 1 (share,) [1]."""
        return np.arange(self.steps + 1) / self.steps


@dataclass(frozen=True, slots=True)
class PoolProblem:
    """Buckets of one service at one site, served by the same instances.

    Attributes
    ----------
    name, service, site : str
    buckets : tuple of str
    kinds : tuple of Kind
        Sorted; axis ``kind`` of every array below.
    mixes : tuple of tuple of KindCurves, (mix, kind)
        Curves for every mix of buckets that occurs; a pool of one bucket has one.
    mix : array of int, shape (window,)
        Index into `mixes`.
    rate_rps, reserve_rate_rps : array, shape (window,)
        Mean and reserve arrival rate of the pool [1/s]; the reserve is at least the mean.
    reserve_capacity_rps : array, shape (window, kind)
        Rate one instance can serve at its best clock under the reserve's mix [1/s].
    min_instances : int
        Instances kept up even without load.
    max_instances : array of int, shape (kind,)
        Upper end of the search, see `dynamo_plan.instance_limit`.
    initial_counts : array of int, shape (kind,), or None
        Instances that run just before the first window; None: its state is free.
    final_counts : array of int, shape (kind,), or None
        Instances that the last window must lead back to: the starts from its state are charged in it; None: the end is free.
    split : Split or None
        Its rates are those of a load that several sites may share, and which share this pool takes is to be decided; None: its rates
        are its own.
    share : array, shape (window,), or None
        The share of such a load that its rates are, once that is decided [1].
    """

    name: str
    service: str
    site: str
    buckets: tuple[str, ...]
    kinds: tuple[Kind, ...]
    mixes: tuple[tuple[KindCurves, ...], ...]
    mix: NDArray[np.int64]
    rate_rps: NDArray[np.float64]
    reserve_rate_rps: NDArray[np.float64]
    reserve_capacity_rps: NDArray[np.float64]
    min_instances: int
    max_instances: NDArray[np.int64]
    initial_counts: NDArray[np.int64] | None = None
    final_counts: NDArray[np.int64] | None = None
    split: Split | None = None
    share: NDArray[np.float64] | None = None

    @property
    def gpus(self) -> NDArray[np.int64]:
        """GPUs per instance, shape (kind,)."""
        return np.array([kind.gpus for kind in self.kinds], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class RoutedMode:
    """A kind at one clock in a pool whose router may send any share of any bucket to it.

    Attributes
    ----------
    kind : int
        Index into the pool's kinds.
    frequency_mhz : float
    derate : float
        Capacity that an instance loses by serving the pool's input classes together [1].
    curves : tuple of OperatingCurve or None, (bucket,)
        What one instance does for one bucket alone; None where it cannot keep the bucket's SLO.
    """

    kind: int
    frequency_mhz: float
    derate: float
    curves: tuple[OperatingCurve | None, ...]

    @property
    def limit(self) -> float:
        """Share of its capacity that an instance may use [1]."""
        return 1.0 - self.derate


@dataclass(frozen=True, slots=True)
class RoutedPool:
    """Buckets of one service at one site whose load is routed freely among the pool's instances.

    Attributes
    ----------
    modes : tuple of RoutedMode
        By kind, then ascending in clock; each serves at least one bucket.
    rate_rps, reserve_rate_rps : array, shape (window, bucket)
        Mean and reserve arrival rates [1/s]; no bucket's reserve is below its mean.
    max_instances : array of int, shape (kind,)
        Instances that are never exceeded: enough to carry all load that the kind can serve, at its slowest clock.

    The other attributes are those of a `PoolProblem`.
    """

    name: str
    service: str
    site: str
    buckets: tuple[str, ...]
    kinds: tuple[Kind, ...]
    modes: tuple[RoutedMode, ...]
    rate_rps: NDArray[np.float64]
    reserve_rate_rps: NDArray[np.float64]
    min_instances: int
    max_instances: NDArray[np.int64]
    initial_counts: NDArray[np.int64] | None = None
    final_counts: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True)
class SiteProblem:
    """A site: stock by GPU type, grid signals, PUE and power cap (facility [kW], one per window, inf without).

    `servers_before` counts the servers on just before the first window, by GPU type; None: that state is free. `start_limit` is the
    most instances that may start, one per window, inf without; None: no limit.
    """

    name: str
    gpus: dict[str, GpuSpec]
    stock: dict[str, NDArray[np.float64]]
    grid: GridSignals
    pue: float
    power_cap_kw: NDArray[np.float64]
    servers_before: dict[str, int] | None = None
    start_limit: NDArray[np.float64] | None = None

    def gpu_types(self) -> tuple[str, ...]:
        """GPU types of the site, sorted."""
        return tuple(sorted(self.gpus))


@dataclass(frozen=True, slots=True)
class ReferencePool:
    """One service's buckets on the largest kind at its highest clock, for the static baseline.

    Attributes
    ----------
    frequency_mhz : float
    curves : tuple of OperatingCurve, (bucket,)
        Only buckets with load.
    rate_rps, reserve_rate_rps : array, shape (window, bucket)
        [1/s].
    strict_derate : float or None
        Mixing derate of all its input classes together; None if the scenario gives none.
    """

    service: str
    site: str
    kind: Kind
    frequency_mhz: float
    curves: tuple[OperatingCurve, ...]
    rate_rps: NDArray[np.float64]
    reserve_rate_rps: NDArray[np.float64]
    strict_derate: float | None


@dataclass(frozen=True, slots=True)
class Problem:
    """Everything the planner decides on.

    Attributes
    ----------
    weights : dict of ObjectiveName to float
        Weight per kWh, USD and kg CO2e; absent is 0.
    omissions : tuple of Omission
        What was left out at assembly, with the reason.
    assumptions : tuple of str
        What was assumed where the inputs are silent.
    references : tuple of ReferencePool or Omission
        One per service, for the baselines; an omission where the largest kind cannot serve every bucket.
    routed : tuple of RoutedPool
        Pools of services whose routing is free. Only the compact formulation can state them.
    prediction_errors : tuple of PredictionError
        What the profiles record of themselves.
    """

    name: str
    windows: Windows
    pools: tuple[PoolProblem, ...]
    sites: tuple[SiteProblem, ...]
    transitions: TransitionSpec
    weights: dict[ObjectiveName, float]
    omissions: tuple[Omission, ...]
    assumptions: tuple[str, ...]
    references: tuple[ReferencePool | Omission, ...]
    routed: tuple[RoutedPool, ...] = ()
    prediction_errors: tuple[PredictionError, ...] = ()

    def all_pools(self) -> tuple[PoolProblem | RoutedPool, ...]:
        """Ordinary pools, then routed ones: what a plan has pools of."""
        return (*self.pools, *self.routed)

    def loads(self) -> tuple[str, ...]:
        """Loads whose split between sites is to be decided, in the order of the pools."""
        return tuple(dict.fromkeys(pool.split.load for pool in self.pools if pool.split is not None))

    def with_shares(self, shares: Mapping[str, NDArray[np.float64]]) -> Problem:
        """The problem that is left once the pools take these shares of loads that sites share, by pool name, shape (window,) [1]."""
        return replace(self, pools=tuple(_at_share(pool, shares.get(pool.name)) for pool in self.pools))

    def weight(self, objective: ObjectiveName) -> float:
        """Weight of one objective, 0 where the scenario does not name it."""
        return self.weights.get(objective, 0.0)

    def site(self, name: str) -> SiteProblem:
        """The site of this name."""
        return next(site for site in self.sites if site.name == name)


def _at_share(pool: PoolProblem, share: NDArray[np.float64] | None) -> PoolProblem:
    """A pool with the rates of its share; as it is where none is given."""
    if share is None:
        return pool
    return replace(
        pool,
        rate_rps=pool.rate_rps * share,
        reserve_rate_rps=pool.reserve_rate_rps * share,
        split=None,
        share=share,
    )
