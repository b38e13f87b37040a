from __future__ import annotations

import pytest

from dynamo_plan.model.costs import carbon
from dynamo_plan.schema.scenario import ObjectiveName
from dynamo_plan.solve.coupling import settle
from tests.model.paper import amounts, pool, problem

INTENSITY = [250.0, 150.0, 70.0, 150.0]


def carbon_kg(energy_kwh: list[float]) -> float:
    paper = problem(pool([1.0] * 4), carbon_g_per_kwh=INTENSITY, weights={ObjectiveName.CARBON: 1.0})
    return settle(paper, amounts(paper, instance_energy_kwh=energy_kwh)).objective


def test_energy_and_carbon_fall_by_different_shares() -> None:
    """10 kWh an hour against 4, 6, 9, 5: energy falls by 40 %, carbon from 6.2 to 3.28 kg, by 47.097 %."""
    before, after = carbon_kg([10.0] * 4), carbon_kg([4.0, 6.0, 9.0, 5.0])
    assert [before, after] == pytest.approx([6.2, 3.28], rel=1e-12)
    assert 100 * (after / before - 1) == pytest.approx(-47.097, abs=5e-4)


def test_pue_counts() -> None:
    paper = problem(pool([1.0]), pue=1.5, carbon_g_per_kwh=200.0, weights={ObjectiveName.CARBON: 1.0})
    assert settle(paper, amounts(paper, instance_energy_kwh=[2.0])).objective == pytest.approx(0.6, rel=1e-12)


def test_it_does_not_apply_without_an_intensity() -> None:
    assert carbon.not_applicable(problem(pool([1.0]))) is not None
    assert carbon.not_applicable(problem(pool([1.0]), carbon_g_per_kwh=1.0)) is None
