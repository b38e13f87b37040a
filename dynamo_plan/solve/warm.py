"""Compile the kernels before any clock runs: once per installation it takes some ten seconds, later it loads in half of one."""

from __future__ import annotations

import numpy as np

from dynamo_plan.problem import KindCurves, PoolProblem
from dynamo_plan.profile.curve import OperatingCurve
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.profile import Provenance
from dynamo_plan.solve.courses import PoolPrices
from dynamo_plan.solve.kernels import joint
from dynamo_plan.solve.states import StateSpace


def compile_pricing() -> None:
    """Plan one window of one instance in every way that planning needs."""
    curve = OperatingCurve(1000.0, np.array([0.0, 1.0]), np.array([100.0, 300.0]), Provenance.MODELLED)
    kind = Kind("h100", 1, 1, "bf16")
    one = np.ones(1)
    pool = PoolProblem(
        name="warm-up",
        service="warm-up",
        site="warm-up",
        buckets=("SS",),
        kinds=(kind,),
        mixes=((KindCurves(kind, (curve,)),),),
        mix=np.zeros(1, dtype=np.int64),
        rate_rps=one,
        reserve_rate_rps=one,
        reserve_capacity_rps=np.ones((1, 1)),
        min_instances=0,
        max_instances=np.ones(1, dtype=np.int64),
    )
    space = StateSpace(pool, 1.0)
    free = np.zeros((1, 1))
    prices = PoolPrices(one, free, free)
    window, counts = space.within(prices, np.zeros(1))
    space.near_optimal(prices, 0.0)
    space.bound_w(window, counts)
    space.fleets[0].groups(counts, pool.rate_rps[window])


def compile_search() -> None:
    """Search one window of one pool with one state."""
    windows = joint.SharedWindows(
        edge=np.array([0, 1]),
        counts=np.ones((1, 1), dtype=np.int64),
        gpus=np.ones((1, 1), dtype=np.int64),
        numbers=np.ones((1, 3)),
        start=np.ones((1, 1, 1)),
        stock=np.ones((1, 1)),
        energy=np.ones((1, 2)),
        price=np.ones((1, 1)),
        start_kwh=1.0,
    )
    none = np.full((1, 1), -1, dtype=np.int64)
    joint.extended(windows, 0, none, np.zeros(1), np.zeros(1), none, 1.0, (1, 1))
    joint.thinned(windows, 0, none + 1, np.zeros(1), none[0] + 1, 1)
    joint.cost_so_far(windows, none + 1, np.zeros(1))
    cost = np.ones(1)
    joint.reachable(windows.edge, windows.counts, cost, cost, np.ones((1, 1)), none[0], 1.0, 1.0)
