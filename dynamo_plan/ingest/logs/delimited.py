"""Logs as comma-separated values, read in blocks by a compiled loop: nothing is made per row, and a part of a file can be read alone."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dynamo_plan.errors import Fault, InputError
from dynamo_plan.ingest.gathered import clipped, did_you_mean, listed
from dynamo_plan.ingest.kernels.instants import NO_ZONE
from dynamo_plan.ingest.kernels.lines import COMMENT, FEED, LARGEST, RETURN, read_lines
from dynamo_plan.ingest.logs.log_file import LogFile
from dynamo_plan.ingest.logs.options import UNITS_NS, LogOptions
from dynamo_plan.ingest.logs.requests import NO_TIME, Column, Flaw, Rejects, length_flaw, request_batch
from dynamo_plan.ingest.logs.times import EARLIEST_NS, LATEST_NS, NUMBER, checked, is_time
from dynamo_plan.schema.requests import MOST_TOKENS

BLOCK_BYTES = 4 << 20
"""What is read at a time: large enough that calls cost nothing, small enough to stay in a cache with its columns."""

LEAST_LINE_BYTES = 5
"""`0,1,2` and its line feed; so many rows fit into a block at most."""

NO_ROW = (FEED, RETURN, COMMENT)
"""First bytes of lines that are empty or a comment."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a table of requests has what.

    Attributes
    ----------
    time, input, output : str
        Names of the columns.
    service : str or None
    unit : str or None
        Unit of times that are numbers, of `UNITS_NS`; None for ISO 8601.
    zone : str or None
        Zone of times that name none, where the format says it.
    from_start : bool
        Times count from a start that the log does not name.
    """

    time: str
    input: str
    output: str
    service: str | None = None
    unit: str | None = None
    zone: str | None = None
    from_start: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a file: the lines that begin in [begin, end) [byte]; end None is the file's."""

    begin: int = 0
    end: int | None = None


WHOLE = Span()


def header_of(head: bytes) -> list[str]:
    """Column names of a table by its first bytes; empty where there are none."""
    for line in head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            return [name.strip() for name in next(csv.reader([line]))]
    return []


def read_delimited(
    log: LogFile, layout: Layout, options: LogOptions, rejects: Rejects, span: Span = WHOLE
) -> Iterator[pa.RecordBatch]:
    """Requests of a table, or of a part of it.

    Raises
    ------
    InputError
        A column is missing, or a line is longer than a block.
    """
    names = header_of(log.head())
    columns = _places(log, names, layout)
    unit_ns = 0 if layout.unit is None else UNITS_NS[layout.unit]
    most = BLOCK_BYTES // LEAST_LINE_BYTES
    instant_ns, zone = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int8)
    lengths = np.empty((2, most), dtype=np.int32)
    texts = np.empty(BLOCK_BYTES if columns[3] >= 0 else 1, dtype=np.uint8)
    ends = np.zeros(most + 1, dtype=np.int32)
    header_is_due = span.begin == 0
    for offset, block, size in _blocks(log, span):
        at = 0
        if header_is_due:
            at = _behind_header(block, size)
            header_is_due = False
        while at < size:
            first = at
            rows, stop, faulty = read_lines(
                block,
                np.uint64(first),
                np.uint64(size),
                columns,
                unit_ns,
                instant_ns,
                zone,
                lengths[0],
                lengths[1],
                texts,
                ends,
            )
            at = int(stop)
            if rows:
                service = _names(texts, ends, rows) if columns[3] >= 0 else None
                places = partial(_line_begins, block[first:at], offset + first)
                yield _batch(
                    instant_ns[:rows], zone[:rows], lengths[:, :rows], service, layout, options, places, rejects
                )
            if faulty:
                end = at + int(np.argmax(block[at:size] == FEED))
                _note(block[at:end].tobytes(), offset + at, names, columns, layout, rejects)
                at = end + 1


def _batch(
    instant_ns: NDArray[np.int64],
    zone: NDArray[np.int8],
    lengths: NDArray[np.int32],
    service: Column | None,
    layout: Layout,
    options: LogOptions,
    places: Callable[[], list[int]],
    rejects: Rejects,
) -> pa.RecordBatch:
    """A batch of copies, so that the arrays can be filled anew; `places` tells where each row's line begins."""
    in_utc = not (zone == NO_ZONE).any() or layout.zone == "UTC" or options.zone == "UTC"
    low_ns, high_ns = (0, LATEST_NS) if layout.from_start else (EARLIEST_NS, LATEST_NS)
    if (in_utc or layout.from_start) and instant_ns.min() >= low_ns and instant_ns.max() <= high_ns:
        arrival_ns = instant_ns + (options.start_ns if layout.from_start else 0)
        return request_batch(arrival_ns, lengths[0].copy(), lengths[1].copy(), service)
    known = LogOptions(zone=options.zone or layout.zone, start_ns=options.start_ns)
    arrival_ns = checked(
        instant_ns.copy(), zone, known, places(), layout.time, rejects, is_row=False, from_start=layout.from_start
    )
    good = arrival_ns != NO_TIME
    kept = None if service is None else service.filter(pa.array(good))
    return request_batch(arrival_ns[good], lengths[0][good], lengths[1][good], kept)


def _line_begins(lines: NDArray[np.uint8], offset: int) -> list[int]:
    """Where in the file each line begins that holds a row, of lines that begin at `offset`; see `kernels.lines.read_lines`."""
    begins = np.concatenate([[0], np.flatnonzero(lines == FEED)[:-1] + 1])
    rows: list[int] = (begins[~np.isin(lines[begins], NO_ROW)] + offset).tolist()
    return rows


def _names(texts: NDArray[np.uint8], ends: NDArray[np.int32], rows: int) -> Column:
    size = int(ends[rows])
    column = pa.StringArray.from_buffers(
        rows, pa.py_buffer(ends[: rows + 1].tobytes()), pa.py_buffer(texts[:size].tobytes())
    )
    return column.dictionary_encode()


def _places(log: LogFile, names: list[str], layout: Layout) -> NDArray[np.int64]:
    wanted = (layout.time, layout.input, layout.output, layout.service)
    missing = [name for name in wanted if name is not None and name not in names]
    if missing:
        raise InputError(
            Fault(
                "log-column",
                f"{log.shown}:1",
                f"column {name} is missing; found are {listed(names) or 'none'}",
                "Time, input and output tokens are needed",
                did_you_mean(name, names)
                or "Name the columns: --column arrival=... --column input=... --column output=...",
            )
            for name in missing
        )
    return np.array([-1 if name is None else names.index(name) for name in wanted], dtype=np.int64)


def _blocks(log: LogFile, span: Span) -> Iterator[tuple[int, NDArray[np.uint8], int]]:
    """Whole lines: where they begin in the file, an array that is filled anew each time, and how much of it counts."""
    buffer = np.empty(BLOCK_BYTES + 1, dtype=np.uint8)
    view = memoryview(buffer)
    with log.open() as stream:
        begin = span.begin
        if begin:
            # The line that covers the byte before is another part's.
            stream.seek(begin - 1)
            begin += _skip_line(stream)
            stream.seek(begin)
        end = span.end
        kept, offset = 0, begin
        while end is None or offset < end:
            read = stream.readinto(view[kept:BLOCK_BYTES])
            size = kept + read
            if not read:
                if kept:
                    buffer[kept] = FEED
                    yield offset, buffer, kept + 1
                return
            stop = _behind_last_line(buffer, size)
            if end is not None and offset + stop > end:
                stop = _last_line_of_part(buffer, size, end - offset)
            if not stop:
                if size == BLOCK_BYTES:
                    raise InputError(_long_line(log, offset))
                kept = size
                continue
            yield offset, buffer, stop
            kept = size - stop
            buffer[:kept] = buffer[stop:size].copy()
            offset += stop


def _skip_line(stream: pa.NativeFile) -> int:
    """Bytes up to and with the next line feed, less the one byte that was stepped back."""
    skipped = -1
    while block := stream.read(1 << 16):
        found = block.find(b"\n")
        if found >= 0:
            return skipped + found + 1
        skipped += len(block)
    return skipped


def _behind_last_line(buffer: NDArray[np.uint8], size: int) -> int:
    """Where the last whole line ends; 0 where there is none. Looked for from the end, where it mostly is near."""
    reach = 1 << 10
    while True:
        found = np.flatnonzero(buffer[max(size - reach, 0) : size] == FEED)
        if found.size:
            return max(size - reach, 0) + int(found[-1]) + 1
        if reach >= size:
            return 0
        reach *= 8


def _last_line_of_part(buffer: NDArray[np.uint8], size: int, limit: int) -> int:
    """Where the line ends that holds the byte before `limit`; 0 where that is not in the buffer yet."""
    found = buffer[max(limit - 1, 0) : size] == FEED
    return max(limit - 1, 0) + int(np.argmax(found)) + 1 if found.any() else 0


def _behind_header(block: NDArray[np.uint8], size: int) -> int:
    at = 0
    while at < size:
        end = at + int(np.argmax(block[at:size] == FEED)) + 1
        line = block[at:end].tobytes().removeprefix(b"\xef\xbb\xbf").strip()
        at = end
        if line and not line.startswith(b"#"):
            break
    return at


def _note(
    line: bytes, place: int, names: list[str], columns: NDArray[np.int64], layout: Layout, rejects: Rejects
) -> None:
    """Say of a line that could not be read why."""
    text = line.decode("utf-8", "replace").rstrip("\r")
    try:
        cells = [cell.strip() for cell in next(csv.reader([text]), [])]
    except csv.Error as error:
        rejects.add(Flaw.ROW, place, "", f"{clipped(text)} is not readable: {error}")
        return
    if len(cells) <= columns.max():
        what = f"{clipped(text)} has {len(cells)} cells, the header {len(names)} columns"
        rejects.add(Flaw.ROW, place, "", what)
        return
    values = []
    for name, column in ((layout.output, columns[2]), (layout.input, columns[1])):
        cell = cells[column]
        try:
            values.append(float(cell) if cell or name == layout.input else 0.0)
        except ValueError:
            what = f"{clipped(cell)} is no number of tokens" if cell else "there is no number of tokens"
            rejects.add(Flaw.LENGTH, place, name, what)
            return
        no_input = len(values) == 2 and values[1] == 0 < values[0]
        if no_input or not 0 <= values[-1] <= MOST_TOKENS or values[-1] != int(values[-1]):
            rejects.add(Flaw.LENGTH, place, name, length_flaw(values[-1]))
            return
    cell = cells[columns[0]]
    if layout.unit is not None and NUMBER.fullmatch(cell) and abs(float(cell)) * UNITS_NS[layout.unit] > LARGEST:
        rejects.add(Flaw.TIME, place, layout.time, f"{clipped(cell)} {layout.unit} is no time of such a log")
    elif is_time(cell, layout.unit):
        rejects.add(Flaw.ROW, place, "", f"{clipped(text)} is not readable")
    else:
        rejects.add(Flaw.TIME, place, layout.time, f"{clipped(cell)} is no time")


def _long_line(log: LogFile, offset: int) -> Fault:
    return Fault(
        "log-row",
        f"{log.shown}:{log.lines_of([offset])[offset]}",
        f"the line is longer than {BLOCK_BYTES:,} bytes",
        "A line is a request",
        "Check that this is the file you mean",
    )
