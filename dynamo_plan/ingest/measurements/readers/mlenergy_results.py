"""ML.ENERGY benchmark `results.json`: one run a file, with every request.

Power and throughput are those of the steady state: energy [J], duration [s] and energy per token [J] of that part of the run. Latencies
are over all requests, which were sent at once, so that TTFT holds the wait for a place in the batch; TBT is per request.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.measurements.derived import ratio
from dynamo_plan.ingest.measurements.documents import has_keys, json_objects
from dynamo_plan.ingest.measurements.fields import Fields
from dynamo_plan.ingest.measurements.notes import Notes
from dynamo_plan.ingest.measurements.opened import Opened
from dynamo_plan.schema.measurement import Latency, Measurement
from dynamo_plan.units import MS_PER_SECOND

NAME = "mlenergy-results"
DESCRIPTION = "ML.ENERGY benchmark results.json"


def sniff(head: bytes, name: str) -> bool:
    """A run with a steady state; where its figures stand far down, a run that knows its GPUs."""
    return has_keys(head, "steady_state_energy") or has_keys(head, "gpu_model", "num_gpus", "num_prompts")


def read(source: Opened, notes: Notes) -> Iterator[tuple[Measurement, Faults]]:
    """One measurement."""
    for fields in json_objects(source, notes):
        yield _measurement(fields), fields.faults


def _measurement(fields: Fields) -> Measurement:
    requests = [request for request in fields.each("results") if request.values.get("success") is not False]
    for fault in (fault for request in requests for fault in request.faults):
        fields.faults.add(fault.code, fault.where, fault.what, fault.allowed, fault.mend)
    lengths = {name: _all(requests, name, fields) for name in ("input_len", "output_len", "ttft", "latency")}
    output_tokens = _mean(lengths["output_len"])
    duration_s, energy_j = fields.number("steady_state_duration"), fields.number("steady_state_energy")
    tokens = ratio(energy_j, fields.number("steady_state_energy_per_token"))
    completed, prompts = fields.count("completed"), fields.count("num_prompts")
    return Measurement(
        where=fields.where,
        format=NAME,
        model=fields.text("model_id"),
        gpu=fields.text("gpu_model"),
        input_tokens=_mean(lengths["input_len"]),
        output_tokens=output_tokens,
        concurrency=fields.number("max_num_seqs"),
        throughput_rps=ratio(ratio(tokens, duration_s), output_tokens),
        ttft=_latency(lengths["ttft"]),
        tbt=_latency(_time_between_tokens(lengths)),
        gpus=fields.count("num_gpus"),
        power_w=ratio(energy_j, duration_s),
        energy_j=energy_j,
        duration_s=duration_s,
        completed=completed,
        failed=None if completed is None or prompts is None else max(prompts - completed, 0),
        source=f"ML.ENERGY benchmark, {fields.where}",
    )


def _all(requests: list[Fields], name: str, fields: Fields) -> list[float]:
    """A figure of every request, in order; empty where one does not state it."""
    found = [request.shared_with(fields.faults).number(name) for request in requests]
    return [value for value in found if value is not None] if None not in found else []


def _time_between_tokens(lengths: dict[str, list[float]]) -> list[float]:
    """Per request of two tokens or more, the time after the first token over the tokens after it [s]."""
    rows = zip(lengths["output_len"], lengths["ttft"], lengths["latency"], strict=False)
    return [max(latency - ttft, 0.0) / (tokens - 1) for tokens, ttft, latency in rows if tokens > 1]


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _latency(seconds: list[float]) -> Latency:
    if not seconds:
        return Latency()
    ms = np.asarray(seconds) * MS_PER_SECOND
    return Latency(float(ms.mean()), *(float(value) for value in np.percentile(ms, (50, 90, 95, 99))))
