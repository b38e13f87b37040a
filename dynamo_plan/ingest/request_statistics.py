"""What requests of a log are like, as `forecast build` writes it beside the load (docs/reference/files.md)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from dynamo_plan.errors import Fault, InputError
from dynamo_plan.ingest.gathered import Faults, did_you_mean
from dynamo_plan.ingest.source import read_source
from dynamo_plan.schema.bucket import Bucket
from dynamo_plan.schema.request_counts import LengthHistogram, RequestStatistics

VERSION = 1
MEND = "Write it anew with dynamo-plan forecast build"


def read_statistics(path: Path) -> dict[str, RequestStatistics]:
    """Statistics of every service, by its name.

    Raises
    ------
    InputError
        The file cannot be read, or is none of ours.
    """
    faults = Faults()
    source = read_source(path, faults)
    faults.raise_if_any()
    if source is None:
        raise AssertionError("a file that cannot be read has no fault")
    try:
        record = json.loads(source.data)
        if record["version"] != VERSION:
            raise _fault(source.shown, f"version {record['version']} is not known")
        return {str(one["service"]): _statistics(one) for one in record["services"]}
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise _fault(
            source.shown, f"the file does not hold statistics of requests ({type(error).__name__}: {error})"
        ) from error


def statistics_of(path: Path, service: str) -> RequestStatistics:
    """Statistics of one service.

    Raises
    ------
    InputError
        As `read_statistics`, or the file does not know the service.
    """
    known = read_statistics(path)
    if service not in known:
        what = f"the file knows no service {service}; it knows {', '.join(known)}"
        mend = did_you_mean(service, list(known)) or MEND
        raise InputError(
            Fault("statistics-service", str(path), what, "Load and statistics name the same services", mend)
        )
    return known[service]


def _statistics(one: dict[str, Any]) -> RequestStatistics:
    buckets = tuple(Bucket(str(item["name"]), *item["input_tokens"], *item["output_tokens"]) for item in one["buckets"])
    edges = [np.array(one[name], dtype=np.int64) for name in ("input_edges_tokens", "output_edges_tokens")]
    requests = np.zeros((edges[0].size - 1, edges[1].size - 1))
    requests[one["input_bin"], one["output_bin"]] = one["requests"]
    ascending = all((np.diff(edge) > 0).all() for edge in edges)
    if not ascending or not np.isfinite(requests).all() or (requests < 0).any():
        raise ValueError("edges do not ascend, or numbers of requests are below 0")
    dispersion = [np.nan if item["dispersion"] is None else float(item["dispersion"]) for item in one["buckets"]]
    lengths = LengthHistogram(edges[0], edges[1], requests)
    return RequestStatistics(str(one["service"]), buckets, np.array(dispersion), lengths)


def _fault(shown: str, what: str) -> InputError:
    return InputError(Fault("statistics-file", shown, what, f"Version {VERSION} of the statistics beside a load", MEND))
