"""ML.ENERGY leaderboard v2: one JSON object per model, GPU, TP and batch limit.

Energy is J per request over all GPUs, TPOT a mean in s, throughput in tokens/s. Input lengths, TTFT and clocks are not stated.
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
from dynamo_plan.units import MS_PER_SECOND

NAME = "mlenergy-v2"
DESCRIPTION = "ML.ENERGY leaderboard v2, one JSON file per configuration"
CATALOGUE = ("nickname", "params")


def sniff(head: bytes, name: str) -> bool:
    """A configuration, or the catalogue of models beside them."""
    return has_keys(head, "Energy/req (J)") or has_keys(head, *CATALOGUE, "url")


def read(source: Opened, notes: Notes) -> Iterator[tuple[Measurement, Faults]]:
    """One measurement; none of the catalogue."""
    if has_keys(source.head, *CATALOGUE):
        notes.omit(source.shown, "a catalogue of models, no measurement")
        return
    for fields in json_objects(source, notes):
        yield _measurement(fields), fields.faults


def _measurement(fields: Fields) -> Measurement:
    output_tokens = fields.number("Avg Output Tokens")
    throughput_rps = ratio(fields.number("Token tput (tok/s)"), output_tokens)
    energy_per_request_j = fields.number("Energy/req (J)")
    has_power = throughput_rps is not None and energy_per_request_j is not None
    return Measurement(
        where=fields.where,
        format=NAME,
        model=fields.text("Model"),
        gpu=fields.text("GPU"),
        tp=fields.count("TP"),
        pp=fields.count("PP"),
        output_tokens=output_tokens,
        concurrency=fields.number("Avg BS (reqs)"),
        throughput_rps=throughput_rps,
        tbt=Latency(mean_ms=fields.number("Avg TPOT (s)", factor=MS_PER_SECOND)),
        power_w=(throughput_rps or 0.0) * (energy_per_request_j or 0.0) if has_power else None,
        source=f"ML.ENERGY leaderboard v2, {fields.where}",
    )
