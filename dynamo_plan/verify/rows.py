"""Raw profile rows of one cell, read into capacity and watts.

A cell is (model, kind, clock, input tokens, output tokens). Interpolation over load and clock is monotone piecewise cubic.

Source: F. N. Fritsch and J. Butland, "A method for constructing local monotone piecewise cubic interpolants", SIAM J. Sci.
Stat. Comput. 5 (1984) 300-304, as in `scipy.interpolate.PchipInterpolator`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.remembered import remembered
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.profile import ProfileTable, Provenance

POWER_STEPS: Final = 8
"""Equal steps between neighbouring rows at which power is tabulated: part of the definition of a plan's power, because
dispatch is exact only on a piecewise linear curve."""

MIN_LOADED_ROWS: Final = 2
"""A single loaded row has no course over load."""

DIRECTNESS: Final = tuple(Provenance)
"""From most to least direct evidence."""

type Rows = NDArray[np.int64]
type Cells = dict[tuple[float, float], Rows]


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What one instance does at one clock for one bucket.

    Attributes
    ----------
    capacity_rps : float
        Highest rate within the SLO [1/s]; 0 where even the lowest loaded row breaks it.
    rate_rps, power_w : array, shape (knot,)
        Power over rate [1/s] -> [W], linear between knots; empty where the capacity is 0.
    provenance : Provenance
        Least direct among the rows used.
    """

    capacity_rps: float
    rate_rps: NDArray[np.float64]
    power_w: NDArray[np.float64]
    provenance: Provenance

    def watts(self, rate_rps: float) -> float:
        """Power at a rate [1/s] -> [W], held at the ends."""
        return float(np.interp(rate_rps, self.rate_rps, self.power_w))


def least_direct(provenances: Sequence[Provenance]) -> Provenance:
    """The weakest link of a chain of evidence."""
    return max(provenances, key=DIRECTNESS.index)


def index_cells(table: ProfileTable, model: str) -> dict[Kind, dict[float, Cells]]:
    """Rows of a model by kind, clock [MHz] and (input, output) lengths [tokens], each sorted by rate."""
    cells: dict[Kind, dict[float, dict[tuple[float, float], list[int]]]] = {}
    columns = (table.gpu, table.tp, table.pp, table.dtype, table.frequency_mhz, table.input_tokens, table.output_tokens)
    listed = [column.tolist() for column in columns]
    for row in np.flatnonzero(table.model == model).tolist():
        gpu, tp, pp, dtype, clock, n_in, n_out = (column[row] for column in listed)
        by_clock = cells.setdefault(Kind(gpu, tp, pp, dtype), {})
        by_clock.setdefault(clock, defaultdict(list))[(n_in, n_out)].append(row)
    rate = table.rate_rps
    return {
        kind: {
            clock: {
                lengths: np.array(sorted(rows, key=lambda row: float(rate[row]))) for lengths, rows in found.items()
            }
            for clock, found in by_clock.items()
        }
        for kind, by_clock in cells.items()
    }


@remembered
def slo_rate(rate_rps: NDArray[np.float64], latency_ms: NDArray[np.float64], slo_ms: float) -> float:
    """Highest rate [1/s] up to which the interpolated latency stays within the SLO; 0 where it never does.

    The interpolant is monotone between rows, so it can pass the SLO only just before the first row that is beyond it.
    """
    from scipy.interpolate import PchipInterpolator
    from scipy.optimize import brentq

    beyond = np.flatnonzero(~(latency_ms <= slo_ms))
    if beyond.size == 0:
        return float(rate_rps[-1])
    first = int(beyond[0])
    if first == 0:
        return 0.0
    curve = PchipInterpolator(rate_rps, latency_ms)

    def excess_ms(rate: float) -> float:
        return float(curve(rate)) - slo_ms

    low, high = float(rate_rps[first - 1]), float(rate_rps[first])
    if excess_ms(high) <= 0.0:  # the row lies beyond the SLO by less than the rounding of the cubic
        return high
    return float(brentq(excess_ms, low, high, xtol=1e-13 * high))


def read_cell(table: ProfileTable, rows: Rows, slo_ms: tuple[float, float] | None) -> Reading | None:
    """Capacity and power of one cell; None where it has too few loaded rows to have a course over load.

    `slo_ms` holds the SLO of TTFT and of TBT [ms]; None where the service states none, and the rows are taken at their word.
    """
    rate, power = table.rate_rps[rows], table.power_w[rows]
    loaded = rate > 0
    if np.count_nonzero(loaded) < (MIN_LOADED_ROWS if slo_ms is not None else 1):
        return None
    provenance = least_direct([Provenance(str(value)) for value in table.provenance[rows]])
    capacity = float(rate.max())
    if slo_ms is not None:
        capacity = min(
            slo_rate(rate[loaded], table.ttft_p99_ms[rows][loaded], slo_ms[0]),
            slo_rate(rate[loaded], table.tbt_p99_ms[rows][loaded], slo_ms[1]),
        )
    if capacity <= 0:
        return Reading(0.0, np.empty(0), np.empty(0), provenance)
    knots, watts = tabulate_power(rate, power, capacity)
    return Reading(capacity, knots, watts, provenance)


@remembered
def tabulate_power(
    rate_rps: NDArray[np.float64], power_w: NDArray[np.float64], capacity_rps: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Power at `POWER_STEPS` equal steps between neighbouring rows up to the capacity, which is the last knot.

    Without an idle row the power below the lowest measured rate is that at the lowest measured rate.
    """
    from scipy.interpolate import PchipInterpolator

    if rate_rps.size == 1:
        return np.array([0.0, capacity_rps]), np.array([power_w[0], power_w[0]])
    curve = PchipInterpolator(rate_rps, power_w)
    steps = [np.linspace(low, high, POWER_STEPS, endpoint=False) for low, high in pairwise(rate_rps.tolist())]
    knots = np.concatenate([*steps, rate_rps[-1:]])
    knots = np.append(knots[knots < capacity_rps], capacity_rps)
    watts = np.asarray(curve(knots), dtype=np.float64)
    if rate_rps[0] > 0:
        knots, watts = np.insert(knots, 0, 0.0), np.insert(watts, 0, power_w[0])
    return knots, watts


def between_clocks(readings: dict[float, Reading], frequency_mhz: float) -> Reading | None:
    """Reading at a clock that was not measured, from the SLO-feasible measured clocks; None outside their range.

    Capacity and, at equal utilisation, power are interpolated over clock; the levels are all the curves' knots.
    """
    from scipy.interpolate import PchipInterpolator

    clocks = sorted(clock for clock, reading in readings.items() if reading.capacity_rps > 0)
    if len(clocks) < 2 or not clocks[0] <= frequency_mhz <= clocks[-1]:
        return None
    curves = [readings[clock] for clock in clocks]
    levels = np.unique(np.concatenate([curve.rate_rps / curve.capacity_rps for curve in curves]))
    powers = [np.interp(levels * curve.capacity_rps, curve.rate_rps, curve.power_w) for curve in curves]
    capacity = float(PchipInterpolator(clocks, [curve.capacity_rps for curve in curves])(frequency_mhz))
    watts = np.asarray(PchipInterpolator(clocks, np.stack(powers))(frequency_mhz), dtype=np.float64)
    provenance = least_direct([Provenance.INTERPOLATED, *(curve.provenance for curve in curves)])
    return Reading(capacity, levels * capacity, watts, provenance)
