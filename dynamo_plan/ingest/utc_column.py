"""Columns of time stamps: ISO 8601, in UTC and saying so."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.ingest.gathered import Faults, clipped
from dynamo_plan.ingest.table import Table

STAMP = re.compile(
    r"(?P<wall>\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?)(?P<part>\.\d+)?\s?(?P<zone>Z|[+-]\d\d:?\d\d)?", re.ASCII
)
UTC_ZONES = ("Z", "+00:00", "+0000", "-00:00", "-0000")
ALLOWED = "A time in UTC is needed, to the second, e.g. 2024-05-12T00:30:00Z"
MENDS = {
    "time-not-iso": "Write it as in the example",
    "time-without-zone": "If the times are UTC, put Z behind each; if not, convert them to UTC first",
    "time-not-utc": "Convert the column to UTC",
    "time-part-second": "Write the window's left edge, on a whole second",
}
MOST_LISTED_TIMES = 3
"""A wrong zone is wrong in every row; three lines show it."""


def read_utc(table: Table, column: str, faults: Faults) -> NDArray[np.datetime64]:
    """Return a column of times, datetime64[s]; NaT where a cell is empty or faulty, which is noted."""
    labels = table.labels(column, faults)
    outcomes = [_instant(text) for text in labels.values]
    codes = np.array([*(code for code, _ in outcomes), ""], dtype=np.str_)[labels.codes]
    for code, mend in MENDS.items():
        faults.add_rows(
            code,
            table,
            column,
            np.flatnonzero(codes == code),
            lambda row: _what(labels.values[labels.codes[row]], *outcomes[labels.codes[row]]),
            ALLOWED,
            mend,
            MOST_LISTED_TIMES,
        )
    instants = [np.datetime64("NaT" if code or when is None else when, "s") for code, when in outcomes]
    return np.array([*instants, np.datetime64("NaT", "s")], dtype="datetime64[s]")[labels.codes]


def stamp(instant: np.datetime64) -> str:
    """ISO 8601 with zone, e.g. `2024-05-12T00:30:00Z`."""
    return f"{np.datetime_as_string(instant, unit='s')}Z"


def _instant(text: str) -> tuple[str, datetime | None]:
    """Code of what is wrong with a time, empty if nothing, and the time in UTC as far as it can be told."""
    match = STAMP.fullmatch(text)
    try:
        when = datetime.fromisoformat(match["wall"] + (match["zone"] or "Z")).astimezone(UTC) if match else None
    except (ValueError, OverflowError):
        when = None
    if match is None or when is None:
        return "time-not-iso", None
    when = when.replace(tzinfo=None)  # numpy's times carry no zone; ours are UTC
    if match["zone"] is None:
        return "time-without-zone", when
    if match["zone"] not in UTC_ZONES:
        return "time-not-utc", when
    return ("time-part-second" if (match["part"] or "").strip(".0") else ""), when


def _what(text: str, code: str, when: datetime | None) -> str:
    if code == "time-without-zone":
        return f"{text} has no time zone"
    if code == "time-not-utc" and when is not None:
        return f"{text} is not in UTC, where it is {when.isoformat()}Z"
    if code == "time-part-second":
        return f"{text} is not on a whole second"
    return f"{clipped(text)} is not an ISO 8601 date and time"
