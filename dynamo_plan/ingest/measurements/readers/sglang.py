"""SGLang `python -m sglang.bench_serving --output-file` (JSON lines, one run a line).

Latencies are in ms; TBT is `tpot`, per request. `server_info` says model, TP, PP and number format, where the server gave it.
"""

from __future__ import annotations

from collections.abc import Iterator

from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.measurements.derived import ratio
from dynamo_plan.ingest.measurements.documents import has_keys, json_objects
from dynamo_plan.ingest.measurements.fields import Fields
from dynamo_plan.ingest.measurements.latencies import latency_ms
from dynamo_plan.ingest.measurements.notes import Notes
from dynamo_plan.ingest.measurements.opened import Opened
from dynamo_plan.schema.measurement import Measurement

NAME = "sglang"
DESCRIPTION = "SGLang `bench_serving --output-file` JSON lines"


def sniff(head: bytes, name: str) -> bool:
    """A run's summary with SGLang's own keys."""
    return has_keys(head, "backend", "request_rate", "random_input_len", "total_input_tokens")


def read(source: Opened, notes: Notes) -> Iterator[tuple[Measurement, Faults]]:
    """One measurement per line."""
    for fields in json_objects(source, notes, lines=True):
        yield _measurement(fields), fields.faults


def _measurement(fields: Fields) -> Measurement:
    completed, server = fields.count("completed"), fields.inside("server_info")
    return Measurement(
        where=fields.where,
        format=NAME,
        model=server.text("served_model_name", "model_path"),
        tp=server.count("tp_size"),
        pp=server.count("pp_size"),
        engine=fields.text("backend"),
        dtype=server.number_format("quantization", "dtype"),
        input_tokens=ratio(fields.number("total_input_tokens"), completed),
        output_tokens=ratio(fields.number("total_output_tokens"), completed),
        offered_rps=fields.rate("request_rate"),
        concurrency=fields.number("max_concurrency"),
        throughput_rps=fields.number("request_throughput"),
        ttft=latency_ms(fields, "ttft"),
        tbt=latency_ms(fields, "tpot"),
        duration_s=fields.number("duration"),
        completed=completed,
        source=f"sglang bench_serving, {fields.where}",
    )
