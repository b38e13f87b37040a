"""The load that arrived, as `forecast build` writes it: a forecast table without quantiles, with or without a column `client`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.ingest.checks.duplicates import check_duplicates
from dynamo_plan.ingest.checks.ranges import check_not_negative
from dynamo_plan.ingest.checks.spacing import check_spacing, minutes, usual_step_s
from dynamo_plan.ingest.forecast_table import REQUIRED
from dynamo_plan.ingest.gaps import DAY_S, filled_rates
from dynamo_plan.ingest.gathered import MOST_LISTED, Faults, clipped
from dynamo_plan.ingest.source import Source, read_source
from dynamo_plan.ingest.table import Labels, Table
from dynamo_plan.ingest.table_file import read_table
from dynamo_plan.ingest.utc_column import read_utc, stamp
from dynamo_plan.schema.history import History
from dynamo_plan.schema.load import Windows

CLIENT = "client"
NO_CLIENT = ""


def read_history(
    path: Path, holidays: Iterable[np.datetime64] = (), *, fill_gaps: bool = False
) -> tuple[tuple[History, ...], int]:
    """Read the history of every service in a file, and how many of its windows were filled in.

    Parameters
    ----------
    holidays : iterable of datetime64[D]
        Days that count as Sundays.
    fill_gaps : bool
        Put rates in place of windows that are missing (`gaps.filled_rates`), instead of refusing the file.

    Raises
    ------
    InputError
        With all faults of the file.
    """
    faults = Faults()
    source = read_source(path, faults)
    found = parse_history(source, frozenset(holidays), faults, fill_gaps=fill_gaps) if source is not None else None
    faults.raise_if_any()
    if found is None:
        raise AssertionError("a history that cannot be read has no fault")
    return found


def parse_history(
    source: Source, holidays: frozenset[np.datetime64], faults: Faults, *, fill_gaps: bool
) -> tuple[tuple[History, ...], int] | None:
    """Read and check the rows; None if they cannot be used, with the reasons noted."""
    known_faults = len(faults)
    table = read_table(source, faults)
    if table is None or not table.require(REQUIRED, faults):
        return None
    start = read_utc(table, "window_start", faults)
    service, bucket = table.labels("service", faults), table.labels("bucket", faults)
    client = table.labels(CLIENT, faults) if CLIENT in table.columns else None
    rate = table.numbers("rate_rps", faults)
    check_not_negative("forecast-rate", table, "rate_rps", rate, " requests/s", "Write 0 where nothing came", faults)
    key = {"window_start": start, "service": service.codes, "bucket": bucket.codes}
    check_duplicates(
        "forecast-duplicate",
        table,
        "window_start",
        key if client is None else {**key, CLIENT: client.codes},
        faults,
    )
    if len(faults) > known_faults:
        return None
    found, filled = [], 0
    for name in service.values:
        rows = service.rows_of(name)
        if not rows.size:
            continue
        labels = [bucket] if client is None else [bucket, client]
        history, added = _one_service(table, name, rows, start[rows], labels, rate[rows], holidays, faults, fill_gaps)
        filled += added
        if history is not None:
            found.append(history)
    return (tuple(found), filled) if len(faults) == known_faults else None


def _one_service(
    table: Table,
    name: str,
    rows: NDArray[np.int64],
    start: NDArray[np.datetime64],
    labels: list[Labels],
    rate: NDArray[np.float64],
    holidays: frozenset[np.datetime64],
    faults: Faults,
    fill_gaps: bool,
) -> tuple[History | None, int]:
    """The history of one service, and how many windows were filled in."""
    edges, first = np.unique(start, return_index=True)
    step_s = usual_step_s(edges)
    if step_s is None or DAY_S % step_s:
        faults.add(
            "history-window",
            table.where(int(rows[0]), "window_start"),
            f"service {name} has {'a single window' if step_s is None else f'windows of {minutes(step_s)}'}",
            "A history has two windows or more, and a whole number of them makes a day",
            "Build it anew with windows of such as 5, 10, 30 or 60 min",
        )
        return None, 0
    steps = np.diff(edges).astype(np.int64)
    gaps_only = bool((steps >= step_s).all() and not (steps % step_s).any())
    if not (fill_gaps and gaps_only):
        check_spacing("forecast", table, rows[first], edges, step_s, faults)
    if not gaps_only:
        return None, 0
    window = (start - edges[0]).astype(np.int64) // step_s
    codes = np.stack([one.codes[rows] for one in labels], axis=1)
    parts, part = np.unique(codes, axis=0, return_inverse=True)
    count = int(window.max()) + 1
    rates = np.full((count, len(parts)), np.nan)
    rates[window, part.ravel()] = rate
    there = np.isin(np.arange(count), window)
    if len(labels) > 1:
        rates[there] = np.nan_to_num(rates[there])  # a client that sent nothing has no row
    else:
        _check_complete(table, labels[0], parts[:, 0], rates, there, edges, faults)
    names, bucket_of = np.unique(parts[:, 0], return_inverse=True)
    history = History(
        path=table.shown,
        service=name,
        windows=Windows(edges[0] + (np.arange(count) * step_s).astype("timedelta64[s]"), step_s),
        buckets=tuple(labels[0].values[code] for code in names),
        bucket_of=bucket_of.ravel(),
        rate_rps=rates if there.all() else filled_rates(rates, there, step_s),
        holidays=holidays,
    )
    return history, int((~there).sum())


def _check_complete(
    table: Table,
    bucket: Labels,
    codes: NDArray[np.int64],
    rates: NDArray[np.float64],
    there: NDArray[np.bool_],
    edges: NDArray[np.datetime64],
    faults: Faults,
) -> None:
    """Every bucket that occurs has a row in every window that occurs."""
    holes = np.argwhere(np.isnan(rates[there]))
    for window, column in holes[:MOST_LISTED].tolist():
        faults.add(
            "forecast-row-missing",
            f"{table.shown} bucket",
            f"bucket {clipped(bucket.values[codes[column]])} has no row in window {stamp(edges[window])}",
            "Every bucket has a row in every window",
            "Write rate 0 if there was no load",
        )
    if len(holes) > MOST_LISTED:
        faults.add("forecast-row-missing", table.shown, f"... and {len(holes) - MOST_LISTED} more of these")
