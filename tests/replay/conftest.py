"""A scenario of the invented machine, profiled by its own engine, and its solved run folder; made once."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from dynamo_plan.cli import run
from dynamo_plan.emit.engine_table import write_engine_table
from dynamo_plan.schema.engine_table import EngineTable
from dynamo_plan.schema.kind import Kind
from tests.replay.cases import LARGE, SMALL, entry, profile_rows

INPUT_TOKENS, OUTPUT_TOKENS = 200, 20
WINDOW_S, WINDOWS = 600, 4
RATES_RPS = (60.0, 60.0, 20.0, 60.0)
"""Load of each window [1/s]."""

SCENARIO = """
version: 1
name: invented
window_minutes: 10
services:
  - name: chat
    model: m
    profile: profile.csv
    forecast: load.csv
    buckets: {input: [null], output: [null]}
    slo: {ttft_p99_ms: {A: 250}, tbt_p99_ms: 40}
    reserve_quantile: null
sites:
  - name: site
    gpus: {h100: {count: 64, per_server: 8, server_idle_w: 500, unused_gpu_w: 20, price_usd_per_gpu_h: 2.0}}
    grid: grid.csv
    pue: 1.2
transitions: {instance_start_s: 30, instance_start_wh: 10}
"""


@dataclass(frozen=True)
class Made:
    """A scenario's folder, its run folder and a trace of the load that it plans for."""

    folder: Path
    run: Path
    trace: Path


def poisson(rates_rps: tuple[float, ...], seed: int, *, burst: int = 1) -> np.ndarray:
    """Arrivals in windows of these rates [s]; each brings a burst of so many, seldom enough to keep the rate."""
    random = np.random.default_rng(seed)
    found = [
        window * WINDOW_S + np.sort(random.random(random.poisson(rate * WINDOW_S / burst))) * WINDOW_S
        for window, rate in enumerate(rates_rps)
    ]
    return np.repeat(np.concatenate(found), burst)


def write_csv(path: Path, rows: list[tuple[object, ...]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    return path


def write_trace(path: Path, arrival_s: np.ndarray, *, inputs: int = INPUT_TOKENS, outputs: int = OUTPUT_TOKENS) -> Path:
    """A trace in Azure's schema that begins with the first window."""
    stamps = np.datetime64("2024-05-14T00:00:00", "ns") + np.rint(arrival_s * 1e9).astype("timedelta64[ns]")
    rows = [(f"{stamp}+00:00", inputs, outputs) for stamp in np.datetime_as_string(stamps, unit="us")]
    return write_csv(path, [("TIMESTAMP", "ContextTokens", "GeneratedTokens"), *rows])


def loads_rps(kind: Kind, clock_mhz: float, input_tokens: int) -> list[float]:
    """Seven loads to profile at."""
    fastest = 40.0 * kind.tp / 2 * clock_mhz / 2000
    return [fastest * share for share in (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 1.0)]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Read only."""
    folder = tmp_path_factory.mktemp("invented")
    (folder / "scenario.yaml").write_text(SCENARIO, encoding="utf-8")
    write_csv(folder / "profile.csv", profile_rows([(INPUT_TOKENS, OUTPUT_TOKENS)], loads_rps, 4000))
    write_engine_table(EngineTable("", tuple(entry(kind) for kind in (SMALL, LARGE))), folder / "profile.engine.csv")
    starts = [f"2024-05-14T00:{10 * window:02d}:00Z" for window in range(WINDOWS)]
    loads = [(start, "chat", "AA", rate) for start, rate in zip(starts, RATES_RPS, strict=True)]
    write_csv(folder / "load.csv", [("window_start", "service", "bucket", "rate_rps"), *loads])
    signals = [(start, 40.0, 300.0) for start in starts]
    write_csv(folder / "grid.csv", [("window_start", "price_usd_per_mwh", "carbon_g_per_kwh"), *signals])
    assert run(["solve", str(folder / "scenario.yaml"), "-d", str(folder / "run"), "--quiet"]) == 0
    return Made(folder, folder / "run", write_trace(folder / "trace.csv", poisson(RATES_RPS, 7)))
