"""Cells of a profile: the rows of one kind, clock and pair of lengths, and what they make of a service's buckets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.profile.capacity import MINIMUM_LOAD_ROWS, capacity_at_slo
from dynamo_plan.profile.curve import OperatingCurve, between_clocks, least_direct, tabulate
from dynamo_plan.schema.bucket import Bucket
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Omission
from dynamo_plan.schema.profile import NOT_LOCKED_MHZ, ProfileTable, Provenance

if TYPE_CHECKING:
    from dynamo_plan.schema.scenario import SloSpec

LISTED_CLOCKS = 4
"""Clocks that a message lists one by one."""


@dataclass(frozen=True, slots=True)
class BucketCurves:
    """SLO-feasible curves of every bucket and kind of a service, ascending in clock; a missing key has none.

    Attributes
    ----------
    curves : dict of (bucket name, Kind) to tuple of OperatingCurve
    omissions : tuple of Omission
        Cells that are too thin or that cannot meet the SLO, gathered per bucket and kind.
    """

    curves: dict[tuple[str, Kind], tuple[OperatingCurve, ...]]
    omissions: tuple[Omission, ...]


def bucket_curves(
    table: ProfileTable,
    model: str,
    kinds: tuple[Kind, ...],
    buckets: tuple[Bucket, ...],
    slo: SloSpec | None,
    frequencies_mhz: tuple[float, ...] | None = None,
) -> BucketCurves:
    """Every curve that the profile supports for a service.

    Parameters
    ----------
    kinds : tuple of Kind
        Kinds to consider.
    slo : SloSpec or None
        None where the table has no latencies: every row is taken to keep the SLO it was made for.
    frequencies_mhz : tuple of float, optional
        Clocks to plan with [MHz]; those between measured clocks are interpolated, those outside are left out and reported.
        By default the measured clocks.
    """
    curves: dict[tuple[str, Kind], tuple[OperatingCurve, ...]] = {}
    omissions: list[Omission] = []
    of_model = table.model == model
    for kind in kinds:
        of_kind = of_model & (table.gpu == kind.gpu) & (table.tp == kind.tp) & (table.pp == kind.pp)
        of_kind &= table.dtype == kind.dtype
        for bucket in buckets:
            lengths = zip(table.input_tokens.tolist(), table.output_tokens.tolist(), strict=True)
            inside = np.array([bucket.holds(given, made) for given, made in lengths])
            rows = np.flatnonzero(of_kind & inside)
            found, reasons, broken = _clock_curves(table, rows, bucket, slo)
            if frequencies_mhz is not None:
                found, outside = _at_clocks(found, frequencies_mhz, broken)
                reasons += outside
            if found:
                curves[bucket.name, kind] = found
            omissions += [Omission(cell_name(model, kind, bucket), reason) for reason in reasons]
    return BucketCurves(curves, tuple(omissions))


def cell_name(model: str, kind: Kind, bucket: Bucket) -> str:
    """What an omission calls the cells of one bucket and kind."""
    return f"profile cell {model} {kind} {bucket.name}"


def _at_clocks(
    measured: tuple[OperatingCurve, ...], frequencies_mhz: tuple[float, ...], broken_mhz: list[float]
) -> tuple[tuple[OperatingCurve, ...], list[str]]:
    """Curves at the clocks asked for; a clock that was measured and breaks the SLO is not interpolated back in."""
    by_clock = {curve.frequency_mhz: curve for curve in measured}
    found, outside = [], []
    for clock in sorted(frequencies_mhz):
        if clock in by_clock:
            found.append(by_clock[clock])
        elif clock in broken_mhz:
            continue  # reported with the measured clocks
        elif len(measured) > 1 and measured[0].frequency_mhz < clock < measured[-1].frequency_mhz:
            found.append(between_clocks(measured, clock))
        else:
            outside.append(f"{clock:g} MHz lies outside the SLO-feasible measured clocks")
    return tuple(found), outside


def _clock_curves(
    table: ProfileTable, rows: NDArray[np.int64], bucket: Bucket, slo: SloSpec | None
) -> tuple[tuple[OperatingCurve, ...], list[str], list[float]]:
    """Curves per clock from these rows, reasons for what is left out, clocks at which the SLO breaks [MHz]."""
    if rows.size == 0:
        return (), ["no rows with lengths inside the bucket"], []
    found: list[OperatingCurve] = []
    thin: list[float] = []
    broken: list[float] = []
    for clock in np.unique(table.frequency_mhz[rows]):
        at_clock = rows[table.frequency_mhz[rows] == clock]
        cells = np.unique(np.stack([table.input_tokens[at_clock], table.output_tokens[at_clock]]), axis=1).T
        options = [
            _cell_curve(
                table,
                at_clock[(table.input_tokens[at_clock] == given) & (table.output_tokens[at_clock] == made)],
                None if slo is None else (slo.ttft_p99_ms[bucket.input_class], slo.tbt_p99_ms),
            )
            for given, made in cells
        ]
        thick = [option for option in options if option is not None]
        if len(thick) < len(options):
            thin.append(float(clock))
        if not thick:
            continue
        # Several measured lengths in one bucket: plan for the most demanding.
        hardest = min(thick, key=lambda option: option[0])
        if hardest[1] is None:
            broken.append(float(clock))
        else:
            found.append(hardest[1])
    reasons = []
    if thin:
        reasons.append(f"fewer than {MINIMUM_LOAD_ROWS} loaded rows at {_clock_list(thin)}")
    if broken:
        reasons.append(f"already the lowest measured load breaks the SLO at {_clock_list(broken)}")
    return tuple(found), reasons, broken


def _clock_list(clocks: list[float]) -> str:
    if clocks == [NOT_LOCKED_MHZ]:
        return "clocks not locked"
    if len(clocks) > LISTED_CLOCKS:
        return f"{len(clocks)} clocks from {min(clocks):g} to {max(clocks):g} MHz"
    return f"{', '.join(f'{clock:g}' for clock in clocks)} MHz"


def _cell_curve(
    table: ProfileTable, rows: NDArray[np.int64], slo_ms: tuple[float, float] | None
) -> tuple[float, OperatingCurve | None] | None:
    """Capacity and curve of one cell at a TTFT and TBT SLO [ms]; None if too thin, (0, None) if it cannot meet them."""
    rows = rows[np.argsort(table.rate_rps[rows], kind="stable")]
    loaded = rows[table.rate_rps[rows] > 0]
    # Without an SLO no latency is drawn over load, and one row is enough.
    if loaded.size < (1 if slo_ms is None else MINIMUM_LOAD_ROWS):
        return None
    rate = table.rate_rps[loaded]
    capacity = float(rate[-1])
    if slo_ms is not None:
        ttft_slo_ms, tbt_slo_ms = slo_ms
        capacity = min(
            capacity_at_slo(rate, table.ttft_p99_ms[loaded], ttft_slo_ms),
            capacity_at_slo(rate, table.tbt_p99_ms[loaded], tbt_slo_ms),
        )
    if capacity <= 0:
        return 0.0, None
    provenance = least_direct([Provenance(str(p)) for p in table.provenance[rows]])
    clock = float(table.frequency_mhz[rows[0]])
    return capacity, tabulate(clock, table.rate_rps[rows], table.power_w[rows], capacity, provenance)
