"""The forecast: arrival rates per window and bucket of one service (docs/reference/files.md)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.ingest.checks.duplicates import check_duplicates
from dynamo_plan.ingest.checks.names import check_known
from dynamo_plan.ingest.checks.ranges import check_not_negative
from dynamo_plan.ingest.checks.spacing import check_spacing, minutes, usual_step_s
from dynamo_plan.ingest.gathered import MOST_LISTED, Faults, clipped, did_you_mean, listed
from dynamo_plan.ingest.source import Source
from dynamo_plan.ingest.table import Labels, Table
from dynamo_plan.ingest.table_file import read_table
from dynamo_plan.ingest.utc_column import read_utc, stamp
from dynamo_plan.schema.load import Forecast, Windows

REQUIRED = ("window_start", "service", "bucket", "rate_rps")
QUANTILE_COLUMN = re.compile(r"rate_p(\d{1,2}(?:\.\d+)?)_rps", re.ASCII)


def parse_forecast(
    source: Source, service: str, buckets: Sequence[str], window_s: int, faults: Faults
) -> Forecast | None:
    """Read and check the rows of one service; None if they cannot be used, with the reasons noted."""
    known_faults = len(faults)
    table = read_table(source, faults)
    if table is None or not table.require(REQUIRED, faults):
        return None
    start = read_utc(table, "window_start", faults)
    services = table.labels("service", faults)
    bucket = table.labels("bucket", faults)
    rates = _rates(table, faults)
    mine = services.rows_of(service)
    if not mine.size:
        faults.add(
            "forecast-service",
            f"{table.shown} service",
            f"there is no row for service {service}; services are {listed(services.values)}",
            "",
            did_you_mean(service, services.values) or "Name the service in the file as in the scenario",
        )
        return None
    of_mine = Labels(bucket.values, np.where(services.codes == services.codes[mine[0]], bucket.codes, -1))
    check_known("forecast-bucket", table, "bucket", of_mine, buckets, "Correct the name, or drop its rows", faults)
    key = {"window_start": start, "service": services.codes, "bucket": bucket.codes}
    check_duplicates("forecast-duplicate", table, "window_start", key, faults)
    if np.isnat(start[mine]).any():
        return None  # a time that cannot be read would be reported once more as a gap
    edges, first = np.unique(start[mine], return_index=True)
    _check_windows(table, mine[first], edges, window_s, faults)
    numbers = {name: number for number, name in enumerate(buckets)}
    column = np.array([*(numbers.get(name, -1) for name in bucket.values), -1], dtype=np.int64)[bucket.codes]
    cell = np.full((edges.size, len(buckets)), -1, dtype=np.int64)
    mine = mine[column[mine] >= 0]
    cell[np.searchsorted(edges, start[mine]), column[mine]] = mine
    _check_complete(table, cell, edges, buckets, faults)
    if len(faults) > known_faults:
        return None
    return Forecast(
        path=table.shown,
        windows=Windows(edges, window_s),
        buckets=tuple(buckets),
        rate_rps=rates[None][cell],
        quantile_rate_rps={level: values[cell] for level, values in rates.items() if level is not None},
    )


def _rates(table: Table, faults: Faults) -> dict[float | None, NDArray[np.float64]]:
    """Mean rate under None and quantiles by probability, ascending, each of shape (row,) [1/s]."""
    columns: dict[float | None, str] = {None: "rate_rps"}
    for name in table.columns:
        match = QUANTILE_COLUMN.fullmatch(name)
        if match:
            columns[float(Decimal(match[1]) / 100)] = name  # exactly 0.95, as YAML reads it
        elif name.startswith("rate_") and name != "rate_rps":
            faults.add(
                "forecast-quantile-name",
                f"{table.shown}:{table.header_line}" if table.is_csv else table.shown,
                f"column {clipped(name)} names no quantile",
                "Quantiles are named rate_pNN_rps, e.g. rate_p95_rps or rate_p99.9_rps",
                "Rename the column",
            )
    rates = {level: table.numbers(columns[level], faults) for level in sorted(columns, key=lambda level: level or 0.0)}
    for level, values in rates.items():
        mend = "Write 0 where nothing is expected"
        check_not_negative("forecast-rate", table, columns[level], values, " requests/s", mend, faults)
    levels = [level for level in rates if level is not None]
    for low, high in pairwise(levels):
        faults.add_rows(
            "forecast-quantile-order",
            table,
            columns[high],
            np.flatnonzero(rates[high] < rates[low]),
            lambda row, low=low, high=high: (  # type: ignore[misc]
                f"{rates[high][row]:g} requests/s is below {columns[low]} = {rates[low][row]:g}"
            ),
            "A higher quantile is not below a lower one",
            "Check how the quantiles were made",
        )
    return rates


def _check_windows(
    table: Table, rows: NDArray[np.int64], edges: NDArray[np.datetime64], window_s: int, faults: Faults
) -> None:
    step_s = usual_step_s(edges)
    if step_s is not None and step_s != window_s:
        finer = step_s < window_s
        mend = f"Set window_minutes: {step_s / 60:g}, or build the forecast anew for {minutes(window_s)}"
        faults.add(
            "forecast-too-fine" if finer else "forecast-too-coarse",
            table.where(int(rows[1]), "window_start"),
            f"windows are {minutes(step_s)} long, {'shorter' if finer else 'longer'} than the scenario's "
            f"{minutes(window_s)}",
            "A forecast has the scenario's windows; quantiles can be neither averaged nor split",
            mend,
        )
    check_spacing("forecast", table, rows, edges, step_s or window_s, faults)


def _check_complete(
    table: Table, cell: NDArray[np.int64], edges: NDArray[np.datetime64], buckets: Sequence[str], faults: Faults
) -> None:
    """Every bucket has a row in every window."""
    empty = (cell < 0).all(axis=0)
    for name in (name for name, absent in zip(buckets, empty, strict=True) if absent):
        faults.add(
            "forecast-bucket-missing",
            f"{table.shown} bucket",
            f"bucket {name} has no row",
            "Every bucket of the scenario has a row in every window",
            "Write rate 0 if there is no load",
        )
    holes = [(window, bucket) for window, bucket in np.argwhere(cell < 0).tolist() if not empty[bucket]]
    for window, bucket in holes[:MOST_LISTED]:
        faults.add(
            "forecast-row-missing",
            f"{table.shown} bucket",
            f"bucket {buckets[bucket]} has no row in window {stamp(edges[window])}",
            "Every bucket of the scenario has a row in every window",
            "Write rate 0 if there is no load",
        )
    if len(holes) > MOST_LISTED:
        faults.add("forecast-row-missing", table.shown, f"... and {len(holes) - MOST_LISTED} more of these")
