"""A forecast with quantiles, by a method that was asked for or that scored best on the history itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dynamo_plan.errors import Fault, InputError
from dynamo_plan.forecast.conformal import forecasts_needed, quantile_rates
from dynamo_plan.forecast.methods import Method, find_methods, least_windows, method_named, usable
from dynamo_plan.forecast.rolling import Progress, Rolled, expected, origins_from, roll
from dynamo_plan.forecast.scores import wape
from dynamo_plan.forecast.shares import rounded
from dynamo_plan.schema.history import History
from dynamo_plan.schema.load import Forecast

AUTO = "auto"

FEWEST_FORECASTS = 2
"""Past forecasts by which a method can be judged: one alone could be luck, and more would leave a history of three days to methods
without a day. All are judged on those that the slowest to begin can make."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A method that `auto` looked at.

    Attributes
    ----------
    wape : float or None
        Over the past forecasts that all methods compared can make [1]; None: not scored.
    forecasts : int
        How many these are.
    note : str
        Why it was not scored, or empty.
    """

    method: str
    wape: float | None
    forecasts: int
    note: str


@dataclass(frozen=True, slots=True)
class Fitted:
    """A forecast and how it came about.

    Attributes
    ----------
    asked, method : str
        Method asked for and method taken; they differ for `auto` and where the history was too short.
    notes : tuple of str
        What there is to say about it.
    tried : tuple of Tried
        Best first; empty unless `auto` chose.
    past_forecasts : int
        Forecasts that the quantiles' errors come from.
    """

    forecast: Forecast
    asked: str
    method: str
    notes: tuple[str, ...]
    tried: tuple[Tried, ...]
    past_forecasts: int


def fit(
    history: History,
    asked: str,
    horizon: int,
    levels: Sequence[float],
    on_progress: Progress = lambda what, done: None,
) -> Fitted:
    """Forecast the windows that follow a history.

    Parameters
    ----------
    asked : str
        Name of a method, or `auto`: the least WAPE by rolling origin, of the methods that need no extra.
    horizon : int
        Windows.
    levels : sequence of float
        Probabilities, ascending [1]; quantiles are by bucket and do not add up: all buckets are seldom high at once.

    Raises
    ------
    UsageError
        The method is not known, or its library is not installed.
    InputError
        Quantiles are asked for, and the history is too short for a single past forecast.
    """
    tried: tuple[Tried, ...] = ()
    rolled: dict[str, Rolled] = {}
    if asked == AUTO:
        tried, rolled = _compare(history, horizon, on_progress)
        method, note = method_named(tried[0].method), ""
    else:
        method, note = usable(method_named(asked), history)
    mean = expected(history, method, horizon)
    past = rolled.get(method.NAME)
    if past is None and levels:
        past = roll(
            history, method, horizon, origins_from(history, least_windows(method, history), horizon), on_progress
        )
    quantiles = {}
    notes = [note] if note else []
    if levels and past is not None:
        if not past.origins.size:
            raise _too_short(history, method)
        found = quantile_rates(mean, past, history.windows.window_s, levels)
        quantiles = {level: rounded(rates) for level, rates in found.items()}
        notes += _far_out(levels, past)
    forecast = Forecast(history.path, history.next_windows(horizon), history.buckets, mean, quantiles)
    count = past.origins.size if past is not None else 0
    return Fitted(forecast, asked, method.NAME, tuple(notes), tried, count)


def _compare(history: History, horizon: int, on_progress: Progress) -> tuple[tuple[Tried, ...], dict[str, Rolled]]:
    """Methods without an extra, best first, and their past forecasts; those that the history is too short for stand last."""
    rolled, left_out = dict[str, Rolled](), list[Tried]()
    for method in find_methods().values():
        origins = origins_from(history, least_windows(method, history), horizon)
        if method.EXTRA is not None:
            what = f"not compared: needs the extra `{method.EXTRA}`; ask for it by name"
            left_out.append(Tried(method.NAME, None, 0, what))
        elif origins.size < FEWEST_FORECASTS and method.SIMPLER is not None:
            made = f"{origins.size} past forecast{'s' * (origins.size != 1)}"
            what = f"not compared: {made}, fewer than {FEWEST_FORECASTS}"
            left_out.append(Tried(method.NAME, None, int(origins.size), what))
        else:
            rolled[method.NAME] = roll(history, method, horizon, origins, on_progress)
    common = max((int(past.origins[0]) for past in rolled.values() if past.origins.size), default=0)
    tried = [_scored(name, past.starting(common)) for name, past in rolled.items()]
    tried.sort(key=lambda one: np.inf if one.wape is None else one.wape)
    return (*tried, *left_out), rolled


def _scored(name: str, past: Rolled) -> Tried:
    known = np.isfinite(past.actual_rps).all(axis=2)
    score = wape(past.forecast_rps.sum(axis=2)[known], past.actual_rps.sum(axis=2)[known])
    if not np.isfinite(score):
        return Tried(name, None, 0, "nothing to score: no load, or no past forecast")
    return Tried(name, score, int(past.origins.size), "")


def _far_out(levels: Sequence[float], past: Rolled) -> list[str]:
    """A word on quantiles that the errors do not reach."""
    beyond = [level for level in levels if past.origins.size < forecasts_needed(level)]
    if not beyond:
        return []
    count = f"{past.origins.size} past forecast{'s' * (past.origins.size != 1)}"
    names = ", ".join(f"P{100 * level:g}" for level in beyond)
    return [
        f"{names}: the largest error of {count}; {forecasts_needed(max(beyond))} would be needed for "
        f"P{100 * max(beyond):g}"
    ]


def _too_short(history: History, method: Method) -> InputError:
    return InputError(
        Fault(
            "history-too-short",
            history.path,
            f"{history.days:.3g} days of service {history.service} hold no past forecast by {method.NAME} to take errors from",
            "Quantiles come from the errors of past forecasts",
            "Give a longer history, a shorter --horizon, a simpler --method, or --quantiles none",
        )
    )
