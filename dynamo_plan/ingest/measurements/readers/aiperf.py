"""AIPerf `profile_export_aiperf.json` and its forerunner GenAI-Perf `profile_export_genai_perf.json`: one run a file.

Every metric states its unit, which counts here whatever the metric's name. `inter_token_latency` is per request, the first token left
out. Energy covers all GPUs that the telemetry saw, NVIDIA or AMD.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dynamo_plan.ingest.gathered import Faults, clipped, listed
from dynamo_plan.ingest.measurements.derived import ratio
from dynamo_plan.ingest.measurements.documents import has_keys, json_objects
from dynamo_plan.ingest.measurements.fields import Fields
from dynamo_plan.ingest.measurements.notes import Notes
from dynamo_plan.ingest.measurements.opened import Opened
from dynamo_plan.schema.measurement import Latency, Measurement
from dynamo_plan.units import (
    JOULES_PER_MEGAJOULE,
    MILLIJOULES_PER_JOULE,
    MILLIWATTS_PER_WATT,
    MS_PER_SECOND,
    NS_PER_MS,
    US_PER_MS,
    WATTS_PER_KILOWATT,
)

NAME = "aiperf"
DESCRIPTION = "AIPerf profile_export_aiperf.json or GenAI-Perf profile_export_genai_perf.json, with energy"

VENDORS = ("nvidia", "amd")
MS = {"ms": 1.0, "s": MS_PER_SECOND, "sec": MS_PER_SECOND, "us": 1 / US_PER_MS, "ns": 1 / NS_PER_MS}
SECONDS = {"s": 1.0, "sec": 1.0, "ms": 1 / MS_PER_SECOND}
WATTS = {"W": 1.0, "watts": 1.0, "mW": 1 / MILLIWATTS_PER_WATT, "kW": WATTS_PER_KILOWATT}
JOULES = {"J": 1.0, "joules": 1.0, "mJ": 1 / MILLIJOULES_PER_JOULE, "MJ": JOULES_PER_MEGAJOULE}
PER_SECOND = {"requests/sec": 1.0, "requests/s": 1.0, "per sec": 1.0, "req/s": 1.0}
PLAIN = {"tokens": 1.0, "requests": 1.0, "count": 1.0}


def sniff(head: bytes, name: str) -> bool:
    """Metrics with units; an aggregate over several runs has another shape."""
    return has_keys(head, "request_throughput", "request_latency", "unit", "avg") or has_keys(
        head, "aiperf_version", "request_throughput"
    )


def read(source: Opened, notes: Notes) -> Iterator[tuple[Measurement, Faults]]:
    """One measurement."""
    for fields in json_objects(source, notes):
        yield _measurement(fields), fields.faults


def _measurement(fields: Fields) -> Measurement:
    gpus = _gpus(fields)
    duration_s = _value(fields, "benchmark_duration", SECONDS)
    energy_j = _first(fields, "total_gpu_energy", JOULES)
    powers = [_first(gpu.inside("metrics"), "power_usage", WATTS) for gpu in gpus]
    summed_w = sum(power for power in powers if power is not None) if powers and None not in powers else None
    load = _load(fields.inside("input_config"))
    cancelled, whole = fields.flag("was_cancelled"), fields.flag("is_complete")
    completed, failed = (_value(fields, name, PLAIN) for name in ("request_count", "error_request_count"))
    return Measurement(
        where=fields.where,
        format=NAME,
        model=_model(fields.inside("input_config")),
        gpu=_same([gpu.text("gpu_name", "gpu_model_name") for gpu in gpus]),
        input_tokens=_value(fields, "input_sequence_length", PLAIN),
        output_tokens=_value(fields, "output_sequence_length", PLAIN),
        offered_rps=load.rate("request_rate", "rate"),
        concurrency=load.number("concurrency"),
        throughput_rps=_value(fields, "request_throughput", PER_SECOND),
        ttft=_latency(fields, "time_to_first_token"),
        tbt=_latency(fields, "inter_token_latency"),
        gpus=len(gpus) or None,
        power_w=_first(fields, "total_gpu_power", WATTS) or summed_w or ratio(energy_j, duration_s),
        energy_j=energy_j,
        duration_s=duration_s,
        start=fields.instant("start_time"),
        completed=None if completed is None else int(completed),
        failed=None if failed is None else int(failed),
        is_clean=None if cancelled is None and whole is None else not cancelled and whole is not False,
        source=f"aiperf, {fields.where}",
    )


def _value(fields: Fields, name: str, units: Mapping[str, float], key: str = "avg") -> float | None:
    """A statistic of a metric in the unit whose factor is 1; None where the metric is missing."""
    metric = fields.inside(name)
    if key not in metric:
        return None
    unit = metric.text("unit")
    factor = None if unit is None else units.get(unit) or units.get(unit.casefold())
    if factor is None:
        metric.faults.add(
            "measurement-unit",
            f"{metric.where}.unit",
            f"{clipped(unit or 'nothing')} is no unit of {name}",
            f"Known are {listed(units)}",
            "Correct the file",
        )
        return None
    return metric.number(key, factor=factor)


def _first(fields: Fields, name: str, units: Mapping[str, float]) -> float | None:
    """A metric that each vendor of GPUs has under a name of its own; older versions had none in front."""
    for prefix in (*(f"{vendor}_" for vendor in VENDORS), "", "gpu_"):
        found = _value(fields, f"{prefix}{name}", units)
        if found is not None:
            return found
    return None


def _latency(fields: Fields, name: str) -> Latency:
    return Latency(*(_value(fields, name, MS, key) for key in ("avg", "p50", "p90", "p95", "p99")))


def _gpus(fields: Fields) -> list[Fields]:
    endpoints = fields.inside("telemetry_data", "endpoints")
    found = [endpoints.inside(name, "gpus") for name in sorted(map(str, endpoints.values))]
    return [gpus.inside(name) for gpus in found for name in sorted(map(str, gpus.values))]


def _load(config: Fields) -> Fields:
    """What the client did: of the phases the measured one, in older versions the load generator's block or the top."""
    for phase in config.each("phases"):
        if "profiling" in (phase.values.get("name"), phase.values.get("kind")):
            return phase.shared_with(config.faults)
    for keys in (("loadgen",), ("perf_analyzer", "stimulus")):
        if config.inside(*keys).values:
            return config.inside(*keys)
    return config


def _model(config: Fields) -> str | None:
    for block in (config.inside("endpoint"), config):
        for key in ("model_names", "models", "model"):
            value = block.values.get(key)
            names = value if isinstance(value, list) else [value]
            if names and isinstance(names[0], str):
                return Fields(config.where, {key: names[0]}, config.faults).text(key)
    return None


def _same(names: list[str | None]) -> str | None:
    return names[0] if names and len(set(names)) == 1 else None
