"""Rows of time stamps: equal steps, without gaps and overlaps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.table import Table
from dynamo_plan.ingest.utc_column import stamp
from dynamo_plan.units import SECONDS_PER_MINUTE

COLUMN = "window_start"


def usual_step_s(edges: NDArray[np.datetime64]) -> int | None:
    """Most frequent step between ascending distinct times [s], the shorter of two equally frequent; None below two."""
    if edges.size < 2:
        return None
    steps, counts = np.unique(np.diff(edges).astype(np.int64), return_counts=True)
    return int(steps[np.argmax(counts)])


def minutes(step_s: float) -> str:
    """A length of time as `30 min`."""
    return f"{step_s / SECONDS_PER_MINUTE:g} min"


def check_spacing(
    family: str, table: Table, rows: NDArray[np.int64], edges: NDArray[np.datetime64], step_s: int, faults: Faults
) -> None:
    """Steps between times are equal.

    Parameters
    ----------
    family : str
        ``forecast`` or ``grid``, the first part of the faults' codes.
    rows : array of int, shape (window,)
        A row of the table that holds the time, to point at.
    edges : array of datetime64[s], shape (window,)
        Ascending and distinct.
    step_s : int
        The step that they should have [s].
    """
    steps = np.diff(edges).astype(np.int64)

    def pair(index: int) -> str:
        return f"{stamp(edges[index])} and {stamp(edges[index + 1])}"

    row_of = {int(rows[index + 1]): index for index in range(steps.size)}
    faults.add_rows(
        f"{family}-gap",
        table,
        COLUMN,
        [int(rows[index + 1]) for index in np.flatnonzero(steps > step_s)],
        lambda row: f"there is a gap of {minutes(steps[row_of[row]] - step_s)} between {pair(row_of[row])}",
        f"Every window of {minutes(step_s)} has its rows",
        "Add the rows that are missing",
    )
    faults.add_rows(
        f"{family}-overlap",
        table,
        COLUMN,
        [int(rows[index + 1]) for index in np.flatnonzero(steps < step_s)],
        lambda row: f"windows overlap: {pair(row_of[row])} are {minutes(steps[row_of[row]])} apart",
        f"Windows begin {minutes(step_s)} apart",
        "Drop the row, or correct its time",
    )
