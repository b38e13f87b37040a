"""What binds is read off the plan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dynamo_plan.report.binding import Binding, binding_limits, energy_at_capacity, window_ranges
from dynamo_plan.schema.scenario import Scenario
from tests.emit.sample import sample_plan, sample_scenario


def changed(**service: object) -> Scenario:
    scenario = sample_scenario()
    return scenario.model_copy(update={"services": [scenario.services[0].model_copy(update=service)]})


def test_stock_and_power_cap() -> None:
    # Three servers of eight on in window 2, and 9 kWh in that hour, against 24 GPUs and 9 kW.
    assert binding_limits(sample_plan(), sample_scenario()) == (
        Binding("gpu_stock", "site-a h100", "24 GPUs", (2,)),
        Binding("power_cap", "site-a", "9 kW", (2,)),
    )


def test_kept_instances() -> None:
    found = binding_limits(sample_plan(), changed(min_instances=2))
    kept = [limit for limit in found if limit.constraint == "min_instances"]
    assert kept == [
        Binding("min_instances", "chat/SS", "2 instances", (2, 3)),
        Binding("min_instances", "chat/LL", "2 instances", (0, 1, 2, 3)),
    ]


def test_without_limits_nothing_binds() -> None:
    scenario = sample_scenario()
    gpu = scenario.sites[0].gpus["h100"].model_copy(update={"count": None})
    site = scenario.sites[0].model_copy(update={"gpus": {"h100": gpu}, "power_cap_kw": None})
    assert binding_limits(sample_plan(), scenario.model_copy(update={"sites": [site]})) == ()


def test_energy_at_capacity() -> None:
    assert energy_at_capacity(sample_plan()) == pytest.approx(2.5 / 15.52095)
    assert energy_at_capacity(replace(sample_plan(), groups=())) == 0.0


@pytest.mark.parametrize(("windows", "text"), [((), ""), ((3,), "3"), ((3, 4, 5, 9), "3-5, 9"), ((0, 2, 3), "0, 2-3")])
def test_windows_as_ranges(windows: tuple[int, ...], text: str) -> None:
    assert window_ranges(windows) == text
