"""vLLM `vllm bench serve --save-result` (JSON, one run a file or a line) and its sweeps.

Latencies are in ms. TBT is `tpot`: per request, the time from the first token to the last over the tokens between. The file knows
the client only: GPU, TP and clock come from `--metadata tp=4 gpu_clock_mhz=1400`, which vLLM writes at the top level, or from
`--set`. `date`, the local time after the run, says when it began where the zone is told; else `--metadata start=2026-04-19T02:24:28Z`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from dynamo_plan.ingest.gathered import Faults, clipped
from dynamo_plan.ingest.measurements.derived import ratio
from dynamo_plan.ingest.measurements.documents import has_keys, json_objects
from dynamo_plan.ingest.measurements.fields import Fields
from dynamo_plan.ingest.measurements.latencies import latency_ms
from dynamo_plan.ingest.measurements.notes import Notes
from dynamo_plan.ingest.measurements.opened import Opened
from dynamo_plan.ingest.measurements.rows import csv_rows, has_columns
from dynamo_plan.schema.measurement import Measurement

NAME = "vllm"
DESCRIPTION = "vLLM `bench serve --save-result` JSON, and summary.csv or summary.json of `bench sweep`"
DATE_FORMAT = "%Y%m%d-%H%M%S"


def sniff(head: bytes, name: str) -> bool:
    """A run's summary, or a sweep's table of them; not that of a benchmark built on vLLM's."""
    if b'"steady_state_' in head or b'"gpu_model"' in head or b'"server_info"' in head:
        return False
    return has_keys(head, "model_id", "request_rate", "num_prompts") or has_columns(
        head, "model_id", "request_rate", "num_prompts"
    )


def read(source: Opened, notes: Notes) -> Iterator[tuple[Measurement, Faults]]:
    """One measurement per run."""
    is_json = source.head.lstrip()[:1] in (b"{", b"[")
    for fields in json_objects(source, notes) if is_json else csv_rows(source, notes):
        yield _measurement(fields, source.zone), fields.faults


def _measurement(fields: Fields, zone: ZoneInfo | None) -> Measurement:
    completed, duration_s = fields.count("completed"), fields.number("duration")
    prompts, failed = fields.count("num_prompts"), fields.count("failed")
    if failed is None and prompts is not None and completed is not None:
        failed = max(prompts - completed, 0)
    energy_j = fields.number("energy_j")
    return Measurement(
        where=fields.where,
        format=NAME,
        model=fields.text("model_id", "model"),
        gpu=fields.text("gpu", "gpu_type", "gpu_name"),
        tp=fields.count("tp", *_spelled("tensor_parallel_size")),
        pp=fields.count("pp", *_spelled("pipeline_parallel_size")),
        dtype=fields.number_format("quantization", "dtype"),
        frequency_mhz=fields.number("frequency_mhz", "gpu_clock_mhz"),
        input_tokens=ratio(fields.number("total_input_tokens"), completed),
        output_tokens=ratio(fields.number("total_output_tokens"), completed),
        offered_rps=fields.rate("request_rate"),
        concurrency=fields.number("max_concurrency"),
        throughput_rps=fields.number("request_throughput"),
        ttft=latency_ms(fields, "ttft"),
        tbt=latency_ms(fields, "tpot"),
        power_w=fields.number("power_w") or ratio(energy_j, duration_s),
        energy_j=energy_j,
        duration_s=duration_s,
        start=fields.instant("start") or _began(fields, zone, duration_s),
        completed=completed,
        failed=failed,
        source=f"vllm bench serve, {fields.where}",
    )


def _spelled(name: str) -> tuple[str, str]:
    """A server's parameter as a sweep may name it: as an attribute or as a flag."""
    return name, name.replace("_", "-")


def _began(fields: Fields, zone: ZoneInfo | None, duration_s: float | None) -> datetime | None:
    """When the run began, from the local time at its end; to the second."""
    text = fields.text("date")
    if zone is None or duration_s is None or text is None:
        return None
    try:
        end = datetime.strptime(text, DATE_FORMAT).replace(tzinfo=zone)
        return end.astimezone(UTC) - timedelta(seconds=duration_s)
    except (ValueError, OverflowError):
        what = f"{clipped(text)} is no date of vLLM's"
        fields.faults.add("measurement-time", f"{fields.where} date", what, "It is written as 20260419-022428")
        return None
