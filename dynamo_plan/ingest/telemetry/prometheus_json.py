"""The answer of Prometheus to a range query over DCGM's metrics: ``/api/v1/query_range`` as JSON."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from dynamo_plan.ingest.gathered import Faults, clipped
from dynamo_plan.ingest.source import read_source
from dynamo_plan.ingest.telemetry.dcgm_fields import FIELDS, gpu_of
from dynamo_plan.ingest.telemetry.options import TelemetryOptions
from dynamo_plan.ingest.telemetry.points import MOST_TIME_US, Points
from dynamo_plan.ingest.telemetry.samples import Samples
from dynamo_plan.units import US_PER_SECOND

NAME = "prometheus"
DESCRIPTION = "JSON of a Prometheus range query over DCGM's metrics"
ALLOWED = 'The answer to a range query is needed: {"status": "success", "data": {"resultType": "matrix", ...}}'
MEND = "Save what /api/v1/query_range answers, as it is"


def recognises(head: bytes) -> bool:
    """Whether a file begins like this format."""
    return head.lstrip().startswith(b"{") and b'"resultType"' in head


def read(path: Path, head: bytes, options: TelemetryOptions, faults: Faults) -> Samples | None:
    """Read a file; note faults and return None where that cannot be done."""
    source = read_source(path, faults)
    if source is None:
        return None
    try:
        answer = json.loads(source.data)
    except (ValueError, RecursionError) as error:
        where = f"{source.shown}:{getattr(error, 'lineno', 1)}"
        faults.add("telemetry-json", where, f"no JSON: {error}", ALLOWED, "The file may be cut off: save it again")
        return None
    data = answer.get("data") if isinstance(answer, dict) else None
    series = data.get("result") if isinstance(data, dict) else None
    if not isinstance(data, dict) or data.get("resultType") != "matrix" or not isinstance(series, list):
        found = data.get("resultType") if isinstance(data, dict) else None
        what = f"the result is of type {found!r}" if found else "there is no result of a query"
        faults.add("telemetry-json", f"{source.shown} data.resultType", what, ALLOWED, MEND)
        return None
    points, known = Points(source.shown, Counter()), len(faults)
    for position, one in enumerate(series):
        _add_series(points, f"{source.shown} data.result[{position}]", one, options, faults)
    return points.samples(faults) if len(faults) == known else None


def _add_series(points: Points, where: str, one: object, options: TelemetryOptions, faults: Faults) -> None:
    labels = one.get("metric") if isinstance(one, dict) else None
    values = one.get("values") if isinstance(one, dict) else None
    if not isinstance(labels, dict) or not isinstance(values, list):
        faults.add("telemetry-json", where, "the series has no metric and values", ALLOWED, MEND)
        return
    name = str(labels.get("__name__", ""))
    if not name:
        what = "the series has no __name__: the query was over an expression"
        faults.add("telemetry-json", where, what, "Metrics are known by name", "Query the metrics themselves")
        return
    gpu = gpu_of({str(key): str(value) for key, value in labels.items()}, options)
    if name not in FIELDS or gpu is None:
        return
    for position, pair in enumerate(values):
        here = f"{where}.values[{position}]"
        if not (isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], int | float)):
            faults.add("telemetry-json", here, f"{clipped(str(pair))} is no pair of time and value", ALLOWED, MEND)
            return
        # Clipped before it becomes a float, which numbers of hundreds of digits do not fit; what is clipped is no time.
        points.add(here, name, gpu, min(pair[0], MOST_TIME_US) * US_PER_SECOND, str(pair[1]), faults)
