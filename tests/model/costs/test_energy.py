from __future__ import annotations

import pytest

from dynamo_plan.model.costs import energy
from dynamo_plan.solve.coupling import settle
from tests.model.paper import amounts, pool, problem


def test_it_energy_times_pue() -> None:
    paper = problem(pool([1.0, 1.0]), pue=1.2)
    assert energy.not_applicable(paper) is None
    assert settle(paper, amounts(paper, instance_energy_kwh=[2.0, 3.0])).objective == pytest.approx(6.0, rel=1e-12)
