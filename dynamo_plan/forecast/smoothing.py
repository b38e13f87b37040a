"""Exponential smoothing by statsmodels."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray


def smoothed(values: NDArray[np.float64], horizon: int, season: int | None = None) -> NDArray[np.float64]:
    """Level and damped trend of a series, and its season where there is one, carried on over `horizon` steps."""
    from statsmodels.tools.sm_exceptions import ConvergenceWarning  # type: ignore[import-untyped]
    from statsmodels.tsa.holtwinters import ExponentialSmoothing  # type: ignore[import-untyped]

    if not np.ptp(values):
        return np.full(horizon, values[-1])  # nothing varies: the likelihood has no maximum
    model = ExponentialSmoothing(
        values,
        trend="add",
        damped_trend=True,
        seasonal="add" if season else None,
        seasonal_periods=season,
        initialization_method="heuristic",  # the first season is averaged, not searched for: 144 unknowns would take minutes
    )
    with warnings.catch_warnings():
        # The search for five smoothing constants may stop near its optimum; the forecast is scored, whichever it is.
        warnings.simplefilter("ignore", ConvergenceWarning)
        forecast: NDArray[np.float64] = np.asarray(model.fit().forecast(horizon), dtype=np.float64)
    return forecast
