"""What ``/metrics`` of dcgm-exporter says: Prometheus text, one scrape after another, every line with its time.

The exporter itself writes no times: a file of one scrape, or of many put together, does not say when it was made and is refused.
``curl -s localhost:9400/metrics | sed "/^DCGM/s/$/ $(date +%s%3N)/" >> power.prom`` adds them.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from dynamo_plan.ingest.gathered import Faults, clipped
from dynamo_plan.ingest.source import read_source
from dynamo_plan.ingest.telemetry.dcgm_fields import FIELDS, PREFIX, gpu_of
from dynamo_plan.ingest.telemetry.options import TelemetryOptions
from dynamo_plan.ingest.telemetry.points import Points
from dynamo_plan.ingest.telemetry.samples import Samples
from dynamo_plan.units import US_PER_MS

NAME = "dcgm-text"
DESCRIPTION = "Prometheus text of dcgm-exporter with a time on every line"

LINE = re.compile(
    r"(?P<name>[a-zA-Z_:][\w:]*)\s*(?:\{(?P<labels>.*)\})?\s+(?P<value>\S+)(?:\s+(?P<time>-?\d+(?:\.\d+)?))?\s*"
)
LABEL = re.compile(r'(\w+)\s*=\s*"((?:[^"\\]|\\.)*)"')
FIRST_LINE = re.compile(rb"\s*(#\s*(HELP|TYPE)\s+)?DCGM_(FI|EXP)_\w+[\s{]")


def recognises(head: bytes) -> bool:
    """Whether a file begins like this format."""
    return FIRST_LINE.match(head) is not None and b"," not in head.split(b"{", 1)[0].split(b"\n", 1)[0]


def read(path: Path, head: bytes, options: TelemetryOptions, faults: Faults) -> Samples | None:
    """Read a file; note faults and return None where that cannot be done."""
    source = read_source(path, faults)
    if source is None:
        return None
    points, known = Points(source.shown, Counter()), len(faults)
    for number, line in enumerate(source.data.decode("utf-8", "replace").splitlines(), start=1):
        if not line.startswith(PREFIX):
            continue
        found = LINE.fullmatch(line)
        if found is None:
            faults.add("telemetry-line", f"{source.shown}:{number}", f"{clipped(line)} is no line of a scrape")
        elif found["name"] in FIELDS and not _add(points, found, number, options, faults):
            return None
    return points.samples(faults) if len(faults) == known else None


def _add(points: Points, found: re.Match[str], number: int, options: TelemetryOptions, faults: Faults) -> bool:
    """Take one line over; False where the file has no times."""
    where = f"{points.shown}:{number} {found['name']}"
    if found["time"] is None:
        mend = "Export a range query from Prometheus, or put the time in milliseconds behind every line"
        faults.add("telemetry-without-times", where, "the line has no time", "A scrape must say when it was made", mend)
        return False
    gpu = gpu_of(dict(LABEL.findall(found["labels"] or "")), options)
    if gpu is not None:
        time_us = float(found["time"]) * US_PER_MS
        points.add(where, found["name"], gpu, time_us, found["value"], faults)
    return True
