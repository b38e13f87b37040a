"""Energy, carbon and cost of a replay, beside the plan's for the same windows.

What instances drew the engine integrates. All else a ledger states: of a plan it is its own, which was verified, with what servers draw
beside their instances, what starts take, GPU-hours and their price. Of pools that are not replayed the planned power counts.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.replay.lanes import OFF
from dynamo_plan.replay.run import Ran, step_of
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.load import GridSignals
from dynamo_plan.schema.plan import Plan
from dynamo_plan.schema.replay import Account, Course, SiteReplay
from dynamo_plan.units import (
    GRAMS_PER_KILOGRAM,
    KWH_PER_MWH,
    SECONDS_PER_HOUR,
    WATTS_PER_KILOWATT,
)

type Floats = NDArray[np.float64]

JOULES_PER_KWH = SECONDS_PER_HOUR * WATTS_PER_KILOWATT


@dataclass(frozen=True, slots=True, eq=False)
class SiteLedger:
    """What a site draws and costs beside the instances that are replayed; every array has shape (epoch,).

    Attributes
    ----------
    rest_it_kwh : array
        IT energy of servers beside their instances, of starts, and of instances that are not replayed.
    rest_cost_usd : array
        All but electricity.
    price_usd_per_mwh, carbon_g_per_kwh : array
    pue : float
    """

    site: str
    rest_it_kwh: Floats
    rest_cost_usd: Floats
    price_usd_per_mwh: Floats
    carbon_g_per_kwh: Floats
    pue: float


@dataclass(frozen=True, slots=True, eq=False)
class SitePromise:
    """What a plan promises of a site; every array has shape (epoch,)."""

    site: str
    kwh: Floats
    it_kwh: Floats
    carbon_kg: Floats
    cost_usd: Floats


def ledgers_of(
    plan: Plan,
    grid: Mapping[str, GridSignals],
    pue: Mapping[str, float],
    services: frozenset[str],
    first: int,
    windows: int,
) -> tuple[SiteLedger, ...]:
    """Ledgers of a plan's sites for some of its windows, with pools of these services left out."""
    part, hours = slice(first, first + windows), plan.window_s / SECONDS_PER_HOUR
    pools = {pool.name: pool for pool in plan.pools}
    found = []
    for site in plan.sites:
        replayed_w = np.zeros(plan.windows)
        for group in plan.groups:
            if pools[group.pool].site == site.site and pools[group.pool].service in services:
                replayed_w[group.window] += group.power_w
        signals = grid[site.site]
        price = signals.price_usd_per_mwh[part]
        found.append(
            SiteLedger(
                site=site.site,
                rest_it_kwh=np.array(site.it_energy_kwh)[part] - replayed_w[part] * hours / WATTS_PER_KILOWATT,
                rest_cost_usd=np.array(site.cost_usd)[part] - np.array(site.energy_kwh)[part] * price / KWH_PER_MWH,
                price_usd_per_mwh=price,
                carbon_g_per_kwh=signals.carbon_g_per_kwh[part],
                pue=pue[site.site],
            )
        )
    return tuple(found)


def promises_of_sites(plan: Plan, first: int, windows: int) -> tuple[SitePromise, ...]:
    """What a plan promises of its sites for some of its windows."""
    part = slice(first, first + windows)
    return tuple(
        SitePromise(
            one.site,
            *(np.array(own)[part] for own in (one.energy_kwh, one.it_energy_kwh, one.carbon_kg, one.cost_usd)),
        )
        for one in plan.sites
    )


@dataclass(frozen=True, slots=True, eq=False)
class Energies:
    """Facility energy by site and epoch, and facility power over all sites by step.

    Attributes
    ----------
    it_kwh, kwh : dict of str to array, shape (epoch,)
    power_kw : array, shape (step,)
    step_s : float
    after_kwh : float
        IT energy of instances after the last epoch.
    """

    it_kwh: dict[str, Floats]
    kwh: dict[str, Floats]
    power_kw: Floats
    step_s: float
    after_kwh: float


def energies_of(ran: Ran, ledgers: tuple[SiteLedger, ...]) -> Energies:
    """Energy of the instances as the engine integrated it, and of all else as the ledgers say."""
    step_s = step_of(ran.schedule)
    lane_kwh = ran.outcome.energy_j / JOULES_PER_KWH
    edges = np.rint(np.array(ran.schedule.edges_s) / step_s).astype(np.int64)
    steps_in = np.diff(edges)
    it_kwh, kwh, power_kw = {}, {}, np.zeros(int(edges[-1]))
    for ledger in ledgers:
        own = [place for place, lane in enumerate(ran.lanes.lanes) if _site(ran, lane.pool) == ledger.site]
        by_step = lane_kwh[own, :-1].sum(axis=0) + np.repeat(ledger.rest_it_kwh / steps_in, steps_in)
        it_kwh[ledger.site] = np.add.reduceat(by_step, edges[:-1])
        kwh[ledger.site] = ledger.pue * it_kwh[ledger.site]
        power_kw += ledger.pue * by_step * SECONDS_PER_HOUR / step_s
    return Energies(it_kwh, kwh, power_kw, step_s, float(lane_kwh[:, -1].sum()))


def replayed_account(
    energies: Energies, ledgers: tuple[SiteLedger, ...], gpu_hours: float, instance_starts: int, window_s: float
) -> Account:
    """Sums of what happened; GPU-hours and starts are the schedule's."""
    carbon = math.fsum(float(energies.kwh[one.site] @ one.carbon_g_per_kwh) / GRAMS_PER_KILOGRAM for one in ledgers)
    cost = math.fsum(
        float(energies.kwh[one.site] @ one.price_usd_per_mwh) / KWH_PER_MWH + float(one.rest_cost_usd.sum())
        for one in ledgers
    )
    return Account(
        energy_kwh=_sum(energies.kwh.values()),
        it_energy_kwh=_sum(energies.it_kwh.values()),
        carbon_kg=carbon,
        cost_usd=cost,
        gpu_hours=gpu_hours,
        instance_starts=instance_starts,
        peak_power_kw=_peak_kw(energies.kwh.values(), window_s),
    )


def planned_account(
    promises: tuple[SitePromise, ...], gpu_hours: float, instance_starts: int, window_s: float
) -> Account:
    """Sums of what was promised."""
    return Account(
        energy_kwh=_sum(one.kwh for one in promises),
        it_energy_kwh=_sum(one.it_kwh for one in promises),
        carbon_kg=_sum(one.carbon_kg for one in promises),
        cost_usd=_sum(one.cost_usd for one in promises),
        gpu_hours=gpu_hours,
        instance_starts=instance_starts,
        peak_power_kw=_peak_kw((one.kwh for one in promises), window_s),
    )


def _sum(by_site: Iterable[Floats]) -> float:
    return math.fsum(value for series in by_site for value in series.tolist())


def _peak_kw(kwh: Iterable[Floats], window_s: float) -> float:
    """Largest mean of a window over all sites [kW]."""
    return float(np.max(np.sum(list(kwh), axis=0))) * SECONDS_PER_HOUR / window_s


def sites_of(energies: Energies, promises: tuple[SitePromise, ...]) -> tuple[SiteReplay, ...]:
    """Energy of every site beside what was planned."""
    return tuple(
        SiteReplay(one.site, tuple(energies.kwh[one.site].tolist()), tuple(one.kwh.tolist())) for one in promises
    )


def course_of(ran: Ran, energies: Energies) -> Course:
    """Power by step, clocks and parallelism by epoch."""
    size, lane = len(ran.lanes.lanes), ran.lanes.lane_of_slot
    gpus = np.stack([np.bincount(lane, (row != OFF) * ran.lanes.gpus, size) for row in ran.lanes.rows])
    total = gpus.sum(axis=1)
    clock = np.divide((gpus * ran.clock_mhz).sum(axis=1), total, out=np.zeros_like(total), where=total > 0)
    by_shape: dict[str, NDArray[np.int64]] = {}
    for place, one in enumerate(ran.lanes.lanes):
        name = f"{one.kind.gpu} TP{one.kind.tp}" + (f" PP{one.kind.pp}" if one.kind.pp > 1 else "")
        by_shape[name] = by_shape.get(name, np.zeros(total.size, dtype=np.int64)) + gpus[:, place].astype(np.int64)
    return Course(
        energies.step_s,
        tuple(energies.power_kw.tolist()),
        tuple(clock.tolist()),
        {name: tuple(own.tolist()) for name, own in sorted(by_shape.items())},
    )


def starts_and_hours(plan: Plan, start_s: float, reshard_s: float, first: int, windows: int) -> tuple[int, float]:
    """Instance starts and GPU-hours that the plan has in some of its windows.

    What begins in the plan's first window depends on what ran before; it is what the totals have beyond all other windows.
    """
    counts: dict[tuple[str, Kind], NDArray[np.int64]] = {}
    for group in plan.groups:
        own = counts.setdefault((group.pool, group.kind), np.zeros(plan.windows, dtype=np.int64))
        own[group.window] += group.instances
    moved: Counter[tuple[int, str, Kind]] = Counter()
    for one in plan.reshards:
        moved[one.window, one.pool, one.kind] += one.instances
    starts = np.zeros(plan.windows, dtype=np.int64)
    hours = np.sum([server.gpus_in_use for server in plan.servers], axis=0) * plan.window_s / SECONDS_PER_HOUR
    for (pool, kind), own in counts.items():
        for window in range(1, plan.windows):
            resharded = moved[window, pool, kind]
            begun = max(int(own[window] - own[window - 1]), 0) - resharded
            starts[window] += begun
            hours[window] += kind.gpus * (begun * start_s + resharded * reshard_s) / SECONDS_PER_HOUR
    starts[0] = plan.totals.instance_starts - starts[1:].sum()
    hours[0] = plan.totals.gpu_hours - hours[1:].sum()
    part = slice(first, first + windows)
    return int(starts[part].sum()), float(hours[part].sum())


def _site(ran: Ran, pool: int) -> str:
    return ran.schedule.pools[pool].site
