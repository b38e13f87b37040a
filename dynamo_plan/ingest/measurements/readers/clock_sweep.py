"""A table of clocks by load in a closed loop: frequency, concurrency, mean latencies, power and energy; CSV.

`ttft_s` and `tpot_s` are means in s, `avg_power_w` W and `energy_j` J of the GPU boards, `request_rate_rps` requests done over
`duration_s`: a closed loop offers no rate.
"""

from __future__ import annotations

from collections.abc import Iterator

from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.measurements.derived import ratio
from dynamo_plan.ingest.measurements.fields import Fields
from dynamo_plan.ingest.measurements.notes import Notes
from dynamo_plan.ingest.measurements.opened import Opened
from dynamo_plan.ingest.measurements.rows import csv_rows, has_columns
from dynamo_plan.schema.measurement import Latency, Measurement
from dynamo_plan.units import MS_PER_SECOND

NAME = "clock-sweep"
DESCRIPTION = "closed-loop sweep over GPU clocks (frequency_mhz, concurrency, ttft_s, tpot_s, avg_power_w), CSV"


def sniff(head: bytes, name: str) -> bool:
    """Clocks with mean latencies in seconds."""
    return has_columns(head, "frequency_mhz", "concurrency", "ttft_s", "tpot_s")


def read(source: Opened, notes: Notes) -> Iterator[tuple[Measurement, Faults]]:
    """One measurement per row."""
    for fields in csv_rows(source, notes):
        yield _measurement(fields), fields.faults


def _measurement(fields: Fields) -> Measurement:
    completed, duration_s, energy_j = fields.count("requests"), fields.number("duration_s"), fields.number("energy_j")
    return Measurement(
        where=fields.where,
        format=NAME,
        model=fields.text("model"),
        gpu=fields.text("gpu"),
        tp=fields.count("tp"),
        pp=fields.count("pp"),
        dtype=fields.number_format("dtype"),
        frequency_mhz=fields.number("frequency_mhz"),
        input_tokens=fields.number("input_tokens"),
        output_tokens=fields.number("output_tokens"),
        concurrency=fields.number("concurrency"),
        throughput_rps=ratio(completed, duration_s) or fields.number("request_rate_rps"),
        ttft=Latency(mean_ms=fields.number("ttft_s", factor=MS_PER_SECOND)),
        tbt=Latency(mean_ms=fields.number("tpot_s", factor=MS_PER_SECOND)),
        power_w=fields.number("avg_power_w") or ratio(energy_j, duration_s),
        energy_j=energy_j,
        duration_s=duration_s,
        completed=completed,
        source=f"clock sweep, {fields.where}",
    )
