"""What a system to compare decides, and the terms in which the paper's decide: nodes, epochs, pools of buckets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.compare.case import Case
from dynamo_plan.profile.curve import OperatingCurve
from dynamo_plan.replay.control import Control
from dynamo_plan.replay.lanes import NO_CLOCKS, Clocks
from dynamo_plan.replay.queues import QueueManager
from dynamo_plan.replay.schedule import Schedule
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Group, Plan, PoolPlan
from dynamo_plan.schema.profile import clock_name
from dynamo_plan.service_assembly import ServiceAssembly

CLUSTER_EPOCH_S, POOL_EPOCH_S = 1800, 300
"""How often DynamoLLM's cluster manager sets nodes, and its pool manager how they are sharded [s]. Source: section IV of the paper."""

WHOLE = 1e-9
"""Nodes by which a load may exceed a whole number of them: what rounding adds to a quotient [1]."""

type Held = Mapping[tuple[str, str], NDArray[np.int64]]
"""GPUs that a system holds, by site and GPU type, shape (window,)."""


class CannotRunError(Exception):
    """A system cannot be run on this case; the message says why, and the others are compared without it."""


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """How a system runs the cluster.

    Attributes
    ----------
    schedule : Schedule
        Its epochs are the case's windows.
    held_gpus : mapping
        At least those of the schedule's instances; what is held beyond them is on and unused.
    control : Control or None
        Who sets clocks between decisions.
    queues : QueueManager or None
        Who looks after requests that wait too long.
    clocks_mhz : mapping
        That it may set.
    notes : tuple of str
    plan : Plan or None
        That the schedule is of.
    """

    schedule: Schedule
    held_gpus: Held
    control: Control | None = None
    queues: QueueManager | None = None
    clocks_mhz: Clocks = NO_CLOCKS
    notes: tuple[str, ...] = ()
    plan: Plan | None = None


class System(Protocol):
    """What a module of `dynamo_plan.compare.systems` offers."""

    NAME: str
    MEANING: str

    def decide(self, case: Case) -> Decision:
        """What to run when; raises CannotRunError."""


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """A service in nodes: instances of the largest kind at its highest clock, the paper's highest-performance configuration.

    Attributes
    ----------
    kind : Kind
    frequency_mhz : float
    curves : tuple of OperatingCurve or None, (bucket,)
        Of a node; None for buckets without load that it could not serve.
    load : array, shape (window, bucket)
        Nodes that the reserve rate of each bucket fills by itself [1].
    """

    assembly: ServiceAssembly
    kind: Kind
    frequency_mhz: float
    curves: tuple[OperatingCurve | None, ...]
    load: NDArray[np.float64]

    @property
    def name(self) -> str:
        """The service's name."""
        return self.assembly.service.name

    @property
    def buckets(self) -> tuple[str, ...]:
        """Names of its buckets."""
        return tuple(bucket.name for bucket in self.assembly.buckets)


def services_of(case: Case) -> tuple[Service, ...]:
    """Every service in nodes; CannotRunError where the largest kind cannot serve a bucket that has load at its highest clock."""
    return tuple(_service(assembly) for assembly in case.services)


def _service(assembly: ServiceAssembly) -> Service:
    kind = max(assembly.kinds, key=lambda kind: (kind.gpus, kind))
    found = [assembly.curves.get((bucket.name, kind), ()) for bucket in assembly.buckets]
    clock = max((curves[-1].frequency_mhz for curves in found if curves), default=0.0)
    nodes = [next((curve for curve in curves if curve.frequency_mhz == clock), None) for curves in found]
    load = np.zeros(assembly.reserve.shape)
    for column, curve in enumerate(nodes):
        asked = assembly.reserve[:, column]
        if curve is not None:
            load[:, column] = asked / curve.capacity_rps
        elif asked.any():
            name = assembly.buckets[column].name
            raise CannotRunError(f"{kind} at {clock_name(clock)} keeps no SLO of {assembly.service.name}/{name}")
    return Service(assembly, kind, clock, tuple(nodes), load)


def epoch_windows(case: Case, epoch_s: int) -> int:
    """Windows of an epoch: as many as make it at least this long [s]."""
    return -(-epoch_s // case.windows.window_s)


def epoch_peaks(load: NDArray[np.float64], windows: int) -> NDArray[np.float64]:
    """The largest load of each window's epoch of so many windows; shape as given, (window, ...)."""
    starts = np.arange(0, load.shape[0], windows)
    return np.repeat(np.maximum.reduceat(load, starts, axis=0), windows, axis=0)[: load.shape[0]]


def whole_nodes(load: NDArray[np.float64]) -> NDArray[np.int64]:
    """Nodes that carry a load."""
    return np.ceil(load - WHOLE).astype(np.int64)


class Layout:
    """A schedule in the making, window by window."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._pools: list[PoolPlan] = []
        self._groups: list[list[Group]] = [[] for _ in range(len(case.windows))]
        self._held: dict[tuple[str, str], NDArray[np.int64]] = {}

    def pool(self, service: Service, buckets: tuple[str, ...]) -> str:
        """Enter a pool; its name."""
        name = f"{service.name}/{'+'.join(buckets)}"
        self._pools.append(PoolPlan(name, service.name, service.assembly.site, buckets))
        return name

    def run(self, window: int, pool: str, kind: Kind, instances: int, frequency_mhz: float, rate_rps: float) -> None:
        """Instances of a pool in a window, each at this rate [1/s]."""
        if instances:
            self._groups[window].append(Group(window, pool, kind, instances, frequency_mhz, rate_rps, 0.0, 0.0))

    def nodes(self, service: Service, pool: str, counts: NDArray[np.int64]) -> None:
        """Nodes of a pool, shape (window,), held all by themselves."""
        for window, count in enumerate(counts.tolist()):
            self.run(window, pool, service.kind, count, service.frequency_mhz, 1.0)
        self.hold(service, counts * service.kind.gpus)

    def hold(self, service: Service, gpus: NDArray[np.int64]) -> None:
        """GPUs held for a service, shape (window,)."""
        stock = service.assembly.site, service.kind.gpu
        self._held[stock] = self._held.get(stock, np.zeros(len(self._case.windows), dtype=np.int64)) + gpus

    @property
    def held_gpus(self) -> Held:
        """All GPUs held."""
        return self._held

    def schedule(self, spread: Mapping[str, NDArray[np.float64]] | None = None) -> Schedule:
        """What was entered."""
        return Schedule(tuple(self._pools), self._case.edges_s, tuple(tuple(own) for own in self._groups), spread)
