"""Capacity at SLO: the highest rate at which one instance keeps its latency promises.

Latency percentiles are interpolated over load by PCHIP, which never overshoots its data (Fritsch and Carlson, SIAM J.
Numer. Anal. 17, 1980; `scipy.interpolate.PchipInterpolator`). Nothing is extrapolated: the capacity is at most the
highest rate measured.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.remembered import remembered

MINIMUM_LOAD_ROWS = 2
"""A latency curve needs two loaded rows; a cell with fewer is reported as too thin, not drawn through one point."""


@remembered
def capacity_at_slo(
    rate_rps: NDArray[np.float64],
    latency_ms: NDArray[np.float64],
    slo_ms: float,
) -> float:
    """Highest rate up to which the interpolated latency stays within its SLO.

    Parameters
    ----------
    rate_rps : array, shape (row,)
        Strictly increasing rates of the loaded rows, at least `MINIMUM_LOAD_ROWS` [1/s].
    latency_ms : array, shape (row,)
        Latency percentile at each rate [ms].
    slo_ms : float
        Promise [ms].

    Returns
    -------
    float
        Capacity [1/s]: 0 if already the lowest measured rate breaks the promise, the highest measured rate if none does,
        else the first crossing in between.
    """
    from scipy.interpolate import PchipInterpolator

    breaks = np.flatnonzero(latency_ms > slo_ms)
    if breaks.size == 0:
        return float(rate_rps[-1])
    first = int(breaks[0])
    if first == 0:
        return 0.0
    roots = PchipInterpolator(rate_rps, latency_ms).solve(slo_ms, extrapolate=False)
    # PCHIP is monotone between rows, so the crossing before the first broken row is the only one in its interval.
    inside = roots[(roots >= rate_rps[first - 1]) & (roots <= rate_rps[first])]
    return float(inside.min()) if inside.size else float(rate_rps[first - 1])
