"""Methods on windows that are held back: each forecast from what was known when it was due, quantiles from earlier errors alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.errors import Fault, InputError
from dynamo_plan.forecast.conformal import quantile_rates
from dynamo_plan.forecast.methods import Method, least_windows
from dynamo_plan.forecast.rolling import Progress, Rolled, roll, stride
from dynamo_plan.forecast.scores import Scores, scored
from dynamo_plan.schema.history import History
from dynamo_plan.schema.load import Forecast, Windows

DEFAULT_TRAINING = 0.7
"""Part of the history that is only learnt from, in whole days [1]."""


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A method's forecasts of the held-back windows, put one behind the other.

    Attributes
    ----------
    first : int
        Index of the first held-back window in the history.
    forecast_rps, actual_rps : array, shape (window, bucket)
        [1/s].
    quantile_rps : dict of float to array, shape (window, bucket)
        By probability [1/s].
    """

    method: str
    first: int
    forecast_rps: NDArray[np.float64]
    actual_rps: NDArray[np.float64]
    quantile_rps: dict[float, NDArray[np.float64]]
    scores: Scores


def held_back_from(history: History, train_days: float | None) -> int:
    """First window to be held back; by default the last 30 % of the days are.

    Raises
    ------
    InputError
        Nothing would be left to learn from, or to score on.
    """
    first = round((history.days * DEFAULT_TRAINING if train_days is None else train_days) * history.day)
    if train_days is None and first >= history.day:
        first -= first % history.day
    if not 0 < first < len(history):
        raise InputError(
            Fault(
                "history-too-short",
                history.path,
                f"{history.days:.3g} days leave nothing to train on, or nothing to score",
                "A backtest needs windows before and after the first forecast",
                "Give a longer history, or set --train-days below its length",
            )
        )
    return first


def hold_back(
    history: History,
    method: Method,
    horizon: int,
    first: int,
    levels: Sequence[float],
    on_progress: Progress = lambda what, done: None,
) -> HeldBack | str:
    """Score one method from window `first` on; why it cannot be, where the history before is too short for it."""
    step = stride(history, horizon)
    least = least_windows(method, history)
    if first < least:
        return f"needs {method.LEAST_DAYS:g} days before the first forecast and there are {first / history.day:.3g}"
    origins = np.arange(len(history) - 1 - (len(history) - 1 - first) % step, least - 1, -step)[::-1]
    rolled = roll(history, method, horizon, origins, on_progress)
    if levels and rolled.origins[0] >= first:
        return f"needs {method.LEAST_DAYS:g} days and one forecast more before the first held-back one, whose errors give the quantiles"
    test = rolled.starting(first)
    pieces = [_pieces(rolled, test, number, step, history, levels) for number in range(test.origins.size)]
    forecast, actual = (np.concatenate([piece[side] for piece in pieces]) for side in (0, 1))
    quantiles = {level: np.concatenate([piece[2][level] for piece in pieces]) for level in levels}
    scores = scored(forecast, actual, quantiles, day=history.day, window_s=history.windows.window_s)
    return HeldBack(method.NAME, first, forecast, actual, quantiles, scores)


def as_forecast(history: History, held_back: HeldBack) -> Forecast:
    """The held-back forecasts as one table, for what reads forecasts."""
    part = history.windows.start[held_back.first :]
    windows = Windows(part, history.windows.window_s)
    return Forecast(history.path, windows, history.buckets, held_back.forecast_rps, held_back.quantile_rps)


def _pieces(
    rolled: Rolled, test: Rolled, number: int, step: int, history: History, levels: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64], dict[float, NDArray[np.float64]]]:
    """One forecast up to the next one's origin, or the history's end: mean, actual, quantiles."""
    origin = int(test.origins[number])
    count = min(step, len(history) - origin)
    forecast, actual = test.forecast_rps[number], test.actual_rps[number]
    past = rolled.before(origin)
    quantiles = quantile_rates(forecast, past, history.windows.window_s, levels) if levels else {}
    return forecast[:count], actual[:count], {level: rates[:count] for level, rates in quantiles.items()}
