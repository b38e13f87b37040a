"""Free routing: against every commitment tried out, and against other plans for the same load."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dynamo_plan.assemble import assemble
from dynamo_plan.errors import InputError, UsageError
from dynamo_plan.model.routing import Routes
from dynamo_plan.planner import plan_scenario
from dynamo_plan.problem import Problem
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.kind import Kind, NumberFormat
from dynamo_plan.schema.plan import PlanStatus
from dynamo_plan.schema.profile import MixingRow, MixingTable, Provenance
from dynamo_plan.schema.scenario import InitialInstances, InitialSpec
from dynamo_plan.solve.coupling import settle
from dynamo_plan.solve.highs import SolveStatus
from dynamo_plan.solve.routing import RoutedCourse, routed_course, routed_use, solve_routed
from tests.profile.paper_table import MODEL, cell, profile_table
from tests.quick import quick_first
from tests.solve.invented import inputs_of, service
from tests.solve.routed import least_cost, routed_inputs

AGREEMENT = 1e-6
QUICK_PROBLEMS = 4
PROBLEMS = 120
OTHER_PLANS = 30

SMALL, LARGE = Kind("a10", 1, 1, "bf16"), Kind("h100", 1, 1, "bf16")


@pytest.mark.parametrize("number", quick_first(range(PROBLEMS), QUICK_PROBLEMS))
def test_least_cost_is_the_least_over_all_commitments(number: int) -> None:
    inputs = routed_inputs(1, number, objective="cost")
    run = plan_scenario(inputs, gap=0.0)
    assert run.findings == ()
    assert run.plan.status is PlanStatus.OPTIMAL
    best = least_cost(assemble(inputs))
    assert run.plan.certificate.objective == pytest.approx(best, rel=AGREEMENT, abs=1e-9)
    assert run.plan.certificate.best_bound == pytest.approx(best, rel=AGREEMENT, abs=1e-9)


def other_plan(problem: Problem, found: tuple[RoutedCourse, ...], rng: np.random.Generator) -> float | None:
    """Value of a random plan for the same load; None where it needs more instances than there may be."""
    (pool,) = problem.routed
    windows, buckets, modes = len(problem.windows), len(pool.buckets), len(pool.modes)
    can = np.array([[mode.curves[b] is not None for mode in pool.modes] for b in range(buckets)])
    shares = rng.exponential(size=(windows, buckets, modes)) * (rng.random((windows, buckets, modes)) < 0.6)
    shares = np.where(can, shares, 0.0) + can * 1e-6
    shares /= shares.sum(axis=2, keepdims=True)
    instances = np.zeros((windows, modes), dtype=np.int64)
    for t in range(windows):
        for m, mode in enumerate(pool.modes):
            rates = pool.rate_rps[t] * shares[t, :, m]
            use = sum(rate / curve.capacity_rps for rate, curve in zip(rates, mode.curves, strict=True) if curve)
            instances[t, m] = int(np.ceil(use / mode.limit - 1e-12)) + int(rng.integers(0, 2))
        for k in range(len(pool.kinds)):
            own = [m for m, mode in enumerate(pool.modes) if mode.kind == k]
            least = int(found[0].counts[t, k])  # enough of every kind that the reserve holds
            instances[t, own[0]] += max(0, least - int(instances[t, own].sum()))
    course = routed_course(pool, Routes(instances, shares))
    outcome = settle(problem, routed_use(problem, (course,)))
    return outcome.objective if outcome.status is SolveStatus.OPTIMAL else None


@pytest.mark.parametrize("number", quick_first(range(PROBLEMS), QUICK_PROBLEMS))
@pytest.mark.parametrize("objective", ["energy", "cost"])
def test_no_other_plan_is_below_the_bound(number: int, objective: str) -> None:
    inputs = routed_inputs(2, number, objective=objective)
    run = plan_scenario(inputs, gap=0.0)
    assert run.findings == ()
    problem = assemble(inputs)
    found = solve_routed(problem, [], gap=0.0)
    room = AGREEMENT * abs(found.solution.objective) + 1e-9
    assert found.solution.bound <= found.solution.objective + room
    rng = np.random.default_rng(number)
    values = [other_plan(problem, found.routed, rng) for _ in range(OTHER_PLANS)]
    assert any(value is not None for value in values)
    assert all(found.solution.bound <= value + room for value in values if value is not None)


def test_the_random_problems_have_everything_in_them() -> None:
    seen: Counter[str] = Counter()
    for number in range(60):
        inputs = routed_inputs(1, number, objective="cost")
        problem = assemble(inputs)
        (pool,) = problem.routed
        seen["two windows"] += len(problem.windows) == 2
        seen["two clocks"] += len(pool.modes) > len(pool.kinds)
        seen["bucket that a kind cannot serve"] += any(None in mode.curves for mode in pool.modes)
        seen["reserve above the mean"] += bool((pool.reserve_rate_rps > pool.rate_rps).any())
        seen["reserve at the mean"] += not bool((pool.reserve_rate_rps > pool.rate_rps).any())
        seen["minimum of instances"] += pool.min_instances > 0
        seen["two GPU types"] += len({kind.gpu for kind in pool.kinds}) == 2
        seen["starts that cost"] += problem.transitions.instance_start_usd > 0
        seen["window without load"] += bool((pool.rate_rps.sum(axis=1) == 0).any())
    assert {name: count for name, count in seen.items() if count < 3} == {}


def specialists(**changes: Any) -> Inputs:
    """Two GPU types, each good at one bucket: a10 serves 1 short or 0.1 long requests/s, h100 2 or 1. Idle 50 W, full 100 W.

    Load 2.0 short and 1.0 long. Routed: two a10 and one h100, all full. Every bucket spread evenly over one kind would need
    12 a10, or 2 h100.
    """
    rows = []
    for kind, short, long in ((SMALL, 1.0, 0.1), (LARGE, 2.0, 1.0)):
        for tokens, top in ((100.0, short), (1000.0, long)):
            rows += cell(
                kind, 1000.0, [(0.0, 0.0, 50.0), (top / 2, 50.0, 75.0), (top, 60.0, 100.0)], input_tokens=tokens
            )
    mixing = MixingTable(
        "mixing.csv",
        tuple(MixingRow(MODEL, kind, 1000.0, frozenset("SL"), 0.0, Provenance.MODELLED, "") for kind in (SMALL, LARGE)),
    )
    record: dict[str, Any] = {"pools": "single", "routing": "free", "reserve_quantile": None, **changes}
    one = service(profile_table(rows), [[2.0, 1.0]], mixing=mixing, **record)
    gpus = {"a10": {"per_server": 1, "price_usd_per_gpu_h": 0.4}, "h100": {"per_server": 1, "price_usd_per_gpu_h": 1.0}}
    return inputs_of([one], gpus=gpus, objective={"cost": 1.0})


def test_every_bucket_goes_where_it_is_cheapest() -> None:
    run = plan_scenario(specialists(), gap=0.0)
    assert run.findings == ()
    assert run.plan.certificate.objective == pytest.approx(1.8, rel=AGREEMENT)
    assert run.plan.certificate.gap == pytest.approx(0.0, abs=1e-9)
    assert {group.kind: group.instances for group in run.plan.groups} == {SMALL: 2, LARGE: 1}
    rates = {group.kind: group.bucket_rates_rps for group in run.plan.groups}
    assert rates[SMALL] == pytest.approx((1.0, 0.0), abs=1e-9)
    assert rates[LARGE] == pytest.approx((0.0, 1.0), abs=1e-9)
    assert run.plan.totals.energy_kwh == pytest.approx(0.3)


@pytest.mark.parametrize("factor", [1e-8, 1e-4, 1e4, 1e8])
def test_the_unit_of_money_does_not_matter(factor: float) -> None:
    """The solver's tolerances are absolute; at 1e-8 USD it called a plan of several times the cost optimal."""
    inputs = specialists()
    site = inputs.scenario.sites[0]
    prices = {name: gpu.price_usd_per_gpu_h * factor for name, gpu in site.gpus.items()}
    gpus = {name: gpu.model_copy(update={"price_usd_per_gpu_h": prices[name]}) for name, gpu in site.gpus.items()}
    run = plan_scenario(with_scenario(inputs, sites=[site.model_copy(update={"gpus": gpus})]), gap=0.0)
    assert run.findings == ()
    assert run.plan.certificate.objective == pytest.approx(1.8 * factor, rel=AGREEMENT)
    assert run.plan.certificate.best_bound == pytest.approx(1.8 * factor, rel=AGREEMENT)


def test_even_routing_cannot_specialise() -> None:
    run = plan_scenario(specialists(routing="even"), gap=0.0)
    assert run.findings == ()
    assert run.plan.certificate.objective == pytest.approx(2.0, rel=AGREEMENT)  # two h100 at utilisation 1
    assert all(group.bucket_rates_rps == () for group in run.plan.groups)


def test_only_the_compact_method_can_route() -> None:
    assert plan_scenario(specialists(), method="compact").plan.certificate.method == "compact"
    with pytest.raises(UsageError) as refused:
        plan_scenario(specialists(), method="decomposed")
    assert refused.value.faults[0].code == "method-cannot-plan"
    assert "routing is free" in refused.value.faults[0].what


def test_a_power_cap_is_refused_with_the_reason() -> None:
    inputs = specialists()
    site = inputs.scenario.sites[0].model_copy(update={"power_cap_kw": 10.0})
    capped = replace(inputs, scenario=inputs.scenario.model_copy(update={"sites": [site]}))
    with pytest.raises(InputError) as refused:
        assemble(capped)
    assert [fault.code for fault in refused.value.faults] == ["routing-power-cap"]


def test_a_bucket_that_no_kind_may_serve_here_is_a_fault() -> None:
    inputs = specialists()
    with pytest.raises(InputError) as refused:
        assemble(replace(inputs, mixing={}))  # no derate for S and L together: no kind may mix them
    assert [fault.code for fault in refused.value.faults] == ["pool-without-kind"]


def test_too_few_gpus_are_named_with_what_would_do() -> None:
    inputs = specialists()
    gpus = {name: gpu.model_copy(update={"count": 1}) for name, gpu in inputs.scenario.sites[0].gpus.items()}
    site = inputs.scenario.sites[0].model_copy(update={"gpus": gpus})
    run = plan_scenario(replace(inputs, scenario=inputs.scenario.model_copy(update={"sites": [site]})), gap=0.0)
    assert run.findings == ()
    assert run.plan.status is PlanStatus.INFEASIBLE
    (violation,) = run.plan.violations  # one GPU more: a second h100 beside the a10, or a second a10
    assert violation.constraint == "gpu_stock"
    assert violation.shortfall == (1.0,)
    assert "count: 2" in violation.mend


def test_routed_and_ordinary_services_share_a_site() -> None:
    routed = specialists()
    rows = cell(LARGE, 1000.0, [(0.0, 0.0, 50.0), (1.0, 50.0, 100.0), (2.0, 60.0, 150.0)])
    ordinary = service(profile_table(rows), [[3.0]], name="plain", reserve_quantile=None)
    free = service(
        routed.profiles["service-0"],
        [[2.0, 1.0]],
        mixing=routed.mixing["service-0"],
        name="free",
        pools="single",
        routing="free",
        reserve_quantile=None,
    )
    gpus = {"a10": {"per_server": 1, "price_usd_per_gpu_h": 0.4}, "h100": {"count": 3, "price_usd_per_gpu_h": 1.0}}
    gpus["h100"]["per_server"] = 1
    run = plan_scenario(inputs_of([free, ordinary], gpus=gpus, objective={"cost": 1.0}), gap=0.0)
    assert run.findings == ()
    assert run.plan.certificate.objective == pytest.approx(1.8 + 2.0, rel=AGREEMENT)
    assert {pool.service for pool in run.plan.pools} == {"free", "plain"}


def test_load_too_small_to_see_still_gets_an_instance() -> None:
    """A bucket that fills 1e-12 of an instance is below the solver's tolerance, not below ours."""
    inputs = specialists()
    forecast = inputs.forecasts["service-0"]
    faint = replace(forecast, rate_rps=np.array([[2e-9, 0.0]]))
    run = plan_scenario(replace(inputs, forecasts={"service-0": faint}), gap=0.0)
    assert run.findings == ()
    assert [group.instances for group in run.plan.groups] == [1]


def test_nothing_to_serve_needs_nothing() -> None:
    inputs = specialists()
    idle = replace(inputs.forecasts["service-0"], rate_rps=np.zeros((1, 2)))
    run = plan_scenario(replace(inputs, forecasts={"service-0": idle}), gap=0.0)
    assert run.findings == ()
    assert run.plan.groups == ()
    assert run.plan.certificate.gap == 0.0


def test_paid_to_draw_power_the_bound_still_holds() -> None:
    inputs = specialists()
    (site,) = inputs.grid
    paid = replace(inputs.grid[site], price_usd_per_mwh=np.array([-200.0]))
    run = plan_scenario(replace(inputs, grid={site: paid}), gap=0.0)
    assert run.findings == ()
    certificate = run.plan.certificate
    # Two a10 and a h100, all full: 0.3 kWh at -0.2 USD/kWh; curves are straight here, so nothing is left open.
    assert certificate.objective == pytest.approx(1.8 - 0.06, rel=AGREEMENT)
    assert certificate.best_bound == pytest.approx(certificate.objective, rel=AGREEMENT)


@pytest.mark.parametrize(
    ("instances", "short", "long", "groups"),
    [
        (2, 1.0, 0.0, [(1, 1.0), (1, 0.0)]),  # concave: one full, one idle
        (3, 2.2, 0.0, [(2, 1.0), (1, 0.2)]),  # two full and one odd
        (2, 2.0, 0.0, [(2, 1.0)]),
        (1, 0.5, 0.05, [(1, 0.55)]),
        (1, 0.0, 0.0, [(1, 0.0)]),
    ],
)
def test_dispatch_is_whole_instances(
    instances: int, short: float, long: float, groups: list[tuple[int, float]]
) -> None:
    inputs = specialists()
    rows = []
    for tokens, top in ((100.0, 1.0), (1000.0, 0.1)):
        points = [(0.0, 0.0, 50.0), (top / 2, 50.0, 90.0), (top, 60.0, 100.0)]
        rows += cell(SMALL, 1000.0, points, input_tokens=tokens)
    concave = replace(inputs, profiles={"service-0": profile_table(rows)})
    (pool,) = assemble(concave).routed
    loaded = replace(pool, rate_rps=np.array([[short, long]]))
    shares = np.ones((1, 2, 1)) * (loaded.rate_rps[0] > 0)[None, :, None]
    course = routed_course(loaded, Routes(np.array([[instances]]), shares))
    assert [group.instances for group, _ in course.groups] == [count for count, _ in groups]
    assert [group.rate_rps for group, _ in course.groups] == pytest.approx([rate for _, rate in groups], abs=1e-9)
    assert course.counts.tolist() == [[instances]]
    assert sum(group.instances * group.rate_rps for group, _ in course.groups) == pytest.approx(short + long)


def with_scenario(inputs: Inputs, **changes: Any) -> Inputs:
    """The inputs with parts of the scenario changed."""
    return replace(inputs, scenario=inputs.scenario.model_copy(update=changes))


def test_what_ran_before_is_gone_on_with() -> None:
    """Two a10 run already; only the h100 starts."""
    inputs = specialists()
    running = InitialInstances(
        pool="service-0/SA+LA", site="hall", gpu="a10", tp=1, dtype=NumberFormat.BF16, instances=2
    )
    run = plan_scenario(with_scenario(inputs, initial=InitialSpec(instances=[running])), gap=0.0)
    assert run.findings == ()
    assert run.plan.totals.instance_starts == 1


def test_starts_beyond_their_limit_are_named() -> None:
    """Nothing runs before the first window and one instance may start; three are needed, or the two h100 that come with less."""
    inputs = specialists()
    limited = inputs.scenario.transitions.model_copy(update={"max_starts_per_window": 1})
    run = plan_scenario(with_scenario(inputs, initial=InitialSpec(instances=[]), transitions=limited), gap=0.0)
    assert run.findings == ()
    assert run.plan.status is PlanStatus.INFEASIBLE
    (violation,) = run.plan.violations
    assert (violation.constraint, violation.shortfall) == ("start_limit", (1.0,))
    assert run.plan.totals.instance_starts == 2


def test_a_service_may_share_its_site_with_one_whose_pools_are_searched_for() -> None:
    routed = specialists()
    rows = [
        row
        for tokens in (100.0, 1000.0)
        for row in cell(LARGE, 1000.0, [(0.0, 0.0, 50.0), (1.0, 50.0, 100.0), (2.0, 60.0, 150.0)], input_tokens=tokens)
    ]
    mixing = routed.mixing["service-0"]
    searched = service(
        profile_table(rows), [[0.5, 0.5]], mixing=mixing, name="auto", pools="auto", reserve_quantile=None
    )
    record: dict[str, Any] = {"name": "free", "pools": "single", "routing": "free", "reserve_quantile": None}
    free = service(routed.profiles["service-0"], [[2.0, 1.0]], mixing=mixing, **record)
    gpus = {"a10": {"per_server": 1, "price_usd_per_gpu_h": 0.4}, "h100": {"per_server": 1, "price_usd_per_gpu_h": 1.0}}
    run = plan_scenario(inputs_of([searched, free], gpus=gpus, objective={"cost": 1.0}), gap=0.0)
    assert run.findings == ()
    assert run.plan.certificate.objective == pytest.approx(1.8 + 1.0, rel=AGREEMENT)
