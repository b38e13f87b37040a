"""Energy and carbon by hand: who draws it, who bears it, what making the servers adds."""

from __future__ import annotations

import math

import pytest

from dynamo_plan.report.accounts_carbon import carbon_intensity, embodied_kg
from dynamo_plan.report.accounts_energy import borne_by, energy_parts_kwh, it_of, pue_of
from dynamo_plan.schema.accounts import AccountsSpec, OwnedServer, Unit
from dynamo_plan.schema.scenario import Scenario
from tests.emit.sample import CARBON_G_PER_KWH, ENERGY_KWH, sample_plan, sample_scenario


def scenario_with_draws() -> Scenario:
    scenario = sample_scenario()
    draws = {"server_idle_w": 100.0, "unused_gpu_w": 10.0, "released_server_w": 5.0}
    gpus = {"h100": scenario.sites[0].gpus["h100"].model_copy(update=draws)}
    return scenario.model_copy(update={"sites": [scenario.sites[0].model_copy(update={"gpus": gpus, "pue": 1.2})]})


def test_the_same_it_energy_at_other_pues() -> None:
    it_twh = it_of(400.0, 1.4)
    assert round(it_twh, 3) == 285.714
    assert [round(pue_of(it_twh, pue), 3) for pue in (1.1, 1.8, 3.0)] == [314.286, 514.286, 857.143]


def test_parts_of_a_sites_energy_add_up_to_it() -> None:
    parts = energy_parts_kwh(sample_plan(), scenario_with_draws())["site-a"]
    # Servers on: 2 + 1 + 3 + 2; unused: 8 x 8 - (14 + 6 + 18 + 16); released: 1 + 2 + 0 + 1 of three servers.
    assert parts["powered servers"] == pytest.approx(0.8)
    assert parts["unused GPUs in them"] == pytest.approx(0.1)
    assert parts["servers switched off"] == pytest.approx(0.02)
    assert parts["instances"] == pytest.approx(15.52095)
    assert parts["cooling and losses (PUE)"] == pytest.approx(24.0 - 20.0)
    assert parts["starts and boots"] == pytest.approx(20.0 - 0.92 - 15.52095)
    assert math.fsum(parts.values()) == pytest.approx(24.0)


def test_what_a_pool_bears() -> None:
    borne = borne_by(sample_plan(), lambda group: group.pool)
    short, long = borne["chat/SS"], borne["chat/LL"]
    of_first = (1500.5 + 500.25) / (1500.5 + 500.25 + 2500.0)
    of_third = 220.0 / (220.0 + 4200.1)
    assert short.energy_kwh == pytest.approx(of_first * 4.0 + 6.0 + of_third * 9.0)
    assert short.energy_kwh + long.energy_kwh == pytest.approx(sum(ENERGY_KWH))
    assert short.carbon_kg + long.carbon_kg == pytest.approx(3.28)
    assert short.cost_usd + long.cost_usd == pytest.approx(10.0)
    assert short.instances_kwh == pytest.approx(4.62075)


def test_carbon_intensity_of_software() -> None:
    plan, scenario = sample_plan(), sample_scenario()
    spec = AccountsSpec(version=1, owned={"h100": OwnedServer(embodied_kg=2190.0)})
    embodied = embodied_kg(plan, scenario, spec)
    assert embodied == pytest.approx(3 * 2190.0 * 4 / 8760 / 5)
    found = carbon_intensity(plan, 0.6, Unit.REQUEST)
    operational = sum(e * c for e, c in zip(ENERGY_KWH, CARBON_G_PER_KWH, strict=True)) / 1000
    assert found.operational_kg == pytest.approx(operational)
    assert found.units == pytest.approx((7.5 + 9.0 + 0.8 + 0.8) * 3600)
    assert found.g_per_unit == pytest.approx((operational + 0.6) * 1000 / (18.1 * 3600))
    assert carbon_intensity(plan, 0.0, Unit.GPU_HOUR).units == 50.0


def test_embodied_carbon_is_not_guessed() -> None:
    plan, scenario = sample_plan(), sample_scenario()
    assert embodied_kg(plan, scenario, AccountsSpec(version=1, owned={"h100": OwnedServer()})) is None
    assert embodied_kg(plan, scenario, AccountsSpec(version=1, marginal_carbon={"site-a": "m.csv"})) is None
