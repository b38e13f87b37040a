"""The locked-clock sweep of a V100 as a canonical profile, from the raw data set."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from dynamo_plan.schema.profile import ProfileTable

FILE = "measured_points.csv"


def v100_profile(folder: Path) -> ProfileTable:
    """Every row of the sweep, repeats one by one; means stand in for percentiles."""
    with (folder / FILE).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    count = len(rows)

    def column(name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.array([float(row[name]) for row in rows])

    return ProfileTable(
        path=FILE,
        line=np.arange(2, count + 2),
        model=np.repeat("mistral-7b", count),
        gpu=np.repeat("v100", count),
        tp=np.ones(count, dtype=np.int64),
        pp=np.ones(count, dtype=np.int64),
        dtype=np.repeat("fp16", count),
        frequency_mhz=column("frequency_mhz"),
        input_tokens=column("input_tokens"),
        output_tokens=column("output_tokens"),
        rate_rps=column("request_rate_rps"),
        ttft_p99_ms=column("ttft_s") * 1000.0,
        tbt_p99_ms=column("tpot_s") * 1000.0,
        power_w=column("avg_power_w"),
        provenance=np.repeat("measured", count),
        source=np.repeat("github.com/Slowist-Lee/log_vllm @ 91b6998", count),
        concurrency=column("concurrency"),
    )
