"""Logs of requests, counted: one module per format in `readers`, told apart by content; parts of logs are counted anywhere and add up.

A reader module has ``NAME`` (what ``--format`` takes), ``DESCRIPTION`` (one line), ``IN_PARTS`` (whether a part of an uncompressed file can
be read alone), ``FROM_START`` (whether its times count from a start that it does not name), ``sniff(head)``, which looks at the first bytes
of a file, and ``read(log, options, rejects, span)``, which yields batches of `requests.SCHEMA` and notes rows that are no request. Adding a
format is adding a file there.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Protocol, cast

import pyarrow as pa

from dynamo_plan.errors import Fault, InputError, UsageError
from dynamo_plan.ingest.gathered import MOST_LISTED, Faults, did_you_mean
from dynamo_plan.ingest.logs import readers
from dynamo_plan.ingest.logs.arrivals import Collected
from dynamo_plan.ingest.logs.binning import Binning
from dynamo_plan.ingest.logs.counts import Counts, Grid, distinct
from dynamo_plan.ingest.logs.delimited import WHOLE, Span
from dynamo_plan.ingest.logs.lengths import ExactLengths
from dynamo_plan.ingest.logs.log_file import LogFile, find_log
from dynamo_plan.ingest.logs.options import LogOptions
from dynamo_plan.ingest.logs.requests import Flaw, Rejects
from dynamo_plan.parallel import Engine, completed, cores
from dynamo_plan.schema.trace import Trace

LEAST_PART_BYTES = 16 << 20
"""A smaller part would cost more to hand out than to count."""

PARTS_PER_CORE = 4
"""So that cores end at about the same time."""

MENDS = {
    Flaw.ROW: ("Every line has the header's columns", "Correct the line"),
    Flaw.TIME: (
        "Every request has the time of its arrival: after the log's begin, or between the years 2000 and 2100",
        "Correct the row, or name the right --time-unit",
    ),
    Flaw.ZONE: ("A time must be one moment", "Say where the clock was, with --zone UTC or e.g. --zone Europe/Berlin"),
    Flaw.LENGTH: (
        "Lengths are whole numbers of tokens; an output of 0, or none, is a failed request",
        "Correct the row",
    ),
}


class Reader(Protocol):
    """What a reader module offers."""

    NAME: str
    DESCRIPTION: str
    IN_PARTS: bool
    FROM_START: bool

    def sniff(self, head: bytes) -> bool:
        """Whether a file that begins so is of this format."""

    def read(self, log: LogFile, options: LogOptions, rejects: Rejects, span: Span = WHOLE) -> Iterator[pa.RecordBatch]:
        """Requests of a file, or of a part of it."""


@dataclass(frozen=True, slots=True)
class Log:
    """Files of one log, each with its reader.

    Attributes
    ----------
    files : tuple of (LogFile, str)
        And the name of its reader.
    """

    files: tuple[tuple[LogFile, str], ...]
    options: LogOptions
    drop_duplicates: bool = False

    @property
    def from_start(self) -> bool:
        """Whether times count from a start that some file does not name."""
        return any(find_readers()[name].FROM_START for _, name in self.files)

    @property
    def formats(self) -> tuple[str, ...]:
        """Names of the formats."""
        return tuple(sorted({name for _, name in self.files}))


@dataclass(frozen=True, slots=True)
class Place:
    """Where the work is done, see `parallel.run`; `on_share` is told how much of it is done [1]."""

    engine: Engine = Engine.LOCAL
    address: str | None = None
    workers: int | None = None
    on_share: Callable[[float], None] = field(default=lambda share: None)


@cache
def find_readers() -> dict[str, Reader]:
    """Every reader by its name, sorted."""
    names = [found.name for found in pkgutil.iter_modules(readers.__path__)]
    modules = [cast(Reader, importlib.import_module(f"{readers.__name__}.{name}")) for name in names]
    return {reader.NAME: reader for reader in sorted(modules, key=lambda reader: reader.NAME)}


def find_logs(
    paths: Iterable[Path],
    options: LogOptions,
    *,
    format: str | None = None,
    drop_duplicates: bool = False,
    others: tuple[str, ...] = (),
) -> Log:
    """Files of a log, and their formats.

    Parameters
    ----------
    format : str, optional
        Reader of all files; by default it is told by their content.
    others : tuple of str
        Formats that the caller reads otherwise, to be named where none is found.

    Raises
    ------
    InputError
        A file cannot be read, or its format is not known.
    UsageError
        There is no such format.
    """
    known = find_readers()
    names = sorted((*known, *others))
    if options.columns and format is None:
        format = "columns"
    if format is not None and format not in known:
        mend = did_you_mean(format, names) or "Take one of these"
        raise UsageError(Fault("log-format", "--format", f"{format} is no format", f"Known: {', '.join(names)}", mend))
    if format == "columns" and not options.columns:
        mend = "Add --column arrival=... --column input=... --column output=..."
        raise UsageError(Fault("log-column-option", "--column", "no column is named", "This format needs names", mend))
    faults, found = Faults(), []
    for log in (find_log(path, faults) for path in paths):
        name = None if log is None else format or _sniffed(log, names, faults)
        if log is not None and name is not None:
            found.append((log, name))
    faults.raise_if_any()
    return Log(tuple(found), options, drop_duplicates)


def count_logs(log: Log, bins: Binning, grid: Grid, place: Place, *, keep_going: bool = False) -> tuple[Counts, int]:
    """Counts of all requests, and how many rows were left out.

    Raises
    ------
    InputError
        With the rows that are no request, unless `keep_going`; or there is no request.
    """
    counts, left_out = Counts(bins, grid), 0
    for part in _parts(log, _Task(log, 0, WHOLE, bins, grid), place, keep_going=keep_going):
        if isinstance(part.found, Counts):
            counts.merge(part.found)
            left_out += part.rejects.count
    if not counts.rows:
        raise _nothing(log)
    return counts, left_out


def measure_lengths(log: Log, service: str | None, place: Place, *, keep_going: bool = False) -> ExactLengths:
    """How often each length occurs in requests that got an answer, of one service or of all.

    Raises
    ------
    InputError
        As `count_logs`.
    """
    lengths = ExactLengths(service)
    for part in _parts(log, _Task(log, 0, WHOLE, service=service), place, keep_going=keep_going):
        if isinstance(part.found, ExactLengths):
            lengths.merge(part.found)
    if not lengths.input.sum():
        raise _nothing(log)
    return lengths


def read_requests(log: Log, place: Place, *, keep_going: bool = False) -> tuple[dict[str, Trace], int]:
    """All requests by service (empty where the log names none), in the order of their arrival, and how many rows were left out.

    Raises
    ------
    InputError
        As `count_logs`.
    """
    collected, left_out = Collected(), 0
    parts = _parts(log, _Task(log, 0, WHOLE, is_collected=True), place, keep_going=keep_going)
    for part in sorted(parts, key=lambda part: (part.file, part.begin)):  # threads end in any order
        if isinstance(part.found, Collected):
            collected.merge(part.found)
            left_out += part.rejects.count
    if not any(piece[0].size for pieces in collected.pieces.values() for piece in pieces):
        raise _nothing(log)
    return collected.traces(", ".join(file.shown for file, _ in log.files)), left_out


@dataclass(frozen=True, slots=True)
class _Task:
    """A part of a log to count or to collect; otherwise its lengths are measured."""

    log: Log
    file: int
    span: Span
    bins: Binning | None = None
    grid: Grid | None = None
    service: str | None = None
    is_collected: bool = False


@dataclass(frozen=True, slots=True)
class _Part:
    """What came of a task."""

    file: int
    begin: int
    found: Counts | ExactLengths | Collected
    rejects: Rejects


def _count_part(task: _Task) -> _Part:
    """Count a part; where duplicates are dropped, the part is the whole log, for only so can they be told."""
    files = task.log.files if task.log.drop_duplicates else task.log.files[task.file : task.file + 1]
    found, rejects = _begun(task), Rejects()
    batches = (
        batch for file, name in files for batch in find_readers()[name].read(file, task.log.options, rejects, task.span)
    )
    for batch in distinct(list(batches)) if task.log.drop_duplicates else batches:
        found.add(batch)
    return _Part(task.file, task.span.begin, found, rejects)


def _begun(task: _Task) -> Counts | ExactLengths | Collected:
    """What the requests of a part are added to."""
    if task.is_collected:
        return Collected()
    if task.bins is None or task.grid is None:
        return ExactLengths(task.service)
    return Counts(task.bins, task.grid)


def _parts(log: Log, whole: _Task, place: Place, *, keep_going: bool) -> Iterator[_Part]:
    """Every part, counted; at the end rows that are no request are raised."""
    tasks = [whole] if log.drop_duplicates else _tasks(log, whole, place)
    rejected: list[_Part] = []
    # Parsing and counting release the interpreter's lock: threads serve, and need no start and no copies.
    ended = completed(
        tasks, _count_part, engine=place.engine, address=place.address, workers=place.workers, threads=True
    )
    for done, (_, part) in enumerate(ended, start=1):
        place.on_share(done / len(tasks))
        if part.rejects.count:
            rejected.append(part)
        yield part
    if rejected and not keep_going:
        raise InputError(_faults_of(log, rejected))


def _tasks(log: Log, whole: _Task, place: Place) -> list[_Task]:
    part = max(
        LEAST_PART_BYTES, sum(file.size for file, _ in log.files) // (PARTS_PER_CORE * (place.workers or cores()))
    )
    found = []
    for index, (file, name) in enumerate(log.files):
        in_parts = find_readers()[name].IN_PARTS and file.compression is None
        count = max(1, round(file.size / part)) if in_parts else 1
        edges = [file.size * number // count for number in range(count)]
        spans = [Span(low, high) for low, high in zip(edges, [*edges[1:], None], strict=True)]
        found += [replace(whole, file=index, span=span) for span in spans]
    return found


def _sniffed(log: LogFile, names: list[str], faults: Faults) -> str | None:
    """Name of the reader whose format a file has; `names` are those to tell the user."""
    try:
        head = log.head()
    except OSError as error:
        faults.add("log-compression", log.shown, f"cannot be decompressed: {error}", "", "Write or copy the file again")
        return None
    name = next((name for name, reader in find_readers().items() if reader.sniff(head)), None)
    if name is None:
        faults.add(
            "log-unknown",
            log.shown,
            "the file is empty" if not head.strip() else "the content is of no known format of logs",
            f"Known: {', '.join(names)}",
            "Name its columns: --column arrival=... --column input=... --column output=..., or the format with --format",
        )
    return name


def _faults_of(log: Log, rejected: Sequence[_Part]) -> Iterator[Fault]:
    """Rows that are no request, by their place in the files."""
    for index, (file, _) in enumerate(log.files):
        parts = [part.rejects for part in rejected if part.file == index]
        first = sorted((reject for part in parts for reject in part.first), key=lambda reject: reject.place)
        lines = file.lines_of([reject.place for reject in first if not reject.is_row])
        faults = Faults()
        shown = first[: min(len(first), MOST_LISTED)]
        for reject in shown:
            place = f"{file.shown} row {reject.place}" if reject.is_row else f"{file.shown}:{lines[reject.place]}"
            allowed, mend = MENDS[reject.flaw]
            where = f"{place} {reject.column}".rstrip()
            faults.add(reject.flaw, where, reject.what, allowed, f"{mend}, or leave such rows out with --keep-going")
        more = sum(part.count for part in parts) - len(shown)
        if more > 0:
            faults.add(Flaw.ROW, file.shown, f"... and {more} more rows that are no request")
        yield from faults


def _nothing(log: Log) -> InputError:
    shown = log.files[0][0].shown if log.files else "LOGS"
    return InputError(
        Fault(
            "log-empty",
            shown,
            "there is no request in the log",
            "At least one is needed",
            "Check that this is the file you mean",
        )
    )
