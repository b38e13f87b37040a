"""A CSV with one column per DCGM field, named like the exporter's metrics, and one row per GPU and moment."""

from __future__ import annotations

from pathlib import Path

from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.telemetry.csv_columns import Known, Role, bare, placed
from dynamo_plan.ingest.telemetry.csv_stream import read_stream
from dynamo_plan.ingest.telemetry.dcgm_fields import FIELDS
from dynamo_plan.ingest.telemetry.options import TelemetryOptions
from dynamo_plan.ingest.telemetry.samples import Samples
from dynamo_plan.schema.telemetry import Quantity

NAME = "dcgm-csv"
DESCRIPTION = "CSV with a time, a gpu or UUID and columns named like DCGM's fields"

KNOWN = {
    **{name: Known(Role.TIME) for name in ("timestamp", "Timestamp", "time", "Time")},
    **{name: Known(Role.UUID) for name in ("UUID", "uuid")},
    **{name: Known(Role.GPU) for name in ("gpu", "GPU")},
    **{
        name: Known(Role.MASK if quantity is Quantity.THROTTLE else Role.NUMBER, quantity, unit, factor)
        for name, (quantity, unit, factor) in FIELDS.items()
    },
}


def recognises(head: bytes) -> bool:
    """Whether a file begins like this format."""
    names = {bare(name) for name in head.split(b"\n", 1)[0].decode("utf-8", "replace").split(",")}
    return bool(names & set(FIELDS)) and len(names) > 1


def read(path: Path, head: bytes, options: TelemetryOptions, faults: Faults) -> Samples | None:
    """Read a file; note faults and return None where that cannot be done."""
    names = head.split(b"\n", 1)[0].decode("utf-8", "replace").split(",")
    columns = placed(names, KNOWN, f"{path}:1", faults)
    if columns is None:
        return None
    return read_stream(path, columns, len(names), options, faults, header_lines=1)
