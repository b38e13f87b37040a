"""Problems worked on paper: straight power curves, one site, every figure given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dynamo_plan.model.quantities import SiteVector, site_axes
from dynamo_plan.problem import KindCurves, PoolProblem, Problem, SiteProblem
from dynamo_plan.profile.curve import OperatingCurve
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.load import GridSignals, Windows
from dynamo_plan.schema.profile import Provenance
from dynamo_plan.schema.scenario import GpuSpec, ObjectiveName, TransitionSpec

SITE = "hall"
TP1, TP2 = Kind("h100", 1, 1, "bf16"), Kind("h100", 2, 1, "bf16")
OLD = Kind("a100", 1, 1, "bf16")
HALF_HOUR_S = 1800


def line(clock: float, capacity_rps: float, idle_w: float, full_w: float) -> OperatingCurve:
    """A straight power curve."""
    return OperatingCurve(clock, np.array([0.0, capacity_rps]), np.array([idle_w, full_w]), Provenance.MEASURED)


STRAIGHT = {
    TP1: (line(1000.0, 1.0, 80.0, 180.0), line(2000.0, 2.0, 100.0, 500.0)),
    TP2: (line(2000.0, 4.0, 200.0, 1000.0),),
    OLD: (line(1400.0, 1.0, 50.0, 250.0),),
}


def pool(
    rate_rps: Sequence[float],
    kinds: Sequence[Kind] = (TP1,),
    *,
    reserve_rps: Sequence[float] | None = None,
    name: str = "chat/SA",
    curves: dict[Kind, tuple[OperatingCurve, ...]] | None = None,
    min_instances: int = 0,
    max_instances: int = 4,
) -> PoolProblem:
    """A pool of one bucket."""
    known = curves or STRAIGHT
    mix = tuple(KindCurves(kind, known[kind]) for kind in kinds)
    rate = np.array(rate_rps, dtype=np.float64)
    return PoolProblem(
        name=name,
        service=name.split("/", maxsplit=1)[0],
        site=SITE,
        buckets=(name.partition("/")[2],),
        kinds=tuple(kinds),
        mixes=(mix,),
        mix=np.zeros(rate.size, dtype=np.int64),
        rate_rps=rate,
        reserve_rate_rps=rate if reserve_rps is None else np.array(reserve_rps, dtype=np.float64),
        reserve_capacity_rps=np.tile([curves.capacity_rps for curves in mix], (rate.size, 1)),
        min_instances=min_instances,
        max_instances=np.full(len(kinds), max_instances, dtype=np.int64),
    )


def problem(
    *pools: PoolProblem,
    gpus: dict[str, GpuSpec] | None = None,
    price_usd_per_mwh: Sequence[float] | float = 0.0,
    carbon_g_per_kwh: Sequence[float] | float = 0.0,
    pue: float = 1.0,
    power_cap_kw: float = np.inf,
    weights: dict[ObjectiveName, float] | None = None,
    window_s: int = HALF_HOUR_S,
    **transitions: Any,
) -> Problem:
    """These pools at one site."""
    count = pools[0].rate_rps.size
    specs = gpus or {gpu: GpuSpec() for gpu in sorted({kind.gpu for one in pools for kind in one.kinds})}
    stock = {name: np.full(count, np.inf if spec.count is None else spec.count) for name, spec in specs.items()}
    grid = GridSignals(
        "grid.csv", np.full(count, price_usd_per_mwh, dtype=float), np.full(count, carbon_g_per_kwh, dtype=float)
    )
    start = np.datetime64("2024-05-14T00:00:00") + np.arange(count) * np.timedelta64(window_s, "s")
    return Problem(
        name="on-paper",
        windows=Windows(start, window_s),
        pools=pools,
        sites=(SiteProblem(SITE, dict(sorted(specs.items())), stock, grid, pue, np.full(count, power_cap_kw)),),
        transitions=TransitionSpec(**transitions),
        weights={ObjectiveName.ENERGY: 1.0} if weights is None else weights,
        omissions=(),
        assumptions=(),
        references=(),
    )


def amounts(
    of: Problem,
    *,
    gpus_in_use: Sequence[float] | None = None,
    gpu_hours: Sequence[float] | None = None,
    instance_energy_kwh: Sequence[float] | None = None,
    instance_starts: Sequence[float] | None = None,
) -> SiteVector:
    """Use of the first site and its first GPU type, per window; nothing else is used."""
    use = site_axes(of).zeros()
    given = {
        "gpus_in_use": gpus_in_use,
        "gpu_hours": gpu_hours,
        "instance_energy_kwh": instance_energy_kwh,
        "instance_starts": instance_starts,
    }
    for name, values in given.items():
        if values is not None:
            getattr(use, name)[0] = values
    return use
