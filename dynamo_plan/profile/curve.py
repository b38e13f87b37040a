"""Power against load at one clock, and what a mix of buckets makes of it.

The curve is PCHIP through the measured rows, tabulated at `PIECES` equal steps between neighbouring rows and linear
between those knots. The tabulation is part of the definition: the dispatch is then exactly solvable piece by piece,
and the verifier, which tabulates the rows by itself, must find the same watts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.remembered import remembered
from dynamo_plan.schema.profile import Provenance

PIECES = 8
"""Linear pieces between neighbouring rows. On the shipped profile the tabulation stays within 0.1 % of PCHIP (tests/profile)."""

DIRECTNESS = tuple(Provenance)
"""From most to least direct evidence; a curve is as direct as its least direct row."""


@dataclass(frozen=True, slots=True)
class OperatingCurve:
    """Power of one instance at one clock against its load, up to its capacity at the SLO.

    Attributes
    ----------
    frequency_mhz : float
    rate_rps : array, shape (knot,)
        Strictly increasing loads from 0 to the capacity [1/s].
    power_w : array, shape (knot,)
        Power of the whole instance at each knot [W].
    provenance : Provenance
        Of the least direct row behind the curve.
    """

    frequency_mhz: float
    rate_rps: NDArray[np.float64]
    power_w: NDArray[np.float64]
    provenance: Provenance

    @property
    def capacity_rps(self) -> float:
        """Highest load within the SLO [1/s]."""
        return float(self.rate_rps[-1])

    def power_at(self, rate_rps: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Power [W] at these loads [1/s], infinite above the capacity; same shape as `rate_rps`."""
        return np.asarray(np.interp(rate_rps, self.rate_rps, self.power_w, right=np.inf))


def least_direct(provenances: list[Provenance]) -> Provenance:
    """The least direct of several provenances."""
    return max(provenances, key=DIRECTNESS.index)


@remembered
def tabulate(
    frequency_mhz: float,
    rate_rps: NDArray[np.float64],
    power_w: NDArray[np.float64],
    capacity_rps: float,
    provenance: Provenance,
) -> OperatingCurve:
    """Operating curve through measured rows, cut at the capacity.

    Parameters
    ----------
    rate_rps, power_w : array, shape (row,)
        Measured loads, strictly increasing [1/s], and powers [W]. A row at rate 0 is the idle draw; without one, the power below
        the lowest measured rate is taken as the power there, which power rising with load makes an upper bound.
    capacity_rps : float
        Capacity at SLO, above 0 and within the measured range [1/s].
    """
    from scipy.interpolate import PchipInterpolator

    if rate_rps.size == 1:  # one point has no course over load; its power is that below it too
        return OperatingCurve(frequency_mhz, np.array([0.0, capacity_rps]), np.repeat(power_w, 2), provenance)
    steps = np.arange(PIECES) / PIECES
    knots = np.append((rate_rps[:-1, None] + np.diff(rate_rps)[:, None] * steps).ravel(), rate_rps[-1])
    knots = np.append(knots[knots < capacity_rps], capacity_rps)
    power = np.asarray(PchipInterpolator(rate_rps, power_w)(knots), dtype=np.float64)
    if knots[0] > 0.0:
        knots, power = np.insert(knots, 0, 0.0), np.insert(power, 0, power[0])
    return OperatingCurve(frequency_mhz, knots, power, provenance)


def mix_curves(curves: list[OperatingCurve], shares: NDArray[np.float64], derate: float) -> list[OperatingCurve]:
    """Curves of an instance that serves several buckets in fixed shares, at one clock; one per mix of shares.

    Each bucket uses rate/capacity of the instance; the sum is the utilisation u, at most 1 - derate. The power at u is the
    average of the buckets' own powers at u, weighted by the part of u that each causes.

    Parameters
    ----------
    curves : list of OperatingCurve
        One per bucket, all at the same clock.
    shares : array, shape (mix, bucket)
        Share of each bucket in the rate; each mix sums to 1.
    derate : float
        Capacity lost by mixing [1].
    """
    if len(curves) == 1 and derate == 0.0:
        return [curves[0]] * int(shares.shape[0])
    part = shares / np.array([curve.capacity_rps for curve in curves])
    use_per_rate = part.sum(axis=1)
    limit = 1.0 - derate
    levels = np.unique(np.concatenate([curve.rate_rps / curve.capacity_rps for curve in curves]))
    levels = np.append(levels[levels < limit], limit)
    table = np.array([np.interp(levels * curve.capacity_rps, curve.rate_rps, curve.power_w) for curve in curves])
    # Not `@`: a product by BLAS may round differently with another number of threads.
    power = np.einsum("mb,bl->ml", part / use_per_rate[:, None], table)
    rate = levels / use_per_rate[:, None]
    provenance = least_direct([curve.provenance for curve in curves])
    clock = curves[0].frequency_mhz
    return [OperatingCurve(clock, *one, provenance) for one in zip(rate, power, strict=True)]


def between_clocks(curves: tuple[OperatingCurve, ...], frequency_mhz: float) -> OperatingCurve:
    """Curve at a clock between measured clocks: PCHIP over clock of the capacity, and of the power at equal utilisation.

    Parameters
    ----------
    curves : tuple of OperatingCurve
        SLO-feasible curves of one kind and bucket, ascending in clock, at least two around `frequency_mhz`.

    Raises
    ------
    ValueError
        Outside the measured clocks; there is no extrapolation.
    """
    from scipy.interpolate import PchipInterpolator

    clocks = np.array([curve.frequency_mhz for curve in curves])
    if len(curves) < 2 or not clocks[0] <= frequency_mhz <= clocks[-1]:
        raise ValueError(f"{frequency_mhz} MHz is outside the measured clocks {clocks.tolist()}")
    capacity = float(PchipInterpolator(clocks, [curve.capacity_rps for curve in curves])(frequency_mhz))
    levels = np.unique(np.concatenate([curve.rate_rps / curve.capacity_rps for curve in curves]))
    table = np.array([np.interp(levels * curve.capacity_rps, curve.rate_rps, curve.power_w) for curve in curves])
    power = np.asarray(PchipInterpolator(clocks, table, axis=0)(frequency_mhz), dtype=np.float64)
    provenance = least_direct([curve.provenance for curve in curves] + [Provenance.INTERPOLATED])
    return OperatingCurve(frequency_mhz, levels * capacity, power, provenance)
