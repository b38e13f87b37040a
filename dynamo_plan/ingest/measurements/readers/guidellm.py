"""GuideLLM `benchmarks.json` (metadata version 1 and 2): one measurement per benchmark.

Figures are those of successful requests. `time_to_first_token_ms` and `inter_token_latency_ms` are ms per request; the latter, which
leaves the first token out, is TBT (`time_per_output_token_ms` holds it in). Rates are per second, moments seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Iterator

from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.measurements.documents import has_keys, json_objects
from dynamo_plan.ingest.measurements.fields import Fields
from dynamo_plan.ingest.measurements.notes import Notes
from dynamo_plan.ingest.measurements.opened import Opened
from dynamo_plan.schema.measurement import Latency, Measurement

NAME = "guidellm"
DESCRIPTION = "GuideLLM benchmarks.json"

ONE_AT_A_TIME = "synchronous"


def sniff(head: bytes, name: str) -> bool:
    """A list of benchmarks with a scheduling strategy."""
    return has_keys(head, "benchmarks", "strategy") or has_keys(head, "benchmarks", "guidellm_version")


def read(source: Opened, notes: Notes) -> Iterator[tuple[Measurement, Faults]]:
    """One measurement per benchmark."""
    for document in json_objects(source, notes):
        if len(document.faults):
            notes.reject(document.where, document.faults)
            continue
        for fields in document.each("benchmarks"):
            yield _measurement(fields, document.shared_with(fields.faults)), fields.faults
        if len(document.faults):
            notes.reject(document.where, document.faults)


def _measurement(fields: Fields, document: Fields) -> Measurement:
    config, timing, totals = fields.inside("config"), fields.inside("scheduler_metrics"), fields.inside("metrics")
    strategy, backend = config.inside("strategy"), config.inside("backend")
    start, end = (timing.number(f"measure_{edge}_time") or fields.number(f"{edge}_time") for edge in ("start", "end"))
    requests = totals.inside("request_totals")
    one = strategy.text("type_") == ONE_AT_A_TIME
    return Measurement(
        where=fields.where,
        format=NAME,
        model=backend.text("model") or document.inside("args").text("model"),
        input_tokens=_mean(totals, "prompt_token_count"),
        output_tokens=_mean(totals, "output_token_count"),
        offered_rps=strategy.rate("rate"),
        concurrency=1.0
        if one
        else strategy.number("streams", "max_concurrency") or _mean(totals, "request_concurrency"),
        throughput_rps=_mean(totals, "requests_per_second"),
        ttft=_latency(totals, "time_to_first_token_ms"),
        tbt=_latency(totals, "inter_token_latency_ms"),
        duration_s=fields.number("duration") or (None if start is None or end is None else max(end - start, 0.0)),
        start=timing.instant("measure_start_time") or fields.instant("start_time"),
        completed=requests.count("successful"),
        failed=requests.count("errored"),
        source=f"guidellm, {fields.where}",
    )


def _mean(metrics: Fields, name: str) -> float | None:
    return metrics.inside(name, "successful").number("mean")


def _latency(metrics: Fields, name: str) -> Latency:
    found = metrics.inside(name, "successful")
    percentiles = found.inside("percentiles")
    return Latency(
        found.number("mean"),
        found.number("median") or percentiles.number("p50"),
        *(percentiles.number(f"p{percent}") for percent in (90, 95, 99)),
    )
