"""Grid signals: price and carbon intensity, brought onto the planning windows (docs/reference/files.md)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.ingest.checks.duplicates import check_duplicates
from dynamo_plan.ingest.checks.ranges import check_not_negative
from dynamo_plan.ingest.checks.spacing import check_spacing, usual_step_s
from dynamo_plan.ingest.checks.units import check_carbon
from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.source import Source
from dynamo_plan.ingest.table_file import read_table
from dynamo_plan.ingest.utc_column import read_utc, stamp
from dynamo_plan.schema.load import GridSignals, Windows

REQUIRED = ("window_start", "price_usd_per_mwh", "carbon_g_per_kwh")


@dataclass(frozen=True, slots=True)
class GridSeries:
    """Grid signals as written: each row holds from its time to the next row's, the last as long as the usual step.

    Attributes
    ----------
    edge : array of datetime64[s], shape (row,)
    step_s : int or None
        Usual step [s]; None for a single row.
    price_usd_per_mwh, carbon_g_per_kwh : array, shape (row,)
    """

    path: str
    edge: NDArray[np.datetime64]
    step_s: int | None
    price_usd_per_mwh: NDArray[np.float64]
    carbon_g_per_kwh: NDArray[np.float64]


def parse_grid(source: Source, faults: Faults) -> GridSeries | None:
    """Read and check grid signals on their own rows; None if they cannot be used, with the reasons noted."""
    known_faults = len(faults)
    table = read_table(source, faults)
    if table is None or not table.require(REQUIRED, faults):
        return None
    start = read_utc(table, "window_start", faults)
    price, carbon = (table.numbers(column, faults) for column in REQUIRED[1:])
    check_not_negative(
        "grid-carbon", table, "carbon_g_per_kwh", carbon, " g/kWh", "Correct the cell; only prices may be", faults
    )
    check_carbon(table, carbon, faults)
    check_duplicates("grid-duplicate", table, "window_start", {"window_start": start}, faults)
    if np.isnat(start).any():
        return None  # a time that cannot be read would be reported once more as a gap
    edges, rows = np.unique(start, return_index=True)
    step_s = usual_step_s(edges)
    if step_s is not None:
        check_spacing("grid", table, rows, edges, step_s, faults)
    if len(faults) > known_faults:
        return None
    return GridSeries(table.shown, edges, step_s, price[rows], carbon[rows])


def on_windows(series: GridSeries, windows: Windows, faults: Faults) -> GridSignals | None:
    """Bring the series onto the windows by time-weighted means, which keep price x constant power exact."""
    edge_s = series.edge.astype(np.int64)
    start_s = windows.start.astype(np.int64)
    end_s = int(edge_s[-1]) + (series.step_s or windows.window_s)
    last_s = int(start_s[-1]) + windows.window_s
    if edge_s[0] > start_s[0] or end_s < last_s:
        until = stamp(np.datetime64(end_s, "s"))
        faults.add(
            "grid-not-covering",
            f"{series.path} window_start",
            f"the series covers {stamp(series.edge[0])} to {until}, the windows run from {stamp(windows.start[0])} "
            f"to {stamp(np.datetime64(last_s, 's'))}",
            "Price and carbon intensity are needed for every window",
            "Add the rows that are missing",
        )
        return None
    bounds = np.append(edge_s, end_s)
    return GridSignals(
        path=series.path,
        price_usd_per_mwh=_window_means(bounds, series.price_usd_per_mwh, start_s, windows.window_s),
        carbon_g_per_kwh=_window_means(bounds, series.carbon_g_per_kwh, start_s, windows.window_s),
    )


def _window_means(
    bounds_s: NDArray[np.int64], values: NDArray[np.float64], start_s: NDArray[np.int64], window_s: int
) -> NDArray[np.float64]:
    """Means over each window of a step function that is `values[i]` from `bounds_s[i]` to `bounds_s[i + 1]`."""
    first = np.searchsorted(bounds_s, start_s, side="right") - 1
    last = np.searchsorted(bounds_s, start_s + window_s, side="left") - 1
    means = values[first].copy()
    # A window inside one row takes its value as it is; summing would add rounding.
    for window in np.flatnonzero(first != last):
        rows = slice(first[window], last[window] + 1)
        begin = np.maximum(bounds_s[:-1][rows], start_s[window])
        end = np.minimum(bounds_s[1:][rows], start_s[window] + window_s)
        means[window] = np.dot(values[rows], (end - begin).astype(np.float64)) / window_s
    return means
