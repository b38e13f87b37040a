"""One service at one site: from its rows and rates to curves and pools."""

from __future__ import annotations

from itertools import chain

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.errors import Fault
from dynamo_plan.instance_limit import instance_limit
from dynamo_plan.problem import KindCurves, PoolProblem, ReferencePool, RoutedPool, Split
from dynamo_plan.profile.admissible import admissible_kinds, kind_flags
from dynamo_plan.profile.cells import BucketCurves, bucket_curves, cell_name
from dynamo_plan.profile.curve import OperatingCurve, mix_curves
from dynamo_plan.routed_pool import ROUTER, routed_pool
from dynamo_plan.schema.bucket import Bucket, bucket_grid
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.load import bucket_shares
from dynamo_plan.schema.plan import Omission, PredictionError
from dynamo_plan.schema.profile import MixingTable, recorded_errors, unstated
from dynamo_plan.schema.scenario import GpuSpec, PoolRule, Routing, ServiceSpec

NO_MIXING = MixingTable("", ())
RECORDED = "by its own record the profile predicts a clock that is left out with these mean errors"

Partition = tuple[tuple[str, ...], ...]
"""Pools of a service: the buckets of each, every bucket in one."""


class ServiceAssembly:
    """Curves, rates and pools of one service.

    Parameters
    ----------
    site, gpus
        Where the service runs and the GPU types there.
    """

    def __init__(self, inputs: Inputs, service: ServiceSpec, site: str, gpus: dict[str, GpuSpec]) -> None:
        self.service = service
        self.site = site
        self.is_first = service.sites is None or site == service.sites[0]
        self.gpus = gpus
        self.buckets = bucket_grid(tuple(service.buckets.input), tuple(service.buckets.output))
        self.mixing = inputs.mixing.get(service.name, NO_MIXING)
        self.table = table = inputs.profiles[service.name]
        self.kinds, dropped = admissible_kinds(table, service.model, service.memory, gpus)
        clocks = None if service.frequencies_mhz is None else tuple(service.frequencies_mhz)
        found: BucketCurves = bucket_curves(table, service.model, self.kinds, self.buckets, service.slo, clocks)
        self.curves = found.curves
        self.omissions = [*dropped, *found.omissions]
        if service.memory is None:
            self.omissions.append(
                Omission(
                    f"KV memory admissibility of {service.name}",
                    "the scenario gives no `memory:`; the profile's rows are taken as evidence that the model fits",
                )
            )
        forecast = inputs.forecasts[service.name]
        column = {name: index for index, name in enumerate(forecast.buckets)}
        order = [column[bucket.name] for bucket in self.buckets]
        self.rate = forecast.rate_rps[:, order]
        quantile = service.reserve_quantile
        reserve = self.rate if quantile is None else forecast.quantile_rate_rps[quantile][:, order]
        self.reserve = np.maximum(reserve, self.rate)
        self.partition, self.faults = self._partition()
        self.faults += self._missing_curves(inputs)

    def _partition(self) -> tuple[list[tuple[str, ...]], list[Fault]]:
        names = [bucket.name for bucket in self.buckets]
        if self.service.pools is PoolRule.PER_BUCKET or self.service.pools is PoolRule.AUTO:
            return [(name,) for name in names], []
        if self.service.pools is PoolRule.SINGLE:
            return [tuple(names)], []
        given = [name for pool in self.service.pools for name in pool]
        wrong = sorted(
            {name for name in given if name not in names or given.count(name) > 1} | (set(names) - set(given))
        )
        if not wrong:
            return [tuple(pool) for pool in self.service.pools], []
        fault = Fault(
            "scenario-pool-partition",
            f"services.{self.service.name}.pools",
            f"{', '.join(wrong)} must stand in exactly one pool",
            f"The buckets are {', '.join(names)}",
            "List every bucket once, or write `pools: per-bucket`",
        )
        return [], [fault]

    def _missing_curves(self, inputs: Inputs) -> list[Fault]:
        """Buckets with load that no kind serves within its SLO, with what each kind lacks."""
        path = inputs.profiles[self.service.name].path
        if not self.kinds:
            why = "; ".join(f"{one.piece.removeprefix('kind ')}: {one.reason}" for one in self.omissions)
            fault = Fault(
                "service-without-kind",
                f"{path} service {self.service.name}",
                f"no kind of this profile can run here ({why or 'it has no rows of this model'})",
                "A service needs a kind on GPUs of its site with room for the model",
                "Add the GPU type to the site, correct `memory:` or `hbm_gib`, or profile a larger kind",
            )
            return [fault]
        faults = []
        for index, bucket in enumerate(self.buckets):
            peak = float(self.reserve[:, index].max())
            if peak > 0 and not any((bucket.name, kind) in self.curves for kind in self.kinds):
                lacks = [
                    f"{kind}: {one.reason}"
                    for kind in self.kinds
                    for one in self.omissions
                    if one.piece == cell_name(self.service.model, kind, bucket)
                ]
                faults.append(
                    Fault(
                        "bucket-without-feasible-row",
                        f"{path} bucket {bucket.name}",
                        f"no row can serve the up to {peak:.3g} requests/s of service {self.service.name}"
                        f"{self._slo_of(bucket)} ({'; '.join(lacks)})",
                        "Every bucket with load needs a kind and clock that keeps its SLO",
                        "Measure a faster kind or lower loads, loosen this SLO, or take the bucket out of the forecast",
                    )
                )
        return faults

    def _slo_of(self, bucket: Bucket) -> str:
        """The promise of a bucket, in words that go on with a message; nothing where the service states none."""
        slo = self.service.slo
        if slo is None:
            return ""
        return f" within TTFT P99 {slo.ttft_p99_ms[bucket.input_class]:g} ms and TBT P99 {slo.tbt_p99_ms:g} ms"

    def prediction_errors(self) -> tuple[PredictionError, ...]:
        """How wrong the profile is by its own record."""
        found = recorded_errors(self.table, self.service.model)
        return tuple(PredictionError(self.service.name, quantity, *errors) for quantity, errors in found.items())

    def assumptions(self) -> list[str]:
        """What was taken for granted about this service, in sentences."""
        name = self.service.name
        quantile = self.service.reserve_quantile
        reserve = "the mean rate" if quantile is None else f"the forecast's {quantile:.0%} quantile"
        lines = [
            f"{name}: instance counts cover {reserve} at the best clock; energy is counted at the mean rate.",
            f"{name}: within a window the mix of buckets is constant and load splits evenly over instances of one group.",
            *([f"{name}: {ROUTER}"] if self.service.routing is Routing.FREE else []),
            *([] if self.service.sites is None else [self._split_between(self.service.sites)]),
            *(f"{name}: the profile has no {what}." for what in unstated(self.table)),
            *([f"{name}: {RECORDED}: {', '.join(map(str, errors))}."] if (errors := self.prediction_errors()) else []),
            *kind_flags(self.table, self.service, self.kinds, self.gpus),
        ]
        thin = [
            str(kind)
            for kind in self.kinds
            if any(c.rate_rps[1] and c.power_w[0] == c.power_w[1] > 0 for c in self._all(kind))
        ]
        if thin:
            lines.append(
                f"{name}: no idle row for {', '.join(thin)}; below the lowest measured load its power is used."
            )
        return lines

    def _split_between(self, sites: list[str]) -> str:
        """What splitting a load between sites takes for granted."""
        where = f"{self.service.name}: each pool's load is split between {', '.join(sites)} in parts of 1/{self.service.share_steps}"
        return f"{where}, every bucket alike; what the way to a farther site adds to TTFT is not in the plan."

    def _all(self, kind: Kind) -> list[OperatingCurve]:
        return [curve for bucket in self.buckets for curve in self.curves.get((bucket.name, kind), ())]

    def pool(self, names: tuple[str, ...]) -> PoolProblem:
        """The pool of these buckets."""
        load = f"{self.service.name}/{'+'.join(names)}"
        members = [bucket for bucket in self.buckets if bucket.name in names]
        columns = [self.buckets.index(bucket) for bucket in members]
        rate, reserve = self.rate[:, columns], self.reserve[:, columns]
        shares = bucket_shares(rate)
        unique, mix = np.unique(shares, axis=0, return_inverse=True)
        mixes = list(zip(*(self._kind_curves(kind, members, unique) for kind in self.kinds), strict=True))
        usable = [any(curves[k].curves for curves in mixes) for k in range(len(self.kinds))]
        kinds = tuple(kind for kind, use in zip(self.kinds, usable, strict=True) if use)
        kept = tuple(tuple(c for c, use in zip(curves, usable, strict=True) if use) for curves in mixes)
        capacity = (
            np.stack([self._capacity(kind, members, bucket_shares(reserve)) for kind in kinds], axis=1)
            if kinds
            else None
        )
        total, total_reserve = rate.sum(axis=1), reserve.sum(axis=1)
        if capacity is None:
            capacity = np.zeros((total.size, 0))
        limit = np.array(
            [
                instance_limit(
                    [curves[k] for curves in kept],
                    mix,
                    total,
                    total_reserve,
                    capacity[:, k],
                    self.service.min_instances,
                )
                for k in range(len(kinds))
            ],
            dtype=np.int64,
        )
        return PoolProblem(
            name=load if self.service.sites is None else f"{load}@{self.site}",
            service=self.service.name,
            site=self.site,
            buckets=names,
            kinds=kinds,
            mixes=kept,
            mix=mix.astype(np.int64),
            rate_rps=total,
            reserve_rate_rps=total_reserve,
            reserve_capacity_rps=capacity,
            min_instances=self.service.min_instances,
            max_instances=limit,
            split=None if self.service.sites is None else Split(load, self.service.share_steps),
        )

    def routed_pool(self, names: tuple[str, ...]) -> RoutedPool:
        """The pool of these buckets, its load routed freely."""
        members = [next(bucket for bucket in self.buckets if bucket.name == name) for name in names]
        columns = [self.buckets.index(bucket) for bucket in members]
        by_kind = {kind: [self.curves.get((name, kind), ()) for name in names] for kind in self.kinds}
        derates = {
            (kind, curve.frequency_mhz): self.derate(kind, curve.frequency_mhz, members)
            for kind, curves in by_kind.items()
            for curve in chain(*curves)
        }
        rates = self.rate[:, columns], self.reserve[:, columns]
        return routed_pool(self.service, self.site, names, by_kind, derates, *rates)

    def reference(self) -> ReferencePool | Omission:
        """The static baseline's pool: every bucket with load on the kind of most GPUs at its highest clock."""
        kind = max(self.kinds, key=lambda k: (k.gpus, k))
        loaded = [index for index in range(len(self.buckets)) if self.reserve[:, index].max() > 0]
        buckets = [self.buckets[index] for index in loaded]
        found = [self.curves.get((bucket.name, kind), ()) for bucket in buckets]
        clocks = [curves[-1].frequency_mhz for curves in found if curves]
        missing = [
            bucket.name
            for bucket, curves in zip(buckets, found, strict=True)
            if not curves or curves[-1].frequency_mhz < max(clocks)
        ]
        if not clocks or missing:
            reason = f"{kind} cannot serve {', '.join(missing)} at its highest clock"
            return Omission("baseline", f"service {self.service.name}: {reason}")
        return ReferencePool(
            service=self.service.name,
            site=self.site,
            kind=kind,
            frequency_mhz=clocks[0],
            curves=tuple(curves[-1] for curves in found),
            rate_rps=self.rate[:, loaded],
            reserve_rate_rps=self.reserve[:, loaded],
            strict_derate=self.derate(kind, clocks[0], buckets),
        )

    def unservable(self, pool: PoolProblem, inputs: Inputs) -> list[Fault]:
        """Windows in which no kind can serve the pool's mix, although every bucket alone could be served."""
        capacity = np.array([max((k.capacity_rps for k in curves), default=0.0) for curves in pool.mixes])
        stuck = np.flatnonzero((pool.reserve_rate_rps > 0) & (capacity[pool.mix] <= 0))
        if stuck.size == 0:
            return []
        classes = "+".join(sorted({name[0] for name in pool.buckets}))
        return [
            Fault(
                "pool-without-kind",
                f"services.{self.service.name}.pools [{', '.join(pool.buckets)}]",
                f"no kind can serve these buckets together in {stuck.size} windows, first {inputs.windows.label(int(stuck[0]))}",
                f"A pool that mixes input classes needs a derate below 1 for {classes} in the mixing table",
                "Split the pool, or give `mixing:` with a derate for this set of classes",
            )
        ]

    def derate(self, kind: Kind, frequency_mhz: float, members: list[Bucket]) -> float | None:
        """Share of capacity that serving these buckets together costs an instance; None where the mixing table has no row."""
        classes = frozenset(bucket.input_class for bucket in members)
        return self.mixing.derate(self.service.model, kind, frequency_mhz, classes)

    def _kind_curves(self, kind: Kind, members: list[Bucket], shares: NDArray[np.float64]) -> list[KindCurves]:
        """What one instance can do under each mix of shares (mix, bucket): clocks at which every bucket with a share is served."""
        found: list[list[OperatingCurve]] = [[] for _ in range(shares.shape[0])]
        for active in np.unique(shares > 0, axis=0):
            mixes = np.flatnonzero(((shares > 0) == active).all(axis=1))
            loaded = [bucket for bucket, asked in zip(members, active, strict=True) if asked]
            by_clock = [{c.frequency_mhz: c for c in self.curves.get((bucket.name, kind), ())} for bucket in loaded]
            for clock in sorted(set.intersection(*(set(curves) for curves in by_clock))):
                derate = self.derate(kind, clock, members)
                if derate is not None and derate < 1.0:
                    mixed = mix_curves([curves[clock] for curves in by_clock], shares[np.ix_(mixes, active)], derate)
                    for index, curve in zip(mixes.tolist(), mixed, strict=True):
                        found[index].append(curve)
        return [KindCurves(kind, tuple(curves)) for curves in found]

    def _capacity(self, kind: Kind, members: list[Bucket], shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Best capacity of one instance under these shares (window, bucket) [1/s], shape (window,)."""
        best = np.zeros(shares.shape[0])
        clocks = sorted({c.frequency_mhz for bucket in members for c in self.curves.get((bucket.name, kind), ())})
        for clock in clocks:
            derate = self.derate(kind, clock, members)
            if derate is None:
                continue
            use = np.zeros(shares.shape[0])
            for index, bucket in enumerate(members):
                at = next((c for c in self.curves.get((bucket.name, kind), ()) if c.frequency_mhz == clock), None)
                need = shares[:, index]
                use += np.where(need > 0, np.inf if at is None else need / at.capacity_rps, 0.0)
            best = np.maximum(best, (1.0 - derate) / use)
        return best
