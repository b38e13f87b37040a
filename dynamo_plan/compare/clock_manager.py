"""The instance manager of the paper: every few seconds the clock of least power that keeps the SLO at the load that comes.

Queues that would break the SLO all the same are `replay.QueueManager`'s: urgent requests first, others elsewhere, given up when timed out.

Load is what came to a lane in the last minute, shared by its instances; clocks keep the SLO at it if their capacity by the profile is as
much, less what mixing the classes of the pool's own buckets takes. The highest is set where even its capacity is exceeded, or where the
queue would break the SLO. How the paper's manager measures load is not said there. Source: DynamoLLM, section IV, the instance manager.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.compare.case import Case
from dynamo_plan.compare.system import Decision
from dynamo_plan.profile.curve import OperatingCurve
from dynamo_plan.replay.control import PERIOD_S, RaiseClock, Watch
from dynamo_plan.replay.lanes import lanes_of
from dynamo_plan.replay.queues import QueueManager
from dynamo_plan.replay.requested import engines_of
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import PoolPlan
from dynamo_plan.service_assembly import ServiceAssembly

LEVELS = 33
"""Loads at which power is tabulated, from none to the capacity: between them power bends little, and only the least of clocks is asked."""


@dataclass(frozen=True, slots=True, eq=False)
class Abilities:
    """What instances do at each clock; a lane has as many clocks as any, those that it lacks without capacity.

    Attributes
    ----------
    frequency_mhz : array, shape (lane, clock)
        Ascending.
    capacity_rps : array, shape (lane, clock, bucket)
        Of one instance for one bucket alone, less by what mixing the classes of its pool takes; 0 where it keeps no SLO.
    power_w : array, shape (lane, clock, bucket, level)
        Of one instance at shares of that capacity, evenly from 0 to 1.
    """

    frequency_mhz: NDArray[np.float64]
    capacity_rps: NDArray[np.float64]
    power_w: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ClockManager:
    """Sets clocks by load, see the module's docstring."""

    abilities: Abilities
    period_s: float = PERIOD_S

    def clocks(self, watch: Watch) -> NDArray[np.float64]:
        """See `Control`."""
        wanted = self._by_load(watch)[watch.lane]
        in_need = RaiseClock(self.period_s).in_need(watch, watch.frequency_mhz == watch.highest_mhz)
        return np.where(in_need | np.isnan(wanted), watch.highest_mhz, wanted)

    def _by_load(self, watch: Watch) -> NDArray[np.float64]:
        """Clock of least power for the load of each lane's instances (lane,) [MHz]; NaN where none carries it."""
        own = self.abilities
        lanes = own.frequency_mhz.shape[0]
        opened = np.bincount(watch.lane, watch.is_open, lanes)
        rate = watch.rate_rps / np.maximum(opened, 1.0)[:, None]
        asked = np.broadcast_to(rate[:, None, :], own.capacity_rps.shape)
        can = own.capacity_rps > 0
        part = np.divide(asked, own.capacity_rps, out=np.zeros_like(own.capacity_rps), where=can)
        use = part.sum(axis=2)
        is_able = (use <= 1.0) & (own.frequency_mhz > 0) & ~((asked > 0) & ~can).any(axis=2)
        level = np.rint(np.where(is_able, use, 0.0) * (LEVELS - 1)).astype(np.int64)
        at_level = np.take_along_axis(own.power_w, level[:, :, None, None], axis=3)[:, :, :, 0]
        weight = np.where(use[:, :, None] > 0, part / np.where(use > 0, use, 1.0)[:, :, None], 0.0)
        idle = own.power_w[:, :, :, 0].min(axis=2, where=can, initial=np.inf)
        power = np.where(use > 0, (weight * at_level).sum(axis=2), idle)
        power = np.where(is_able, power, np.inf)
        best = power.argmin(axis=1)
        chosen = np.take_along_axis(own.frequency_mhz, best[:, None], axis=1)[:, 0]
        return np.where(np.isfinite(power.min(axis=1)), chosen, np.nan)


def with_instance_manager(case: Case, decision: Decision) -> Decision:
    """A system with clocks set by a manager, of those that the profile and the engine know, and queues looked after."""
    schedule = decision.schedule
    engines = engines_of(case.inputs.scenario, case.tables, schedule)
    assemblies = {assembly.service.name: assembly for assembly in case.services}
    clocks: dict[tuple[str, Kind], tuple[float, ...]] = {}
    for (service, kind), entry in engines.items():
        known = {curve.frequency_mhz for curves in _curves(assemblies[service], kind) for curve in curves}
        lowest, highest = entry.costs.frequency_mhz[[0, -1]]
        clocks[service, kind] = tuple(sorted(clock for clock in known if lowest <= clock <= highest))
    lanes = lanes_of(schedule, engines, clocks)
    keys = [(schedule.pools[lane.pool].service, lane.kind) for lane in lanes.lanes]
    first = _first_buckets(case)
    width = max(len(clocks[key]) for key in keys)
    buckets = sum(len(own) for own in case.buckets.values())
    abilities = Abilities(
        np.zeros((len(keys), width)),
        np.zeros((len(keys), width, buckets)),
        np.zeros((len(keys), width, buckets, LEVELS)),
    )
    for place, (key, lane) in enumerate(zip(keys, lanes.lanes, strict=True)):
        room = _room(assemblies[key[0]], lane.kind, schedule.pools[lane.pool], clocks[key])
        _enter(abilities, place, clocks[key], room, _curves(assemblies[key[0]], key[1]), first[key[0]])
    return replace(decision, control=ClockManager(abilities), queues=QueueManager(), clocks_mhz=clocks)


def _curves(assembly: ServiceAssembly, kind: Kind) -> list[tuple[OperatingCurve, ...]]:
    return [assembly.curves.get((bucket.name, kind), ()) for bucket in assembly.buckets]


def _room(assembly: ServiceAssembly, kind: Kind, pool: PoolPlan, clocks: tuple[float, ...]) -> dict[float, float]:
    """What mixing the classes of a pool's own buckets leaves of an instance, by clock [1]; 0 where the profile does not say."""
    own = [bucket for bucket in assembly.buckets if bucket.name in pool.buckets]
    derates = {clock: assembly.derate(kind, clock, own) for clock in clocks}
    return {clock: 0.0 if derate is None else 1.0 - derate for clock, derate in derates.items()}


def _first_buckets(case: Case) -> dict[str, int]:
    """Number of each service's first bucket, as the replay numbers those of all services."""
    found, count = {}, 0
    for service in sorted(case.buckets):
        found[service] = count
        count += len(case.buckets[service])
    return found


def _enter(
    abilities: Abilities,
    lane: int,
    clocks: tuple[float, ...],
    room: Mapping[float, float],
    curves: Sequence[tuple[OperatingCurve, ...]],
    first: int,
) -> None:
    """Write what a lane's instances do into the tables."""
    abilities.frequency_mhz[lane, : len(clocks)] = clocks
    for bucket, own in enumerate(curves, start=first):
        for curve in own:
            if curve.frequency_mhz in clocks:
                place = clocks.index(curve.frequency_mhz)
                capacity_rps = curve.capacity_rps * room[curve.frequency_mhz]
                abilities.capacity_rps[lane, place, bucket] = capacity_rps
                loads = np.linspace(0.0, capacity_rps, LEVELS)
                abilities.power_w[lane, place, bucket] = np.interp(loads, curve.rate_rps, curve.power_w)
