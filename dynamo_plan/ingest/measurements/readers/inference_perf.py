"""inference-perf `stage_N_lifecycle_metrics.json` (one load each) and `summary_lifecycle_metrics.json` (all loads together).

Latencies are in seconds; TBT is `time_per_output_token`, per request. Where stages lie beside a summary, the summary is left out: its
requests are theirs, at several loads. The model's name is read from `config.yaml` beside the file.
"""

from __future__ import annotations

from collections.abc import Iterator

from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.measurements.derived import ratio
from dynamo_plan.ingest.measurements.documents import has_keys, json_objects
from dynamo_plan.ingest.measurements.fields import Fields
from dynamo_plan.ingest.measurements.notes import Notes
from dynamo_plan.ingest.measurements.opened import Opened
from dynamo_plan.ingest.source import read_source
from dynamo_plan.ingest.yaml_document import parse_yaml
from dynamo_plan.schema.measurement import Latency, Measurement
from dynamo_plan.units import MS_PER_SECOND

NAME = "inference-perf"
DESCRIPTION = "inference-perf stage_N_lifecycle_metrics.json, or the summary of a single stage"
CONFIG = "config.yaml"


def sniff(head: bytes, name: str) -> bool:
    """A summary of loads and successes."""
    return has_keys(head, "load_summary", "successes")


def read(source: Opened, notes: Notes) -> Iterator[tuple[Measurement, Faults]]:
    """One measurement per stage."""
    if source.path.name.startswith("summary") and any(source.path.parent.glob("stage_*_lifecycle_metrics.json*")):
        notes.omit(source.shown, "the requests of all stages together; the stages beside it are read")
        return
    model = _model(source)
    for fields in json_objects(source, notes):
        yield _measurement(fields, model), fields.faults


def _measurement(fields: Fields, model: str | None) -> Measurement:
    load, good = fields.inside("load_summary"), fields.inside("successes")
    latency, completed = good.inside("latency"), good.count("count")
    throughput_rps = good.inside("throughput").number("requests_per_sec")
    tokens_in = good.inside("prompt_tokens").number("mean") or good.inside("prompt_len").number("mean")
    tokens_out = good.inside("output_tokens").number("mean") or good.inside("output_len").number("mean")
    return Measurement(
        where=fields.where,
        format=NAME,
        model=model,
        input_tokens=tokens_in or ratio(good.inside("prompt_tokens").number("total"), completed),
        output_tokens=tokens_out or ratio(good.inside("output_tokens").number("total"), completed),
        offered_rps=load.rate("requested_rate"),
        concurrency=load.number("concurrency"),
        throughput_rps=throughput_rps,
        ttft=_latency(latency.inside("time_to_first_token")),
        tbt=_latency(latency.inside("time_per_output_token")),
        duration_s=fields.number("benchmark_time_seconds") or ratio(completed, throughput_rps),
        completed=completed,
        failed=fields.inside("failures").count("count"),
        source=f"inference-perf, {fields.where}",
    )


def _latency(found: Fields) -> Latency:
    keys = (("mean",), ("median", "p50"), ("p90",), ("p95",), ("p99",))
    return Latency(*(found.number(*names, factor=MS_PER_SECOND) for names in keys))


def _model(source: Opened) -> str | None:
    """The server's model by the configuration beside the file; None where that is missing or says nothing."""
    path = source.path.with_name(CONFIG)
    if not path.is_file():
        return None
    faults = Faults()
    config = read_source(path, faults)
    document = None if config is None else parse_yaml(config, faults)
    value = None if document is None else document.at(("server", "model_name"))
    return value if isinstance(value, str) and value.isprintable() else None
