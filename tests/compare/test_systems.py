"""What each system decides, by hand where that is short, and what must hold of all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamo_plan.compare.case import Case, case_of
from dynamo_plan.compare.system import CannotRunError, Decision, Service, System, epoch_peaks, services_of, whole_nodes
from dynamo_plan.compare.systems import (
    dynamo_llm,
    multi_pool,
    planner,
    planner_foresight,
    scale_inst,
    scale_shard,
    single_pool,
    single_pool_strict,
)
from dynamo_plan.service_assembly import ServiceAssembly
from tests.compare.conftest import RATES_RPS, Made
from tests.replay.cases import LARGE

WINDOWS = len(RATES_RPS)


def nodes_of(decision: Decision, pool: str) -> list[int]:
    """Instances of a pool by window."""
    return [sum(group.instances for group in groups if group.pool == pool) for groups in decision.schedule.groups]


def with_load(case: Case, load: np.ndarray) -> Service:
    """A service whose buckets fill so many nodes."""
    return replace(services_of(case)[0], load=load)


def test_a_load_a_rounding_error_above_whole_nodes_needs_no_further_one() -> None:
    assert whole_nodes(np.array([0.0, 0.2, 1.0, 3 * (1 / 3) + 1e-12, 1.001])).tolist() == [0, 1, 1, 1, 2]


def test_the_peak_of_an_epoch_holds_in_all_its_windows() -> None:
    load = np.array([[1.0, 5.0], [2.0, 4.0], [3.0, 3.0], [7.0, 0.0], [1.0, 1.0]])
    assert epoch_peaks(load, 2).tolist() == [[2.0, 5.0], [2.0, 5.0], [7.0, 3.0], [7.0, 3.0], [1.0, 1.0]]


def test_a_node_is_the_largest_kind_at_its_highest_clock(case: Case) -> None:
    service = services_of(case)[0]
    assert (service.kind, service.frequency_mhz) == (LARGE, 2000.0)
    capacity = np.array([curve.capacity_rps for curve in service.curves if curve is not None])
    assert service.load == pytest.approx(1.2 * RATES_RPS / capacity)


def test_single_pool_has_nodes_for_the_peak_of_all_buckets(case: Case) -> None:
    service = services_of(case)[0]
    count = int(np.ceil(service.load.sum(axis=1).max()))
    decision = single_pool.decide(case)
    assert nodes_of(decision, "chat/SS+SL+LS+LL") == [count] * WINDOWS
    assert decision.held_gpus["site", "h100"].tolist() == [4 * count] * WINDOWS
    strict = single_pool_strict.decide(case)
    assert nodes_of(strict, "chat/SS+SL+LS+LL") == [int(np.ceil(service.load.sum(axis=1).max() / 0.8))] * WINDOWS


def test_without_a_derate_the_strict_pool_cannot_be_sized(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ServiceAssembly, "derate", lambda self, kind, clock, members: None)
    with pytest.raises(CannotRunError, match="no derate of h100-tp4-bf16"):
        single_pool_strict.decide(case)


def test_a_bucket_that_the_largest_kind_cannot_serve_ends_the_comparison_of_nodes(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = case.services[0]
    without = {key: curves for key, curves in service.curves.items() if key != ("LL", LARGE)}
    monkeypatch.setattr(service, "curves", without)
    with pytest.raises(CannotRunError, match="keeps no SLO of chat/LL"):
        services_of(case)


def test_multi_pool_and_scale_inst_differ_in_when_they_look(case: Case) -> None:
    load = services_of(case)[0].load
    static, scaled = multi_pool.decide(case), scale_inst.decide(case)
    for column, bucket in enumerate(("SS", "SL", "LS", "LL")):
        peak = int(np.ceil(load[:, column].max()))
        assert nodes_of(static, f"chat/{bucket}") == [peak] * WINDOWS
        # Four windows of five minutes are within one half hour.
        assert nodes_of(scaled, f"chat/{bucket}") == [peak] * WINDOWS


def test_scale_shard_keeps_the_gpus_and_uses_no_more_of_them(case: Case) -> None:
    static, sharded = multi_pool.decide(case), scale_shard.decide(case)
    held = sharded.held_gpus["site", "h100"]
    assert held.tolist() == static.held_gpus["site", "h100"].tolist()
    for window, groups in enumerate(sharded.schedule.groups):
        assert 0 < sum(group.instances * group.kind.gpus for group in groups) <= held[window]
        assert {group.frequency_mhz for group in groups} == {2000.0}


@pytest.mark.parametrize(("system", "factor"), [(dynamo_llm, 2.0), (dynamo_llm, 4.0), (scale_shard, 4.0)])
def test_what_is_sharded_for_the_reserve_gets_requests(made: Made, system: System, factor: float) -> None:
    forecasts = {
        name: replace(one, quantile_rate_rps={level: factor * own for level, own in one.quantile_rate_rps.items()})
        for name, one in made.inputs.forecasts.items()
    }
    reserved = case_of(replace(made.inputs, forecasts=forecasts), made.tables, made.traces)
    for groups in system.decide(reserved).schedule.groups:
        assert all(group.rate_rps > 0 for group in groups)


def test_left_over_load_goes_to_the_next_larger_pool_by_hand(case: Case) -> None:
    """In nodes SS .6, SL 1.5, LS .3, LL .2: SS has none; SL takes .6 and keeps 2 of 2.1; LL takes the rest: .1 + .3 + .2."""
    nodes, spread = dynamo_llm.assigned(with_load(case, np.array([[0.6, 1.5, 0.3, 0.2]])), 1)
    assert nodes.tolist() == [[0, 2, 0, 1]]
    kept = 2 / 2.1
    expected = [[0, kept, 0, 1 - kept], [0, kept, 0, 1 - kept], [0, 0, 0, 1], [0, 0, 0, 1]]
    assert spread[0] == pytest.approx(np.array(expected))


@settings(max_examples=50)
@given(load=st.lists(st.floats(0, 9), min_size=4, max_size=4))
def test_no_load_is_lost_on_the_way_to_larger_pools(case: Case, load: list[float]) -> None:
    nodes, spread = dynamo_llm.assigned(with_load(case, np.array([load])), 1)
    assert spread[0].sum(axis=1) == pytest.approx(1.0)
    held = spread[0].T @ np.array(load)
    assert (held <= nodes[0] + 1e-6).all()
    # Only the largest pool has more than it needs.
    assert held[:3] == pytest.approx(nodes[0, :3].astype(float), abs=1e-6)
    assert nodes[0, 3] - held[3] < 1.0


def test_the_planner_hands_its_plan_over(case: Case) -> None:
    decision = planner.decide(case)
    assert decision.plan is not None
    in_use = np.zeros(WINDOWS, dtype=int)
    for window, groups in enumerate(decision.schedule.groups):
        in_use[window] = sum(group.instances * group.kind.gpus for group in groups)
    assert decision.held_gpus["site", "h100"].tolist() == in_use.tolist()


def test_foresight_plans_for_what_came(case: Case) -> None:
    decision = planner_foresight.decide(case)
    actual = case.foresight.forecasts["chat"]
    assert actual.rate_rps == pytest.approx(RATES_RPS, rel=0.2)
    assert actual.quantile_rate_rps[0.95] is actual.rate_rps
    assert decision.plan is not None
    served = sum(group.instances * group.rate_rps for group in decision.plan.groups if group.window == 1)
    assert served == pytest.approx(actual.rate_rps[1].sum())
