"""Public load histories: ServeGen's m-large by client, Azure's week of 2024 as read from its plots."""

from __future__ import annotations

import csv
import io
import tarfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.schema.history import History
from dynamo_plan.schema.load import Windows

SERVEGEN_WINDOW_S = 600
SERVEGEN_WINDOWS = 2016
SERVEGEN_START = np.datetime64("2024-01-01T00:00:00", "s")
"""A Monday: the data state times since their own beginning, and no date."""

AZURE_WINDOW_S = 1800


def servegen(folder: Path, *, by_client: bool) -> History:
    """ServeGen m-large: 14 days at 10 minutes, each client a part, or all in one."""
    clients = {}
    with tarfile.open(folder / "m-large.tar.gz") as archive:
        for member in archive:  # in the archive's order: to go back in it is to unpack it anew
            file = archive.extractfile(member) if member.name.endswith("-trace.csv") else None
            if file is not None:
                clients[member.name] = _client(io.TextIOWrapper(file, encoding="utf-8"))
    rates = np.stack([clients[name] for name in sorted(clients)], axis=1)
    return _history(rates if by_client else rates.sum(axis=1, keepdims=True), SERVEGEN_START, SERVEGEN_WINDOW_S)


def azure(folder: Path, trace: str) -> History:
    """Azure's week of `coding` or `conversation` in half-hours."""
    with (folder / f"azure2024_{trace}_30min_digitised.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    rates = np.array([[float(row["rps_est"])] for row in rows])
    return _history(rates, np.datetime64(rows[0]["window_start_utc"].removesuffix("Z"), "s"), AZURE_WINDOW_S)


def _client(file: io.TextIOWrapper) -> NDArray[np.float64]:
    """Rate of one client (window,) [1/s]; rows are time [s] and rate, windows without a row have none."""
    rates = np.zeros(SERVEGEN_WINDOWS)
    for time, rate, *_ in csv.reader(file):
        rates[round(float(time)) // SERVEGEN_WINDOW_S] = float(rate)
    return rates


def _history(rates: NDArray[np.float64], start: np.datetime64, window_s: int) -> History:
    windows = Windows(start + (np.arange(len(rates)) * window_s).astype("timedelta64[s]"), window_s)
    return History("", "all", windows, ("all",), np.zeros(rates.shape[1], dtype=np.int64), rates)
