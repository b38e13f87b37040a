from __future__ import annotations

import pytest

from dynamo_plan.model.costs import starts
from dynamo_plan.schema.scenario import ObjectiveName
from dynamo_plan.solve.coupling import settle
from tests.model.paper import amounts, pool, problem


def test_every_start_has_its_price() -> None:
    paper = problem(pool([1.0, 1.0]), weights={ObjectiveName.COST: 2.0}, instance_start_usd=0.25)
    assert starts.not_applicable(paper) is None
    assert settle(paper, amounts(paper, instance_starts=[0, 3])).objective == pytest.approx(1.5, rel=1e-12)


def test_it_does_not_apply_where_a_start_is_free() -> None:
    assert starts.not_applicable(problem(pool([1.0]))) is not None
