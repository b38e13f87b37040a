"""Readings of a profile to look at: measured points by clock, capacities and energies over the clock, the best dispatch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.profile.cells import bucket_curves
from dynamo_plan.profile.curve import OperatingCurve
from dynamo_plan.profile.fit.accuracy import Accuracy, accuracies
from dynamo_plan.profile.fit.held_out import LeftOut
from dynamo_plan.schema.bucket import Bucket
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.profile import ProfileTable, clock_name
from dynamo_plan.schema.profile_picture import CellPicture, KindPicture, Reading, Series

if TYPE_CHECKING:
    from dynamo_plan.schema.scenario import SloSpec

CLOCKS_SHOWN = 4
"""Clocks drawn of a bucket: the lowest, the highest and some between; more lines than these are not told apart."""

BEYOND = 3.0
"""Latencies are shown up to so many times their limit: an instance far past it waits for minutes, and flattens all else."""

DISPATCH_STEPS = 24
"""Rates at which the dispatch is shown."""


def kind_pictures(
    table: ProfileTable,
    model: str,
    buckets: tuple[Bucket, ...],
    slo: SloSpec | None,
    errors: list[Accuracy] | None = None,
    most_cells: int | None = None,
) -> list[KindPicture]:
    """Every kind of a model that serves a bucket.

    Parameters
    ----------
    errors : list of Accuracy, optional
        What `accuracies` finds with clocks left out, where that is known already.
    most_cells : int, optional
        Buckets of a kind whose curves over load are shown, from the first to the last of those it serves; by default all.
    """
    known = accuracies(table, left_out=[LeftOut.CLOCK]) if errors is None else errors
    found = bucket_curves(table, model, table.kinds(), buckets, slo).curves
    pictures = []
    for kind in table.kinds():
        mine = {bucket: found[bucket.name, kind] for bucket in buckets if (bucket.name, kind) in found}
        if mine:
            p90 = {
                one.quantity: one.p90
                for one in known
                if (one.model, one.kind, one.left_out) == (model, kind, LeftOut.CLOCK)
            }
            pictures.append(_kind(table, model, kind, mine, slo, p90, spread(list(mine), most_cells)))
    return pictures


def _kind(
    table: ProfileTable,
    model: str,
    kind: Kind,
    curves: dict[Bucket, tuple[OperatingCurve, ...]],
    slo: SloSpec | None,
    errors: dict[str, float],
    detailed: list[Bucket],
) -> KindPicture:
    rows = table.rows_of(model, kind)
    capacity = {
        bucket.name: tuple(_banded(c.frequency_mhz, c.capacity_rps, errors.get("rate")) for c in own)
        for bucket, own in curves.items()
    }
    energy = {
        bucket.name: tuple(
            _banded(c.frequency_mhz, float(c.power_w[-1]) / c.capacity_rps, errors.get("power")) for c in own
        )
        for bucket, own in curves.items()
        if table.states_power
    }
    cells = tuple(_cell(table, rows, bucket, curves[bucket], slo, errors) for bucket in detailed)
    return KindPicture(model, kind, int(rows.sum()), errors, capacity, energy, cells)


def _cell(
    table: ProfileTable,
    of_kind: NDArray[np.bool_],
    bucket: Bucket,
    curves: tuple[OperatingCurve, ...],
    slo: SloSpec | None,
    errors: dict[str, float],
) -> CellPicture:
    lengths = zip(table.input_tokens.tolist(), table.output_tokens.tolist(), strict=True)
    inside = np.array([bucket.holds(*pair) for pair in lengths]) & of_kind
    shown = spread([curve.frequency_mhz for curve in curves], CLOCKS_SHOWN)
    # The row before the last one shown says how a curve goes on; what is far beyond the promise is left out of all of them.
    kept = inside.copy()
    if slo is not None:
        with np.errstate(invalid="ignore"):
            kept &= ~(table.ttft_p99_ms > BEYOND * slo.ttft_p99_ms[bucket.input_class])
            kept &= ~(table.tbt_p99_ms > BEYOND * slo.tbt_p99_ms)
    loaded = kept & (table.rate_rps > 0)
    return CellPicture(
        bucket=bucket.name,
        power_w=_by_clock(table, kept, shown, table.power_w, errors.get("power")) if table.states_power else {},
        dispatch_w={"least of all clocks": _dispatch(curves)} if table.states_power else {},
        ttft_ms=_by_clock(table, loaded, shown, table.ttft_p99_ms, errors.get("ttft")) if table.states_latency else {},
        tbt_ms=_by_clock(table, loaded, shown, table.tbt_p99_ms, errors.get("tbt")) if table.states_latency else {},
        ttft_slo_ms=None if slo is None else slo.ttft_p99_ms[bucket.input_class],
        tbt_slo_ms=None if slo is None else slo.tbt_p99_ms,
    )


def spread[Item](items: list[Item], most: int | None) -> list[Item]:
    """So many of the items at the most: the first, the last and some between."""
    if most is None or len(items) <= most:
        return items
    return [items[round(place)] for place in np.linspace(0, len(items) - 1, most)]


def _by_clock(
    table: ProfileTable, rows: NDArray[np.bool_], clocks: list[float], values: NDArray[np.float64], error: float | None
) -> Series:
    found = {}
    for clock in clocks:
        mine = np.flatnonzero(rows & (table.frequency_mhz == clock))
        mine = mine[np.argsort(table.rate_rps[mine], kind="stable")]
        found[clock_name(clock)] = tuple(_banded(float(table.rate_rps[row]), float(values[row]), error) for row in mine)
    return found


def _dispatch(curves: tuple[OperatingCurve, ...]) -> tuple[Reading, ...]:
    """Least power at every rate up to the largest capacity, and the clock that has it."""
    most = max(curve.capacity_rps for curve in curves)
    rates = np.linspace(0.0, most, DISPATCH_STEPS + 1)
    powers = np.stack([curve.power_at(rates) for curve in curves])
    best = np.argmin(powers, axis=0)
    return tuple(
        Reading(float(rate), float(powers[which, place]), name=clock_name(curves[which].frequency_mhz))
        for place, (rate, which) in enumerate(zip(rates, best.tolist(), strict=True))
    )


def _banded(at: float, value: float, error: float | None) -> Reading:
    if error is None:
        return Reading(at, value)
    return Reading(at, value, value * (1.0 - min(error, 1.0)), value * (1.0 + error))
