"""A load on one page: by bucket, with the fan of its quantiles, beside what came and how far that was off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.report.chart import Chart, Table
from dynamo_plan.report.page import KeyFigure, Page, Section
from dynamo_plan.report.wording import count, number
from dynamo_plan.schema.load import Forecast
from dynamo_plan.units import PERCENT_PER_ONE, SECONDS_PER_MINUTE

RATE = "rate, 1/s"
OFF = "actual − expected, % of expected"


@dataclass(frozen=True, slots=True)
class Shown:
    """The load of one service, and beside it what came on the same windows (window, bucket) [1/s]; NaN: not known."""

    load: Forecast
    actual_rps: NDArray[np.float64] | None


def actual_beside(load: Forecast, actual: Forecast | None) -> NDArray[np.float64] | None:
    """What came on the windows of a load (window, bucket) [1/s], NaN where it is not known; None where no window is."""
    if actual is None or set(actual.buckets) != set(load.buckets):
        return None
    order = [actual.buckets.index(bucket) for bucket in load.buckets]
    shared, here, there = np.intersect1d(load.windows.start, actual.windows.start, return_indices=True)
    if not shared.size or load.windows.window_s != actual.windows.window_s:
        return None
    rates = np.full(load.rate_rps.shape, np.nan)
    rates[here] = actual.rate_rps[there][:, order]
    return rates


def load_page(title: str, services: Mapping[str, Shown], foot: str = "") -> Page:
    """The page of a load table.

    Raises
    ------
    UsageError
        The extra `report` is not installed.
    """
    return Page(title, [_section(name, shown) for name, shown in services.items()], foot=foot)


def _section(service: str, shown: Shown) -> Section:
    """One service: figures, charts, a row per bucket."""
    load = shown.load
    total, window_s = load.rate_rps.sum(axis=1), load.windows.window_s
    figures = [
        KeyFigure("mean", f"{number(float(total.mean()))} /s"),
        KeyFigure("peak", f"{number(float(total.max()))} /s", load.windows.label(int(np.argmax(total)))),
        KeyFigure("requests", number(float(total.sum()) * window_s)),
    ]
    text = f"{count(len(total), 'window')} of {window_s / SECONDS_PER_MINUTE:g} min from {load.windows.label(0)}."
    return Section(service, text, charts=_charts(service, shown), tables=[_buckets(shown)], figures=figures)


def _charts(service: str, shown: Shown) -> list[Chart]:
    """Load by bucket, its fan, what came beside it."""
    from dynamo_plan.report.charts import areas, fan, lines

    load, actual = shown.load, shown.actual_rps
    times = [_time(start) for start in load.windows.start]
    rates = {name: load.rate_rps[:, bucket].tolist() for bucket, name in enumerate(load.buckets)}
    charts = [areas(f"{service}: load by bucket", times, rates, y_label=RATE)]
    if actual is not None:
        expected, came = load.rate_rps.sum(axis=1), actual.sum(axis=1)
        beside = {"expected": expected.tolist(), "actual": came.tolist()}
        off = np.divide(came - expected, expected, out=np.full(expected.size, np.nan), where=expected > 0)
        residuals = {"residual": (off * PERCENT_PER_ONE).tolist()}
        charts.append(lines(f"{service}: expected and actual", times, beside, y_label=RATE))
        charts.append(lines(f"{service}: residuals", times, residuals, y_label=OFF, marks={"as expected": 0.0}))
    for bucket, name in enumerate(load.buckets if load.quantile_rate_rps else ()):
        quantiles = {level: quantile[:, bucket].tolist() for level, quantile in load.quantile_rate_rps.items()}
        came_here = None if actual is None else actual[:, bucket].tolist()
        title = f"{service}, {name}: expected and quantiles"
        charts.append(fan(title, times, quantiles, expected=rates[name], actual=came_here, y_label=RATE))
    return charts


def _buckets(shown: Shown) -> Table:
    """A row per bucket."""
    load, actual = shown.load, shown.actual_rps
    levels = sorted(load.quantile_rate_rps)
    columns = ["bucket", "mean, 1/s", "peak, 1/s", *(f"peak of P{level * PERCENT_PER_ONE:g}, 1/s" for level in levels)]
    columns += [f"coverage of P{level * PERCENT_PER_ONE:g}, %" for level in levels] if actual is not None else []
    rows = []
    for bucket, name in enumerate(load.buckets):
        rates = load.rate_rps[:, bucket]
        cells: list[str | float] = [name, float(rates.mean()), float(rates.max())]
        cells += [float(load.quantile_rate_rps[level][:, bucket].max()) for level in levels]
        if actual is not None:
            known = np.isfinite(actual[:, bucket])
            within = (actual[known, bucket] <= load.quantile_rate_rps[level][known, bucket] for level in levels)
            cells += [float(one.mean()) * PERCENT_PER_ONE for one in within]
        rows.append(tuple(cells))
    return Table("Buckets", tuple(columns), tuple(rows))


def _time(start: np.datetime64) -> datetime:
    return datetime.fromtimestamp(int(start.astype("datetime64[s]").astype(np.int64)), tz=UTC)
