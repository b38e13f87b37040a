"""Shadow prices against the relaxed problem solved again with a little more, and against paper."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pytest

from dynamo_plan.assemble import assemble
from dynamo_plan.model.quantities import SiteVector, contribution
from dynamo_plan.model.trajectories import Master
from dynamo_plan.planner import plan_scenario
from dynamo_plan.problem import Problem
from dynamo_plan.profile.curve import OperatingCurve
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Omission, ShadowPrice, Violation
from dynamo_plan.schema.scenario import GpuSpec, ObjectiveName
from dynamo_plan.solve import shadow
from dynamo_plan.solve.coupling import linear_prices
from dynamo_plan.solve.decomposition import solve_decomposed
from dynamo_plan.solve.ledger import ledger
from dynamo_plan.solve.pricing import pool_prices
from dynamo_plan.solve.repair import joint
from dynamo_plan.solve.shadow import PIECE, limit_prices, prices_with, relaxation_prices, shadow_prices
from dynamo_plan.solve.solution import Solution
from dynamo_plan.solve.states import StateSpace
from tests.model.paper import SITE, TP1, TP2, line, pool, problem
from tests.profile.paper_table import cell, profile_table
from tests.solve.enumeration import admitted_states, optimum
from tests.solve.invented import inputs_of, random_case, service

MOST_COURSES = 300
"""Courses of one pool that are listed."""

MOST_TRIED = 400
CASES = 10
"""Random problems with a binding limit that are looked at; about one in ten has one."""

CUT_OFF = 0.9
"""The master lets a limit be exceeded at the cost of a mean window, or at 1, so it knows no higher price; tiny fleets get there."""

CONVERGED = 2e-5
"""Relative; column generation ends at 1e-5, and what is left of the bound is missing from the prices too."""

BISECTED = 1e-2
"""Relative; prices are halved towards their least, and end a little above it."""

HOUR_S = 3600
GREEDY, FRUGAL = (line(1000.0, 1.0, 100.0, 400.0),), (line(1000.0, 1.0, 100.0, 200.0),)
CURVES: dict[Kind, tuple[OperatingCurve, ...]] = {TP1: GREEDY, TP2: FRUGAL}
"""At full load one GPU draws 400 W, two draw 200 W."""


def spaces_of(of: Problem) -> list[StateSpace]:
    return [StateSpace(one, of.windows.hours) for one in of.pools]


def solve(of: Problem) -> Solution:
    return solve_decomposed(of, spaces_of(of), gap=0.0, time_limit_s=60.0, on_progress=lambda phase, done, note: None)


def prices_of(of: Problem) -> tuple[ShadowPrice, ...]:
    found = solve(of)
    priced, omitted = shadow_prices(of, spaces_of(of), found.prices, found.objective, ())
    assert omitted == ()
    return priced


def every_course(of: Problem) -> list[list[SiteVector]] | None:
    """Use of the site by every course of every pool; None where these are too many."""
    found = []
    for space in spaces_of(of):
        states = [admitted_states(space.pool, t) for t in range(len(of.windows))]
        if np.prod([own.shape[0] for own in states]) > MOST_COURSES:
            return None
        courses = [np.array(course) for course in product(*states)]
        line_of = np.arange(len(of.windows))
        found.append([contribution(of, space.pool, own, space.power_w(line_of, own)) for own in courses])
    return found


def relaxed_value(of: Problem, columns: list[list[SiteVector]]) -> float:
    """Value of the relaxed problem over all courses; infinite where it cannot hold its limits."""
    master = Master(of, [own[0] for own in columns], penalty=1e6)
    for index, own in enumerate(columns):
        for one in own[1:]:
            master.add(index, one)
    assert master.solve()
    return master.value if master.slack < 1e-9 else np.inf


def changed(of: Problem, price: ShadowPrice, t: int, by: float) -> Problem:
    """The problem with one limit changed in one window."""
    (site,) = of.sites
    if price.constraint == "gpu_stock":
        gpu = price.where.partition("/")[2]
        stock = {name: limit.copy() for name, limit in site.stock.items()}
        stock[gpu][t] += by
        return replace(of, sites=(replace(site, stock=stock),))
    cap = site.power_cap_kw.copy()
    cap[t] += by
    return replace(of, sites=(replace(site, power_cap_kw=cap),))


def tightened(of: Problem, number: int) -> Problem:
    """The problem with the stock of a GPU type, or the power cap, below what its pools would use at their peak by themselves."""
    (site,) = of.sites
    own = linear_prices(of)
    courses = [space.cheapest(pool_prices(of, space.pool, own)) for space in spaces_of(of)]
    use = joint(of, courses).amounts
    stock, cap = dict(site.stock), site.power_cap_kw
    if number % 2:
        row = number // 2 % len(stock)
        gpu = site.gpu_types()[row]
        stock[gpu] = np.minimum(stock[gpu], use.gpus_in_use[row].max() - 1.0)
    else:
        cap = np.minimum(cap, 0.98 * ledger(of, use).energy_kwh[0].max() / of.windows.hours)
    return replace(of, sites=(replace(site, stock=stock, power_cap_kw=cap),))


@cache
def random_binding() -> list[tuple[Problem, list[list[SiteVector]], tuple[ShadowPrice, ...]]]:
    """Random problems whose limits can be held and have a price."""
    found = []
    for number in range(MOST_TRIED):
        of = assemble(random_case(7, number).inputs)
        columns = every_course(of)
        if columns is None:
            continue
        of = tightened(of, number)
        if relaxed_value(of, columns) == np.inf or not (solution := solve(of)).courses:
            continue
        priced, _ = shadow_prices(of, spaces_of(of), solution.prices, solution.objective, ())
        if priced and max(max(price.saving) for price in priced) < CUT_OFF:
            found.append((of, columns, priced))
        if len(found) == CASES:
            break
    assert len(found) == CASES
    return found


@pytest.mark.slow
def test_a_little_more_saves_no_more_than_its_price_and_a_little_less_costs_no_less() -> None:
    """Both sides of the slope of the relaxed problem's value, which is convex in every limit."""
    seen = set()
    for of, columns, priced in random_binding():
        value = relaxed_value(of, columns)
        room = CONVERGED * abs(value) + 1e-9
        for price in priced:
            for t, saving in zip(price.windows, price.saving, strict=True):
                step = 1.0 if price.constraint == "gpu_stock" else 0.05
                more = value - relaxed_value(changed(of, price, t, step), columns)
                less = relaxed_value(changed(of, price, t, -step), columns) - value
                assert more <= saving * step + room
                assert less >= saving * step - room
                seen.add(price.constraint)
    assert seen == {"gpu_stock", "power_cap"}


@pytest.mark.slow
def test_no_plan_with_more_saves_more_than_the_price_beyond_the_gap() -> None:
    """Whole GPUs, whole servers, starts: the optimum by enumeration, against the bound at the prices."""
    looked = 0
    for of, columns, priced in random_binding():
        value = relaxed_value(of, columns)
        for price in priced:
            for t, saving in zip(price.windows, price.saving, strict=True):
                best = optimum(changed(of, price, t, 1.0))
                assert best >= value - saving - CONVERGED * abs(value) - 1e-9
                looked += 1
    assert looked > CASES


def two_pools(curves: dict[Kind, tuple[OperatingCurve, ...]] = CURVES, **site: object) -> Problem:
    pools = [pool([1.0], (TP1, TP2), name=f"{name}/SA", curves=curves) for name in ("chat", "code")]
    return problem(*pools, **{"window_s": HOUR_S, **site})  # type: ignore[arg-type]


def test_a_gpu_by_hand() -> None:
    """Two pools, each 400 W on one GPU or 200 W on two: the third and fourth GPU save 0.2 kWh each in an hour, PUE 1.5 of it."""
    (price,) = prices_of(two_pools(gpus={"h100": GpuSpec(count=3, per_server=1)}, pue=1.5))
    assert (price.constraint, price.where, price.unit, price.windows) == ("gpu_stock", f"{SITE}/h100", "GPU", (0,))
    assert price.saving == pytest.approx((0.3,))
    by_count = [optimum(two_pools(gpus={"h100": GpuSpec(count=n, per_server=1)}, pue=1.5)) for n in (3, 4)]
    assert by_count[0] - by_count[1] == pytest.approx(price.saving[0])


def test_a_kilowatt_by_hand() -> None:
    """4 or 2 kW: a GPU-hour at 2 USD buys 2 kW less, times PUE 1.5, so under a cap a kilowatt is worth 2 / 3 USD in an hour.

    Under 7.5 of the 12 kW one pool of two runs on two GPUs, and half of the other in the relaxed problem.
    """
    large: dict[Kind, tuple[OperatingCurve, ...]] = {
        TP1: (line(1000.0, 1.0, 1000.0, 4000.0),),
        TP2: (line(1000.0, 1.0, 1000.0, 2000.0),),
    }
    rent = {"h100": GpuSpec(price_usd_per_gpu_h=2.0)}
    of = two_pools(large, gpus=rent, pue=1.5, power_cap_kw=7.5, weights={ObjectiveName.COST: 1.0})
    (price,) = prices_of(of)
    assert (price.constraint, price.where, price.unit, price.windows) == ("power_cap", SITE, "kW", (0,))
    assert price.saving == pytest.approx((2.0 / 3.0,), rel=BISECTED)


@pytest.mark.parametrize(("count", "saving"), [(3, 0.2), (4, 0.0)])
def test_at_a_corner_the_price_is_that_of_more(count: int, saving: float) -> None:
    """Of four GPUs one less would cost 0.2 kWh, one more saves nothing; prices of the corner itself lie between."""
    of = two_pools(gpus={"h100": GpuSpec(count=count, per_server=1)})
    between = linear_prices(of)
    between.gpus_in_use[:] += 0.15 if saving == 0.0 else 0.2
    priced, _ = shadow_prices(of, spaces_of(of), between, optimum(of), ())
    most = max((one.saving[0] for one in priced), default=0.0)
    assert most == pytest.approx(saving, rel=BISECTED, abs=BISECTED * 0.15)


def test_half_an_hour_saves_half() -> None:
    of = two_pools(gpus={"h100": GpuSpec(count=3, per_server=1)}, window_s=HOUR_S // 2)
    assert prices_of(of)[0].saving == pytest.approx((0.1,))


def test_a_limit_on_starts_by_hand() -> None:
    """Load 1, then 2, on instances of capacity 1 that idle at 100 W: the second starts in window 1, or idles an hour before.

    Under a limit of no start at all it must be there from the beginning: one start would save that hour, 0.1 kWh.
    """
    of = problem(pool([1.0, 2.0], curves={TP1: GREEDY}), window_s=HOUR_S)
    tied = replace(of, sites=(replace(of.sites[0], start_limit=np.zeros(2)),))
    (price,) = prices_of(tied)
    assert (price.constraint, price.where, price.unit, price.windows) == ("start_limit", SITE, "start", (1,))
    assert price.saving == pytest.approx((0.1,), rel=BISECTED)


@pytest.mark.parametrize("method", ["decomposed", "compact"])
def test_a_plan_carries_its_prices(method: str) -> None:
    """Two services that would like two GPUs each, and three GPUs; the plan verifies."""
    rows = [
        row
        for kind, full_w in ((TP1, 400.0), (TP2, 200.0))
        for row in cell(kind, 1000.0, [(0.0, 0.0, 100.0), (0.5, 10.0, (100.0 + full_w) / 2), (1.0, 10.0, full_w)])
    ]
    own = [service(profile_table(rows), [[1.0]], name=name) for name in ("chat", "code")]
    run = plan_scenario(inputs_of(own, count=3, per_server=1), method=method)
    assert run.findings == ()
    (price,) = run.plan.shadow_prices
    assert (price.constraint, price.where, price.windows) == ("gpu_stock", f"{SITE}/h100", (0,))
    assert price.saving == pytest.approx((0.2,), rel=BISECTED)


def test_servers_that_boot_are_no_price_of_the_stock() -> None:
    """A GPU in the second window costs its server's boot as well, which raises its price and binds nothing."""
    spec = GpuSpec(count=8, per_server=1, server_idle_w=50.0, server_start_s=1800.0)
    of = problem(pool([1.0, 2.0], curves={TP1: GREEDY}), gpus={"h100": spec}, window_s=HOUR_S)
    found = solve(of)
    assert found.prices is not None
    assert (found.prices.gpus_in_use > linear_prices(of).gpus_in_use + 1e-3).any()
    assert prices_of(of) == ()


def test_without_limits_there_is_nothing_to_price() -> None:
    of = two_pools()
    assert shadow_prices(of, spaces_of(of), None, 1.0, ()) == ((), ())


def test_a_broken_limit_has_no_price_where_it_is_broken() -> None:
    of = two_pools(gpus={"h100": GpuSpec(count=3, per_server=1)})
    broken = Violation("gpu_stock", f"{SITE}/h100", (0,), (1.0,), "GPUs", "")
    found = solve(of)
    assert shadow_prices(of, spaces_of(of), found.prices, found.objective, (broken,)) == ((), ())


def test_one_milp_is_priced_again_by_its_relaxation(monkeypatch: pytest.MonkeyPatch) -> None:
    of = two_pools(gpus={"h100": GpuSpec(count=3, per_server=1)})
    again = relaxation_prices(of, spaces_of(of))
    assert again is not None
    assert again.gpu_stock[0, 0] == pytest.approx(0.2)
    (price,), _ = shadow_prices(of, spaces_of(of), None, 0.6, ())
    assert price.saving == pytest.approx((0.2,))
    monkeypatch.setattr(shadow, "REPRICE_LIMIT", 1)
    assert [type(one) for one in shadow_prices(of, spaces_of(of), None, 0.6, ())[1]] == [Omission]


def test_limits_that_cannot_be_held_have_no_prices_again() -> None:
    of = two_pools(gpus={"h100": GpuSpec(count=1, per_server=1)})
    priced, (omitted,) = shadow_prices(of, spaces_of(of), None, 0.6, ())
    assert (priced, omitted.piece) == ((), PIECE)


@pytest.mark.parametrize("count", [2, 3])
def test_prices_of_quantities_come_back(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From prices of quantities to shadow prices and back, with hosts that draw and a kilowatt that is worth something."""
    spec = GpuSpec(count=count, per_server=1, server_idle_w=40.0, price_usd_per_gpu_h=0.1)
    weights = {ObjectiveName.ENERGY: 1.0, ObjectiveName.COST: 1.0}
    of = two_pools(gpus={"h100": spec}, pue=1.2, weights=weights)
    found = solve(of)
    assert found.prices is not None
    monkeypatch.setattr(shadow, "SHARPEN_LIMIT", 0)
    priced, _ = shadow_prices(of, spaces_of(of), found.prices, found.objective, ())
    back = prices_with(of, priced)
    for name in ("gpus_in_use", "gpu_hours", "instance_energy_kwh", "instance_starts"):
        assert getattr(back, name) == pytest.approx(getattr(found.prices, name), abs=1e-9)
    assert limit_prices(of, back) is not None
