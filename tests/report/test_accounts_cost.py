"""Costs by hand: a server for a quarter, the capital recovery factor, what following the load can save."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamo_plan.report.accounts_cost import (
    ELECTRICITY,
    RENT,
    STARTS,
    capital_recovery_factor,
    load_rps,
    owned_gpu_hours,
    owned_usd,
    rented_usd,
    scaling_bound,
    standing_usd,
    yearly_usd,
)
from dynamo_plan.schema.accounts import AccountsSpec, Amortisation, OwnedServer
from dynamo_plan.schema.plan import Plan, ServerPlan, SitePlan
from dynamo_plan.schema.scenario import Scenario
from tests.emit.sample import sample_plan, sample_scenario

QUARTER_H = 2190
SPEC = AccountsSpec(version=1, owned={"h100": OwnedServer()})


def quarter() -> tuple[Plan, Scenario]:
    """One server whose eight GPUs draw 700 W each all the time, in one window of a quarter, at PUE 1.2."""
    it_kwh = 8 * 0.7 * QUARTER_H
    site = SitePlan("site-a", (it_kwh,), (1.2 * it_kwh,), (0.0,), (0.0,))
    servers = ServerPlan("site-a", "h100", (8,), (1,), (0,), 0.0)
    plan = replace(sample_plan(), windows=1, window_s=QUARTER_H * 3600, sites=(site,), servers=(servers,), groups=())
    sites = [sample_scenario().sites[0].model_copy(update={"pue": 1.2})]
    sites[0] = sites[0].model_copy(update={"gpus": {"h100": sites[0].gpus["h100"].model_copy(update={"count": None})}})
    return plan, sample_scenario().model_copy(update={"sites": sites})


def test_a_server_for_a_quarter() -> None:
    plan, scenario = quarter()
    terms = owned_usd(plan, scenario, {"site-a": [60.0]}, SPEC)
    assert {name: round(usd, 2) for name, usd in terms.items()} == {
        "server": 10_800.00,
        "rack": 25.00,
        "power provisioning": 1_306.67,
        "cooling provisioning": 466.67,
        "facility": 23.33,
        "network": 33.75,
        "maintenance": 1_300.00,
        "energy": 735.84,
        "cooling and losses": 147.17,
    }
    total = sum(terms.values())
    assert round(total, 2) == 14_838.42
    assert owned_gpu_hours(plan, scenario) == 8 * QUARTER_H
    assert round(total / owned_gpu_hours(plan, scenario), 4) == 0.8469


def test_capital_recovery_factor_by_hand() -> None:
    assert capital_recovery_factor(0.08, 5) == pytest.approx(0.2504565, abs=5e-8)
    assert capital_recovery_factor(0.0, 5) == 0.2
    with_interest = AccountsSpec(version=1, owned={"h100": OwnedServer()}, amortisation=Amortisation.CAPITAL_RECOVERY)
    assert yearly_usd(216_000, 5, with_interest) == pytest.approx(216_000 * 0.2504565, abs=0.02)
    assert yearly_usd(216_000, 5, SPEC) == 43_200


@given(st.floats(1e-4, 0.5), st.floats(1, 40))
def test_payments_at_interest_pay_back_the_loan(interest: float, years: float) -> None:
    payment = capital_recovery_factor(interest, years)
    assert payment > max(interest, 1 / years) * (1 - 1e-9)
    worth_today = payment * (1 - (1 + interest) ** -years) / interest
    assert worth_today == pytest.approx(1.0, rel=1e-8)


def test_standing_cost_does_not_depend_on_what_runs() -> None:
    one = standing_usd(OwnedServer(), 1, 0.25, SPEC)
    ten = standing_usd(OwnedServer(), 10, 0.25, SPEC)
    assert {name: usd / 10 for name, usd in ten.items()} == pytest.approx(one)


def test_the_owner_pays_for_the_stock_the_renter_for_what_runs() -> None:
    plan, scenario = sample_plan(), sample_scenario()
    assert owned_gpu_hours(plan, scenario) == 24 * 4
    gpus = {"h100": scenario.sites[0].gpus["h100"].model_copy(update={"price_usd_per_gpu_h": 0.1})}
    rented = scenario.model_copy(update={"sites": [scenario.sites[0].model_copy(update={"gpus": gpus})]})
    terms = rented_usd(plan, rented, {"site-a": [50.0, 50.0, 100.0, 100.0]})["site-a"]
    # 4 x 50 + 6 x 50 + 9 x 100 + 5 x 100 USD/MWh; (14 + 6 + 18 + 16) GPU-hours at 0.1 USD; 10 USD in all.
    assert terms == pytest.approx({ELECTRICITY: 1.9, RENT: 5.4, STARTS: 2.7})


def test_bound_of_what_following_the_load_saves() -> None:
    assert scaling_bound([1.0, 3.0, 2.0, 2.0]) == pytest.approx(1 - 2 / 3)
    assert scaling_bound([5.0, 5.0]) == 0.0
    assert scaling_bound([0.0, 0.0]) == 0.0
    assert load_rps(sample_plan()) == pytest.approx([2 * 3.0 + 1.0 + 0.5, 9.0, 0.8, 0.8])
