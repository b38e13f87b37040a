"""Runners-up against enumeration and paper."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dynamo_plan.assemble import assemble
from dynamo_plan.model.quantities import SiteVector
from dynamo_plan.problem import KindCurves, PoolProblem, Problem
from dynamo_plan.profile.curve import OperatingCurve
from dynamo_plan.schema.alternative import Alternative
from dynamo_plan.schema.kind import Kind
from dynamo_plan.solve.coupling import linear_prices
from dynamo_plan.solve.runner_up import alternatives
from dynamo_plan.solve.sharpen import LimitPrices, no_prices, quantity_prices
from tests.model.paper import OLD, TP1, TP2, line, pool, problem
from tests.solve.enumeration import joint_courses, optimum
from tests.solve.invented import random_case

HOUR_S = 3600
MOST_COURSES = 50_000
"""Courses of one pool that are listed."""

CURVES: dict[Kind, tuple[OperatingCurve, ...]] = {
    TP1: (line(1000.0, 1.0, 100.0, 200.0),),
    TP2: (line(1000.0, 2.0, 150.0, 350.0),),
    OLD: (line(1000.0, 1.0, 100.0, 500.0),),
}


def regrets(found: list[Alternative]) -> dict[str, float | None]:
    """By what is asked of the pool."""
    return {f"without {one.left_out}" if one.left_out else f"only {one.kinds[0]}": one.regret for one in found}


def test_regret_by_hand() -> None:
    """2 requests/s for an hour: one TP2 at 350 W, two TP1 at 400 W, two old ones at 1,000 W; PUE 2."""
    of = problem(pool([2.0], (OLD, TP1, TP2), curves=CURVES), pue=2.0, window_s=HOUR_S)
    found = alternatives(of, linear_prices(of), {"chat/SA": TP2}, 1)
    assert regrets(found) == {
        f"without {TP2}": pytest.approx(0.1),
        f"only {OLD}": pytest.approx(1.3),
        f"only {TP1}": pytest.approx(0.1),
        f"only {TP2}": 0.0,
    }
    assert [one.cost for one in found] == pytest.approx([0.7] * 4)


def test_limits_are_paid_for_at_their_prices() -> None:
    """At 0.1 kWh per GPU two TP1 bear as much as one TP2; at 0.1 kWh per kW the dearer draw bears more."""
    of = problem(pool([2.0], (TP1, TP2), curves=CURVES), window_s=HOUR_S)
    plain = no_prices(of)
    per_gpu = quantity_prices(of, LimitPrices(plain.gpu_stock + 0.1, plain.power_cap, plain.start_limit))
    assert regrets(alternatives(of, per_gpu, {}, 1))[f"only {TP1}"] == pytest.approx(0.05)
    per_kw = quantity_prices(of, LimitPrices(plain.gpu_stock, plain.power_cap + 0.1, plain.start_limit))
    assert regrets(alternatives(of, per_kw, {}, 1))[f"only {TP1}"] == pytest.approx(0.05 * 1.1)


def test_a_kind_that_cannot_serve_every_window_has_no_regret() -> None:
    of = problem(pool([2.0, 2.0], (TP1, TP2), curves=CURVES), window_s=HOUR_S)
    (own,) = of.pools
    mute = (KindCurves(TP1, ()), own.mixes[0][1])
    reserve = own.reserve_capacity_rps.copy()
    reserve[1, 0] = 0.0
    halved: PoolProblem = replace(
        own, mixes=(own.mixes[0], mute), mix=np.array([0, 1], dtype=np.int64), reserve_capacity_rps=reserve
    )
    found = regrets(alternatives(replace(of, pools=(halved,)), linear_prices(of), {}, 1))
    assert found == {f"only {TP1}": None, f"only {TP2}": 0.0}


def test_a_pool_of_one_kind_has_nothing_to_do_without() -> None:
    of = problem(pool([2.0], (TP1,), curves=CURVES), window_s=HOUR_S)
    assert regrets(alternatives(of, linear_prices(of), {"chat/SA": TP1}, 1)) == {f"only {TP1}": 0.0}


def only(of: PoolProblem, kinds: tuple[Kind, ...]) -> PoolProblem:
    """The pool as if it had never heard of its other kinds."""
    kept = [of.kinds.index(kind) for kind in kinds]
    return replace(
        of,
        kinds=kinds,
        mixes=tuple(tuple(mix[k] for k in kept) for mix in of.mixes),
        reserve_capacity_rps=of.reserve_capacity_rps[:, kept],
        max_instances=of.max_instances[kept],
    )


def uncoupled(of: Problem) -> bool:
    return all(spec.count is None and spec.server_idle_w + spec.unused_gpu_w == 0 for spec in of.sites[0].gpus.values())


@pytest.mark.slow
def test_random_pools_against_every_course_of_the_kinds() -> None:
    looked = 0
    for number in range(80):
        of = assemble(random_case(3, number).inputs)
        courses = [joint_courses(replace(of, pools=(own,))) for own in of.pools]
        if not uncoupled(of) or all(len(own.kinds) < 2 for own in of.pools) or max(courses) > MOST_COURSES:
            continue
        prices: SiteVector = linear_prices(of)
        for one in alternatives(of, prices, {own.name: own.kinds[0] for own in of.pools}, 2):
            own = next(own for own in of.pools if own.name == one.pool)
            best = optimum(replace(of, pools=(own,)))
            part = optimum(replace(of, pools=(only(own, one.kinds),)))
            assert one.cost == pytest.approx(best, rel=1e-9, abs=1e-12)
            if one.regret is None:
                assert part == np.inf
            else:
                assert one.regret == pytest.approx(part - best, rel=1e-6, abs=1e-9 * abs(best))
                looked += 1
    assert looked > 20
