"""A day of a large service through the whole cluster replay: `python -m benchmarks replay`.

As a program it is the measurement, in a process of its own: `python -m benchmarks.replay`. The day is 3.9 million requests in the lengths
of Azure's conversation hour of 2023 as this project counts them (medians and spread of each bucket), on an invented cluster of nine pools
whose numbers of instances follow the load every half-hour.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.processes import reason, run
from benchmarks.tables import Bench, Row, Table, seconds
from dynamo_plan.replay import Arrivals, Predictor, QueueManager, RaiseClock, Ran, Schedule, run_schedule
from dynamo_plan.replay.accounts import JOULES_PER_KWH
from dynamo_plan.replay.latencies import bucket_replays
from dynamo_plan.replay.run import Promise
from dynamo_plan.schema.bucket import bucket_grid
from dynamo_plan.schema.engine_model import EngineModel
from dynamo_plan.schema.engine_table import EngineEntry, Evidence
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Group, PoolPlan
from dynamo_plan.schema.profile import Provenance
from dynamo_plan.units import PICOSECONDS_PER_SECOND

REQUESTS, DAY_S, SEED = 3_900_000, 86_400.0, 20240512
EPOCHS = 48
MOST_S, MOST_MIB = 30.0, 1024.0
"""Promised of the whole: requests to lanes, engine, quantiles of every bucket-window."""

GRID = bucket_grid((256, 1024, 8192), (100, 350, None))
SHARES = np.array([3.58, 9.80, 0.05, 19.00, 10.41, 7.74, 15.09, 8.77, 25.56])
"""Mix of the nine buckets in the 2023 hour [%], counted with `forecast build`."""

PER_INSTANCE_RPS = np.array([8.0, 5.0, 1.5, 7.0, 4.5, 2.0, 2.2, 2.0, 1.8])
"""Invented: at which instances of each pool are neither idle nor late."""

KIND = Kind("h100", 8, 1, "bf16")
CLOCKS_MHZ = np.array([1000.0, 1400.0, 1980.0])


@dataclass(frozen=True, slots=True)
class Found:
    """Measured: times of the parts [s], instances at peak, subclusters, spans, and two sums that tell one run from another."""

    run_s: float
    quantiles_s: float
    instances: int
    subclusters: int
    spans: int
    served: int
    energy_kwh: float
    end_sum: int


def engine() -> EngineEntry:
    """An invented machine of about the speed of Llama-2-70B on eight H100."""
    slow = (0.4 + 0.6 * CLOCKS_MHZ[-1] / CLOCKS_MHZ)[:, None]
    low = (0.35 + 0.65 * (CLOCKS_MHZ / CLOCKS_MHZ[-1]) ** 3)[:, None]
    batch, tokens = np.array([0.0, 1.0, 64.0, 256.0]), np.array([1.0, 512.0, 2048.0, 8192.0])
    costs = EngineModel(
        name="invented",
        frequency_mhz=CLOCKS_MHZ,
        batch=batch,
        iteration_s=slow * np.array([0.018, 0.018, 0.026, 0.045]),
        context_s=slow * np.full(4, 2.5e-8),
        prefill_tokens=tokens,
        prefill_s=slow * np.array([0.001, 0.025, 0.095, 0.400]),
        overhead_s=np.zeros(3),
        attention_s=np.full(3, 1e-10),
        idle_power_w=low[:, 0] * 800.0,
        decode_power_w=low * np.array([1500.0, 2000.0, 3200.0, 4000.0]),
        prefill_power_w=low * np.array([2000.0, 4000.0, 5200.0, 5400.0]),
        host_power_w=0.0,
        kv_tokens=400_000,
    )
    evidence = ((Evidence(Provenance.MODELLED, "invented for a benchmark"),) * 9,) * 3
    return EngineEntry("m", KIND, costs, 2048, 256, False, evidence)


def day() -> tuple[Schedule, Arrivals]:
    """The schedule, and the requests: a rate that follows the day, lengths log-uniform within their bucket."""
    dice = np.random.default_rng(SEED)
    at = np.arange(EPOCHS + 1) * DAY_S / EPOCHS
    rate = 1.0 + 0.4 * np.sin(2.0 * np.pi * (at[:-1] / DAY_S - 0.35))
    level = np.concatenate([[0.0], np.cumsum(rate / rate.sum())])
    arrival_s = np.interp(np.sort(dice.random(REQUESTS)), level, at)
    bucket = dice.choice(len(GRID), REQUESTS, p=SHARES / SHARES.sum())
    edges = np.array(
        [
            (
                max(one.input_min_tokens, 32),
                one.input_max_tokens or 0,
                max(one.output_min_tokens, 8),
                one.output_max_tokens or 700,
            )
            for one in GRID
        ]
    )
    lengths = [_between(edges[bucket, 2 * side], edges[bucket, 2 * side + 1], dice) for side in range(2)]
    requests = Arrivals(np.rint(arrival_s * PICOSECONDS_PER_SECOND).astype(np.int64), *lengths)
    pools = tuple(PoolPlan(f"chat/{one.name}", "chat", "site", (one.name,)) for one in GRID)
    groups = tuple(tuple(_groups(float(part * REQUESTS / DAY_S))) for part in rate / rate.mean())
    return Schedule(pools, tuple(at.tolist()), groups), requests


def _between(low: NDArray[np.int64], high: NDArray[np.int64], dice: np.random.Generator) -> NDArray[np.int32]:
    return np.exp(dice.uniform(np.log(low), np.log(high - 1))).astype(np.int32)


def _groups(rate_rps: float) -> list[Group]:
    found = []
    for number, one in enumerate(GRID):
        own = rate_rps * SHARES[number] / SHARES.sum()
        instances = int(np.ceil(own / PER_INSTANCE_RPS[number]))
        found.append(Group(0, f"chat/{one.name}", KIND, instances, 1400.0, own / instances, 0.8, 0.0))
    return found


def measure(*, control: bool = False) -> Found:
    """Replay the day."""
    schedule, requests = day()
    limits = {"S": 250.0, "M": 400.0, "L": 2000.0}
    promises = {("chat", one.name): Promise(limits[one.input_class], 100.0) for one in GRID}
    begin = time.perf_counter()
    ran: Ran = run_schedule(
        schedule,
        {"chat": requests},
        {"chat": GRID},
        {("chat", KIND): engine()},
        promises,
        predictor=Predictor(0.81, SEED),
        control=RaiseClock() if control else None,
        queues=QueueManager() if control else None,
    )
    middle = time.perf_counter()
    spans = sum(len(one.spans) for one in bucket_replays(ran, promises))
    return Found(
        run_s=middle - begin,
        quantiles_s=time.perf_counter() - middle,
        instances=max(sum(group.instances for group in groups) for groups in schedule.groups),
        subclusters=ran.subclusters,
        spans=spans,
        served=int(ran.outcome.is_served.sum()),
        energy_kwh=float(ran.outcome.energy_j.sum()) / JOULES_PER_KWH,
        end_sum=int(ran.outcome.end_ps.sum() % (1 << 53)),
    )


def replay(bench: Bench) -> Table:
    """The day, as planned and with clocks and queues controlled; twice, for it must come out the same."""
    table = Table(
        "Replay: a day of 3.9 million requests",
        f"Promised: at most {MOST_S:g} s and {MOST_MIB:g} MiB, start of the program, compiled code from its cache and the drawing of the "
        "requests included; the same twice.",
    )
    for control in (False, True):
        bench.say(f"replay: a day, {'controlled' if control else 'as planned'}, twice")
        ended = [run("benchmarks.replay", "control" if control else "plan") for _ in range(2)]
        if any(one.exit_code for one in ended):
            table.rows.append(Row({"clocks and queues": reason(ended[0])}, kept=False, data={}))
            continue
        first, again = (json.loads(one.stdout) for one in ended)
        same = all(first[name] == again[name] for name in ("served", "energy_kwh", "end_sum"))
        last = ended[-1]
        cells = {
            "clocks and queues": "controlled" if control else "as planned",
            "instances": str(first["instances"]),
            "subclusters": str(first["subclusters"]),
            "bucket-windows": str(first["spans"]),
            "requests/s": f"{REQUESTS / again['run_s']:,.0f}",
            "run": seconds(again["run_s"]),
            "quantiles": seconds(again["quantiles_s"]),
            "in all": seconds(last.seconds),
            "MiB": f"{last.peak_mib:,.0f}",
            "the same twice": "yes" if same else "NO",
        }
        kept = same and last.seconds <= MOST_S and last.peak_mib <= MOST_MIB
        table.rows.append(Row(cells, kept, {**again, "seconds": last.seconds, "peak_mib": last.peak_mib}))
    return table


if __name__ == "__main__":
    found = measure(control=sys.argv[1:] == ["control"])
    print(json.dumps({name: getattr(found, name) for name in Found.__slots__}))
