"""The loads of `python -m benchmarks compare`: what comes, and what all systems know of it beforehand.

*hour*: the requests of 16 November 2023 as they came, windows of 5 min. No day before is known: all systems forecast the hour's mean rate
of each bucket, and reserve for the 95 % quantile of its 5-minute rates. *hour x3*: every request thrice, moved by up to 15 s, for a
cluster of the paper's size.

All others are half-hours of Azure's conversation week of 2024, drawn with the lengths and the burstiness of the hour. *days*: its fourth
and fifth day at a quarter of the rate, forecast a day ahead. *days-next-epoch*: the same requests, every half-hour forecast from all
before it, as by a job that plans anew each half-hour, and as DynamoLLM's cluster manager does. *week*: all days but the first, at the full
rate, forecast so too; a week that is all there is has nothing from which a weekday could be foreseen a day ahead. It is planned in the
nine pools of `examples/azure-week`; *week-two-pools* in those of `examples/first-plan`, as the other cases are, with as many GPUs as
`azure-week` has.

Epochs are solved in one problem: a decision sees later forecasts, made after it, through what starts and re-shards cost and in nothing
else.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from dynamo_plan.cli import run as dynamo_plan
from dynamo_plan.emit.load_table import statistics_path
from dynamo_plan.forecast.backtest import as_forecast, hold_back
from dynamo_plan.forecast.fit import AUTO, fit
from dynamo_plan.forecast.methods import method_named
from dynamo_plan.forecast.synthesis import draw_requests, scaled
from dynamo_plan.ingest.history_table import read_history
from dynamo_plan.ingest.logs import Place, find_logs, read_requests
from dynamo_plan.ingest.logs.options import LogOptions
from dynamo_plan.ingest.request_statistics import read_statistics
from dynamo_plan.replay.requested import buckets_of, covered
from dynamo_plan.replay.traffic import rates_of
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.load import Forecast, GridSignals, Windows
from dynamo_plan.schema.trace import Trace

EXAMPLES = Path(__file__).parents[1] / "examples"
SMALL, LARGE = (EXAMPLES / name / "scenario.yaml" for name in ("first-plan", "azure-week"))
WEEK = EXAMPLES / "azure-week" / "load-chat.csv"
CONVERSATION = "azure-llm-2023/AzureLLMInferenceTrace_conv.csv"

HOUR_WINDOWS, HOUR_WINDOW_S, HOUR_START = 12, 300, np.datetime64("2023-11-16T18:15:00", "s")
COPIES, MOVED_S = 3, 15.0
QUANTILE, SEED = 0.95, 20231116

type Known = tuple[Inputs, Trace]
"""A scenario with what is foreseen in it, and what comes."""


@dataclass(frozen=True, slots=True)
class Part:
    """Days of the week that are drawn, and how they are foreseen.

    Attributes
    ----------
    train_days, days : int
        Days that only teach, and days that are replayed after them [d].
    share : float
        Of the week's rate [1].
    ahead : int or None
        Windows of a forecast; None: a day's.
    method : str
        Of forecasting; `auto`: that of the least error on the days that teach, as `forecast` takes it.
    """

    train_days: int
    days: int
    share: float = 1.0
    ahead: int | None = 1
    method: str = AUTO


@dataclass(frozen=True, slots=True)
class Load:
    """A case: its scenario, what is changed in it, and who makes its requests and forecasts."""

    scenario: Path
    known: Callable[[Inputs, Path, Path], Known]
    changes: tuple[tuple[str, str], ...] = ()


def recorded(folder: Path) -> Trace:
    """The hour's requests."""
    found, _ = read_requests(find_logs([folder / CONVERSATION], LogOptions()), Place())
    return next(iter(found.values()))


def copied(trace: Trace) -> Trace:
    """Every request several times, moved a little."""
    dice = np.random.default_rng(SEED)
    arrival_ns = np.repeat(trace.arrival_ns, COPIES) + np.rint(
        dice.uniform(-MOVED_S, MOVED_S, COPIES * len(trace)) * 1e9
    ).astype(np.int64)
    order = np.argsort(arrival_ns, kind="stable")
    lengths = (np.repeat(own, COPIES)[order] for own in (trace.input_tokens, trace.output_tokens))
    return Trace(trace.path, arrival_ns[order], *lengths)


def counted(folder: Path, into: Path, window: str) -> Path:
    """Rates and statistics of the hour by `forecast build`."""
    load = into / f"load-{window}.csv"
    command = ["forecast", "build", str(folder / CONVERSATION), "--window", window, "-o", str(load), "--quiet"]
    with redirect_stdout(sys.stderr):
        code = dynamo_plan(command)
    if code:
        raise RuntimeError(f"forecast build ended with code {code}")
    return load


def hour(inputs: Inputs, trace: Trace) -> Known:
    """The hour with a flat forecast."""
    windows = Windows(HOUR_START + np.arange(HOUR_WINDOWS) * np.timedelta64(HOUR_WINDOW_S, "s"), HOUR_WINDOW_S)
    names, rates = came(inputs, trace, windows, HOUR_WINDOW_S)
    mean, reserve = (
        np.repeat(own[None, :], HOUR_WINDOWS, axis=0)
        for own in (rates.mean(axis=0), np.quantile(rates, QUANTILE, axis=0))
    )
    reserve = np.maximum(reserve, mean)
    forecast = Forecast("the hour's mean", windows, names, mean, {QUANTILE: reserve})
    return _at(inputs, windows, forecast), trace


def came(inputs: Inputs, trace: Trace, windows: Windows, every_s: int) -> tuple[tuple[str, ...], np.ndarray]:
    """Buckets, and the rates at which requests came in equal parts of the windows (part, bucket) [1/s]."""
    service = inputs.scenario.services[0].name
    parts = len(windows) * windows.window_s // every_s
    begin = datetime.fromisoformat(windows.label(0)).astimezone(UTC)
    arrivals = covered({service: trace}, begin, every_s, parts).arrivals[service]
    grid = buckets_of(inputs.scenario, [service])[service]
    return tuple(bucket.name for bucket in grid), rates_of(arrivals, grid, every_s, parts)


def drawn(inputs: Inputs, folder: Path, into: Path, part: Part) -> Known:
    """Days of the week, and their forecasts."""
    history = scaled(next(iter(read_history(WEEK)[0])), part.share)
    history = history.until((part.train_days + part.days) * history.day)
    first, ahead = part.train_days * history.day, part.ahead or history.day
    method = fit(history.until(first), AUTO, ahead, ()).method if part.method == AUTO else part.method
    held_back = hold_back(history, method_named(method), ahead, first, [QUANTILE])
    if isinstance(held_back, str):
        raise ValueError(held_back)
    forecast = as_forecast(history, held_back)
    like = next(iter(read_statistics(statistics_path(counted(folder, into, "5min"))).values()))
    rest = replace(history, windows=forecast.windows, rate_rps=history.rate_rps[held_back.first :])
    pieces = list(draw_requests(rest, like, SEED))
    arrival_ns = np.concatenate([one.arrival_ns for one in pieces])
    lengths = (
        np.concatenate([getattr(one, name).astype(np.int32) for one in pieces])
        for name in ("input_tokens", "output_tokens")
    )
    return _at(inputs, forecast.windows, forecast), Trace("drawn", arrival_ns, *lengths)


def _at(inputs: Inputs, windows: Windows, forecast: Forecast) -> Inputs:
    """The scenario at other windows, at the grid's means: energy does not depend on it."""
    grid = {
        name: GridSignals(
            own.path,
            *(np.full(len(windows), values.mean()) for values in (own.price_usd_per_mwh, own.carbon_g_per_kwh)),
        )
        for name, own in inputs.grid.items()
    }
    return replace(inputs, windows=windows, forecasts=dict.fromkeys(inputs.forecasts, forecast), grid=grid)


def _days(scenario: Path, part: Part, *changes: tuple[str, str]) -> Load:
    return Load(scenario, lambda inputs, folder, into: drawn(inputs, folder, into, part), changes)


LOADS = {
    "hour": Load(SMALL, lambda inputs, folder, into: hour(inputs, recorded(folder))),
    "hour x3": Load(SMALL, lambda inputs, folder, into: hour(inputs, copied(recorded(folder)))),
    "days": _days(SMALL, Part(3, 2, share=0.25, ahead=None, method="daily-profile")),
    "days-next-epoch": _days(SMALL, Part(3, 2, share=0.25)),
    "week": _days(LARGE, Part(1, 6)),
    "week-two-pools": _days(SMALL, Part(1, 6), ("sites.0.gpus.h100.count", "832")),
}
"""By name of the case."""
