"""Lanes: the instances of one pool and kind, which one router shares out requests to, and their clocks epoch by epoch.

A lane has as many slots as it ever runs instances at once. In every epoch the first so many run, groups of the highest rate per instance
first, so that instances stop and change clocks as little as may be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.engine import Serving, Setting
from dynamo_plan.replay.schedule import Schedule
from dynamo_plan.schema.engine_table import EngineEntry
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Group

OFF = -1
"""In place of a row of settings: the slot has no instance."""

type Engines = Mapping[tuple[str, Kind], EngineEntry]
"""The engine of a service on a kind."""

type Clocks = Mapping[tuple[str, Kind], tuple[float, ...]]
"""Clocks by service and kind [MHz]."""

NO_CLOCKS: Clocks = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class Lane:
    """Instances of one pool and kind.

    Attributes
    ----------
    pool : int
        Index into the schedule's pools.
    kind : Kind
    begin, stop : int
        Slots from the first to before the last.
    """

    pool: int
    kind: Kind
    begin: int
    stop: int


@dataclass(frozen=True, slots=True, eq=False)
class Lanes:
    """All lanes of a schedule.

    Attributes
    ----------
    lanes : tuple of Lane
        By pool, then kind.
    settings : tuple of Setting
        Kinds at the clocks that occur or may be set, and at the highest that the engine knows.
    clocks_mhz : array, shape (row,)
        Of the settings.
    rows : array of int, shape (epoch, slot)
        Row of settings of each slot's instance, or `OFF`.
    highest : array of int, shape (slot,)
        Row of the slot's kind at its highest clock.
    rates : array, shape (epoch, lane, bucket of the pool)
        What of a bucket the lane takes, in proportion to the others of its pool.
    """

    lanes: tuple[Lane, ...]
    settings: tuple[Setting, ...]
    clocks_mhz: NDArray[np.float64]
    rows: NDArray[np.int64]
    highest: NDArray[np.int64]
    rates: tuple[tuple[NDArray[np.float64], ...], ...]

    @property
    def lane_of_slot(self) -> NDArray[np.int64]:
        """Shape (slot,)."""
        return np.repeat(np.arange(len(self.lanes)), [lane.stop - lane.begin for lane in self.lanes])

    @property
    def gpus(self) -> NDArray[np.int64]:
        """GPUs of each slot's instance, shape (slot,)."""
        return np.array([lane.kind.gpus for lane in self.lanes], dtype=np.int64)[self.lane_of_slot]


def lanes_of(schedule: Schedule, engines: Engines, clocks_mhz: Clocks = NO_CLOCKS) -> Lanes:
    """Lay out the instances of a schedule.

    Parameters
    ----------
    clocks_mhz : mapping of (service, Kind) to tuple of float
        Clocks that a control may set besides those of the schedule and the highest [MHz].

    Raises
    ------
    KeyError
        A kind has no engine.
    ValueError
        A clock is not one that its engine knows.
    """
    rows: dict[tuple[str, Kind, float], int] = {}
    settings: list[Setting] = []

    def row_of(service: str, kind: Kind, clock: float) -> int:
        if (service, kind, clock) not in rows:
            entry = engines[service, kind]
            serving = Serving(entry.chunk_tokens, entry.max_batch, entry.prefill_first)
            entry.costs.between_clocks(entry.costs.idle_power_w, clock)  # refuses a clock that the engine does not know
            rows[service, kind, clock] = len(settings)
            settings.append(Setting(entry.costs, clock, serving))
        return rows[service, kind, clock]

    by_lane = [_by_lane(epoch) for epoch in schedule.groups]
    kinds, lanes, columns, highest = schedule.kinds(), [], [], []
    begin = 0
    for number, pool in enumerate(schedule.pools):
        for kind in kinds[pool.name]:
            groups = [epoch.get((pool.name, kind), []) for epoch in by_lane]
            size = max(sum(group.instances for group in epoch) for epoch in groups)
            own = np.full((len(groups), size), OFF, dtype=np.int64)
            for epoch, running in enumerate(groups):
                clocks = [group.frequency_mhz for group in running for _ in range(group.instances)]
                own[epoch, : len(clocks)] = [row_of(pool.service, kind, clock) for clock in clocks]
            for clock in clocks_mhz.get((pool.service, kind), ()):
                row_of(pool.service, kind, clock)
            top = row_of(pool.service, kind, float(engines[pool.service, kind].costs.frequency_mhz[-1]))
            columns.append(own)
            highest += [top] * size
            lanes.append(Lane(number, kind, begin, begin + size))
            begin += size
    return Lanes(
        tuple(lanes),
        tuple(settings),
        np.array([one.frequency_mhz for one in settings]),
        np.concatenate(columns, axis=1) if columns else np.zeros((len(schedule.groups), 0), dtype=np.int64),
        np.array(highest, dtype=np.int64),
        tuple(tuple(_rates(epoch, schedule, kinds, lane) for lane in lanes) for epoch in by_lane),
    )


type _Groups = dict[tuple[str, Kind], list[Group]]
"""Groups of one epoch by pool and kind."""


def _by_lane(epoch: tuple[Group, ...]) -> _Groups:
    """Groups that have instances, in each lane those of the highest rate per instance first."""
    found: _Groups = {}
    for group in sorted(epoch, key=lambda group: (-group.rate_rps, -group.frequency_mhz)):
        if group.instances:
            found.setdefault((group.pool, group.kind), []).append(group)
    return found


def _rates(
    epoch: _Groups, schedule: Schedule, kinds: Mapping[str, tuple[Kind, ...]], lane: Lane
) -> NDArray[np.float64]:
    """What a lane takes of each of its pool's buckets [1/s]; where a pool is planned without load, its GPUs instead."""
    pool = schedule.pools[lane.pool]
    pooled = (group for kind in kinds[pool.name] for group in epoch.get((pool.name, kind), []))
    is_loaded = any(group.rate_rps > 0 for group in pooled)
    total = np.zeros(len(pool.buckets))
    for group in epoch.get((pool.name, lane.kind), []):
        if not is_loaded:
            total += group.instances * group.kind.gpus
        elif group.bucket_rates_rps:
            total += group.instances * np.array(group.bucket_rates_rps)
        else:
            total += group.instances * group.rate_rps
    return total
