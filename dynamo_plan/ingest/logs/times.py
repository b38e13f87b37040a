"""Times of arrival, as texts, numbers or Arrow's own type, to nanoseconds since 1970 in UTC."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dynamo_plan.errors import Fault, InputError
from dynamo_plan.ingest.kernels.instants import MALFORMED, NO_ZONE, UTC_ZONE, read_instants
from dynamo_plan.ingest.logs.options import UNITS_NS, LogOptions
from dynamo_plan.ingest.logs.requests import NO_TIME, Column, Flaw, Rejects
from dynamo_plan.units import NANOSECONDS_PER_SECOND

EARLIEST_NS, LATEST_NS = (int(np.datetime64(text, "ns").astype(np.int64)) for text in ("2000", "2100"))
"""No log of a language model lies outside; a time that does is in another unit, or of a clock that was never set [ns]."""

UTC = "UTC"
NUMBER = re.compile(r"-?\d{1,18}(\.\d*)?", re.ASCII)


def arrivals(
    column: Column,
    unit: str | None,
    options: LogOptions,
    rows: Sequence[int],
    name: str,
    rejects: Rejects,
    *,
    from_start: bool = False,
) -> NDArray[np.int64]:
    """Arrival of each row [ns since 1970]; `NO_TIME` where it cannot be told, which is noted.

    Parameters
    ----------
    column : array
        Texts in ISO 8601, timestamps, or numbers.
    unit : str or None
        Unit of numbers, of `UNITS_NS`; None takes the options'.
    rows : sequence of int
        Number of each row in its file, from 1.
    """
    kind = column.type
    if pa.types.is_timestamp(kind):
        instant_ns = column.cast(pa.timestamp("ns", kind.tz), safe=False).cast(pa.int64()).fill_null(NO_TIME).to_numpy()
        zone = np.full(len(column), UTC_ZONE if kind.tz else NO_ZONE, dtype=np.int8)
        zone[instant_ns == NO_TIME] = MALFORMED
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        instant_ns, zone = _numbers(column, unit or options.time_unit, name)
    else:
        instant_ns, zone = _texts(column.cast(pa.string()))
    return checked(instant_ns, zone, options, rows, name, rejects, is_row=True, from_start=from_start)


def checked(
    instant_ns: NDArray[np.int64],
    zone: NDArray[np.int8],
    options: LogOptions,
    places: Sequence[int],
    name: str,
    rejects: Rejects,
    *,
    is_row: bool,
    from_start: bool = False,
) -> NDArray[np.int64]:
    """Times in UTC, those without a zone moved from the options' zone; what is none, or names none, is noted.

    Parameters
    ----------
    zone : array of int
        What each time says of its zone, see `read_instant`.
    places : sequence of int
        Where each row is, for messages.
    from_start : bool
        The log has a clock of its own, which begins at 0; else times must lie between `EARLIEST_NS` and `LATEST_NS`.
    """
    if from_start:
        early = (zone != MALFORMED) & (instant_ns < 0)
        begun_s = (instant_ns[early] / NANOSECONDS_PER_SECOND).tolist()
        whys = [f"{at_s:g} s is before the log's begin" for at_s in begun_s]
        _reject(zone == MALFORMED, early, whys, places, name, rejects, is_row=is_row)
        return np.where((zone == MALFORMED) | early, NO_TIME, instant_ns + options.start_ns)
    local = zone == NO_ZONE
    if local.any() and options.zone != UTC:
        instant_ns = instant_ns.copy()
        if options.zone is None:
            for row in np.flatnonzero(local).tolist():
                what = f"{np.datetime64(int(instant_ns[row]), 'ns')} names no time zone"
                rejects.add(Flaw.ZONE, int(places[row]), name, what, is_row=is_row)
            instant_ns[local] = NO_TIME
        else:
            moved = _from_zone(instant_ns[local], options.zone)
            twice = moved == NO_TIME
            for row in np.flatnonzero(local)[twice].tolist():
                what = f"{np.datetime64(int(instant_ns[row]), 'ns')} comes twice or never in {options.zone}, where clocks are changed"
                rejects.add(Flaw.ZONE, int(places[row]), name, what, is_row=is_row)
            instant_ns[local] = moved
    impossible = (zone != MALFORMED) & (instant_ns != NO_TIME) & ((instant_ns < EARLIEST_NS) | (instant_ns > LATEST_NS))
    shown = instant_ns[impossible].view("datetime64[ns]").astype("datetime64[s]").tolist()
    whys = [f"{at.isoformat()}Z is no time of such a log" for at in shown]
    _reject(zone == MALFORMED, impossible, whys, places, name, rejects, is_row=is_row)
    return np.where((zone == MALFORMED) | impossible, NO_TIME, instant_ns)


def _reject(
    unreadable: NDArray[np.bool_],
    impossible: NDArray[np.bool_],
    whys: Sequence[str],
    places: Sequence[int],
    name: str,
    rejects: Rejects,
    *,
    is_row: bool,
) -> None:
    """Note times that are none, and those that cannot be, with why each cannot."""
    said = dict(zip(np.flatnonzero(impossible).tolist(), whys, strict=True))
    for row in np.flatnonzero(unreadable | impossible).tolist():
        rejects.add(
            Flaw.TIME, int(places[row]), name, said.get(row, "there is no time that can be read"), is_row=is_row
        )


def is_time(text: str, unit: str | None) -> bool:
    """Whether a cell is a time: a plain number where there is a unit, else ISO 8601."""
    if unit is not None:
        return NUMBER.fullmatch(text) is not None
    return bool(_texts(pa.array([text]))[1][0] != MALFORMED)


def _from_zone(local_ns: NDArray[np.int64], zone: str) -> NDArray[np.int64]:
    """UTC of local times; `NO_TIME` for those that come twice or never."""
    stamps = pa.array(local_ns.view("datetime64[ns]"))
    ends = [
        pc.assume_timezone(stamps, zone, ambiguous=end, nonexistent=end).cast(pa.int64())
        for end in ("earliest", "latest")
    ]
    first, last = (np.asarray(end.to_numpy(), dtype=np.int64) for end in ends)
    return np.where(first == last, first, NO_TIME)


def _numbers(column: Column, unit: str | None, name: str) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    if unit is None:
        raise InputError(
            Fault(
                "log-time-unit",
                name,
                "times are numbers, and nothing says in what unit",
                f"Units are {', '.join(UNITS_NS)}",
                "Add --time-unit",
            )
        )
    scale = UNITS_NS[unit]
    empty = np.asarray(column.is_null().to_numpy(zero_copy_only=False))
    if pa.types.is_integer(column.type):
        values = column.fill_null(0).cast(pa.int64(), safe=False).to_numpy()
        good = ~empty & (np.abs(values) < LATEST_NS // scale)
        instant_ns = np.where(good, values, 0) * scale
    else:
        floats = column.cast(pa.float64()).fill_null(np.nan).to_numpy()
        good = np.isfinite(floats) & (np.abs(floats) < LATEST_NS / scale)
        whole = np.floor(np.where(good, floats, 0.0))
        rest = np.where(good, floats, 0.0) - whole
        # Whole units and the rest apart: as one number, seconds since 1970 would lose what is below 0.1 us.
        instant_ns = whole.astype(np.int64) * scale + np.rint(rest * scale).astype(np.int64)
    return instant_ns, np.where(good, UTC_ZONE, MALFORMED).astype(np.int8)


def _texts(column: Column) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    texts = column.fill_null("")
    _, offsets, data = texts.buffers()
    places = np.frombuffer(offsets, dtype=np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    instant_ns, zone = np.zeros(len(texts), dtype=np.int64), np.zeros(len(texts), dtype=np.int8)
    bytes_ = np.frombuffer(data, dtype=np.uint8) if data is not None and data.size else np.zeros(1, dtype=np.uint8)
    read_instants(bytes_, places, instant_ns, zone)
    return instant_ns, zone
