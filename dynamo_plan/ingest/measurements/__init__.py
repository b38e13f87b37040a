"""Files of measuring tools to measurements; one module per format in `readers`, told apart by content.

A reader module has ``NAME`` (what ``--format`` takes), ``DESCRIPTION`` (one line), ``sniff(head, name)``, which looks at the first
bytes of a file (and, where these are not enough, at its name), and ``read(source, notes)``, which yields each measurement with the
faults of its record. Adding a format is adding a file there.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dynamo_plan.errors import Fault, InputError, UsageError
from dynamo_plan.ingest.gathered import MOST_LISTED, Faults, did_you_mean, listed
from dynamo_plan.ingest.measurements import readers
from dynamo_plan.ingest.measurements.given import Value, read_given, with_given
from dynamo_plan.ingest.measurements.notes import Notes, Omitted, Rejected
from dynamo_plan.ingest.measurements.opened import Opened, open_file
from dynamo_plan.ingest.measurements.plausible import check_plausible
from dynamo_plan.ingest.source import is_file
from dynamo_plan.schema.measurement import Measurement

__all__ = ["Measurements", "Omitted", "Rejected", "find_readers", "listed_faults", "read_measurements"]


class Reader(Protocol):
    """What a reader module offers."""

    NAME: str
    DESCRIPTION: str

    def sniff(self, head: bytes, name: str) -> bool:
        """Whether a file that begins so is of this format."""

    def read(self, source: Opened, notes: Notes) -> Iterator[tuple[Measurement, Faults]]:
        """Yield every measurement of a file with the faults of its record; note records that cannot be read at all."""


@dataclass(frozen=True, slots=True)
class Measurements:
    """What the files hold.

    Attributes
    ----------
    rows : tuple of Measurement
    rejected : tuple of Rejected
        Faulty rows and files; empty unless they were allowed.
    omitted : tuple of Omitted
        What is right but no row.
    """

    rows: tuple[Measurement, ...]
    rejected: tuple[Rejected, ...] = ()
    omitted: tuple[Omitted, ...] = ()


def find_readers() -> dict[str, Reader]:
    """Every reader by its name, sorted."""
    names = [found.name for found in pkgutil.iter_modules(readers.__path__)]
    modules = [cast(Reader, importlib.import_module(f"{readers.__name__}.{name}")) for name in names]
    return {reader.NAME: reader for reader in sorted(modules, key=lambda reader: reader.NAME)}


def read_measurements(
    paths: Iterable[Path],
    *,
    format: str | None = None,
    given: Mapping[str, str] | None = None,
    zone: str | None = None,
    keep_going: bool = False,
) -> Measurements:
    """Read files, and folders of them, of any known format.

    Parameters
    ----------
    format : str, optional
        Reader for the files; by default it is told by their content.
    given : mapping of str to str, optional
        What the files do not say, e.g. ``{"tp": "4"}``.
    zone : str, optional
        IANA name of the zone of times that files write without one, e.g. ``Europe/Berlin``.
    keep_going : bool
        List faulty rows and files instead of raising their faults.

    Raises
    ------
    InputError
        With all faults of all files, unless `keep_going`; where there is no row at all, always.
    UsageError
        The format, the zone or a key of `given` is not known.
    """
    chosen, local = _chosen(format), _zone(zone)
    values = read_given(given or {})
    notes, rows = Notes(), list[Measurement]()
    for path in paths:
        for file, is_named in _files(path, notes):
            rows += _rows_of(file, is_named, chosen, values, notes, local)
    if notes.rejected and not (keep_going and rows):
        raise InputError(listed_faults(notes.rejected))
    if not rows:
        raise InputError(_nothing(notes.omitted))
    return Measurements(tuple(rows), tuple(notes.rejected), tuple(notes.omitted))


def listed_faults(rejected: Sequence[Rejected]) -> list[Fault]:
    """All faults, of each code in each file the first ones in full and the others as a number."""
    seen: Counter[tuple[str, str]] = Counter()
    found = list[Fault]()
    for entry in rejected:
        for fault in entry.faults:
            seen[fault.code, entry.file] += 1
            if seen[fault.code, entry.file] <= MOST_LISTED:
                found.append(fault)
    found += [
        Fault(code, file, f"... and {count - MOST_LISTED} more of these", "", "")
        for (code, file), count in seen.items()
        if count > MOST_LISTED
    ]
    return found


def _chosen(name: str | None) -> dict[str, Reader]:
    known = find_readers()
    if name is None:
        return known
    if name not in known:
        mend = did_you_mean(name, tuple(known)) or "Leave --format out, and the content tells"
        raise UsageError(
            Fault("measurement-format", "--format", f"{name} is no format", f"Known: {listed(known)}", mend)
        )
    return {name: known[name]}


def _zone(name: str | None) -> ZoneInfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        mend = "Take an IANA name, e.g. UTC, Europe/Berlin or America/Los_Angeles"
        raise UsageError(Fault("measurement-zone", "--zone", f"{name} is no time zone", "", mend)) from error


def _files(path: Path, notes: Notes) -> Iterator[tuple[Path, bool]]:
    """Files below a path, sorted, and whether each was named itself; what begins with a dot is passed over."""
    faults = Faults()
    if path.is_dir():
        for folder, folders, names in path.walk():  # symbolic links to folders are not followed
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(name for name in names if not name.startswith(".")):
                yield folder / name, False
    elif is_file(path, faults):
        yield path, True
    else:
        notes.file = os.path.normpath(path)
        notes.reject(notes.file, faults)


def _rows_of(
    path: Path,
    is_named: bool,
    chosen: Mapping[str, Reader],
    given: Mapping[str, Value],
    notes: Notes,
    zone: ZoneInfo | None,
) -> Iterator[Measurement]:
    """Sound measurements of a file."""
    notes.file = shown = os.path.normpath(path)
    try:
        source = open_file(path, shown, zone)
        reader = _reader_of(source, is_named, chosen, notes)
        for found, faults in reader.read(source, notes) if reader is not None else ():
            # The folder that a file lies in today is no part of where the numbers come from.
            named = replace(found, source=found.source.replace(shown, path.name))
            complete = with_given(named, given, faults)
            check_plausible(complete, faults)
            if len(faults):
                notes.reject(found.where, faults)
            else:
                yield complete
    except InputError as error:
        notes.reject(shown, error.faults)


def _reader_of(source: Opened, is_named: bool, chosen: Mapping[str, Reader], notes: Notes) -> Reader | None:
    if is_named and len(chosen) == 1:
        return next(iter(chosen.values()))
    fitting = [name for name, reader in chosen.items() if reader.sniff(source.head, source.path.name)]
    if len(fitting) == 1:
        return chosen[fitting[0]]
    if not is_named and not fitting:
        notes.omit(source.shown, "not a measurement in a known format")
        return None
    what = (
        f"looks like {listed(fitting)}" if fitting else "is in no format that is known" if source.head else "is empty"
    )
    raise InputError(
        Fault(
            "measurement-unknown",
            source.shown,
            f"the file {what}",
            f"Known: {listed(chosen)}",
            "Say which with --format, or check that this is the file you mean",
        )
    )


def _nothing(omitted: Sequence[Omitted]) -> Fault:
    first = omitted[0] if omitted else Omitted("FILES", "there is no file")
    more = f", and {len(omitted) - 1} more like it" if len(omitted) > 1 else ""
    what = f"no measurement is left: {first.reason}{more}"
    return Fault("measurement-none", first.where, what, "At least one is needed", "Name other files")
