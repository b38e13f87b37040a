"""All systems on one case: accounts by hand, what must hold of all of them, and wrong input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dynamo_plan.compare import SYSTEMS, CompareOptions, compare_systems
from dynamo_plan.errors import InputError, UsageError
from dynamo_plan.schema.comparison import Comparison, SystemRun
from dynamo_plan.schema.scenario import Routing
from tests.compare.conftest import RATES_RPS, WINDOW_S, Made

HOURS = WINDOW_S / 3600


@pytest.fixture(scope="module")
def found(made: Made) -> Comparison:
    """Read only."""
    return compare_systems(made.inputs, made.tables, made.traces)


def run_of(found: Comparison, name: str) -> SystemRun:
    run = found.system(name)
    assert run is not None
    return run


def test_all_systems_serve_the_same_requests(found: Comparison, made: Made) -> None:
    assert [one.name for one in found.systems] == [system.NAME for system in SYSTEMS]
    assert not found.omitted
    assert found.requests == len(made.traces["chat"])
    for one in found.systems:
        assert one.completed + one.unserved == found.requests
        assert sum(bucket.requests for bucket in one.buckets) == found.requests


def test_the_account_of_a_static_pool_by_hand(found: Comparison) -> None:
    one = run_of(found, "single-pool")
    servers = one.peak_gpus / 4
    hours = len(RATES_RPS) * HOURS
    assert one.mean_gpus == one.peak_gpus
    assert one.account.gpu_hours == pytest.approx(one.peak_gpus * hours)
    assert (one.account.instance_starts, one.reshards) == (0, 0)
    # Instances draw between 200 and 600 W each (idle and at work, TP4), their host 500 W; PUE 1.2.
    least, most = (1.2 * servers * (watts + 500) / 1000 * hours for watts in (200, 600))
    assert least < one.account.energy_kwh < most
    assert one.account.energy_kwh == pytest.approx(1.2 * one.account.it_energy_kwh)
    assert one.account.carbon_kg == pytest.approx(0.3 * one.account.energy_kwh)
    assert one.account.cost_usd == pytest.approx(2.0 * one.account.gpu_hours + 0.04 * one.account.energy_kwh)


def test_unused_gpus_that_are_held_draw_power(made: Made, found: Comparison) -> None:
    """The same shards with and without a draw of unused GPUs: the difference is held less used, times the draw."""
    site = made.inputs.scenario.sites[0]
    gpu = site.gpus["h100"].model_copy(update={"unused_gpu_w": 0.0})
    scenario = made.inputs.scenario.model_copy(update={"sites": [site.model_copy(update={"gpus": {"h100": gpu}})]})
    free = compare_systems(
        replace(made.inputs, scenario=scenario), made.tables, made.traces, CompareOptions(systems=("scale-shard",))
    ).systems[0]
    stated = run_of(found, "scale-shard")
    used = sum(sum(own) for own in stated.course.gpus.values()) * HOURS
    unused_h = stated.account.gpu_hours - used  # re-shards hold GPUs for moments more
    difference = stated.account.it_energy_kwh - free.account.it_energy_kwh
    assert difference == pytest.approx(unused_h * 20 / 1000, rel=0.02)


def test_more_freedom_takes_less_energy(found: Comparison) -> None:
    energy = {one.name: one.account.energy_kwh for one in found.systems}
    assert energy["scale-shard"] < energy["multi-pool"]
    assert energy["scale-freq"] < energy["multi-pool"]
    assert energy["scale-inst"] <= energy["multi-pool"]
    assert energy["single-pool"] <= energy["single-pool-strict"]
    assert energy["planner-foresight"] <= energy["planner"] * 1.01


def test_the_clock_manager_lowers_clocks_and_keeps_the_load_served(found: Comparison) -> None:
    assert max(run_of(found, "multi-pool").course.clock_mhz) == 2000.0
    assert min(run_of(found, "scale-freq").course.clock_mhz) < 2000.0
    assert run_of(found, "scale-freq").unserved == 0


def test_the_bound_lies_below_the_plan_with_foresight(found: Comparison) -> None:
    bound = found.lower_bound.energy_kwh
    assert bound is not None
    assert 0 < bound <= run_of(found, "planner-foresight").account.energy_kwh * 1.1


def test_savings_count_from_the_baseline(found: Comparison) -> None:
    assert found.baseline == "single-pool"
    assert found.change(run_of(found, "single-pool")) == 0.0
    multi = run_of(found, "multi-pool")
    expected = multi.account.energy_kwh / run_of(found, "single-pool").account.energy_kwh - 1.0
    assert found.change(multi) == pytest.approx(expected)


def test_twice_the_same(made: Made, found: Comparison) -> None:
    assert compare_systems(made.inputs, made.tables, made.traces) == found


def test_only_some_systems_and_no_baseline(made: Made) -> None:
    seen: list[tuple[str, float]] = []
    options = CompareOptions(systems=("multi-pool",))
    found = compare_systems(
        made.inputs, made.tables, made.traces, options, lambda name, share: seen.append((name, share))
    )
    assert [one.name for one in found.systems] == ["multi-pool"]
    assert found.change(found.systems[0]) is None
    assert found.lower_bound.energy_kwh is None
    assert seen[0] == ("multi-pool", 0.0)
    assert seen[-1] == ("multi-pool", 1.0)


def test_an_unknown_system() -> None:
    with pytest.raises(UsageError, match="dynamo is no system to compare"):
        CompareOptions(systems=("dynamo",))


def test_requests_of_another_day(made: Made) -> None:
    trace = made.traces["chat"]
    late = replace(trace, arrival_ns=trace.arrival_ns + 86_400 * 10**9)
    with pytest.raises(InputError, match="none in the horizon"):
        compare_systems(made.inputs, made.tables, {"chat": late})


def test_requests_of_which_none_was_answered(made: Made) -> None:
    trace = made.traces["chat"]
    failed = replace(trace, output_tokens=np.zeros_like(trace.output_tokens))
    with pytest.raises(InputError, match="no request of chat in the horizon has output tokens"):
        compare_systems(made.inputs, made.tables, {"chat": failed})


def test_what_is_left_out_is_said(made: Made) -> None:
    trace = made.traces["chat"]
    output = trace.output_tokens.copy()
    output[:7] = 0
    options = CompareOptions(systems=("single-pool",))
    found = compare_systems(made.inputs, made.tables, {"chat": replace(trace, output_tokens=output)}, options)
    assert "Left out: 7 requests that have no output, so failed when they were logged." in found.notes
    assert found.requests == len(trace) - 7


def test_a_part_of_the_horizon(made: Made) -> None:
    trace = made.traces["chat"]
    begin = trace.arrival_ns[0] // (10**9 * WINDOW_S) * (10**9 * WINDOW_S)
    own = trace.arrival_ns >= begin + 2 * WINDOW_S * 10**9
    part = replace(
        trace,
        arrival_ns=trace.arrival_ns[own],
        input_tokens=trace.input_tokens[own],
        output_tokens=trace.output_tokens[own],
    )
    found = compare_systems(made.inputs, made.tables, {"chat": part}, CompareOptions(systems=("planner",)))
    assert (found.windows, found.first_window_start) == (2, "2024-05-14T00:10:00Z")
    assert found.requests == int(np.count_nonzero(own))


def test_a_service_that_routes_freely_is_refused(made: Made) -> None:
    service = made.inputs.scenario.services[0].model_copy(update={"routing": Routing.FREE})
    scenario = made.inputs.scenario.model_copy(update={"services": [service]})
    with pytest.raises(UsageError, match="it routes freely"):
        compare_systems(replace(made.inputs, scenario=scenario), made.tables, made.traces)
