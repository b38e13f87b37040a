"""The load of services as the canonical forecast table, with what was counted beside the rates (docs/reference/files.md)."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from dynamo_plan.schema.request_counts import RequestCounts, RequestStatistics

STATISTICS_VERSION = 1
STATISTICS_SUFFIX = ".requests.json"
"""Of the file beside the table that says what the requests are like."""

PARQUET_SUFFIX = ".parquet"

PART_WINDOWS = 4096
"""Windows that are spelled out at a time."""


def load_table_bytes(path: Path, loads: Sequence[RequestCounts]) -> bytes:
    """The table, one row per window, service and bucket: Parquet where the path says so, else CSV."""
    parts = [
        _columns(load, slice(first, first + PART_WINDOWS), by_client=any(one.client for one in loads))
        for load in loads
        for first in range(0, len(load.windows), PART_WINDOWS)
    ]
    if path.suffix == PARQUET_SUFFIX:
        content = io.BytesIO()
        pyarrow.parquet.write_table(
            pa.concat_tables([pa.table(part) for part in parts], promote_options="permissive"), content
        )
        return content.getvalue()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(parts[0])
    for part in parts:
        writer.writerows(zip(*part.values(), strict=True))
    return text.getvalue().encode()


def statistics_path(path: Path) -> Path:
    """Where the statistics of the requests stand beside a table."""
    return path.with_suffix(STATISTICS_SUFFIX)


def statistics_bytes(loads: Sequence[RequestStatistics]) -> bytes:
    """Burstiness and joint lengths of each service as JSON; only pairs of bins that hold requests."""
    record = {"version": STATISTICS_VERSION, "services": [_statistics(load) for load in loads]}
    return (json.dumps(record, separators=(",", ":")) + "\n").encode()


def _columns(load: RequestCounts, part: slice, *, by_client: bool) -> dict[str, list[Any]]:
    """Columns of the table for some windows; None where nothing is known. With clients, rows without load are left out."""
    count = len(load.buckets)
    starts = np.char.add(np.datetime_as_string(load.windows.start[part], unit="s"), "Z")
    requests = load.requests[part]
    columns: dict[str, list[Any]] = {
        "window_start": np.repeat(starts, count).tolist(),
        "service": [load.service] * (len(starts) * count),
        "bucket": [bucket.name for bucket in load.buckets] * len(starts),
        "rate_rps": load.rate_rps[part].ravel().tolist(),
        "requests": _whole(requests),
        "failed": _whole(load.failed[part]),
        "mean_input_tokens": _known(_mean(load.input_tokens[part], requests)),
        "mean_output_tokens": _known(_mean(load.output_tokens[part], requests)),
        "dispersion": _known(load.dispersion[part]),
        "filled": np.repeat(load.filled[part], count).astype(np.int64).tolist(),
    }
    if not by_client:
        return columns
    columns["client"] = [load.client] * (len(starts) * count)
    there = np.flatnonzero(load.rate_rps[part].ravel()).tolist()
    return {name: [cells[row] for row in there] for name, cells in columns.items()}


def _mean(sums: NDArray[np.float64], requests: NDArray[np.float64]) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = np.divide(sums, requests, out=np.full(sums.shape, np.nan), where=requests > 0)
    return mean


def _whole(values: NDArray[np.float64]) -> list[object]:
    """Counts as whole numbers where all of them are, and as they are where the source gave rates."""
    flat = values.ravel()
    return list((flat.astype(np.int64) if (flat == np.floor(flat)).all() else flat).tolist())


def _known(values: NDArray[np.float64]) -> list[object]:
    return [None if math.isnan(value) else value for value in values.ravel().tolist()]


def _statistics(one: RequestStatistics) -> dict[str, object]:
    rows, columns = np.nonzero(one.lengths.requests)
    return {
        "service": one.service,
        "buckets": [
            {
                "name": bucket.name,
                "input_tokens": [bucket.input_min_tokens, bucket.input_max_tokens],
                "output_tokens": [bucket.output_min_tokens, bucket.output_max_tokens],
                "dispersion": None if np.isnan(dispersion) else float(dispersion),
            }
            for bucket, dispersion in zip(one.buckets, one.dispersion, strict=True)
        ],
        "input_edges_tokens": one.lengths.input_edges.tolist(),
        "output_edges_tokens": one.lengths.output_edges.tolist(),
        "input_bin": rows.tolist(),
        "output_bin": columns.tolist(),
        "requests": one.lengths.requests[rows, columns].tolist(),
    }
