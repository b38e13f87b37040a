"""What one kind of instance does with one model, at any clock and pair of lengths within those measured.

Three steps, each on the level of load (see `loads`): over load at a measured clock and pair of lengths by monotone interpolation;
over clocks by the forms of `forms`; over lengths linearly between logs of tokens and logs of values (`lengths`). What was measured is
taken as it is; a step is only taken where something was not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.profile.fit.forms import between, over_clocks
from dynamo_plan.profile.fit.lengths import Lengths, weights_of
from dynamo_plan.profile.fit.loads import LoadCurve, Quantity, in_flight, load_curve, quantities, row_values
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.profile import ProfileTable, Provenance


@dataclass(frozen=True, slots=True)
class Prediction:
    """An instance at one clock and pair of lengths.

    Attributes
    ----------
    in_flight : array, shape (level,)
        Requests in flight [1].
    values : array, shape (quantity, level)
        See `LoadCurve`.
    provenance : Provenance
        ``measured``, ``interpolated``, or ``modelled`` beyond the measured clocks.
    """

    in_flight: NDArray[np.float64]
    values: NDArray[np.float64]
    provenance: Provenance


type Series = Mapping[float, LoadCurve]
"""Load curves of one pair of lengths by clock [MHz]."""


@dataclass(frozen=True, slots=True)
class Surface:
    """Measurements of one model on one kind.

    Attributes
    ----------
    quantities : tuple of Quantity
        What was measured, as in `LoadCurve.values`.
    series : dict of Lengths to Series
        Sorted by lengths, then clock.
    idle_w : dict of float to float
        Draw of the loaded, idle instance by clock [MHz] -> [W].
    """

    model: str
    kind: Kind
    quantities: tuple[Quantity, ...]
    series: dict[Lengths, Series]
    idle_w: dict[float, float]

    def at(self, lengths: Lengths, frequency_mhz: float, levels: NDArray[np.float64]) -> Prediction | None:
        """What the instance does at these levels of load; None outside the lengths measured, or without another clock."""
        if lengths in self.series:
            return self._at_clock(self.series[lengths], frequency_mhz, levels)
        found = {
            near: known
            for near, one in self.series.items()
            if (known := self._at_clock(one, frequency_mhz, levels)) is not None
        }
        weights = weights_of(tuple(found), lengths)
        if weights is None:
            return None
        parts = list(found.values())
        load = np.exp(sum(weight * np.log(part.in_flight) for weight, part in zip(weights, parts, strict=True)))
        values = np.exp(sum(weight * np.log(part.values) for weight, part in zip(weights, parts, strict=True)))
        is_modelled = any(part.provenance is Provenance.MODELLED for part in parts)
        return Prediction(load, values, Provenance.MODELLED if is_modelled else Provenance.INTERPOLATED)

    def idle_at(self, frequency_mhz: float) -> float | None:
        """Draw of the loaded, idle instance at a clock [W]; None where no clock's was measured."""
        if not self.idle_w:
            return None
        clocks = np.array(sorted(self.idle_w))
        draws = np.array([[self.idle_w[clock]] for clock in clocks.tolist()])
        return float(between(clocks, draws, frequency_mhz)[0])

    def _at_clock(self, series: Series, frequency_mhz: float, levels: NDArray[np.float64]) -> Prediction | None:
        if frequency_mhz in series:
            curve = series[frequency_mhz]
            ends = np.log(curve.in_flight[[0, -1]])
            load = np.exp(ends[0] + (ends[1] - ends[0]) * levels)
            return Prediction(load, curve.at(levels), Provenance.MEASURED)
        # A curve of one load has no level but one; it would bend every other.
        most = max((curve.in_flight.size > 1 for curve in series.values()), default=False)
        clocks = np.array([clock for clock, curve in series.items() if (curve.in_flight.size > 1) == most])
        if clocks.size < 2:
            return None
        curves = [series[clock] for clock in clocks.tolist()]
        ends = np.log([curve.in_flight[[0, -1]] for curve in curves])
        low, high = (float(np.interp(frequency_mhz, clocks, end)) for end in ends.T)
        known = np.stack([curve.at(levels) for curve in curves], axis=1)
        values = np.stack(
            [over_clocks(name.shape, clocks, known[index], frequency_mhz) for index, name in enumerate(self.quantities)]
        )
        inside = bool(clocks[0] <= frequency_mhz <= clocks[-1])
        provenance = Provenance.INTERPOLATED if inside else Provenance.MODELLED
        return Prediction(np.exp(low + (high - low) * levels), values, provenance)


@dataclass(frozen=True, slots=True)
class Points:
    """The surface of a kind, and where in it each of its rows is.

    Attributes
    ----------
    rows : array of int, shape (row,)
        Loaded rows of the kind, as indices into the table.
    point : array of int, shape (row,)
        Place of the row among its curve's loads; repeats share one.
    in_flight : array, shape (row,)
        [1].
    values : array, shape (quantity, row)
        As measured, not pooled.
    """

    surface: Surface
    rows: NDArray[np.int64]
    point: NDArray[np.int64]
    in_flight: NDArray[np.float64]
    values: NDArray[np.float64]


def surfaces(table: ProfileTable) -> list[Points]:
    """One surface per model and kind, sorted. Rows that a fit wrote are no evidence and stay out."""
    evidence = table.provenance != Provenance.INTERPOLATED.value
    load = in_flight(table)
    values = row_values(table, load)
    found = []
    for model in table.models():
        for kind in table.kinds():
            mine = evidence & table.rows_of(model, kind)
            loaded = np.flatnonzero(mine & (table.rate_rps > 0))
            if loaded.size:
                series, point = _series(table, loaded, load, values)
                idle = _idle(table, np.flatnonzero(mine & (table.rate_rps == 0)))
                surface = Surface(model, kind, quantities(table), series, idle)
                found.append(Points(surface, loaded, point, load[loaded], values[:, loaded]))
    return found


def _series(
    table: ProfileTable, rows: NDArray[np.int64], load: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[dict[Lengths, Series], NDArray[np.int64]]:
    """Curves by lengths and clock, and each row's place in its curve."""
    cells: dict[tuple[float, float, float], list[int]] = {}
    key = zip(
        table.input_tokens[rows].tolist(),
        table.output_tokens[rows].tolist(),
        table.frequency_mhz[rows].tolist(),
        strict=True,
    )
    for place, cell in enumerate(key):
        cells.setdefault(cell, []).append(place)
    series: dict[Lengths, dict[float, LoadCurve]] = {}
    point = np.zeros(rows.size, dtype=np.int64)
    for (given, made, clock), places in sorted(cells.items()):
        own = rows[places]
        curve, point[places] = load_curve(quantities(table), load[own], values[:, own])
        series.setdefault((given, made), {})[clock] = curve
    return dict(series), point


def _idle(table: ProfileTable, rows: NDArray[np.int64]) -> dict[float, float]:
    """Mean idle draw by clock; the lengths of an idle row mean nothing."""
    if not table.states_power:
        return {}
    clocks = table.frequency_mhz[rows]
    return {float(clock): float(table.power_w[rows[clocks == clock]].mean()) for clock in np.unique(clocks)}
