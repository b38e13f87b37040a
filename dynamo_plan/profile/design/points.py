"""From a scenario to a design: candidates, what is known, what the plan rests on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.errors import Fault, InputError
from dynamo_plan.profile.admissible import admissible_kinds
from dynamo_plan.profile.cells import bucket_curves
from dynamo_plan.profile.curve import OperatingCurve
from dynamo_plan.profile.design.greedy import MEASUREMENT_ERROR, choose
from dynamo_plan.profile.design.response import Place
from dynamo_plan.profile.dominance import worth_running
from dynamo_plan.profile.fit.lengths import Lengths
from dynamo_plan.profile.fit.targets import bucket_lengths
from dynamo_plan.schema.bucket import Bucket, bucket_grid
from dynamo_plan.schema.design import Design, DesignPoint
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Plan
from dynamo_plan.schema.profile import NOT_LOCKED_MHZ, Provenance
from dynamo_plan.schema.scenario import ServiceSpec

LOADS = (0.25, 0.65, 1.05)
"""Shares of the capacity at which a point is measured: light, busy, and just past the promise, so that capacity shows."""

USUAL_LOAD = 0.7
"""Share of its capacity at which a planned instance runs where no plan says so."""

ROW_ERRORS = {
    Provenance.MEASURED: MEASUREMENT_ERROR,
    Provenance.COMPOSED: 0.15,
    Provenance.FITTED: 0.15,
    Provenance.DIGITISED: 0.10,
    Provenance.MODELLED: 0.30,
}
"""Standard deviation of rows that are there already [log]; interpolated ones are no evidence and not counted.

The shipped recipe's pieces err by 5 to 20 % where they can be checked; digitised figures by the width of a line; an engine's model by what
a stack changes.
"""

FREE_TERMS = 14
"""Coefficients of a kind: rows that share a recipe err together, and tell no more than one row for each of these."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A point that could be measured."""

    kind: Kind
    frequency_mhz: float
    lengths: Lengths
    capacity_rps: float


class ServiceDesign:
    """What a service's plan rests on and what could be measured for it.

    Parameters
    ----------
    clocks : tuple of float, optional
        Clocks that could be locked [MHz]; by default the scenario's, else the profile's.

    Raises
    ------
    InputError
        No clock is known, or no kind serves anything within its SLO.
    """

    def __init__(self, inputs: Inputs, service: ServiceSpec, clocks: tuple[float, ...] | None = None) -> None:
        self.service = service
        self.table = table = inputs.profiles[service.name]
        site = inputs.scenario.homes(service)[0]
        self.kinds, _ = admissible_kinds(table, service.model, service.memory, site.gpus)
        forecast = inputs.forecasts[service.name]
        rates = dict(zip(forecast.buckets, forecast.rate_rps.mean(axis=0).tolist(), strict=True))
        grid = bucket_grid(tuple(service.buckets.input), tuple(service.buckets.output))
        self.rate = {bucket.name: rates[bucket.name] for bucket in grid}
        self.buckets = tuple(bucket for bucket in grid if self.rate[bucket.name] > 0)
        self.curves = bucket_curves(table, service.model, self.kinds, self.buckets, service.slo).curves
        self.clocks = self._clocks(clocks)
        if not self.curves:
            what = f"no kind of {table.path} serves a bucket of {service.name} within its SLO"
            raise InputError(Fault("design-no-curve", service.name, what, "Rates follow capacities", "Loosen the SLO"))

    def _clocks(self, asked: tuple[float, ...] | None) -> tuple[float, ...]:
        stated = asked or self.service.frequencies_mhz
        found = stated or [clock for clock in np.unique(self.table.frequency_mhz).tolist() if clock != NOT_LOCKED_MHZ]
        if not found:
            what = f"the clocks of {self.table.path} were not locked, and none is given"
            raise InputError(
                Fault("design-no-clock", "--clocks", what, "A design locks clocks", "Add --clocks 800,1400")
            )
        return tuple(sorted(set(found)))

    def lengths(self, bucket: Bucket) -> tuple[Lengths, ...]:
        """Lengths to measure for a bucket."""
        mine = self.table.model == self.service.model
        pairs = zip(self.table.input_tokens[mine].tolist(), self.table.output_tokens[mine].tolist(), strict=True)
        return bucket_lengths((bucket,), sorted(set(pairs)))

    def capacity(self, bucket: Bucket, kind: Kind, clock: float) -> float | None:
        """Capacity of a kind at a clock [1/s]: between its own clocks, else the other kinds' mean; None where no kind has one."""
        found = [self.curves[bucket.name, one] for one in self.kinds if (bucket.name, one) in self.curves]
        own = self.curves.get((bucket.name, kind))
        parts = found if own is None else [own]
        at = [float(np.interp(clock, [c.frequency_mhz for c in one], [c.capacity_rps for c in one])) for one in parts]
        return float(np.mean(at)) if at else None

    def candidates(self) -> list[Candidate]:
        """Every kind, clock and bucket that was not measured yet."""
        measured = self.table.provenance == Provenance.MEASURED.value
        rows = np.flatnonzero(measured & (self.table.model == self.service.model))
        names = ("gpu", "tp", "pp", "dtype", "frequency_mhz", "input_tokens", "output_tokens")
        known = set(zip(*(getattr(self.table, name)[rows].tolist() for name in names), strict=True))
        return [
            Candidate(kind, clock, lengths, capacity)
            for kind in self.kinds
            for bucket in self.buckets
            for lengths in self.lengths(bucket)
            for clock in self.clocks
            if (kind.gpu, kind.tp, kind.pp, kind.dtype, clock, *lengths) not in known
            if (capacity := self.capacity(bucket, kind, clock)) is not None
        ]

    def known(self) -> tuple[Place, NDArray[np.float64]]:
        """Loaded rows that are there already, and their errors [log]."""
        parts: list[tuple[int, float, float, float, float]] = []
        errors: list[float] = []
        for number, kind in enumerate(self.kinds):
            rows = np.flatnonzero(self.table.rows_of(self.service.model, kind) & (self.table.rate_rps > 0))
            words = self.table.provenance[rows]
            for provenance, error in ROW_ERRORS.items():
                alike = rows[words == provenance.value]
                together = 1.0 if provenance is Provenance.MEASURED else max(1.0, alike.size / FREE_TERMS)
                parts += [(number, *self._row(int(row))) for row in alike]
                errors += [error * float(np.sqrt(together))] * alike.size
        return _place(parts), np.array(errors)

    def _row(self, row: int) -> tuple[float, float, float, float]:
        """Clock, lengths and load of a row of the profile."""
        table = self.table
        clock = float(table.frequency_mhz[row]) or self.clocks[-1]  # an unlocked GPU runs as fast as it can
        given, made = float(table.input_tokens[row]), float(table.output_tokens[row])
        kind = Kind(str(table.gpu[row]), int(table.tp[row]), int(table.pp[row]), str(table.dtype[row]))
        bucket = next((one for one in self.buckets if one.holds(given, made)), None)
        capacity = None if bucket is None else self.capacity(bucket, kind, clock)
        return clock, given, made, USUAL_LOAD if capacity is None else float(table.rate_rps[row]) / capacity

    def targets(self, plan: Plan | None) -> tuple[Place, NDArray[np.float64]]:
        """Points that the plan rests on and their energy; without a plan, those that one may choose [any unit]."""
        found = list(self._of_plan(plan)) if plan is not None else list(self._of_curves())
        if not found:
            what = f"the plan runs no instance of {self.service.name} that this scenario knows"
            raise InputError(Fault("design-no-target", "--run", what, "The plan is this scenario's", "Leave --run out"))
        return _place([point for point, _ in found]), np.array([weight for _, weight in found])

    def _of_plan(self, plan: Plan) -> Iterable[tuple[tuple[int, float, float, float, float], float]]:
        pools = {pool.name: pool for pool in plan.pools if pool.service == self.service.name}
        for group in plan.groups:
            if group.pool not in pools or group.kind not in self.kinds or group.rate_rps <= 0:
                continue
            members = [bucket for bucket in self.buckets if bucket.name in pools[group.pool].buckets]
            total = sum(self.rate[bucket.name] for bucket in members)
            for bucket in members:
                lengths = self.lengths(bucket)
                share = group.power_w * self.rate[bucket.name] / total / len(lengths)
                clock = group.frequency_mhz or self.clocks[-1]
                for given, made in lengths:
                    yield (self.kinds.index(group.kind), clock, given, made, group.utilisation), share

    def _of_curves(self) -> Iterable[tuple[tuple[int, float, float, float, float], float]]:
        for (name, kind), curves in self.curves.items():
            bucket = next(one for one in self.buckets if one.name == name)
            lengths = self.lengths(bucket)
            for curve in worth_running(curves):
                clock = curve.frequency_mhz or self.clocks[-1]
                weight = self.rate[name] * _joules(curve) / len(lengths)
                for given, made in lengths:
                    yield (self.kinds.index(kind), clock, given, made, USUAL_LOAD), weight

    def design(self, measurements: int, plan: Plan | None = None) -> Design:
        """Points for at most so many measurements, `LOADS` of them each."""
        found = self.candidates()
        index = {kind: number for number, kind in enumerate(self.kinds)}
        sweep = [(index[one.kind], one.frequency_mhz, *one.lengths, load) for one in found for load in LOADS]
        targets, weights = self.targets(plan)
        known, errors = self.known()
        choice = choose(_place(sweep), len(LOADS), known, errors, targets, weights, measurements // len(LOADS))
        points = [
            DesignPoint(
                one.kind, one.frequency_mhz, *one.lengths, tuple(load * one.capacity_rps for load in LOADS), order
            )
            for order, one in enumerate((found[place] for place in choice.chosen), start=1)
        ]
        launches = sorted(points, key=lambda p: (p.kind, -p.frequency_mhz, p.input_tokens, p.output_tokens))
        return Design(self.service.model, tuple(launches), choice.error_before, choice.error_after)


def _joules(curve: OperatingCurve) -> float:
    """Energy per request at capacity [J]; 1 where the profile has no powers, which weights all alike."""
    return float(curve.power_w[-1]) / curve.capacity_rps or 1.0


def _place(points: list[tuple[int, float, float, float, float]]) -> Place:
    columns = np.array(points, dtype=np.float64).reshape(-1, 5).T
    return Place(columns[0].astype(np.int64), *columns[1:])
