"""Does the solver work on this machine? A model small enough to check by hand, and every kernel once."""

from __future__ import annotations

from time import monotonic

import numpy as np
import pulp

from dynamo_plan.problem import KindCurves, PoolProblem
from dynamo_plan.profile.curve import OperatingCurve
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.profile import Provenance
from dynamo_plan.solve.highs import SolveStatus, run
from dynamo_plan.solve.warm import compile_pricing, compile_search


def solver_works() -> bool:
    """Whether HiGHS finds the optimum 3 of: least x + y with 2 x + y >= 5, x <= 2, x and y whole."""
    prob = pulp.LpProblem("selfcheck", pulp.LpMinimize)
    x = prob.add_variable("x", lowBound=0, upBound=2, cat="Integer")
    y = prob.add_variable("y", lowBound=0, cat="Integer")
    prob.setObjective(x + y)
    prob.addConstraint(2 * x + y >= 5, "enough")
    outcome = run(prob)
    return outcome.status is SolveStatus.OPTIMAL and round(outcome.objective) == 3


def kernels_ready() -> float:
    """Compile the kernels of planning, or load them from the cache; the time that took [s]."""
    begin = monotonic()
    curve = OperatingCurve(1000.0, np.array([0.0, 1.0]), np.array([100.0, 300.0]), Provenance.MODELLED)
    kind = Kind("h100", 1, 1, "bf16")
    one = np.ones(1)
    pool = PoolProblem(
        name="self-check",
        service="self-check",
        site="self-check",
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
    compile_pricing(pool, 1.0)
    compile_search()
    return monotonic() - begin
