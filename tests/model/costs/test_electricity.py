from __future__ import annotations

import pytest

from dynamo_plan.model.costs import electricity
from dynamo_plan.schema.scenario import ObjectiveName
from dynamo_plan.solve.coupling import settle
from tests.model.paper import amounts, pool, problem


def test_facility_energy_at_each_window_s_price() -> None:
    """2 kWh x 1.5 at 100 USD/MWh, 4 kWh x 1.5 at -50 USD/MWh: 0.3 - 0.3 - and 1 kWh x 1.5 at 40: 0.06."""
    paper = problem(pool([1.0] * 3), pue=1.5, price_usd_per_mwh=[100.0, -50.0, 40.0], weights={ObjectiveName.COST: 1.0})
    assert electricity.not_applicable(paper) is None
    outcome = settle(paper, amounts(paper, instance_energy_kwh=[2.0, 4.0, 1.0]))
    assert outcome.objective == pytest.approx(0.06, rel=1e-9)


def test_it_does_not_apply_at_a_price_of_zero() -> None:
    assert electricity.not_applicable(problem(pool([1.0]))) is not None
    assert electricity.not_applicable(problem(pool([1.0]), price_usd_per_mwh=-1.0)) is None
