"""A synthetic fleet of any size: nine buckets, TP 2/4/8, twelve clocks, concave power, start energy, daily load with noise.

Capacities, powers and their dependence on clock and parallelism are invented, in the range of the shipped profile;
they serve to time the solver, not to say anything about a GPU.
"""

from __future__ import annotations

import math

import numpy as np

from dynamo_plan.assemble import instance_limit
from dynamo_plan.problem import KindCurves, PoolProblem, Problem, SiteProblem
from dynamo_plan.profile.curve import OperatingCurve, tabulate
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.load import GridSignals, Windows
from dynamo_plan.schema.profile import Provenance
from dynamo_plan.schema.scenario import GpuSpec, ObjectiveName, TransitionSpec

CLOCKS_MHZ = np.linspace(800.0, 1980.0, 12)
LOAD_LEVELS = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
TENSOR_PARALLEL = (2, 4, 8)
SHARES = np.array([0.10, 0.12, 0.03, 0.08, 0.12, 0.10, 0.15, 0.12, 0.18])
IDLE_W_PER_GPU = 110.0
DYNAMIC_W_PER_GPU = 420.0
WORK_PER_REQUEST = np.array([1.0, 1.5, 3.0, 1.4, 2.0, 3.6, 2.6, 3.4, 5.2])


def fleet(
    *,
    windows: int,
    window_s: int,
    peak_rps: float,
    concavity: float = 0.9,
    seed: int = 0,
    services: int = 1,
    gpu_hour_weight: float = 0.0,
    server_idle_w: float = 0.0,
) -> Problem:
    """A problem of `services` x nine pools on one site.

    Parameters
    ----------
    windows, window_s : int
        Horizon; length of a window [s].
    peak_rps : float
        Peak arrival rate of one service [1/s].
    concavity : float
        Exponent of dynamic power in load; 1 is linear.
    gpu_hour_weight : float
        Price of a GPU-hour in the objective, in kWh.
    """
    rng = np.random.default_rng(seed)
    hours = window_s / 3600.0
    axis = Windows(
        np.datetime64("2026-01-05T00:00:00", "s") + np.arange(windows) * np.timedelta64(window_s, "s"), window_s
    )
    pools = []
    for service in range(services):
        scale = 1.0 if services == 1 else float(rng.uniform(0.4, 1.6))
        phase = 0.0 if services == 1 else float(rng.uniform(0.0, 24.0))
        for bucket, share in enumerate(SHARES):
            pools.append(
                _pool(rng, f"service-{service}", bucket, peak_rps * share * scale, phase, windows, hours, concavity)
            )
    gpu = GpuSpec(per_server=8, server_idle_w=server_idle_w, price_usd_per_gpu_h=gpu_hour_weight)
    unlimited = np.full(windows, np.inf)
    zeros = np.zeros(windows)
    site = SiteProblem("site", {"h100": gpu}, {"h100": unlimited}, GridSignals("", zeros, zeros), 1.0, unlimited)
    weights = {ObjectiveName.ENERGY: 1.0}
    if gpu_hour_weight > 0:
        weights[ObjectiveName.COST] = 1.0
    transitions = TransitionSpec(instance_start_wh=150.0)
    return Problem("synthetic", axis, tuple(pools), (site,), transitions, weights, (), (), ())


def _pool(
    rng: np.random.Generator,
    service: str,
    bucket: int,
    peak_rps: float,
    phase_h: float,
    windows: int,
    hours: float,
    concavity: float,
) -> PoolProblem:
    kinds = tuple(Kind("h100", tp, 1, "bf16") for tp in TENSOR_PARALLEL)
    curves = tuple(KindCurves(kind, _curves(kind.tp, bucket, concavity)) for kind in kinds)
    clock_h = np.arange(windows) * hours
    day = 0.62 + 0.38 * np.sin(2 * math.pi * (clock_h - 9.0 - phase_h) / 24.0)
    week = np.where((clock_h // 24.0) % 7 >= 5, 0.6, 1.0)
    rate = peak_rps * day * week * rng.normal(1.0, 0.04, windows).clip(0.8, 1.2)
    capacity = np.tile([kind.capacity_rps for kind in curves], (windows, 1))
    mix = np.zeros(windows, dtype=np.int64)
    reserve = rate * 1.1
    limit = np.array([instance_limit([kind], mix, rate, reserve, capacity[:, k], 0) for k, kind in enumerate(curves)])
    return PoolProblem(
        name=f"{service}/bucket-{bucket}",
        service=service,
        site="site",
        buckets=(f"bucket-{bucket}",),
        kinds=kinds,
        mixes=(curves,),
        mix=mix,
        rate_rps=rate,
        reserve_rate_rps=reserve,
        reserve_capacity_rps=capacity,
        min_instances=0,
        max_instances=limit,
    )


def _curves(tp: int, bucket: int, concavity: float) -> tuple[OperatingCurve, ...]:
    found = []
    # Larger groups serve long requests better and short ones worse.
    base = 9.0 / WORK_PER_REQUEST[bucket] * (tp / 8.0) ** (0.75 + 0.06 * (bucket // 3))
    for clock in CLOCKS_MHZ:
        speed = clock / CLOCKS_MHZ[-1]
        capacity = base * (0.3 + 0.7 * speed**0.9)
        idle = tp * IDLE_W_PER_GPU * (0.75 + 0.25 * speed)
        dynamic = tp * DYNAMIC_W_PER_GPU * (0.3 + 0.7 * speed**2.4) * (1.0 - 0.06 * math.log2(tp))
        power = idle + dynamic * LOAD_LEVELS**concavity
        found.append(tabulate(float(clock), LOAD_LEVELS * capacity, power, capacity, Provenance.MODELLED))
    return tuple(found)
