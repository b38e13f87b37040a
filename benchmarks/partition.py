"""How good `pools: auto` is: its pools against the best of all partitions, every set of buckets planned exactly.

    python -m benchmarks.partition [CASE ... | all]

One service of nine buckets over one day, invented like `benchmarks.synthetic`, whose mixing derates grow with the
diversity of the input classes and shrink with the size of an instance. Exit code 1 where a promise is not kept.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.synthetic import CLOCKS_MHZ, RESERVE, SHARES, TENSOR_PARALLEL, fleet
from dynamo_plan.assemble import assemble, service_assemblies
from dynamo_plan.profile.curve import PIECES
from dynamo_plan.schema.bucket import bucket_grid
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.load import Forecast, GridSignals, Windows
from dynamo_plan.schema.plan import InputFile
from dynamo_plan.schema.profile import MixingRow, MixingTable, ProfileTable, Provenance
from dynamo_plan.schema.scenario import Scenario
from dynamo_plan.solve.coupling import linear_prices
from dynamo_plan.solve.partition import PartitionSearch

EXCESS = 0.002
"""Promised: cost above the best of all partitions, relative."""

MOST_SETS = 60
"""Promised: sets of buckets planned exactly."""

INPUT_EDGES, OUTPUT_EDGES = (256, 1024, 8192), (100, 350, None)
INPUT_TOKENS, OUTPUT_TOKENS = (128.0, 600.0, 3000.0), (50.0, 200.0, 500.0)
QUANTILE = 0.95
CLASS_SETS = ("SM", "ML", "SL", "SML")
DERATES = {
    "free": (0.0, 0.0, 0.0, 0.0),
    "low": (0.02, 0.04, 0.08, 0.1),
    "mild": (0.05, 0.12, 0.22, 0.28),
    "steep": (0.1, 0.6, 0.8, 0.8),
}
"""Capacity lost by serving these sets of input classes (`CLASS_SETS`) together, at TP 2 [1]."""

DERATE_PER_DOUBLING = 0.15
"""Part of a derate that doubling the instance saves [1]."""


@dataclass(frozen=True, slots=True)
class Case:
    """A day of one service. Units: window_s [s], peak_rps [1/s], start_wh [Wh]."""

    peak_rps: float
    derates: str = "mild"
    hardware: str = "distinct"
    window_s: int = 3600
    start_wh: float = 150.0
    concavity: float = 0.9
    seed: int = 0


CASES = {
    "quiet": Case(peak_rps=10.0),
    "small": Case(peak_rps=30.0),
    "large": Case(peak_rps=100.0),
    "free": Case(peak_rps=30.0, derates="free", seed=1),
    "low": Case(peak_rps=60.0, derates="low", hardware="near-equal", seed=2),
    "steep": Case(peak_rps=30.0, derates="steep", seed=3),
    "near-equal": Case(peak_rps=60.0, hardware="near-equal", seed=4),
    "concave": Case(peak_rps=60.0, concavity=0.6, seed=5),
    "dear-starts": Case(peak_rps=30.0, start_wh=1500.0, seed=6),
    "quarter-hours": Case(peak_rps=30.0, window_s=900, seed=7),
}


DEFAULT = ("quiet", "small", "steep")


def shared_service(case: Case, hours: float = 24.0) -> Inputs:
    """Inputs of one service whose pools are to be found."""
    rng = np.random.default_rng(case.seed)
    count = round(hours * 3600 / case.window_s)
    start = np.datetime64("2026-01-05T00:00:00", "s")
    axis = Windows(start + np.arange(count) * np.timedelta64(case.window_s, "s"), case.window_s)
    names = tuple(bucket.name for bucket in bucket_grid(INPUT_EDGES, OUTPUT_EDGES))
    rate = np.stack([case.peak_rps * share * _load(rng, axis) for share in SHARES], axis=1)
    zeros = np.zeros(count)
    return Inputs(
        scenario=_scenario(case),
        windows=axis,
        profiles={"service": _profile(case)},
        mixing={"service": _mixing(case.derates)},
        forecasts={"service": Forecast("load.csv", axis, names, rate, {QUANTILE: rate * RESERVE})},
        grid={"site": GridSignals("grid.csv", zeros, zeros)},
        files=(InputFile("scenario", "scenario.yaml", 1, "0" * 64),),
    )


def _scenario(case: Case) -> Scenario:
    service = {
        "name": "service",
        "model": "model",
        "profile": "profile.csv",
        "mixing": "mixing.csv",
        "forecast": "load.csv",
        "buckets": {"input": list(INPUT_EDGES), "output": list(OUTPUT_EDGES)},
        "slo": {"ttft_p99_ms": dict.fromkeys("SML", 200.0), "tbt_p99_ms": 100.0},
        "reserve_quantile": QUANTILE,
        "pools": "auto",
    }
    record = {
        "version": 1,
        "name": "partition",
        "window_minutes": case.window_s / 60.0,
        "services": [service],
        "sites": [{"name": "site", "gpus": {"h100": {}}, "grid": "grid.csv"}],
        "transitions": {"instance_start_wh": case.start_wh},
    }
    return Scenario.model_validate(record, strict=False)  # Python's plain values; strict validation wants enums


def _load(rng: np.random.Generator, axis: Windows) -> NDArray[np.float64]:
    """Load over peak load (window,): a daily wave, each bucket's with a phase of its own, and noise."""
    clock_h = np.arange(len(axis)) * axis.hours
    day = 0.62 + 0.38 * np.sin(2 * math.pi * (clock_h - 9.0 - rng.uniform(-3.0, 3.0)) / 24.0)
    return np.asarray(day * rng.normal(1.0, 0.04, len(axis)).clip(0.8, 1.2))


def _profile(case: Case) -> ProfileTable:
    """The rows behind the curves of the synthetic fleet."""
    rows = []
    pools = fleet(windows=1, window_s=3600, peak_rps=1.0, hardware=case.hardware, concavity=case.concavity).pools
    for bucket, pool in enumerate(pools):
        lengths = INPUT_TOKENS[bucket // 3], OUTPUT_TOKENS[bucket % 3]
        for kind in pool.mixes[0]:
            for curve in kind.curves:
                points = zip(curve.rate_rps[::PIECES], curve.power_w[::PIECES], strict=True)
                rows += [(kind.kind.tp, curve.frequency_mhz, *lengths, *point) for point in points]
    tp, clock, inputs, outputs, rate, power = np.array(rows).T
    text = {name: np.full(rate.size, name) for name in ("model", "h100", "bf16", "modelled", "invented")}
    latency = np.where(rate > 0, 20.0, np.nan)
    return ProfileTable(
        path="profile.csv",
        line=np.arange(2, rate.size + 2),
        model=text["model"],
        gpu=text["h100"],
        tp=tp.astype(np.int64),
        pp=np.ones(rate.size, dtype=np.int64),
        dtype=text["bf16"],
        frequency_mhz=clock,
        input_tokens=inputs,
        output_tokens=outputs,
        rate_rps=rate,
        ttft_p99_ms=latency,
        tbt_p99_ms=latency,
        power_w=power,
        provenance=text["modelled"],
        source=text["invented"],
    )


def _mixing(derates: str) -> MixingTable:
    return MixingTable(
        "mixing.csv",
        tuple(
            MixingRow(
                model="model",
                kind=Kind("h100", tp, 1, "bf16"),
                frequency_mhz=clock,
                input_classes=frozenset(classes),
                derate=derate * (1.0 - DERATE_PER_DOUBLING * math.log2(tp / 2.0)),
                provenance=Provenance.MODELLED,
                source="invented",
            )
            for tp in TENSOR_PARALLEL
            for clock in CLOCKS_MHZ.tolist()
            for classes, derate in zip(CLASS_SETS, DERATES[derates], strict=True)
        ),
    )


def search_of(inputs: Inputs, threads: int) -> PartitionSearch:
    """A search without a time limit at the prices of an uncoupled site."""
    (assembly,) = service_assemblies(inputs)
    problem = assemble(inputs, [assembly])
    return PartitionSearch(inputs, problem, assembly, linear_prices(problem), (), threads, math.inf)


def main() -> int:
    """Run the cases and print the table."""
    parser = argparse.ArgumentParser(description="How good pools: auto is.")
    parser.add_argument("case", nargs="*", help=f"of {', '.join(CASES)}, or all; by default {' '.join(DEFAULT)}")
    asked = parser.parse_args().case or list(DEFAULT)
    chosen = list(CASES) if asked == ["all"] else asked
    if unknown := sorted(set(chosen) - set(CASES)):
        parser.error(f"no case {', '.join(unknown)}")
    threads = os.cpu_count() or 1
    table = Table(
        "case", "best of all", "pools", "found", "excess", "sets", "margin", "per bucket", "one pool", "s", "all, s"
    )
    kept = True
    for name in chosen:
        inputs = shared_service(CASES[name])
        begin = time.perf_counter()
        search = search_of(inputs, threads)
        search.run()
        middle = time.perf_counter()
        oracle = search_of(inputs, threads)
        oracle.price(oracle.names(mask) for mask in range(1, oracle.everything + 1))
        end = time.perf_counter()
        best = oracle.cost(oracle.cheapest())
        found, per_bucket, single = (search.cost(one) for one in (search.best, search.per_bucket(), search.single()))
        excess = found / best - 1.0
        kept = kept and excess <= EXCESS and len(search.costs) <= MOST_SETS and found <= min(per_bucket, single)
        against = [f"{one / best - 1.0:+.2%}" for one in (per_bucket, single)]
        margin = "cut short" if search.margin is None else f"{search.margin:.2%}"
        seconds = [f"{middle - begin:.1f}", f"{end - middle:.1f}"]
        row = [f"{best:.3f}", str(len(search.best)), f"{found:.3f}", f"{excess:.4%}", str(len(search.costs)), margin]
        table.add_row(name, *row, *against, *seconds)
    Console(width=140).print(table)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
