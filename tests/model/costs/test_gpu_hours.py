from __future__ import annotations

import pytest

from dynamo_plan.model.costs import gpu_hours
from dynamo_plan.schema.scenario import GpuSpec, ObjectiveName
from dynamo_plan.solve.coupling import settle
from tests.model.paper import amounts, pool, problem

RENTED = {"h100": GpuSpec(price_usd_per_gpu_h=2.5)}


def test_hours_at_the_price_of_their_type() -> None:
    paper = problem(pool([1.0, 1.0]), gpus=RENTED, weights={ObjectiveName.COST: 1.0})
    assert gpu_hours.not_applicable(paper) is None
    assert settle(paper, amounts(paper, gpu_hours=[3.0, 1.4])).objective == pytest.approx(11.0, rel=1e-12)


def test_it_does_not_apply_to_gpus_without_a_price() -> None:
    assert gpu_hours.not_applicable(problem(pool([1.0]))) is not None
