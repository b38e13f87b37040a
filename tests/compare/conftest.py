"""A scenario of the invented machine with four buckets, profiled by its own engine, and requests for it; made once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from dynamo_plan.compare.case import Case, case_of
from dynamo_plan.emit.engine_table import write_engine_table
from dynamo_plan.ingest import read_engine_table, read_inputs
from dynamo_plan.schema.engine_table import EngineTable
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.trace import Trace
from tests.replay.cases import GRID, LARGE, SMALL, entry, profile_rows
from tests.replay.conftest import write_csv

WINDOW_S = 300
RATES_RPS = np.array([[6.0, 3.0, 2.0, 1.0], [12.0, 6.0, 4.0, 2.0], [12.0, 6.0, 4.0, 2.0], [3.0, 1.5, 1.0, 0.5]])
"""Load of each window and bucket [1/s]."""

LENGTHS = {"SS": (50, 5), "SL": (50, 20), "LS": (200, 5), "LL": (200, 20)}

SCENARIO = """
version: 1
name: invented
window_minutes: 5
services:
  - name: chat
    model: m
    profile: profile.csv
    mixing: mixing.csv
    forecast: load.csv
    buckets: {input: [100, null], output: [10, null]}
    slo: {ttft_p99_ms: {S: 150, L: 300}, tbt_p99_ms: 60}
    reserve_quantile: 0.95
sites:
  - name: site
    gpus: {h100: {count: 64, per_server: 4, server_idle_w: 500, unused_gpu_w: 20, price_usd_per_gpu_h: 2.0}}
    grid: grid.csv
    pue: 1.2
transitions: {instance_start_s: 30, instance_start_wh: 2, reshard_s: 5, reshard_wh: 0.2}
"""


@dataclass(frozen=True)
class Made:
    """What `compare_systems` takes."""

    folder: Path
    inputs: Inputs
    tables: dict[str, EngineTable]
    traces: dict[str, Trace]


def requests(seed: int = 5) -> Trace:
    """Poisson arrivals of every bucket at its rates, lengths as profiled."""
    dice = np.random.default_rng(seed)
    at, inputs, outputs = [], [], []
    for window, rates in enumerate(RATES_RPS):
        for rate, (given, made) in zip(rates, LENGTHS.values(), strict=True):
            count = dice.poisson(rate * WINDOW_S)
            at.append((window + dice.random(count)) * WINDOW_S)
            inputs.append(np.full(count, given))
            outputs.append(np.full(count, made))
    order = np.argsort(np.concatenate(at))
    begin = np.datetime64("2024-05-14T00:00:00", "ns").astype(np.int64)
    arrival_ns = begin + np.rint(np.concatenate(at)[order] * 1e9).astype(np.int64)
    lengths = (np.concatenate(own)[order].astype(np.int32) for own in (inputs, outputs))
    return Trace("trace", arrival_ns, *lengths)


def loads_rps(kind: Kind, clock_mhz: float, input_tokens: int) -> list[float]:
    """Five loads to profile at."""
    fastest = kind.tp / 2 * clock_mhz / 2000 * 40.0 * 100 / input_tokens
    return [fastest * share for share in (0.1, 0.3, 0.5, 0.7, 0.9)]


def mixing_rows() -> list[tuple[object, ...]]:
    """A fifth of the capacity lost where both input classes share an instance."""
    head = ("model", "gpu", "tp", "pp", "dtype", "frequency_mhz", "input_classes", "derate", "provenance", "source")
    rows = [
        ("m", kind.gpu, kind.tp, kind.pp, kind.dtype, clock, "S+L", 0.2, "modelled", "invented")
        for kind in (SMALL, LARGE)
        for clock in (1000.0, 2000.0)
    ]
    return [head, *rows]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Read only."""
    folder = tmp_path_factory.mktemp("compared")
    (folder / "scenario.yaml").write_text(SCENARIO, encoding="utf-8")
    write_csv(folder / "profile.csv", profile_rows(list(LENGTHS.values()), loads_rps, 2000))
    write_csv(folder / "mixing.csv", mixing_rows())
    write_engine_table(EngineTable("", tuple(entry(kind) for kind in (SMALL, LARGE))), folder / "profile.engine.csv")
    starts = [f"2024-05-14T00:{5 * window:02d}:00Z" for window in range(len(RATES_RPS))]
    loads = [
        (start, "chat", bucket.name, rate, 1.2 * rate)
        for start, rates in zip(starts, RATES_RPS, strict=True)
        for bucket, rate in zip(GRID, rates, strict=True)
    ]
    write_csv(folder / "load.csv", [("window_start", "service", "bucket", "rate_rps", "rate_p95_rps"), *loads])
    signals = [(start, 40.0, 300.0) for start in starts]
    write_csv(folder / "grid.csv", [("window_start", "price_usd_per_mwh", "carbon_g_per_kwh"), *signals])
    inputs = read_inputs(folder / "scenario.yaml")
    tables = {"chat": read_engine_table(folder / "profile.engine.csv")}
    return Made(folder, inputs, tables, {"chat": requests()})


@pytest.fixture(scope="session")
def case(made: Made) -> Case:
    """Read only."""
    return case_of(made.inputs, made.tables, made.traces)
