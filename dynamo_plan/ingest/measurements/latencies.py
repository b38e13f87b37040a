"""Latencies under the names that vLLM gave them and others took over: `mean_ttft_ms`, `median_ttft_ms`, `p99_ttft_ms`."""

from __future__ import annotations

from dynamo_plan.ingest.measurements.fields import Fields
from dynamo_plan.schema.measurement import Latency


def latency_ms(fields: Fields, name: str) -> Latency:
    """Mean and percentiles of a latency, e.g. of ``ttft`` [ms]."""
    return Latency(
        fields.number(f"mean_{name}_ms"),
        fields.number(f"median_{name}_ms", f"p50_{name}_ms"),
        *(fields.number(f"p{percent}_{name}_ms") for percent in (90, 95, 99)),
    )
