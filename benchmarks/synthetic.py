"""A synthetic fleet of any size: nine buckets, TP 2/4/8, twelve clocks, concave power, start energy, daily load with noise.

Capacities, powers and their dependence on clock and parallelism are invented, in the range of the shipped profile;
they serve to time the solver, not to say anything about a GPU.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.instance_limit import instance_limit
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
WORK_PER_REQUEST = np.array([1.0, 1.5, 3.0, 1.4, 2.0, 3.6, 2.6, 3.4, 5.2])
RESERVE = 1.1
"""Reserve rate over mean rate [1]."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """What one GPU draws and carries; invented.

    Attributes
    ----------
    capacity_rps : float
        Capacity of a TP 8 instance at the top clock for requests of work 1 [1/s].
    scaling : tuple of float
        By input class (short, medium, long): exponent of capacity in TP; 1 is the same capacity per GPU.
    idle_w, dynamic_w : float
        Idle draw of a GPU under a loaded model, and what full load adds, both at the top clock [W].
    idle_share, dynamic_share : float
        Share of these that grows with the clock [1]; idle linearly, dynamic with `exponent`.
    """

    capacity_rps: float
    scaling: tuple[float, float, float]
    idle_w: float
    idle_share: float
    dynamic_w: float
    dynamic_share: float
    exponent: float


HARDWARE = {
    # Long inputs do better per GPU on larger groups, short ones on smaller: every kind is the best of some pool.
    "distinct": Hardware(21.5, (0.8, 1.0, 1.2), 230.0, 0.15, 480.0, 0.8, 3.0),
    # Small groups are nearly as good everywhere and idling is cheap: many states cost almost the same.
    "near-equal": Hardware(16.5, (0.75, 0.81, 0.87), 110.0, 0.25, 420.0, 0.7, 2.4),
}
"""`distinct` is the reference instance, `near-equal` is harder."""


def fleet(
    *,
    windows: int,
    window_s: int,
    peak_rps: float,
    hardware: str = "distinct",
    concavity: float | tuple[float, ...] = 0.9,
    seed: int = 0,
    services: int = 1,
    start_wh: float = 150.0,
    gpu_hour_weight: float = 0.0,
    server_idle_w: float = 0.0,
) -> Problem:
    """A problem of `services` x nine pools on one site, nothing capped.

    Parameters
    ----------
    windows, window_s : int
        Horizon; length of a window [s].
    peak_rps : float
        Peak arrival rate of one service [1/s].
    hardware : str
        A name in `HARDWARE`.
    concavity : float or tuple of float
        Exponent of dynamic power in load, 1 is linear; services take several in turn.
    start_wh : float
        Energy of starting an instance [Wh]; the default is 50 Wh per GPU between the smallest kind and the middle one.
    gpu_hour_weight : float
        Price of a GPU-hour in the objective [kWh].
    server_idle_w : float
        Draw of a powered server of eight GPUs besides its GPUs [W].
    """
    rng = np.random.default_rng(seed)
    axis = Windows(
        np.datetime64("2026-01-05T00:00:00", "s") + np.arange(windows) * np.timedelta64(window_s, "s"), window_s
    )
    exponents = concavity if isinstance(concavity, tuple) else (concavity,)
    pools = []
    for service in range(services):
        scale = 1.0 if services == 1 else float(rng.uniform(0.4, 1.6))
        phase_h = 0.0 if services == 1 else float(rng.uniform(0.0, 24.0))
        for bucket, share in enumerate(SHARES):
            rate = peak_rps * share * scale * _load(rng, axis, phase_h)
            exponent = exponents[service % len(exponents)]
            pools.append(_pool(f"service-{service}", bucket, rate, HARDWARE[hardware], exponent))
    gpu = GpuSpec(per_server=8, server_idle_w=server_idle_w, price_usd_per_gpu_h=gpu_hour_weight)
    unlimited = np.full(windows, np.inf)
    zeros = np.zeros(windows)
    site = SiteProblem("site", {"h100": gpu}, {"h100": unlimited}, GridSignals("", zeros, zeros), 1.0, unlimited)
    weights = {ObjectiveName.ENERGY: 1.0}
    if gpu_hour_weight > 0:
        weights[ObjectiveName.COST] = 1.0
    transitions = TransitionSpec(instance_start_wh=start_wh)
    return Problem("synthetic", axis, tuple(pools), (site,), transitions, weights, (), (), ())


def capped(problem: Problem, gpus: float, power_kw: float) -> Problem:
    """The same with a GPU cap [1] and a power cap [kW] in every window; infinite is none."""
    (site,) = problem.sites
    every = np.ones(len(problem.windows))
    limited = replace(site, stock={"h100": every * gpus}, power_cap_kw=every * power_kw)
    return replace(problem, sites=(limited,))


def _load(rng: np.random.Generator, axis: Windows, phase_h: float) -> NDArray[np.float64]:
    """Load over peak load (window,): a daily wave, quieter weekends, noise."""
    clock_h = np.arange(len(axis)) * axis.hours
    day = 0.62 + 0.38 * np.sin(2 * math.pi * (clock_h - 9.0 - phase_h) / 24.0)
    week = np.where((clock_h // 24.0) % 7 >= 5, 0.6, 1.0)
    return np.asarray(day * week * rng.normal(1.0, 0.04, len(axis)).clip(0.8, 1.2))


def _pool(service: str, bucket: int, rate: NDArray[np.float64], hardware: Hardware, concavity: float) -> PoolProblem:
    kinds = tuple(Kind("h100", tp, 1, "bf16") for tp in TENSOR_PARALLEL)
    curves = tuple(KindCurves(kind, _curves(kind.tp, bucket, hardware, concavity)) for kind in kinds)
    capacity = np.tile([kind.capacity_rps for kind in curves], (rate.size, 1))
    mix = np.zeros(rate.size, dtype=np.int64)
    reserve = rate * RESERVE
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


@functools.cache
def _curves(tp: int, bucket: int, hardware: Hardware, concavity: float) -> tuple[OperatingCurve, ...]:
    found = []
    for clock in CLOCKS_MHZ.tolist():
        capacity, power = levels(hardware, tp, bucket, clock, concavity)
        found.append(tabulate(clock, LOAD_LEVELS * capacity, power, capacity, Provenance.MODELLED))
    return tuple(found)


def levels(
    hardware: Hardware, tp: int, bucket: int, frequency_mhz: float, concavity: float
) -> tuple[float, NDArray[np.float64]]:
    """Capacity of an instance [1/s] and its power at each of `LOAD_LEVELS` (level,) [W]."""
    speed = frequency_mhz / float(CLOCKS_MHZ[-1])
    top = hardware.capacity_rps / float(WORK_PER_REQUEST[bucket]) * (tp / 8.0) ** hardware.scaling[bucket // 3]
    idle_w = hardware.idle_w * (1.0 - hardware.idle_share * (1.0 - speed))
    dynamic_w = hardware.dynamic_w * (1.0 - hardware.dynamic_share * (1.0 - speed**hardware.exponent))
    shared = 1.0 - 0.06 * math.log2(tp)  # GPUs of a larger group wait for each other and draw less
    return top * (0.3 + 0.7 * speed**0.9), tp * (idle_w + dynamic_w * shared * LOAD_LEVELS**concavity)
