"""What the inputs say about a plan's pools: demand, capacity, watts and provenance, read on demand and remembered."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.schema.bucket import Bucket, bucket_grid
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Group, Plan, PlanStatus
from dynamo_plan.schema.profile import Provenance
from dynamo_plan.schema.scenario import Routing, ServiceSpec, SiteSpec
from dynamo_plan.verify.accounts import Accounts, recompute
from dynamo_plan.verify.rows import Cells, Reading, between_clocks, index_cells, least_direct, read_cell

type Shares = tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class PoolLoad:
    """What a pool of the plan has to serve, as the inputs say it.

    Attributes
    ----------
    service : ServiceSpec
    site : SiteSpec
        The site the scenario gives the service, whatever the plan says; of several, the one that the plan says.
    buckets : tuple of Bucket
    rate_rps, reserve_rate_rps : array, shape (window, bucket)
        Mean and reserve arrival rates [1/s], of a load split between sites the share that goes here; no bucket's reserve is below its
        mean.
    shares, reserve_shares : tuple of tuple, shape (window, bucket)
        The buckets' shares of either rate [1].
    """

    service: ServiceSpec
    site: SiteSpec
    buckets: tuple[Bucket, ...]
    rate_rps: NDArray[np.float64]
    reserve_rate_rps: NDArray[np.float64]
    shares: tuple[Shares, ...]
    reserve_shares: tuple[Shares, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Mix:
    """One instance of a kind at a clock under a mix of buckets.

    Attributes
    ----------
    capacity_rps : float
        Highest total rate within every bucket's SLO, derate included [1/s].
    seconds_per_request : float
        Capacity that a mean request takes, sum of share/capacity [s].
    parts : tuple of (float, Reading)
        Each bucket's share of the capacity in use [1], and its reading.
    """

    capacity_rps: float
    seconds_per_request: float
    parts: tuple[tuple[float, Reading], ...]

    def watts(self, rate_rps: float) -> float:
        """Power of one instance at a total rate [1/s] -> [W]."""
        utilisation = rate_rps * self.seconds_per_request
        return sum(weight * reading.watts(utilisation * reading.capacity_rps) for weight, reading in self.parts)

    @property
    def provenance(self) -> Provenance:
        """Least direct among the rows of all buckets in the mix."""
        return least_direct([reading.provenance for _, reading in self.parts])


def shares_by_window(rate_rps: NDArray[np.float64]) -> tuple[Shares, ...]:
    """Each bucket's share of a pool's rate, shape (window, bucket) [1/s] -> [1].

    A window without load has the shares of the horizon's sums; a pool that never has load equal ones.
    """
    equal = (1.0 / rate_rps.shape[1],) * rate_rps.shape[1]
    usual = _shares(rate_rps.sum(axis=0), equal)
    return tuple(_shares(row, usual) for row in rate_rps)


def _shares(rate_rps: NDArray[np.float64], without_load: Shares) -> Shares:
    total = float(rate_rps.sum())
    return tuple((rate_rps / total).tolist()) if total > 0 else without_load


class Evidence:
    """Everything the rules ask of the inputs; never raises on a malformed plan, answers None instead."""

    def __init__(self, plan: Plan, inputs: Inputs) -> None:
        self.plan = plan
        self.inputs = inputs
        self._readings: dict[tuple[str, Kind, float, str], Reading | None] = {}
        self._mixes: dict[tuple[str, Kind, float, Shares], Mix | None] = {}
        self._reserve: dict[tuple[str, Kind, Shares], float] = {}

    @cached_property
    def accounts(self) -> Accounts:
        """Counts, energy, carbon and cost recomputed from the plan's groups."""
        return recompute(self.plan, self.inputs, self)

    @cached_property
    def sites(self) -> dict[str, SiteSpec]:
        """Sites of the scenario by name."""
        return {site.name: site for site in self.inputs.scenario.sites}

    @cached_property
    def pools(self) -> dict[str, PoolLoad]:
        """The plan's pools by name; those whose service or buckets the scenario does not know are left out."""
        services = {service.name: service for service in self.inputs.scenario.services}
        loads: dict[str, PoolLoad] = {}
        for pool in self.plan.pools:
            service = services.get(pool.service)
            if service is None:
                continue
            grid = {b.name: b for b in bucket_grid(tuple(service.buckets.input), tuple(service.buckets.output))}
            if not pool.buckets or not set(pool.buckets) <= set(grid):
                continue
            forecast = self.inputs.forecasts[service.name]
            columns = [forecast.buckets.index(name) for name in pool.buckets]
            quantile = service.reserve_quantile
            rate = forecast.rate_rps[:, columns]
            reserve = rate if quantile is None else np.maximum(rate, forecast.quantile_rate_rps[quantile][:, columns])
            buckets = tuple(grid[name] for name in pool.buckets)
            shares = shares_by_window(rate), shares_by_window(reserve)
            if service.sites is None:
                site = self.inputs.scenario.sites[0] if service.site is None else self.sites[service.site]
            elif pool.site in service.sites and len(pool.share) == len(self.inputs.windows):
                site, part = self.sites[pool.site], np.array(pool.share)[:, None]
                rate, reserve = rate * part, reserve * part
            else:
                continue  # what is wrong with it, `pool_partition` and `split_load` say
            loads[pool.name] = PoolLoad(service, site, buckets, rate, reserve, *shares)
        return loads

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Groups of known pools in windows of the horizon; the rest is reported by `horizon` and `pool_partition`."""
        windows = len(self.inputs.windows)
        return tuple(g for g in self.plan.groups if g.pool in self.pools and 0 <= g.window < windows)

    @cached_property
    def listed(self) -> dict[tuple[str, str, int], float]:
        """Shortfalls that an infeasible plan owns up to, by constraint, place and window."""
        if self.plan.status is not PlanStatus.INFEASIBLE:
            return {}
        return {
            (violation.constraint, violation.where, window): shortfall
            for violation in self.plan.violations
            for window, shortfall in zip(violation.windows, violation.shortfall, strict=False)
        }

    @cached_property
    def cells(self) -> dict[str, dict[Kind, dict[float, Cells]]]:
        """Profile rows by service, kind, clock and lengths."""
        return {s.name: index_cells(self.inputs.profiles[s.name], s.model) for s in self.inputs.scenario.services}

    @cached_property
    def derates(self) -> dict[tuple[str, Kind, float, frozenset[str]], float]:
        """Derates of mixed pools by service, kind, clock and input classes."""
        models = {service.name: service.model for service in self.inputs.scenario.services}
        return {
            (name, row.kind, row.frequency_mhz, row.input_classes): row.derate
            for name, table in self.inputs.mixing.items()
            for row in table.rows
            if row.model == models[name]
        }

    def clocks_mhz(self, service: ServiceSpec, kind: Kind) -> tuple[float, ...]:
        """Clocks that may be locked: those the service lists, else those of the profile's rows."""
        measured = self.cells[service.name].get(kind, {})
        return tuple(sorted(measured if service.frequencies_mhz is None else service.frequencies_mhz))

    def reading(self, service: ServiceSpec, kind: Kind, frequency_mhz: float, bucket: Bucket) -> Reading | None:
        """Capacity and power at a clock for a bucket; None where the rows do not show it within the SLO."""
        key = (service.name, kind, frequency_mhz, bucket.name)
        if key not in self._readings:
            self._readings[key] = self._read(service, kind, frequency_mhz, bucket)
        return self._readings[key]

    def mix(self, pool: str, kind: Kind, frequency_mhz: float, shares: Shares) -> Mix | None:
        """An instance under a mix of the pool's buckets; None where it cannot hold every bucket's SLO."""
        key = (pool, kind, frequency_mhz, shares)
        if key not in self._mixes:
            self._mixes[key] = self._combine(self.pools[pool], kind, frequency_mhz, shares)
        return self._mixes[key]

    def mix_of(self, group: Group) -> Mix | None:
        """The mix that a group serves in its window."""
        if group.frequency_mhz not in self.clocks_mhz(self.pools[group.pool].service, group.kind):
            return None
        shares = self._shares_of(group)
        return None if shares is None else self.mix(group.pool, group.kind, group.frequency_mhz, shares)

    def _shares_of(self, group: Group) -> Shares | None:
        """Each bucket's share of what a group serves [1]: the pool's where it says nothing else; None where there is none.

        A routed group without load is an idle instance: it draws what the bucket of least idle draw shows.
        """
        load, rates = self.pools[group.pool], group.bucket_rates_rps
        if load.service.routing is Routing.EVEN or len(rates) != len(load.buckets):
            return load.shares[group.window]
        if not all(0 <= rate < np.inf for rate in rates):
            return None
        if sum(rates) > 0:
            return tuple(rate / sum(rates) for rate in rates)
        readings = [self.reading(load.service, group.kind, group.frequency_mhz, bucket) for bucket in load.buckets]
        idle = [np.inf if reading is None else reading.watts(0.0) for reading in readings]
        return tuple(float(b == int(np.argmin(idle))) for b in range(len(idle)))

    def room(self, load: PoolLoad, kind: Kind, frequency_mhz: float) -> float:
        """Part of its capacity that an instance may use when it serves all input classes of a pool [1]; 0 where it may not."""
        classes = frozenset(bucket.input_class for bucket in load.buckets)
        derate = 0.0 if len(classes) == 1 else self.derates.get((load.service.name, kind, frequency_mhz, classes))
        return 0.0 if derate is None else max(1.0 - derate, 0.0)

    def reserve_capacity_rps(self, pool: str, kind: Kind, window: int) -> float:
        """Rate that one instance can serve at its best clock under the reserve's mix [1/s]; 0 where it cannot."""
        shares = self.pools[pool].reserve_shares[window]
        key = (pool, kind, shares)
        if key not in self._reserve:
            mixes = (self.mix(pool, kind, f, shares) for f in self.clocks_mhz(self.pools[pool].service, kind))
            self._reserve[key] = max((mix.capacity_rps for mix in mixes if mix is not None), default=0.0)
        return self._reserve[key]

    def _read(self, service: ServiceSpec, kind: Kind, frequency_mhz: float, bucket: Bucket) -> Reading | None:
        measured = self._measured(service, kind, frequency_mhz, bucket)
        if measured is None and frequency_mhz in (service.frequencies_mhz or ()):
            clocks = self.cells[service.name].get(kind, {})
            readings = {clock: self._measured(service, kind, clock, bucket) for clock in clocks}
            known = {clock: reading for clock, reading in readings.items() if reading is not None}
            measured = between_clocks(known, frequency_mhz)
        return measured if measured is not None and measured.capacity_rps > 0 else None

    def _measured(self, service: ServiceSpec, kind: Kind, frequency_mhz: float, bucket: Bucket) -> Reading | None:
        """The cell of least capacity among those whose lengths fall into the bucket."""
        cells = self.cells[service.name].get(kind, {}).get(frequency_mhz, {})
        slo = service.slo
        slo_ms = None if slo is None else (slo.ttft_p99_ms[bucket.input_class], slo.tbt_p99_ms)
        table = self.inputs.profiles[service.name]
        readings = [read_cell(table, rows, slo_ms) for lengths, rows in sorted(cells.items()) if bucket.holds(*lengths)]
        usable = [reading for reading in readings if reading is not None]
        return min(usable, key=lambda reading: reading.capacity_rps, default=None)

    def _combine(self, pool: PoolLoad, kind: Kind, frequency_mhz: float, shares: Shares) -> Mix | None:
        room = self.room(pool, kind, frequency_mhz)
        if room <= 0:
            return None
        loads: list[tuple[float, Reading]] = []
        for bucket, share in zip(pool.buckets, shares, strict=True):
            if share == 0:  # a bucket without requests asks nothing of the instance
                continue
            reading = self.reading(pool.service, kind, frequency_mhz, bucket)
            if reading is None:
                return None
            loads.append((share / reading.capacity_rps, reading))
        seconds = sum(load for load, _ in loads)
        return Mix(room / seconds, seconds, tuple((load / seconds, reading) for load, reading in loads))
