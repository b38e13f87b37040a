"""ML.ENERGY leaderboard v3: a task's JSON with a list of configurations, each of them steady state.

Power is W over all GPUs, energy J, inter-token latencies ms over all tokens (not per request). Input lengths, TTFT and clocks are not
stated.
"""

from __future__ import annotations

from collections.abc import Iterator

from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.measurements.derived import ratio
from dynamo_plan.ingest.measurements.documents import has_keys, json_objects
from dynamo_plan.ingest.measurements.fields import Fields
from dynamo_plan.ingest.measurements.notes import Notes
from dynamo_plan.ingest.measurements.opened import Opened
from dynamo_plan.schema.measurement import Latency, Measurement

NAME = "mlenergy-v3"
DESCRIPTION = "ML.ENERGY leaderboard v3, one JSON file per task"


def sniff(head: bytes, name: str) -> bool:
    """Configurations with energy."""
    return has_keys(head, "configurations", "energy_per_token_joules")


def read(source: Opened, notes: Notes) -> Iterator[tuple[Measurement, Faults]]:
    """One measurement per configuration."""
    for document in json_objects(source, notes):
        for fields in document.each("configurations"):
            yield _measurement(fields), fields.faults
        if len(document.faults):
            notes.reject(document.where, document.faults)


def _measurement(fields: Fields) -> Measurement:
    output_tokens = fields.number("avg_output_len")
    gpus, tp = fields.count("num_gpus"), fields.count("tensor_parallel")
    return Measurement(
        where=fields.where,
        format=NAME,
        model=fields.text("model_id"),
        gpu=fields.text("gpu_model"),
        tp=tp,
        pp=1 if tp is not None and tp == gpus else None,
        dtype=fields.number_format("weight_precision"),
        output_tokens=output_tokens,
        concurrency=fields.number("avg_batch_size", "max_num_seqs"),
        throughput_rps=ratio(fields.number("output_throughput_tokens_per_sec"), output_tokens),
        tbt=Latency(
            p50_ms=fields.number("median_itl_ms"),
            p90_ms=fields.number("p90_itl_ms"),
            p95_ms=fields.number("p95_itl_ms"),
            p99_ms=fields.number("p99_itl_ms"),
        ),
        gpus=gpus,
        power_w=fields.number("avg_power_watts"),
        source=f"ML.ENERGY leaderboard v3, {fields.where}",
    )
