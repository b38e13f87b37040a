"""`pools: auto` from inputs to a verified plan, where servers and caps tie the pools together, and at its edges."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dynamo_plan.assemble import assemble, service_assemblies
from dynamo_plan.emit.run_folder import plan_from_json, plan_json
from dynamo_plan.errors import InputError
from dynamo_plan.planner import Run, plan_scenario
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.kind import NumberFormat
from dynamo_plan.schema.plan import PlanStatus
from dynamo_plan.schema.scenario import InitialInstances, InitialSpec, PoolRule, Scenario
from dynamo_plan.solve.sharing import kept_pools
from tests.profile.paper_table import cell, profile_table
from tests.solve.invented import inputs_of, service
from tests.solve.shared_buckets import CLASSES, KINDS, five_buckets

GAP = 1e-5
SERVERS: dict[str, Any] = {"per_server": 4, "count": 8, "server_idle_w": 600.0, "unused_gpu_w": 60.0}


def pools_of(run: Run) -> list[tuple[str, ...]]:
    """Buckets of the plan's pools, sorted."""
    return sorted(pool.buckets for pool in run.plan.pools)


def running(inputs: Inputs, pools: dict[str, int]) -> Inputs:
    """The same with instances of TP 1 running before the first window."""
    (name,) = inputs.profiles
    instances = [
        InitialInstances(pool=f"{name}/{pool}", site="hall", gpu="h100", tp=1, dtype=NumberFormat.BF16, instances=count)
        for pool, count in pools.items()
    ]
    return replace(inputs, scenario=inputs.scenario.model_copy(update={"initial": InitialSpec(instances=instances)}))


@pytest.mark.parametrize("seed", [0, 3, 9])
def test_with_whole_servers_no_plan_with_a_pool_per_bucket_is_cheaper(seed: int) -> None:
    run = plan_scenario(five_buckets(seed, peak_rps=8.0, **SERVERS), gap=GAP)
    alone = plan_scenario(five_buckets(seed, peak_rps=8.0, pools="per-bucket", **SERVERS), gap=GAP)
    assert run.findings == ()
    assert run.plan.certificate.objective <= alone.plan.certificate.objective * (1 + GAP)
    (report,) = run.plan.sharing
    assert report.cost < report.per_bucket_cost
    assert report.single_cost is None  # the widest set of classes has no derate
    assert run.plan.certificate.proof.endswith("for the pools chosen")
    (remark,) = [one for one in run.plan.omissions if one.piece == "pools: auto of service-0"]
    assert f"{report.priced} sets of buckets were planned exactly" in remark.reason


def test_what_sharing_saves_is_what_the_plans_differ_by_where_nothing_ties_pools() -> None:
    inputs = five_buckets(4, peak_rps=6.0)
    run = plan_scenario(inputs, gap=0.0)
    alone = plan_scenario(five_buckets(4, peak_rps=6.0, pools="per-bucket"), gap=0.0)
    (report,) = run.plan.sharing
    assert run.plan.certificate.objective == pytest.approx(report.cost, rel=1e-9)
    assert alone.plan.certificate.objective == pytest.approx(report.per_bucket_cost, rel=1e-9)


def test_where_the_cheapest_pools_need_too_many_gpus_others_are_found() -> None:
    site: dict[str, Any] = {"per_server": 1, "count": 5}
    free = plan_scenario(five_buckets(2, peak_rps=10.0, per_server=1), gap=GAP)
    fixed = plan_scenario(five_buckets(2, peak_rps=10.0, pools=[list(p) for p in pools_of(free)], **site), gap=GAP)
    run = plan_scenario(five_buckets(2, peak_rps=10.0, **site), gap=GAP)
    assert fixed.plan.status is PlanStatus.INFEASIBLE
    assert run.plan.status is PlanStatus.OPTIMAL
    assert run.plan.violations == ()
    assert run.findings == ()
    assert pools_of(run) != pools_of(free)


def test_a_site_too_small_for_any_pools_gives_a_best_effort() -> None:
    run = plan_scenario(five_buckets(2, peak_rps=10.0, per_server=1, count=2), gap=GAP)
    assert run.plan.status is PlanStatus.INFEASIBLE
    assert run.findings == ()
    assert run.diagnosis


@pytest.mark.slow
def test_a_day_under_a_negative_price_is_planned() -> None:
    price = np.array([20.0, -30.0, -5.0, 40.0, 10.0, -1.0])
    run = plan_scenario(five_buckets(6, objective={"cost": 1.0}, price_usd_per_mwh=price, **SERVERS), gap=GAP)
    assert run.findings == ()
    assert run.plan.sharing


def test_what_only_the_compact_model_expresses_is_compared_as_plans() -> None:
    """A minimum up time ties windows together: pools priced one by one, without it, say nothing certain."""
    transitions = {"instance_start_wh": 120.0, "min_up_s": 6000.0}
    run = plan_scenario(five_buckets(8, windows=3, transitions=transitions), gap=GAP)
    alone = plan_scenario(five_buckets(8, windows=3, transitions=transitions, pools="per-bucket"), gap=GAP)
    assert run.findings == ()
    assert run.plan.certificate.method == "compact"
    assert run.plan.certificate.objective <= alone.plan.certificate.objective * (1 + GAP)


def test_only_services_that_ask_for_it_are_searched() -> None:
    """The second service keeps its two pools."""
    rows = [
        row
        for tokens in (100.0, 1000.0)
        for row in cell(
            KINDS[0], 1000.0, [(0.0, 0.0, 100.0), (0.5, 100.0, 180.0), (1.0, 100.0, 250.0)], input_tokens=tokens
        )
    ]
    load = [[0.3, 0.2], [0.6, 0.5]]
    services = [
        service(profile_table(rows), load, pools="per-bucket"),
        service(profile_table(rows), load, pools="auto"),
    ]
    run = plan_scenario(inputs_of(services, **SERVERS), gap=GAP)
    assert run.findings == ()
    assert [one.service for one in run.plan.sharing] == ["service-1"]
    assert [pool.name for pool in run.plan.pools if pool.service == "service-0"] == ["service-0/SA", "service-0/LA"]


def test_without_time_there_is_a_plan_all_the_same() -> None:
    run = plan_scenario(five_buckets(1), time_limit_s=1e-3)
    assert run.findings == ()
    assert run.plan.sharing == ()
    assert pools_of(run) == [(f"{letter}A",) for letter in CLASSES]
    assert any("no time to compare" in one.reason for one in run.plan.omissions)


def test_the_same_inputs_twice_give_the_same_plan() -> None:
    inputs = five_buckets(5, peak_rps=8.0, **SERVERS)
    assert plan_scenario(inputs).plan == plan_scenario(inputs, threads=1).plan


def test_the_report_survives_writing_and_reading() -> None:
    plan = plan_scenario(five_buckets(1)).plan
    assert plan_from_json(plan_json(plan), "plan.json").sharing == plan.sharing


def test_pools_that_run_already_are_kept() -> None:
    inputs = running(five_buckets(1), {"AA+DA": 1, "BA": 1, "CA": 0})
    (assembly,) = service_assemblies(inputs)
    assert kept_pools(inputs.scenario, assembly) == [("AA", "DA"), ("BA",)]
    run = plan_scenario(inputs)
    assert run.findings == ()
    assert ("AA", "DA") in pools_of(run)
    assert ("BA",) in pools_of(run)
    (remark,) = [one for one in run.plan.omissions if one.piece == "pools: auto of service-0"]
    assert remark.reason.endswith("kept as they run before the first window: AA+DA, BA")


def test_running_pools_that_cannot_all_stay_are_kept_in_order() -> None:
    inputs = running(five_buckets(1), {"AA+DA": 1, "DA+EA": 1, "XX": 1, "BA+BA": 1})
    (assembly,) = service_assemblies(inputs)
    assert kept_pools(inputs.scenario, assembly) == [("AA", "DA")]


def test_more_buckets_than_can_be_compared_are_refused() -> None:
    edges: list[int | None] = [*range(100, 1800, 100)]
    rows = [
        row
        for index in range(5)
        for tokens in (50.0 + 100.0 * index,)
        for output in (10.0, 30.0, 50.0, 70.0)
        for row in cell(
            KINDS[0],
            1000.0,
            [(0.0, 0.0, 90.0), (0.5, 9.0, 150.0), (1.0, 9.0, 200.0)],
            input_tokens=tokens,
            output_tokens=output,
        )
    ]
    one = service(
        profile_table(rows),
        np.full((2, 5), 0.1),
        pools="auto",
        buckets={"input": [*edges[:4], None], "output": [20, 40, 60, None]},
    )
    inputs = inputs_of([one])
    names = tuple(a + b for a in "ABCDE" for b in "SMLX")
    rate = np.full((2, 20), 0.1)
    ((name, forecast),) = inputs.forecasts.items()
    wide = replace(
        forecast, buckets=names, rate_rps=rate, quantile_rate_rps=dict.fromkeys(forecast.quantile_rate_rps, rate)
    )
    with pytest.raises(InputError, match="divide 20 buckets"):
        plan_scenario(replace(inputs, forecasts={name: wide}))


def test_a_free_router_leaves_nothing_to_divide() -> None:
    record = five_buckets(0).scenario.model_dump(mode="json")
    record["services"][0]["routing"] = "free"
    with pytest.raises(ValueError, match="A free router shares all instances"):
        Scenario.model_validate(record, strict=False)


def test_without_a_search_every_bucket_has_its_own_pool() -> None:
    inputs = five_buckets(0)
    assert inputs.scenario.services[0].pools is PoolRule.AUTO
    assert [pool.buckets for pool in assemble(inputs).pools] == [(f"{letter}A",) for letter in CLASSES]
