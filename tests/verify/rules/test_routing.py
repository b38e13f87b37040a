"""Routing against a plan worked on paper."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dynamo_plan.schema.scenario import Routing
from tests.verify.changes import with_group, with_services
from tests.verify.hand import findings_of, mixed_pool
from tests.verify.hand_routed import routed_pool

NAME = "routing"


def test_each_group_serves_what_it_says() -> None:
    assert findings_of(NAME, *routed_pool()) == []
    assert findings_of(NAME, *mixed_pool()) == []


def test_a_bucket_served_by_another_buckets_instances_is_missed() -> None:
    """The sum over buckets stays right, so that no other rule sees it."""
    plan, inputs = routed_pool()
    moved = with_group(plan, 2, bucket_rates_rps=(1.5, 0.1))
    found = findings_of(NAME, moved, inputs)
    assert [one.where for one in found] == ["chat/all window 1 bucket SA", "chat/all window 1 bucket LA"]
    assert [one.expected for one in found] == [pytest.approx(1.6), pytest.approx(0.3)]
    assert [one.found for one in found] == [pytest.approx(1.5), pytest.approx(0.4)]
    assert findings_of("served_demand", moved, inputs) == []


def test_rates_per_bucket_add_up_to_the_groups_rate() -> None:
    plan, inputs = routed_pool()
    (finding,) = findings_of(NAME, with_group(plan, 0, rate_rps=3.1), inputs)
    assert finding.expected == pytest.approx(3.2)
    assert finding.found == pytest.approx(3.1)


@pytest.mark.parametrize("rates", [(), (3.2,), (1.6, 1.6, 0.0)])
def test_every_bucket_has_a_rate(rates: tuple[float, ...]) -> None:
    plan, inputs = routed_pool()
    finding, *others = findings_of(NAME, with_group(plan, 0, bucket_rates_rps=rates), inputs)
    assert (finding.what, finding.expected, finding.found) == ("rates per bucket", 2, len(rates))
    assert others  # and what they do not say is not served


@pytest.mark.parametrize("rates", [(-0.6, 1.2), (float("nan"), 0.6), (float("inf"), 0.0)])
def test_nonsense_is_found_and_no_obstacle(rates: tuple[float, ...]) -> None:
    plan, inputs = routed_pool()
    spoiled = with_group(plan, 1, bucket_rates_rps=rates)
    assert findings_of(NAME, spoiled, inputs)
    assert findings_of("operating_points", spoiled, inputs)


def test_where_routing_is_even_no_group_names_buckets() -> None:
    plan, inputs = mixed_pool()
    (finding,) = findings_of(NAME, with_group(plan, 0, bucket_rates_rps=(1.2, 0.3)), inputs)
    assert (finding.expected, finding.found) == (0, 2)


def test_a_routed_plan_is_no_even_plan() -> None:
    plan, inputs = routed_pool()
    assert len(findings_of(NAME, plan, with_services(inputs, routing=Routing.EVEN))) == len(plan.groups)


def test_capacity_is_that_of_the_groups_own_mix() -> None:
    plan, inputs = routed_pool()
    beyond = with_group(plan, 1, rate_rps=0.7, bucket_rates_rps=(0.0, 0.7))
    found = {finding.what: finding for finding in findings_of("operating_points", beyond, inputs)}
    assert found["rate, at most the capacity at the SLO [1/s]"].expected == pytest.approx(0.6)
    assert found["power [W]"].expected == pytest.approx(200 + 400 * 0.7)


def test_an_idle_instance_draws_the_least_idle_power() -> None:
    plan, inputs = routed_pool()
    (finding,) = findings_of("operating_points", with_group(plan, 4, power_w=150.0), inputs)
    assert finding.expected == pytest.approx(200.0)


def test_the_reserve_is_held_under_some_routing() -> None:
    plan, inputs = routed_pool()
    # Window 1 has the reserve of window 0, 3.2 and 0.6: one instance holds half of both together, two hold all.
    assert findings_of("reserve", plan, inputs) == []
    fewer = replace(plan, groups=(*plan.groups[:3], plan.groups[4]))
    (finding,) = findings_of("reserve", fewer, inputs)
    assert finding.where == "chat/all window 1"
    assert finding.expected == pytest.approx(3.8)
    assert finding.found == pytest.approx(1.9)


def test_a_reserve_that_no_routing_holds_is_found() -> None:
    plan, inputs = routed_pool()
    forecast = inputs.forecasts["chat"]
    more = {level: rates * 1.01 for level, rates in forecast.quantile_rate_rps.items()}
    raised = replace(inputs, forecasts={"chat": replace(forecast, quantile_rate_rps=more)})
    assert [finding.where for finding in findings_of("reserve", plan, raised)] == [
        "chat/all window 0",
        "chat/all window 1",
    ]
