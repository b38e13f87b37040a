"""The canonical profile of this program, CSV or Parquet (docs/reference/files.md); passes through."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dynamo_plan.errors import InputError
from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.measurements.notes import Notes
from dynamo_plan.ingest.measurements.opened import Opened
from dynamo_plan.ingest.measurements.rows import has_columns
from dynamo_plan.ingest.parquet_file import PARQUET_MAGIC
from dynamo_plan.ingest.profile_table import parse_profile
from dynamo_plan.ingest.table_file import read_table
from dynamo_plan.schema.measurement import Latency, Measurement
from dynamo_plan.schema.profile import Provenance

NAME = "profile"
DESCRIPTION = "canonical profile of this program, CSV or Parquet"

OPTIONAL = (
    "request_rate_rps",
    "concurrency",
    "throughput_rps",
    "ttft_p50_ms",
    "ttft_mean_ms",
    "tbt_p50_ms",
    "tbt_mean_ms",
    "duration_s",
)
"""Columns that the planner's own table leaves out or merges, and that a measurement keeps."""


def sniff(head: bytes, name: str) -> bool:
    """Parquet, or a table with the profile's columns."""
    return head.startswith(PARQUET_MAGIC) or has_columns(head, "frequency_mhz", "throughput_rps", "power_w")


def read(source: Opened, notes: Notes) -> Iterator[tuple[Measurement, Faults]]:
    """All rows, or none."""
    faults, content = Faults(), source.whole()
    profile = parse_profile(content, faults)
    table = read_table(content, Faults())
    if profile is None or table is None:
        raise InputError(faults)
    unstated = np.full(len(profile), np.nan)
    more = {
        name: table.numbers(name, faults, required=False) if name in table.columns else unstated for name in OPTIONAL
    }
    if len(faults):
        raise InputError(faults)
    for row in range(len(profile)):
        cells = {name: _stated(values[row]) for name, values in more.items()}
        yield (
            Measurement(
                where=table.where(row, "").rstrip(),
                format=NAME,
                model=str(profile.model[row]),
                gpu=str(profile.gpu[row]),
                tp=int(profile.tp[row]),
                pp=int(profile.pp[row]),
                dtype=str(profile.dtype[row]),
                frequency_mhz=float(profile.frequency_mhz[row]) or None,
                input_tokens=float(profile.input_tokens[row]),
                output_tokens=float(profile.output_tokens[row]),
                offered_rps=cells["request_rate_rps"],
                concurrency=cells["concurrency"],
                throughput_rps=cells["throughput_rps"],
                ttft=Latency(cells["ttft_mean_ms"], cells["ttft_p50_ms"], p99_ms=_stated(profile.ttft_p99_ms[row])),
                tbt=Latency(cells["tbt_mean_ms"], cells["tbt_p50_ms"], p99_ms=_stated(profile.tbt_p99_ms[row])),
                power_w=float(profile.power_w[row]) or None,
                duration_s=cells["duration_s"],
                provenance=Provenance(str(profile.provenance[row])),
                source=str(profile.source[row]),
            ),
            Faults(),
        )


def _stated(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
