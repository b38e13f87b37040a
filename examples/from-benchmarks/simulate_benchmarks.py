"""Play the cluster: write what `vllm bench serve` and `nvidia-smi` would have written beside a real one.

Run ``python simulate_benchmarks.py FOLDER``. Per tensor parallelism one folder, as if a server with so many GPUs had been benchmarked
there at every clock, pair of lengths and rate: ``bench-CLOCKmhz.json`` with one run a line, and ``power.csv`` with power and clocks of
the GPUs meanwhile. Nothing in them was measured: requests are served by the engine of `dynamo_plan.engine` at the costs of the
shipped engine table. The same version of dynamo-plan writes the same files.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.engine import Cluster, Outcome, PoolPlan, Serving, Setting
from dynamo_plan.ingest.engine_table import parse_engine_table
from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.source import read_source
from dynamo_plan.schema.engine_table import EngineEntry
from dynamo_plan.schema.requests import Requests
from dynamo_plan.shipped import shipped_folder
from dynamo_plan.units import MS_PER_SECOND

ENGINES = "llama-2-70b-h100.engine.csv"
MODEL = "llama-2-70b"
FREQUENCIES_MHZ = (1000, 1400, 1800)
RATES_RPS = {
    # tensor parallelism: {(input, output) tokens: from light load to more than the SLO allows}
    2: {
        (372, 101): (0.5, 2, 4, 6),
        (782, 373): (0.2, 0.6, 1, 1.4),
        (2716, 87): (0.1, 0.4, 0.7, 1),
        (1137, 419): (0.1, 0.3, 0.6, 0.9),
    },
    4: {
        (372, 101): (1, 4, 7, 10),
        (782, 373): (0.5, 1.5, 3, 4.5),
        (2716, 87): (0.2, 0.7, 1.3, 2),
        (1137, 419): (0.5, 1.2, 2.2, 3.2),
    },
}
"""Offered rates [1/s]. The lengths are the means of the four buckets in the tutorial's log of requests."""

FIRST_RUN = datetime(2024, 5, 6, 9, 0, tzinfo=UTC)
RUN_S = 600.0
"""Time in which the requests of a run arrive [s]."""

SLOT_S = 1200.0
"""From the begin of a run to that of the next: requests that still run at the end of the first are served, then all is quiet [s]."""

SAMPLE_S = 5.0
"""Between two lines of `nvidia-smi -l` [s]."""

SEED = 7


@dataclass(frozen=True, slots=True)
class Run:
    """One call of `vllm bench serve`: fixed lengths, Poisson arrivals."""

    tp: int
    frequency_mhz: int
    input_tokens: int
    output_tokens: int
    rate_rps: float
    start: datetime


def runs_of(tp: int) -> Iterator[Run]:
    """All runs on servers of this tensor parallelism, one after the other."""
    start = FIRST_RUN
    for frequency_mhz in FREQUENCIES_MHZ:
        for (input_tokens, output_tokens), rates_rps in RATES_RPS[tp].items():
            for rate_rps in rates_rps:
                yield Run(tp, frequency_mhz, input_tokens, output_tokens, rate_rps, start)
                start += timedelta(seconds=SLOT_S)


def served(engine: EngineEntry, run: Run) -> Outcome:
    """The run on the simulated server; energy in bins of `SAMPLE_S`."""
    count = round(run.rate_rps * RUN_S)
    gaps_s = np.random.default_rng(SEED).exponential(1.0 / run.rate_rps, count)
    lengths = np.full((2, count), [[run.input_tokens], [run.output_tokens]])
    requests = Requests.at(np.cumsum(gaps_s), lengths[0], lengths[1])
    serving = Serving(engine.chunk_tokens, engine.max_batch, engine.prefill_first)
    setting = Setting(engine.costs, float(run.frequency_mhz), serving)
    cluster = Cluster([setting], [PoolPlan((0,), 1)], requests, bin_s=SAMPLE_S, bins=round(SLOT_S / SAMPLE_S))
    cluster.advance()
    return cluster.finish()


def bench_result(run: Run, outcome: Outcome) -> dict[str, object]:
    """What `vllm bench serve --save-result --append-result` writes of a run, its `--metadata` first."""
    count, duration_s = len(outcome.requests), outcome.end_s
    return {
        "gpu": "h100",
        "tp": str(run.tp),
        "pp": "1",
        "dtype": "bf16",
        "gpu_clock_mhz": str(run.frequency_mhz),
        "start": f"{run.start:%Y-%m-%dT%H:%M:%SZ}",
        "date": f"{run.start + timedelta(seconds=duration_s):%Y%m%d-%H%M%S}",
        "backend": "vllm",
        "model_id": MODEL,
        "num_prompts": count,
        "request_rate": run.rate_rps,
        "burstiness": 1.0,
        "max_concurrency": None,
        "duration": round(duration_s, 3),
        "completed": count,
        "failed": 0,
        "total_input_tokens": count * run.input_tokens,
        "total_output_tokens": count * run.output_tokens,
        "request_throughput": round(count / duration_s, 5),
        **_latency("ttft", outcome.ttft_s),
        **_latency("tpot", outcome.tbt_s),
    }


def _latency(name: str, seconds: NDArray[np.float64]) -> dict[str, float]:
    found_ms = {
        "mean": float(np.mean(seconds)),
        "median": float(np.median(seconds)),
        "p99": float(np.percentile(seconds, 99)),
    }
    return {f"{statistic}_{name}_ms": round(value * MS_PER_SECOND, 3) for statistic, value in found_ms.items()}


def power_lines(run: Run, outcome: Outcome) -> Iterator[str]:
    """Lines of `nvidia-smi --query-gpu=timestamp,index,power.draw,clocks.current.sm --format=csv -l 5`."""
    for sample in range(int(outcome.end_s // SAMPLE_S)):
        time = run.start + timedelta(seconds=(sample + 0.5) * SAMPLE_S)
        power_w = float(outcome.energy_j[0, sample]) / SAMPLE_S / run.tp
        for gpu in range(run.tp):
            yield f"{time:%Y/%m/%d %H:%M:%S}.500, {gpu}, {power_w:.2f} W, {run.frequency_mhz} MHz"


def read_engines() -> list[EngineEntry]:
    """The simulated servers: what is benchmarked of the shipped engine table."""
    faults = Faults()
    source = read_source(shipped_folder() / "profiles" / ENGINES, faults)
    table = None if source is None else parse_engine_table(source, faults)
    faults.raise_if_any()
    return [] if table is None else [engine for engine in table.entries if engine.kind.tp in RATES_RPS]


def write_benchmarks(folder: Path) -> int:
    """Write all files below a folder; returns how many runs they are of."""
    count = 0
    for engine in read_engines():
        tp = engine.kind.tp
        into = folder / f"tp{tp}"
        into.mkdir(parents=True, exist_ok=True)
        power = ["timestamp, index, power.draw [W], clocks.current.sm [MHz]"]
        results: dict[int, list[str]] = {}
        for run in runs_of(tp):
            outcome = served(engine, run)
            results.setdefault(run.frequency_mhz, []).append(json.dumps(bench_result(run, outcome)))
            power += power_lines(run, outcome)
            count += 1
        for frequency_mhz, lines in results.items():
            (into / f"bench-{frequency_mhz}mhz.json").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (into / "power.csv").write_text("\n".join(power) + "\n", encoding="utf-8")
    return count


def main() -> None:
    """Read the command line and write the files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, help="where tp2/ and tp4/ are written")
    folder = parser.parse_args().folder
    print(f"Wrote {folder}: {write_benchmarks(folder)} simulated runs")


if __name__ == "__main__":
    main()
