"""``nvidia-smi --query-gpu=... --format=csv``, with or without header and units.

Names: ``nvidia-smi --help-query-gpu``; drivers before 535 say ``clocks_throttle_reasons`` for ``clocks_event_reasons``.
"""

from __future__ import annotations

import re
from pathlib import Path

from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.telemetry.csv_columns import Known, Role, bare, placed
from dynamo_plan.ingest.telemetry.csv_stream import read_stream
from dynamo_plan.ingest.telemetry.options import TelemetryOptions
from dynamo_plan.ingest.telemetry.samples import Samples
from dynamo_plan.schema.telemetry import Quantity, ThrottleReason
from dynamo_plan.units import PERCENT_PER_ONE

NAME = "nvidia-smi"
DESCRIPTION = "CSV of nvidia-smi --query-gpu: power, clocks, temperature, utilisation, reasons for the clock"

ROW = re.compile(rb"\s*\d{4}/\d\d/\d\d \d\d:\d\d:\d\d")
"""First cell of a row of a file without a header."""

REASONS = {
    "gpu_idle": ThrottleReason.IDLE,
    "applications_clocks_setting": ThrottleReason.CLOCK_SETTING,
    "sw_power_cap": ThrottleReason.SOFTWARE_POWER_CAP,
    "hw_slowdown": ThrottleReason.HARDWARE_SLOWDOWN,
    "sync_boost": ThrottleReason.SYNC_BOOST,
    "sw_thermal_slowdown": ThrottleReason.SOFTWARE_THERMAL,
    "hw_thermal_slowdown": ThrottleReason.HARDWARE_THERMAL,
    "hw_power_brake_slowdown": ThrottleReason.POWER_BRAKE,
}
REASON_COLUMNS = ("clocks_event_reasons", "clocks_throttle_reasons")

KNOWN = {
    "timestamp": Known(Role.TIME),
    "uuid": Known(Role.UUID),
    "gpu_uuid": Known(Role.UUID),
    "index": Known(Role.GPU),
    "power.draw": Known(Role.NUMBER, Quantity.POWER, "W"),
    "power.draw.average": Known(Role.NUMBER, Quantity.POWER, "W"),
    "power.draw.instant": Known(Role.NUMBER, Quantity.POWER, "W"),
    "clocks.current.sm": Known(Role.NUMBER, Quantity.SM_CLOCK, "MHz"),
    "clocks.sm": Known(Role.NUMBER, Quantity.SM_CLOCK, "MHz"),
    "clocks.current.graphics": Known(Role.NUMBER, Quantity.SM_CLOCK, "MHz"),
    "clocks.gr": Known(Role.NUMBER, Quantity.SM_CLOCK, "MHz"),
    "temperature.gpu": Known(Role.NUMBER, Quantity.TEMPERATURE, "C"),
    "utilization.gpu": Known(Role.NUMBER, Quantity.UTILISATION, "%", 1.0 / PERCENT_PER_ONE),
    **{f"{family}.active": Known(Role.MASK, Quantity.THROTTLE) for family in REASON_COLUMNS},
    **{
        f"{family}.{name}": Known(Role.FLAG, Quantity.THROTTLE, bit=bit)
        for family in REASON_COLUMNS
        for name, bit in REASONS.items()
    },
}


def recognises(head: bytes) -> bool:
    """Whether a file begins like this format."""
    first = head.split(b"\n", 1)[0]
    names = {bare(name) for name in first.decode("utf-8", "replace").split(",")}
    return ROW.match(head) is not None or ("timestamp" in names and len(names & set(KNOWN)) > 1)


def read(path: Path, head: bytes, options: TelemetryOptions, faults: Faults) -> Samples | None:
    """Read a file; note faults and return None where that cannot be done."""
    has_header = ROW.match(head) is None
    if has_header:
        names = head.split(b"\n", 1)[0].decode("utf-8", "replace").split(",")
    elif options.columns:
        names = list(options.columns)
    else:
        what = "the file begins with a sample, not with the names of its columns"
        mend = "Say the columns, as they were asked for: --columns timestamp,index,power.draw"
        faults.add("telemetry-without-header", f"{path}:1", what, "Columns are known by name", mend)
        return None
    columns = placed(names, KNOWN, f"{path}:1", faults)
    if columns is None:
        return None
    return read_stream(path, columns, len(names), options, faults, header_lines=int(has_header))
