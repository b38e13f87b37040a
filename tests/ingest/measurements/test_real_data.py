"""Public data sets, each file read unaided by the reader for its kind; counts and sums as their sources state them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dynamo_plan.ingest.measurements import read_measurements
from dynamo_plan.schema.measurement import Measurement

type RawData = Callable[[str], Path]


def test_mlenergy_v2(raw_data: RawData) -> None:
    found = read_measurements([raw_data("mlenergy-v2")])
    assert not found.rejected
    assert {row.format for row in found.rows} == {"mlenergy-v2"}
    text = [row for row in found.rows if "/llm_text_generation/" in row.where]
    assert (len(text), len(found.rows)) == (314, 356)
    tps = Counter((str(row.gpu).split()[1].split("-")[0], row.tp) for row in text)
    assert tps == {
        ("A100", 1): 78,
        ("A100", 2): 23,
        ("A100", 4): 22,
        ("A100", 8): 34,
        ("H100", 1): 96,
        ("H100", 2): 12,
        ("H100", 4): 23,
        ("H100", 8): 26,
    }
    (gemma,) = [
        row
        for row in text
        if row.where.endswith("A100-SXM4-40GB/google/gemma-2-27b-it/bs128+tp4+pp1.json") and "/chat/" in row.where
    ]
    assert gemma.power_w == pytest.approx(230.644433524673 * 1051.3354539260472 / 392.47133333333335)
    per_gpu_w = [row.power_w / row.tp for row in text if row.power_w and row.tp]
    assert 60 < min(per_gpu_w) < max(per_gpu_w) < 700, "between idle and TDP of an H100"


def test_splitwise(raw_data: RawData) -> None:
    found = read_measurements([raw_data("splitwise-perf") / "perf_model.csv"])
    assert not found.rejected
    assert len(found.rows) + len(found.omitted) == 1260
    reasons = Counter(entry.reason.split(":")[0] for entry in found.omitted)
    assert reasons == {
        "not measured": 420,
        "outputs of 1024 tokens and more": 160,
        "TP 2 at batch 64": 10,
        "e2e_time is below 75% of what prompt and tokens take": 12,
    }
    powered = [row for row in found.rows if row.power_w is not None]
    assert {row.gpu for row in powered} == {"a100-80gb"}
    assert {row.output_tokens for row in powered} == {128.0}
    kind = ("llama2-70b", "h100-80gb", 8, 8192.0)
    long = [row.ttft.mean_ms for row in found.rows if (row.model, row.gpu, row.tp, row.input_tokens) == kind]
    assert np.median(np.array(long, dtype=float)) == pytest.approx(845, rel=0.01), "ms, from the source's medians"


def test_silicon(raw_data: RawData) -> None:
    found = read_measurements([raw_data("silicon-latency") / "silicon_sample.csv"])
    assert not found.rejected
    assert len(found.rows) + len(found.omitted) == 5221
    llama = Counter(row.gpu for row in found.rows if row.model == "meta-llama/Llama-3.1-70B")
    assert llama == {"h100_sxm": 45, "h200_sxm": 132, "b200_sxm": 264}
    assert all(row.ttft.mean_ms and row.tbt.mean_ms and row.tp and row.pp for row in found.rows)
    assert all(row.throughput_rps for row in found.rows if row.concurrency)


def test_dvfs(raw_data: RawData) -> None:
    found = read_measurements([raw_data("dvfs-v100-mistral7b")])
    assert (len(found.rows), len(found.rejected)) == (4 * 12 * 3 * 2, 0)
    assert {row.frequency_mhz for row in found.rows} == set(range(750, 1301, 50))
    for row in found.rows:
        assert (row.power_w or 0.0) * (row.duration_s or 0.0) == pytest.approx(row.energy_j, rel=0.014)
    per_token_j = {clock: _energy_per_token_j(found.rows, clock) for clock in (850, 900, 1300)}
    assert 0.23 <= 1 - min(per_token_j[850], per_token_j[900]) / per_token_j[1300] <= 0.28, "as the source's checks say"


def _energy_per_token_j(rows: tuple[Measurement, ...], clock: float) -> float:
    """Mean over the rows at 16 in flight."""
    here = [row for row in rows if (row.frequency_mhz, row.concurrency) == (clock, 16.0)]
    return sum(row.energy_j or 0.0 for row in here) / sum(
        (row.completed or 0) * (row.output_tokens or 0.0) for row in here
    )


@pytest.mark.parametrize("name", ["mlenergy-v2", "splitwise-perf", "silicon-latency", "dvfs-v100-mistral7b"])
def test_nothing_that_looks_like_a_table_is_passed_over(raw_data: RawData, name: str) -> None:
    passed = [
        Path(entry.where) for entry in read_measurements([raw_data(name)]).omitted if "known format" in entry.reason
    ]
    tables = {path.name for path in passed if path.suffix in (".json", ".csv")}
    assert tables <= {"derived_medians.csv"}, "our own medians of the Splitwise table, which lack the single runs"
