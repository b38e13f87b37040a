from __future__ import annotations

import pytest

from dynamo_plan.model.constraints import power_cap
from dynamo_plan.solve.coupling import settle
from dynamo_plan.solve.highs import SolveStatus
from tests.model.paper import amounts, pool, problem


@pytest.mark.parametrize(
    ("energy_kwh", "status"), [(1.0, SolveStatus.OPTIMAL), (1.001, SolveStatus.INFEASIBLE), (0.0, SolveStatus.OPTIMAL)]
)
def test_mean_facility_power_stays_under_the_cap(energy_kwh: float, status: SolveStatus) -> None:
    """1 kWh in half an hour at PUE 1.25 is 2.5 kW."""
    paper = problem(pool([1.0, 1.0]), pue=1.25, power_cap_kw=2.5)
    assert settle(paper, amounts(paper, instance_energy_kwh=[0.2, energy_kwh])).status is status


def test_without_a_cap_there_is_no_row() -> None:
    assert power_cap.not_applicable(problem(pool([1.0]))) is not None
    assert power_cap.not_applicable(problem(pool([1.0]), power_cap_kw=1.0)) is None
