"""Zeus `ZeusMonitor(log_file=...)`: a CSV with one measured window per row.

`elapsed_time` is s, `gpuN_energy` J by the GPU's counter. A window says nothing about requests: it is energy for a benchmark that ran in
it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.measurements.derived import ratio
from dynamo_plan.ingest.measurements.notes import Notes
from dynamo_plan.ingest.measurements.opened import Opened
from dynamo_plan.ingest.measurements.rows import csv_rows, has_columns
from dynamo_plan.schema.measurement import Measurement

NAME = "zeus"
DESCRIPTION = "Zeus ZeusMonitor log, CSV: energy per window"
GPU_ENERGY = re.compile(r"gpu\d+_energy")


def sniff(head: bytes, name: str) -> bool:
    """Windows with elapsed times."""
    return has_columns(head, "start_time", "window_name", "elapsed_time")


def read(source: Opened, notes: Notes) -> Iterator[tuple[Measurement, Faults]]:
    """One measurement per window."""
    for fields in csv_rows(source, notes):
        energies = [fields.number(name) for name in fields.values if GPU_ENERGY.fullmatch(name)]
        known = [energy for energy in energies if energy is not None]
        energy_j = math.fsum(known) if known and len(known) == len(energies) else None
        duration_s = fields.number("elapsed_time")
        window = fields.text("window_name")
        yield (
            Measurement(
                where=fields.where,
                format=NAME,
                gpus=len(energies) or None,
                power_w=ratio(energy_j, duration_s),
                energy_j=energy_j,
                duration_s=duration_s,
                start=fields.instant("start_time"),
                source=f"Zeus window {window}, {fields.where}",
            ),
            fields.faults,
        )
