"""Power, clocks and temperatures of GPUs while they were measured: one file per format, known by content, found by this folder.

A format is a module with ``NAME``, ``DESCRIPTION``, ``recognises(head)`` and ``read(path, head, options, faults)``.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast, runtime_checkable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dynamo_plan.ingest.gathered import Faults, listed
from dynamo_plan.ingest.source import Source, foreign_sort, is_file
from dynamo_plan.ingest.telemetry.options import TelemetryOptions
from dynamo_plan.ingest.telemetry.samples import Samples, joined
from dynamo_plan.schema.telemetry import Telemetry

HEAD_BYTES = 1 << 16
"""Enough of a file to know its format by; the help texts of a scrape come before its first value."""

BOM = b"\xef\xbb\xbf"


@runtime_checkable
class TelemetryFormat(Protocol):
    """What the module of a format offers."""

    NAME: str
    DESCRIPTION: str

    def recognises(self, head: bytes) -> bool:
        """Whether a file begins like this format."""

    def read(self, path: Path, head: bytes, options: TelemetryOptions, faults: Faults) -> Samples | None:
        """Read a file; note faults and return None where that cannot be done."""


@cache
def telemetry_formats() -> tuple[TelemetryFormat, ...]:
    """Every format, sorted by name."""
    modules = (import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    formats = [cast(TelemetryFormat, module) for module in modules if hasattr(module, "recognises")]
    return tuple(sorted(formats, key=lambda one: one.NAME))


def read_telemetry(
    paths: Sequence[Path],
    faults: Faults,
    *,
    zone: str | None = None,
    columns: Sequence[str] = (),
    gpus: Sequence[str] = (),
) -> Telemetry | None:
    """Read and join telemetry files; note faults and return None where that cannot be done.

    Parameters
    ----------
    zone : str, optional
        IANA name of the zone of local times, as nvidia-smi writes them.
    columns : sequence of str, optional
        Columns of a CSV that has no header, as they were asked for, e.g. ``("timestamp", "index", "power.draw")``.
    gpus : sequence of str, optional
        Indices or UUIDs of the GPUs of the instance; by default all.
    """
    known = len(faults)
    options = TelemetryOptions(zone, tuple(name.strip() for name in columns), tuple(str(name) for name in gpus))
    if zone is not None and not _is_zone(zone):
        mend = "Take an IANA name, e.g. UTC, Europe/Berlin or America/Los_Angeles"
        faults.add("telemetry-zone", "time zone", f"{zone} is no time zone", "Zones are known by name", mend)
        return None
    parts = [part for path in paths if (part := _read(Path(path), options, faults)) is not None]
    telemetry = joined(parts, [str(path) for path in paths], faults) if len(faults) == known else None
    if telemetry is not None and len(telemetry.gpus) < len(set(options.gpus)):
        what = f"{listed(options.gpus)} asked for; the files hold {listed(telemetry.gpus)} of them"
        mend = "Check indices and UUIDs; the same GPU twice counts once"
        faults.add(
            "telemetry-gpu-unknown", ", ".join(telemetry.paths), what, "Every GPU of the instance is needed", mend
        )
        return None
    return telemetry


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _read(path: Path, options: TelemetryOptions, faults: Faults) -> Samples | None:
    if not is_file(path, faults):
        return None
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES).removeprefix(BOM)
    for one in telemetry_formats():
        if one.recognises(head):
            return one.read(path, head, options, faults)
    shown = Source(str(path), path, head).shown
    names = listed(one.NAME for one in telemetry_formats())
    sort = foreign_sort(head)
    if _is_separated_otherwise(head):
        what, allowed = "the columns are separated by semicolons or tabs", "Columns are separated by commas"
        faults.add("table-separator", f"{shown}:1", what, allowed, "Record it as CSV with commas and decimal points")
    else:
        what = (
            f"the file is {sort}"
            if sort
            else "the file is none of the telemetry formats"
            if head
            else "the file is empty"
        )
        faults.add("telemetry-format", shown, what, f"Known: {names}", "Record power with one of these tools")
    return None


def _is_separated_otherwise(head: bytes) -> bool:
    first = head.split(b"\n", 1)[0]
    tried = (head.replace(separator, b",", first.count(separator)) for separator in (b";", b"\t") if separator in first)
    return b"," not in first and any(one.recognises(head) for head in tried for one in telemetry_formats())
