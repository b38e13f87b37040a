"""What binds is read off the plan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dynamo_plan.report.binding import Binding, binding_limits, binding_reserve, energy_at_capacity
from dynamo_plan.schema.scenario import Scenario
from tests.emit.sample import sample_plan, sample_scenario


def changed(**service: object) -> Scenario:
    scenario = sample_scenario()
    return scenario.model_copy(update={"services": [scenario.services[0].model_copy(update=service)]})


def test_stock_and_power_cap() -> None:
    # Three servers of eight on in window 2, and 9 kWh in that hour, against 24 GPUs and 9 kW.
    assert binding_limits(sample_plan(), sample_scenario()) == (
        Binding("gpu_stock", "site-a/h100", "all 24 GPUs powered", (2,)),
        Binding("power_cap", "site-a", "9 kW reached", (2,)),
    )


def test_kept_instances() -> None:
    found = binding_limits(sample_plan(), changed(min_instances=2))
    kept = [limit for limit in found if limit.constraint == "min_instances"]
    assert kept == [
        Binding("min_instances", "chat/SS", "no more than 2 instances", (2, 3)),
        Binding("min_instances", "chat/LL", "no more than 2 instances", (0, 1, 2, 3)),
    ]


def test_without_limits_nothing_binds() -> None:
    scenario = sample_scenario()
    gpu = scenario.sites[0].gpus["h100"].model_copy(update={"count": None})
    site = scenario.sites[0].model_copy(update={"gpus": {"h100": gpu}, "power_cap_kw": None})
    assert binding_limits(sample_plan(), scenario.model_copy(update={"sites": [site]})) == ()


def test_energy_at_capacity() -> None:
    assert energy_at_capacity(sample_plan()) == pytest.approx(2.5 / 15.52095)
    assert energy_at_capacity(replace(sample_plan(), groups=())) == 0.0


def test_the_reserve_binds_where_no_instance_can_go() -> None:
    # chat/SS runs 3, 3, 1, 0 instances of 4 requests/s each: 12 and 8.1 take three, 4.1 is beyond one, 0 takes none.
    # chat/LL runs 1, 0, 2, 2 of 1 request/s: in window 3 one of the two could go.
    needed = {"chat/SS": [12.0, 8.1, 4.1, 0.0], "chat/LL": [0.5, 0.0, 1.5, 1.0]}
    found = binding_reserve(sample_plan(), needed, lambda pool, kind, window: 4.0 if kind.tp == 2 else 1.0)
    assert found == (
        Binding("reserve", "chat/SS", "no instance to spare", (0, 1, 2)),
        Binding("reserve", "chat/LL", "no instance to spare", (0, 2)),
    )


def test_the_smallest_instance_decides_whether_one_can_go() -> None:
    # 3 of 4 and, in the same pool, 1 of 1 request/s: 13 altogether; 12 are held without the small one.
    plan = sample_plan()
    mixed = replace(plan, groups=(*plan.groups[:2], replace(plan.groups[2], pool="chat/SS")))
    for needed, tight in ((12.0, ()), (12.5, (0,))):
        (*found,) = binding_reserve(
            mixed,
            {"chat/SS": [needed, 0.0, 0.0, 0.0], "chat/LL": [0.0] * 4},
            lambda pool, kind, window: 4.0 if kind.tp == 2 else 1.0,
        )
        assert tuple(window for limit in found for window in limit.windows) == tight
