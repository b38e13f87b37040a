"""How wrong a profile may be: rows predicted from the others, and compared.

Three questions, each of which leaves something out and predicts it from what is left, at the row's own requests in flight:

``load``
    one load of a curve, from the other loads at its clock and lengths; the least and the most loaded are not predictable.
``clock``
    every row at one clock of a kind, from its other clocks. The ends of the range count too: they are extrapolated.
``lengths``
    every row of one pair of lengths, from the pairs around it, where there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.profile.fit.lengths import Lengths
from dynamo_plan.profile.fit.loads import LoadCurve, Quantity, levels_between
from dynamo_plan.profile.fit.surface import Points, Prediction, Surface
from dynamo_plan.schema.kind import Kind

REACH = 0.02
"""How far beyond the predicted ends of load [relative] a row is still compared with the end: loads by Little's law carry the noise
of the latencies."""


class LeftOut(StrEnum):
    """What is predicted from the rest."""

    LOAD = "load"
    CLOCK = "clock"
    LENGTHS = "lengths"


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Relative errors of one kind's rows; every array has axis row as `Points.rows`.

    Attributes
    ----------
    model : str
    kind : Kind
    left_out : LeftOut
    quantities : tuple of Quantity
    error : array, shape (quantity, row)
        Predicted over measured, less 1; NaN where a row cannot be predicted [1]. The residence's stands for the rate: at equal
        requests in flight a rate is too high by as much as the time that a request stays is too short.
    """

    model: str
    kind: Kind
    left_out: LeftOut
    quantities: tuple[Quantity, ...]
    rows: NDArray[np.int64]
    error: NDArray[np.float64]


def held_out(points: Points, left_out: LeftOut, rows_at: tuple[NDArray[np.float64], ...]) -> HeldOut:
    """Predict every row of a kind from the rest.

    Parameters
    ----------
    rows_at : (input_tokens, output_tokens, frequency_mhz) of the table, each of shape (row of the table,)
    """
    given, made, clock = (column[points.rows] for column in rows_at)
    error = np.full(points.values.shape, np.nan)
    keys = np.stack([given, made, clock], axis=1)
    for key in np.unique(keys, axis=0):
        mine = np.flatnonzero((keys == key).all(axis=1))
        lengths, frequency = (float(key[0]), float(key[1])), float(key[2])
        for places, found in _predictions(points, left_out, lengths, frequency, mine):
            error[:, places] = found / points.values[:, places] - 1.0
    residence = points.surface.quantities.index(Quantity.RESIDENCE)
    error[residence] = 1.0 / (error[residence] + 1.0) - 1.0
    surface = points.surface
    return HeldOut(surface.model, surface.kind, left_out, surface.quantities, points.rows, error)


def _predictions(
    points: Points, left_out: LeftOut, lengths: Lengths, frequency_mhz: float, mine: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Places of rows and their predicted values (quantity, row), of the rows of one curve."""
    surface = points.surface
    curve = surface.series[lengths][frequency_mhz]
    if left_out is LeftOut.LOAD:
        yield from _loads(points, curve, mine)
        return
    rest = _without_clock(surface, frequency_mhz) if left_out is LeftOut.CLOCK else _without_lengths(surface, lengths)
    ends = rest.at(lengths, frequency_mhz, np.array([0.0, 1.0]))
    if ends is None:
        return
    low, high, own = float(ends.in_flight[0]), float(ends.in_flight[1]), points.in_flight[mine]
    inside = (own >= low / (1.0 + REACH)) & (own <= high * (1.0 + REACH))
    levels = levels_between(low, high, np.clip(own[inside], low, high))
    found: Prediction | None = rest.at(lengths, frequency_mhz, levels)
    if found is not None and inside.any():
        yield mine[inside], found.values


def _loads(
    points: Points, curve: LoadCurve, mine: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    for point in range(1, curve.in_flight.size - 1):
        places = mine[points.point[mine] == point]
        rest = curve.without(point)
        yield places, rest.at(rest.level_of(points.in_flight[places]))


def _without_clock(surface: Surface, frequency_mhz: float) -> Surface:
    series = {
        lengths: {clock: curve for clock, curve in one.items() if clock != frequency_mhz}
        for lengths, one in surface.series.items()
    }
    return replace(surface, series={lengths: one for lengths, one in series.items() if one})


def _without_lengths(surface: Surface, lengths: Lengths) -> Surface:
    return replace(surface, series={known: one for known, one in surface.series.items() if known != lengths})
