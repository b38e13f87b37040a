"""Step 12 and the table: load levels of a cell up to its capacity at the SLO and beyond, one row each.

A cell is (workload, bucket, TP, clock).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from recipe.decode import idle_power_w
from recipe.figures import BUCKETS, FREQUENCIES_MHZ, Figures, Instance
from recipe.lengths import Lengths, Workload
from recipe.serving import Prepared, Requests, Server, draw_requests, prepare
from recipe.slo import Slo, slo_of

REQUESTS = 120_000  # per run: 240 of them lie above the quantile that rates are stated for
SEED = 2023
LOAD_LEVELS = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 1.0)  # dense where power is most concave
OVERLOADS = (1.08, 1.3, 1.7, 2.5, 4.0, 8.0)  # beyond capacity: for who promises less than the SLO of the recipe
SUSTAINED = 0.95  # of the stable limit: no level but the first overload lies above it
KEPT_UP = 0.98  # of the offered rate: an instance that serves less has no steady state to report
TINY_LOAD = 1e-3  # of the stable limit: a cell that breaks the SLO here has no capacity
INFEASIBLE_REFERENCE = 0.5  # of the stable limit: what the levels of such a cell refer to
PRECISION = 1.005  # ratio of the rates between which a capacity is found: below what the draw leaves open
STRIDE = 1.25  # ratio of the first rates tried above a known one
INFEASIBLE = "breaks the SLO at any load"
MODEL, GPU, DTYPE = "llama-2-70b", "h100", "bf16"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the canonical profile table; None is an empty cell."""

    model: str
    gpu: str
    tp: int
    pp: int
    dtype: str
    frequency_mhz: int
    input_tokens: int
    output_tokens: int
    request_rate_rps: float
    concurrency: float | None
    throughput_rps: float
    ttft_p50_ms: float | None
    ttft_p99_ms: float | None
    tbt_p50_ms: float | None
    tbt_p99_ms: float | None
    power_w: float
    duration_s: float | None
    provenance: str
    source: str


@dataclass(frozen=True, slots=True)
class Point:
    """Percentiles [ms], power [W] and throughput [1/s] of one instance at one rate [1/s]; its P99s are those of the SLO's quantile."""

    rate_rps: float
    throughput_rps: float
    ttft_p50_ms: float
    ttft_p99_ms: float
    tbt_p50_ms: float
    tbt_p99_ms: float
    power_w: float


@dataclass(frozen=True, slots=True)
class Cell:
    """Rows of one bucket on one kind of instance, and its capacity [1/s]; 0 if the SLO fails at any load."""

    bucket: str
    instance: Instance
    capacity_rps: float
    rows: list[Row]

    @classmethod
    def of_rows(cls, bucket: str, instance: Instance, rows: list[Row]) -> Cell:
        """The cell of rows that were written: the row at the last level within it has its capacity."""
        full = rows[len(LOAD_LEVELS)]  # behind the idle row
        return cls(bucket, instance, 0.0 if INFEASIBLE in full.source else full.request_rate_rps, rows)

    def energy_per_request_j(self) -> float:
        """Energy per request [J] at capacity; infinite without one."""
        at_capacity = self.rows[len(LOAD_LEVELS)]
        return at_capacity.power_w / at_capacity.request_rate_rps if self.capacity_rps > 0.0 else math.inf


def highest_rate_rps(limit_rps: float, within_slo: Callable[[float], bool], least_rps: float = 0.0) -> float:
    """The highest rate [1/s] below ``limit_rps`` at which ``within_slo`` holds; 0 if it fails at any load.

    ``least_rps`` is a rate that is known to hold, as it does at a slower clock: a faster one never serves less, whatever a draw says.
    """
    low, high = least_rps, limit_rps
    if low == 0.0:
        low = TINY_LOAD * limit_rps
        if not within_slo(low):
            return 0.0
    else:
        while low * STRIDE < limit_rps and within_slo(low * STRIDE):
            low *= STRIDE
        high = min(low * STRIDE, limit_rps)
    while high > PRECISION * low:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if within_slo(middle) else (low, middle)
    return low


def capacity_rps(prepared: Prepared, slo: Slo, server: Server, least_rps: float = 0.0) -> float:
    """Capacity [1/s] of one instance at the SLO; ``least_rps`` is that of a slower clock."""

    def within_slo(rate_rps: float) -> bool:
        outcome = server(prepared, rate_rps)
        return slo.met_by(outcome.ttft_ms, outcome.tbt_ms)

    return highest_rate_rps(prepared.stable_limit_rps(), within_slo, least_rps)


def bucket_requests(workload: Workload, bucket: str) -> Requests:
    """The stream of requests that every cell of a bucket is computed with."""
    return draw_requests([workload.lengths[bucket]], [1.0], REQUESTS, SEED + BUCKETS.index(bucket))[0]


def bucket_cells(figures: Figures, workload: Workload, bucket: str, tp: int, server: Server) -> list[Cell]:
    """The cells of a bucket at one TP, by rising clock; rows idle first, then by rising load."""
    lengths, requests = workload.lengths[bucket], bucket_requests(workload, bucket)
    slo = slo_of(figures, workload.name, bucket[0])
    cells: list[Cell] = []
    capacity = 0.0
    for frequency_mhz in FREQUENCIES_MHZ:
        prepared = prepare(figures, Instance(tp, frequency_mhz), requests)
        capacity = capacity_rps(prepared, slo, server, capacity)
        source = _source(figures, workload, lengths, server, feasible=capacity > 0.0)
        rows = _cell_rows(prepared, capacity, slo, lengths, source, server)
        cells.append(Cell(bucket, prepared.instance, capacity, rows))
    return cells


def _cell_rows(
    prepared: Prepared, capacity: float, slo: Slo, lengths: Lengths, source: str, server: Server
) -> list[Row]:
    limit_rps = prepared.stable_limit_rps()
    reference = capacity if capacity > 0.0 else INFEASIBLE_REFERENCE * limit_rps
    first_overload = min(OVERLOADS[0] * reference, (reference + limit_rps) / 2.0)
    further = [r for level in OVERLOADS[1:] if (r := level * reference) <= SUSTAINED * limit_rps]
    rates = [reference * level for level in LOAD_LEVELS] + [first_overload]
    points = [_point(prepared, rate, slo, server) for rate in rates]
    points += itertools.takewhile(
        lambda p: p.throughput_rps >= KEPT_UP * p.rate_rps, (_point(prepared, rate, slo, server) for rate in further)
    )
    points = _rising(points)
    if capacity > 0.0:
        points = _pinned(points, slo)
    idle_w = prepared.instance.tp * idle_power_w(prepared.figures, prepared.instance)
    idle = _row(prepared, lengths, source, None, idle_w)
    return [idle, *(_row(prepared, lengths, source, point, point.power_w) for point in points)]


def _point(prepared: Prepared, rate_rps: float, slo: Slo, server: Server) -> Point:
    outcome = server(prepared, rate_rps)
    (ttft_p50, ttft_p99), (tbt_p50, tbt_p99) = (
        np.nanquantile(latencies, (0.5, slo.quantile)).tolist() for latencies in (outcome.ttft_ms, outcome.tbt_ms)
    )
    return Point(rate_rps, outcome.throughput_rps, ttft_p50, ttft_p99, tbt_p50, tbt_p99, outcome.power_w)


def _rising(points: list[Point]) -> list[Point]:
    """Latencies and power never fall with load: running maxima take out what noise is left."""
    columns = np.array([(p.ttft_p50_ms, p.ttft_p99_ms, p.tbt_p50_ms, p.tbt_p99_ms, p.power_w) for p in points])
    rising = np.maximum.accumulate(columns, axis=0).tolist()
    return [Point(p.rate_rps, p.throughput_rps, *values) for p, values in zip(points, rising, strict=True)]


def _pinned(points: list[Point], slo: Slo) -> list[Point]:
    """Let the P99s say what the capacity says: within the SLO below it, and at it the binding one on its limit.

    The search ends a hair below the crossing, and a capacity kept from a slower clock a hair above it. A reader who
    interpolates for the crossing then finds the capacity exactly, and so never less at a faster clock.
    """
    ttft_ms, tbt_ms = slo.ttft_ms, slo.tbt_ms
    within, beyond = points[: len(LOAD_LEVELS)], points[len(LOAD_LEVELS) :]
    within = [replace(p, ttft_p99_ms=min(p.ttft_p99_ms, ttft_ms), tbt_p99_ms=min(p.tbt_p99_ms, tbt_ms)) for p in within]
    full = within[-1]
    ttft_first = full.ttft_p99_ms / ttft_ms >= full.tbt_p99_ms / tbt_ms
    binds_ttft = beyond[0].ttft_p99_ms > ttft_ms and (ttft_first or beyond[0].tbt_p99_ms <= tbt_ms)
    within[-1] = replace(full, ttft_p99_ms=ttft_ms) if binds_ttft else replace(full, tbt_p99_ms=tbt_ms)
    return [*within, *beyond]


def _row(prepared: Prepared, lengths: Lengths, source: str, point: Point | None, power_w: float) -> Row:
    return Row(
        model=MODEL,
        gpu=GPU,
        tp=prepared.instance.tp,
        pp=1,
        dtype=DTYPE,
        frequency_mhz=prepared.instance.frequency_mhz,
        input_tokens=round(lengths.mean[0]),
        output_tokens=round(lengths.mean[1]),
        request_rate_rps=_significant(point.rate_rps) if point else 0.0,
        concurrency=None,
        throughput_rps=_significant(point.throughput_rps) if point else 0.0,
        ttft_p50_ms=round(point.ttft_p50_ms, 2) if point else None,
        ttft_p99_ms=round(point.ttft_p99_ms, 2) if point else None,
        tbt_p50_ms=round(point.tbt_p50_ms, 3) if point else None,
        tbt_p99_ms=round(point.tbt_p99_ms, 3) if point else None,
        power_w=round(power_w, 2),
        duration_s=None,
        provenance="composed",
        source=source,
    )


def _significant(rate_rps: float) -> float:
    """A rate to six significant digits: the smallest capacities are below 0.01/s."""
    return float(f"{rate_rps:.6g}")


def _source(figures: Figures, workload: Workload, lengths: Lengths, server: Server, *, feasible: bool) -> str:
    """Where the row comes from: the recipe, whose lengths, and what to beware of."""
    parts = [
        "profiles/compose.py from Splitwise (MIT), ML.ENERGY and other figures",
        f"lengths: Azure 2023 {lengths.workload} hour (CC-BY 4.0), {lengths.requests} requests of {lengths.bucket}",
    ]
    if lengths.workload != workload.name:
        parts.append(f"borrowed: too few in the {workload.name} hour")
    parts += [
        server.method,
        f"P99s are percentile {100.0 * figures.value('slo_quantile'):g} of all requests, for windows to keep",
    ]
    if not feasible:
        parts.append(INFEASIBLE)
    return "; ".join(parts)
