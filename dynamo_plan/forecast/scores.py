r"""How good a forecast was, once the load has come.

With :math:`\lambda` the actual and :math:`\hat\lambda` the forecast rate:

* WAPE, weighted absolute percentage error: :math:`\sum |\lambda - \hat\lambda| / \sum \lambda`;
* daily WAPE: the mean of the days' WAPE, in which a quiet day counts as much as a busy one;
* pinball loss at probability :math:`q`: the mean of :math:`\max\{q (\lambda - \hat\lambda^q), (q - 1)(\lambda - \hat\lambda^q)\}`,
  over the mean of :math:`\lambda`;
* coverage: share of windows and buckets with :math:`\lambda \le \hat\lambda^q`;
* peak-hour error: the mean over days of :math:`|\hat P - P| / P`, with :math:`P` the busiest hour's mean rate of the day and
  :math:`\hat P` the forecast's.

A rate that does not vary scores by its own figure: lower is better for all but coverage, which should be near :math:`q`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.units import SECONDS_PER_HOUR

Rates = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of one method; shares [1], NaN where there was no load to compare with.

    Attributes
    ----------
    pinball, coverage : dict of float to float
        By probability.
    """

    wape: float
    daily_wape: float
    peak_hour_error: float
    pinball: dict[float, float]
    coverage: dict[float, float]


def scored(
    forecast_rps: Rates, actual_rps: Rates, quantile_rps: Mapping[float, Rates], *, day: int, window_s: int
) -> Scores:
    """Score forecasts of windows that follow each other, shape (window, bucket).

    Parameters
    ----------
    day : int
        Windows per day.
    """
    forecast, actual = forecast_rps.sum(axis=1), actual_rps.sum(axis=1)
    days = [slice(first, first + day) for first in range(0, actual.size, day)]
    return Scores(
        wape=wape(forecast, actual),
        daily_wape=mean_known([wape(forecast[part], actual[part]) for part in days]),
        peak_hour_error=mean_known([_peak_error(forecast[part], actual[part], window_s) for part in days]),
        pinball={level: pinball(rates, actual_rps, level) for level, rates in quantile_rps.items()},
        coverage={level: float((actual_rps <= rates).mean()) for level, rates in quantile_rps.items()},
    )


def wape(forecast: Rates, actual: Rates) -> float:
    """Sum of absolute errors over the sum of what came [1]."""
    whole = float(actual.sum())
    return float(np.abs(actual - forecast).sum()) / whole if whole > 0 else np.nan


def pinball(quantile: Rates, actual: Rates, level: float) -> float:
    """Mean pinball loss over the mean of what came [1]."""
    whole = float(actual.mean())
    miss = actual - quantile
    return float(np.maximum(level * miss, (level - 1.0) * miss).mean()) / whole if whole > 0 else np.nan


def _peak_error(forecast: Rates, actual: Rates, window_s: int) -> float:
    peak = _busiest_hour(actual, window_s)
    return abs(_busiest_hour(forecast, window_s) - peak) / peak if peak > 0 else np.nan


def _busiest_hour(rates: Rates, window_s: int) -> float:
    """Highest mean rate over an hour's windows; of the windows themselves where these are longer."""
    width = min(max(round(SECONDS_PER_HOUR / window_s), 1), rates.size)
    return float(np.convolve(rates, np.full(width, 1.0 / width), mode="valid").max())


def mean_known(values: list[float]) -> float:
    """Mean of the values that are numbers; NaN where none is."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else np.nan
