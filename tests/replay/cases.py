"""A small invented machine, plans made by hand for it, and requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from dynamo_plan.engine import simulate
from dynamo_plan.replay.schedule import Schedule
from dynamo_plan.replay.traffic import Arrivals
from dynamo_plan.schema.bucket import Bucket, bucket_grid
from dynamo_plan.schema.engine_model import EngineModel
from dynamo_plan.schema.engine_table import EngineEntry, Evidence
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Group, PoolPlan
from dynamo_plan.schema.profile import Provenance
from dynamo_plan.schema.requests import Requests

SMALL, LARGE = Kind("h100", 2, 1, "bf16"), Kind("h100", 4, 1, "bf16")
SERVICE = "chat"
GRID = bucket_grid((100, None), (10, None))
"""SS, SL, LS, LL."""


def machine(kind: Kind, *, kv_tokens: int = 4096) -> EngineModel:
    """10 ms an iteration, 1 ms per 10 prompt tokens, 100 W idle, 300 W at work; at 1000 MHz half as fast for 0.6 of the power."""
    speed = kind.tp / 2
    slow, low = np.array([[2.0], [1.0]]) / speed, np.array([[0.6], [1.0]]) * speed
    return EngineModel(
        name=str(kind),
        frequency_mhz=np.array([1000.0, 2000.0]),
        batch=np.array([0.0, 64.0]),
        iteration_s=slow * np.array([0.010, 0.010]),
        context_s=slow * np.zeros(2),
        prefill_tokens=np.array([1.0, 1001.0]),
        prefill_s=slow * np.array([0.0001, 0.1001]),
        overhead_s=np.zeros(2),
        attention_s=np.zeros(2),
        idle_power_w=low[:, 0] * 100.0,
        decode_power_w=low * np.full(2, 300.0),
        prefill_power_w=low * np.full(2, 300.0),
        host_power_w=0.0,
        kv_tokens=kv_tokens,
    )


def entry(kind: Kind, model: str = "m", **changed: int) -> EngineEntry:
    """The machine as an engine table has it."""
    costs = machine(kind, **changed)
    rows = 1 + costs.batch.size + costs.prefill_tokens.size
    evidence = ((Evidence(Provenance.MODELLED, "invented"),) * rows,) * costs.frequency_mhz.size
    return EngineEntry(model, kind, costs, 2048, 64, False, evidence)


ENGINES = {(SERVICE, kind): entry(kind) for kind in (SMALL, LARGE)}


def group(
    pool: str,
    instances: int,
    *,
    kind: Kind = SMALL,
    clock: float = 2000.0,
    rate: float = 1.0,
    service: str = SERVICE,
    **rest: tuple[float, ...],
) -> Group:
    """Instances of a pool of a service."""
    return Group(0, f"{service}/{pool}", kind, instances, clock, rate, 0.5, 0.0, **rest)


def schedule(*epochs: Sequence[Group], pools: Sequence[str] = ("all",), length_s: float = 10.0) -> Schedule:
    """Epochs of equal length; the pool ``all`` takes every bucket, others the bucket of their name."""
    everything = tuple(bucket.name for bucket in GRID)
    made = tuple(
        PoolPlan(f"{SERVICE}/{name}", SERVICE, "site", everything if name == "all" else (name,)) for name in pools
    )
    return Schedule(made, tuple(length_s * n for n in range(len(epochs) + 1)), tuple(tuple(own) for own in epochs))


def arrivals(rows: Sequence[tuple[float, int, int]]) -> dict[str, Arrivals]:
    """Requests as (second, input tokens, output tokens)."""
    at, inputs, outputs = (np.array(column) for column in zip(*rows, strict=True))
    return {SERVICE: Arrivals(np.rint(at * 1e12).astype(np.int64), inputs.astype(np.int32), outputs.astype(np.int32))}


def grid() -> dict[str, tuple[Bucket, ...]]:
    """Buckets by service."""
    return {SERVICE: GRID}


def many(count: int, length_s: float, seed: int = 1) -> dict[str, Arrivals]:
    """Poisson arrivals of every bucket."""
    random = np.random.default_rng(seed)
    at = np.sort(random.random(count)) * length_s
    return arrivals(list(zip(at, random.integers(10, 300, count), random.integers(1, 30, count), strict=True)))


def profile_rows(
    lengths: Sequence[tuple[int, int]], rates_rps: Callable[[Kind, float, int], Sequence[float]], requests: int
) -> list[tuple[object, ...]]:
    """A profile of both kinds and clocks, header first, as an open-loop client would measure the engine.

    `rates_rps` has the loads to measure at, by kind, clock [MHz] and input length.
    """
    kind_columns = ("model", "gpu", "tp", "pp", "dtype", "frequency_mhz", "input_tokens", "output_tokens")
    latencies = ("ttft_p50_ms", "ttft_p99_ms", "tbt_p50_ms", "tbt_p99_ms")
    rows: list[tuple[object, ...]] = [
        (*kind_columns, "request_rate_rps", "throughput_rps", *latencies, "power_w", "provenance", "source")
    ]
    for kind in (SMALL, LARGE):
        model = machine(kind)
        for clock in (1000.0, 2000.0):
            for given, made in lengths:
                fixed = ("m", kind.gpu, kind.tp, kind.pp, kind.dtype, clock, given, made)
                idle_w = float(model.between_clocks(model.idle_power_w, clock))
                rows.append((*fixed, 0, 0, "", "", "", "", idle_w, "modelled", "the engine itself"))
                for rate in rates_rps(kind, clock, given):
                    at = np.cumsum(np.random.default_rng(3).exponential(1 / rate, requests))
                    found = simulate(model, clock, Requests.at(at, given, made))
                    ttft, tbt = (np.quantile(values, (0.5, 0.99)) * 1e3 for values in (found.ttft_s, found.tbt_s))
                    power_w = float(found.energy_j.sum()) / found.end_s
                    rows.append((*fixed, rate, rate, *ttft, *tbt, power_w, "modelled", "the engine itself"))
    return rows
