r"""One instance at one clock and one pair of lengths, against the requests it has in flight.

The load of a row is the number of requests in flight: the concurrency where a closed loop states it, else by Little's law

.. math:: n = \lambda T, \qquad T = \mathrm{TTFT} + (L_{out} - 1)\,\mathrm{TBT}

with the row's own latencies (P99, so that n is an upper bound of the mean). At equal n the same batches run at every clock, and
what changes with the clock is smooth; at equal rate it is not, because every clock meets its knee at another rate.
Levels between the least and the most in flight that were measured are named by their place on a log scale, from 0 to 1.

Source: J. D. C. Little, "A proof for the queuing formula L = lambda W", Operations Research 9 (1961).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.profile.fit.forms import Shape
from dynamo_plan.schema.profile import ProfileTable
from dynamo_plan.units import MS_PER_SECOND

if TYPE_CHECKING:
    from scipy.interpolate import PchipInterpolator

SAME_LOAD = 1e-9
"""Two loads that differ by less [relative] are repeats of one measurement, apart by rounding."""

REPEAT_NOISE = 0.05
"""Watts or milliseconds that fall with load by less than this [relative] are noise and are pooled; more is kept as it was measured.
Repeats of the V100 sweep spread by up to 3.3 %."""


class Quantity(StrEnum):
    """What a row says of an operating point."""

    RESIDENCE = "residence_s"
    TTFT = "ttft_p99_ms"
    TBT = "tbt_p99_ms"
    POWER = "power_w"

    @property
    def shape(self) -> Shape:
        """Its form over the clock."""
        return Shape.POWER if self is Quantity.POWER else Shape.TIME


@dataclass(frozen=True)
class LoadCurve:
    """What was measured at one clock and one pair of lengths, repeats averaged.

    Attributes
    ----------
    in_flight : array, shape (load,)
        Requests in flight, strictly increasing [1].
    values : array, shape (quantity, load)
        In the order of `quantities`: residence [s], latencies [ms], power [W].
    """

    in_flight: NDArray[np.float64]
    values: NDArray[np.float64]

    def level_of(self, in_flight: NDArray[np.float64]) -> NDArray[np.float64]:
        """Places of loads between the least and the most measured: 0 to 1 where they lie between them. Same shape."""
        return levels_between(float(self.in_flight[0]), float(self.in_flight[-1]), in_flight)

    def at(self, levels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Every quantity at these levels, interpolated monotonely in logs and held at the ends, shape (quantity, level)."""
        if self.in_flight.size == 1:
            return np.repeat(self.values, levels.size, axis=1)
        return np.asarray(np.exp(self._logs(np.clip(levels, 0.0, 1.0))), dtype=np.float64)

    @cached_property
    def _logs(self) -> PchipInterpolator:
        """Logs of all quantities over the level; made once, because a curve is asked for every clock and pair of lengths around it."""
        from scipy.interpolate import PchipInterpolator

        return PchipInterpolator(self.level_of(self.in_flight), np.log(self.values), axis=1)

    def without(self, point: int) -> LoadCurve:
        """The curve without one of its loads."""
        return LoadCurve(np.delete(self.in_flight, point), np.delete(self.values, point, axis=1))


def levels_between(low: float, high: float, in_flight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Places of loads on the log scale from `low` (0) to `high` (1); of one load alone, 0 there and nothing elsewhere (NaN)."""
    if high <= low:
        return np.where(abs(in_flight / low - 1.0) <= SAME_LOAD, 0.0, np.nan)
    return np.asarray(np.log(in_flight / low) / np.log(high / low))


def quantities(table: ProfileTable) -> tuple[Quantity, ...]:
    """What the table's rows state, in the order of `LoadCurve.values`."""
    stated = {Quantity.RESIDENCE: True, Quantity.TTFT: table.states_latency, Quantity.TBT: table.states_latency}
    stated[Quantity.POWER] = table.states_power
    return tuple(name for name, known in stated.items() if known)


def in_flight(table: ProfileTable) -> NDArray[np.float64]:
    """Requests in flight of every row [1], shape (row,); in a table without latencies the rate takes their place."""
    if table.states_latency:
        residence_ms = table.ttft_p99_ms + np.maximum(table.output_tokens - 1.0, 0.0) * table.tbt_p99_ms
        found = table.rate_rps * residence_ms / MS_PER_SECOND
    else:
        found = table.rate_rps
    if table.concurrency is not None:
        found = np.where(np.isnan(table.concurrency), found, table.concurrency)
    return np.asarray(found)


def row_values(table: ProfileTable, load: NDArray[np.float64]) -> NDArray[np.float64]:
    """Every quantity of every row, shape (quantity, row); NaN for the times of idle rows."""
    columns = {
        Quantity.RESIDENCE: np.divide(load, table.rate_rps, out=np.full(len(table), np.nan), where=table.rate_rps > 0),
        Quantity.TTFT: table.ttft_p99_ms,
        Quantity.TBT: table.tbt_p99_ms,
        Quantity.POWER: table.power_w,
    }
    return np.stack([columns[name] for name in quantities(table)])


def load_curve(
    named: tuple[Quantity, ...], load: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[LoadCurve, NDArray[np.int64]]:
    """Curve of rows of one clock and pair of lengths, and which of its points each row is part of.

    Parameters
    ----------
    load : array, shape (row,)
        Requests in flight of at least one row [1].
    values : array, shape (quantity, row)
        Above 0.
    """
    order = np.argsort(load, kind="stable")
    own = load[order]
    point_in_order = np.concatenate([[0], np.cumsum(np.diff(own) > SAME_LOAD * own[1:])]).astype(np.int64)
    count = np.bincount(point_in_order)
    mean = np.stack([np.bincount(point_in_order, weights=row) for row in values[:, order]]) / count
    ordered = np.stack(
        [pooled(row) if name is not Quantity.RESIDENCE else row for name, row in zip(named, mean, strict=True)]
    )
    point = np.empty_like(point_in_order)
    point[order] = point_in_order
    return LoadCurve(np.bincount(point_in_order, weights=own) / count, ordered), point


def pooled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values that rise with load: falls within noise are pooled; a larger fall is a finding and stays."""
    from scipy.optimize import isotonic_regression

    ordered = np.asarray(isotonic_regression(values, weights=values**-2.0).x)
    return np.where(abs(ordered / values - 1.0) < REPEAT_NOISE, ordered, values)
