"""Load forecast of one service and grid signals of one site, on a common row of planning windows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.units import SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True)
class Windows:
    """Planning windows of equal length, gapless, in UTC; a window is named by its left edge.

    Attributes
    ----------
    start : array of datetime64[s], shape (window,)
    window_s : int
        Length of every window [s].
    """

    start: NDArray[np.datetime64]
    window_s: int

    def __len__(self) -> int:
        return int(self.start.size)

    @property
    def hours(self) -> float:
        """Length of one window [h]."""
        return self.window_s / SECONDS_PER_HOUR

    def label(self, index: int) -> str:
        """Left edge of a window as ISO 8601 with zone, e.g. ``2024-05-12T00:30:00Z``."""
        return f"{np.datetime_as_string(self.start[index], unit='s')}Z"


@dataclass(frozen=True, slots=True)
class Forecast:
    """Arrival rates of one service.

    Attributes
    ----------
    path : str
        File it came from, for messages.
    windows : Windows
    buckets : tuple of str
        Names of the buckets, in the scenario's order.
    rate_rps : array, shape (window, bucket)
        Mean arrival rate [1/s].
    quantile_rate_rps : dict of float to array, shape (window, bucket)
        Arrival rates that are not exceeded with this probability [1/s], by probability, e.g. 0.95.
    """

    path: str
    windows: Windows
    buckets: tuple[str, ...]
    rate_rps: NDArray[np.float64]
    quantile_rate_rps: dict[float, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class GridSignals:
    """Electricity price and carbon intensity on the planning windows; every array has shape (window,).

    Attributes
    ----------
    price_usd_per_mwh : array
        [USD/MWh]; may be negative.
    carbon_g_per_kwh : array
        [g CO2-equivalent/kWh].
    """

    path: str
    price_usd_per_mwh: NDArray[np.float64]
    carbon_g_per_kwh: NDArray[np.float64]


def bucket_shares(rate: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares of the buckets in each window; a window without load takes the horizon's, a pool without load equal ones."""
    count = rate.shape[1]
    whole = rate.sum(axis=0)
    usual = whole / whole.sum() if whole.sum() > 0 else np.full(count, 1.0 / count)
    total = rate.sum(axis=1, keepdims=True)
    return np.where(total > 0, rate / np.where(total > 0, total, 1.0), usual)
