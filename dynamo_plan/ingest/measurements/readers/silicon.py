"""NVIDIA AIConfigurator's table of measured serving points (`silicon_*` columns), which holds InferenceMAX results: CSV.

Latencies are means in ms over a closed loop of requests; there is no power. Throughput follows from Little's law. Rows with prefill and
decode on different workers (`mode` disagg) are not one instance and are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.measurements.derived import closed_loop_rps
from dynamo_plan.ingest.measurements.fields import Fields
from dynamo_plan.ingest.measurements.notes import Notes
from dynamo_plan.ingest.measurements.opened import Opened
from dynamo_plan.ingest.measurements.rows import csv_rows, has_columns
from dynamo_plan.schema.measurement import Latency, Measurement

NAME = "silicon"
DESCRIPTION = "AIConfigurator or InferenceMAX table of measured points (silicon_ttft_ms), CSV"

CONCURRENCY = re.compile(r"silicon_concurrency=(\d{1,7})\b", re.ASCII)
SEPARATE_WORKERS = "disagg"


def sniff(head: bytes, name: str) -> bool:
    """The table's latency columns."""
    return has_columns(head, "silicon_ttft_ms", "silicon_tpot_ms")


def read(source: Opened, notes: Notes) -> Iterator[tuple[Measurement, Faults]]:
    """One measurement per row of one instance."""
    for fields in csv_rows(source, notes):
        if fields.text("mode") == SEPARATE_WORKERS:
            notes.omit(fields.where, "prefill and decode on different workers, which is not one instance")
            continue
        yield _measurement(fields), fields.faults


def _measurement(fields: Fields) -> Measurement:
    output_tokens, concurrency = fields.number("osl"), _concurrency(fields)
    ttft_ms, tbt_ms = fields.number("silicon_ttft_ms"), fields.number("silicon_tpot_ms")
    engine = " ".join(name for name in (fields.text("backend"), fields.text("backend_version")) if name) or None
    tp, pp, dp = (fields.count(f"{name}_size") for name in ("tp", "pp", "attention_dp"))
    return Measurement(
        where=fields.where,
        format=NAME,
        model=fields.text("model_path"),
        gpu=fields.text("system"),
        tp=tp,
        pp=pp,
        dtype=fields.number_format("gemm_quant_mode", "precision"),
        engine=engine,
        input_tokens=fields.number("isl"),
        output_tokens=output_tokens,
        concurrency=concurrency,
        throughput_rps=closed_loop_rps(concurrency, ttft_ms, tbt_ms, output_tokens),
        ttft=Latency(mean_ms=ttft_ms),
        tbt=Latency(mean_ms=tbt_ms),
        gpus=None if tp is None or pp is None else tp * pp * max(dp or 1, 1),
        source=f"silicon table, {engine}, {fields.text('id')}; throughput by Little's law",
    )


def _concurrency(fields: Fields) -> float | None:
    """What the client kept in flight: in the source's note; else the batch size of each data-parallel rank times the ranks."""
    stated = CONCURRENCY.search(str(fields.values.get("silicon_data_source", "")))
    if stated is not None:
        return float(stated[1])
    batch, ranks = fields.number("batch_size"), fields.count("attention_dp_size")
    return None if batch is None else batch * max(ranks or 1, 1)
