r"""How a quantity of one instance depends on the clock at equal load.

.. math::
    t(f) = x_0 + \frac{x_1}{f}, \quad x_1 \ge 0 \qquad\qquad w(f) = y_0 + y_1 f + y_2 f^3

t: TTFT, TBT or the time that a request stays [ms]; w: power [W]; f: SM clock [MHz]. x0 is the part that waits for memory and for the
host, x1/f the part that computes. Power is leakage, and charge moved at a voltage that is flat at low clocks (f) and rises with f at
high ones (f^3).

Between measured clocks times are interpolated over 1/f, where the form is a line: a knee (above it the power limit holds the
clock, or memory is all that counts) then stays where it was measured. Power is fitted, because its noise is larger than its
curvature. Beyond the measured clocks times follow the form through the nearest ones. Everything is monotone: time falls with
the clock, power rises.

Source: the forms, and where they hold, were chosen on a locked-clock sweep of a V100 (docs/explanation/profile-model.md).
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.units import MHZ_PER_GHZ

CLOCKS_FOR_CUBIC = 4
"""Clocks for three coefficients of power and one to contradict them; with fewer, power is interpolated."""

NEAREST = 3
"""Clocks that a time beyond the measured ones is fitted through: two coefficients and one to contradict them; farther ones may lie past
a knee."""


class Shape(StrEnum):
    """Whether a quantity is a time, which falls with the clock, or a power, which rises."""

    TIME = "time"
    POWER = "power"


def over_clocks(
    shape: Shape, frequency_mhz: NDArray[np.float64], values: NDArray[np.float64], wanted_mhz: float
) -> NDArray[np.float64]:
    """Value at a clock, from values at others.

    Parameters
    ----------
    frequency_mhz : array, shape (clock,)
        At least two, ascending and distinct [MHz].
    values : array, shape (clock, level)
        Above 0 [ms or W]; every level is a quantity by itself.
    wanted_mhz : float
        Any clock [MHz].

    Returns
    -------
    array, shape (level,)
    """
    inside = frequency_mhz[0] <= wanted_mhz <= frequency_mhz[-1]
    if shape is Shape.TIME:
        if inside:
            return between(1.0 / frequency_mhz[::-1], values[::-1], 1.0 / wanted_mhz)
        near = slice(0, NEAREST) if wanted_mhz < frequency_mhz[0] else slice(-NEAREST, None)
        return _time(frequency_mhz[near], values[near], wanted_mhz)
    if frequency_mhz.size < CLOCKS_FOR_CUBIC:
        return between(frequency_mhz, values, wanted_mhz)
    found = least_relative_squares(terms(Shape.POWER, frequency_mhz), values)
    fitted = (terms(Shape.POWER, np.array([wanted_mhz])) @ found)[0]
    # Far below the measured clocks the form may end in watts below 0.
    holds = _rises(found, frequency_mhz) & (fitted > 0.0)
    return np.where(holds, fitted, between(frequency_mhz, values, wanted_mhz))


def terms(shape: Shape, frequency_mhz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Design matrix of a form, shape (clock, term); clocks in GHz, so that cubes keep their digits."""
    ghz = frequency_mhz / MHZ_PER_GHZ
    columns = [np.ones_like(ghz), ghz, ghz**3] if shape is Shape.POWER else [np.ones_like(ghz), 1.0 / ghz]
    return np.stack(columns, axis=1)


def least_relative_squares(design: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coefficients of every level that minimise the relative residuals, shape (term, level)."""
    weighted = design[None, :, :] / values.T[:, :, None]
    normal = np.einsum("lct,lcu->ltu", weighted, weighted)
    right = weighted.sum(axis=1)  # the target is 1 everywhere: each residual is relative to what was measured
    return np.asarray(np.linalg.solve(normal, right[:, :, None])[:, :, 0]).T


def between(place: NDArray[np.float64], values: NDArray[np.float64], wanted: float) -> NDArray[np.float64]:
    """Values that rise with their place, interpolated monotonely in logs and held at the ends; noise is pooled. Shape (level,).

    Parameters
    ----------
    place : array, shape (clock,)
        Ascending: the clock for a power, one over the clock for a time.
    """
    from scipy.interpolate import PchipInterpolator
    from scipy.optimize import isotonic_regression

    logs = np.log(values)
    if (np.diff(logs, axis=0) < 0).any():
        logs = np.stack([isotonic_regression(column).x for column in logs.T], axis=1)
    if place.size == 1:
        return np.asarray(np.exp(logs[0]))
    held = float(np.clip(wanted, place[0], place[-1]))
    return np.asarray(np.exp(PchipInterpolator(place, logs)(held)), dtype=np.float64)


def _rises(found: NDArray[np.float64], frequency_mhz: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Levels whose power rises with the clock over the whole range, shape (level,)."""
    ghz = frequency_mhz[[0, -1]] / MHZ_PER_GHZ
    # The slope y1 + 3 y2 f^2 is monotone in f, so that it is nowhere below 0 if it is not at the ends.
    return np.asarray((found[1] + 3.0 * np.outer(ghz**2, found[2]) >= 0.0).all(axis=0))


def _time(frequency_mhz: NDArray[np.float64], values: NDArray[np.float64], wanted_mhz: float) -> NDArray[np.float64]:
    """The form of a time, shape (level,); where time would rise with the clock it is taken as constant."""
    found = least_relative_squares(terms(Shape.TIME, frequency_mhz), values)
    constant = (1.0 / values).sum(axis=0) / (values**-2.0).sum(axis=0)
    fitted = (terms(Shape.TIME, np.array([wanted_mhz])) @ found)[0]
    # A coefficient below 0 is no time: x1 < 0 would make a faster clock slower, x0 < 0 work faster than the clock allows.
    inverse = 1.0 / (frequency_mhz[:, None] * values)
    computing = inverse.sum(axis=0) / (inverse**2).sum(axis=0) / wanted_mhz
    return np.where(found[1] <= 0.0, constant, np.where(found[0] < 0.0, computing, fitted))
