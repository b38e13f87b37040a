from __future__ import annotations

import pytest

from dynamo_plan.model.constraints import gpu_stock
from dynamo_plan.schema.scenario import GpuSpec
from dynamo_plan.solve.coupling import settle
from dynamo_plan.solve.highs import SolveStatus
from tests.model.paper import amounts, pool, problem

EIGHT = {"h100": GpuSpec(count=8, per_server=4)}


@pytest.mark.parametrize(
    ("used", "status"), [([8, 1], SolveStatus.OPTIMAL), ([1, 9], SolveStatus.INFEASIBLE), ([0, 0], SolveStatus.OPTIMAL)]
)
def test_no_window_uses_more_than_the_stock(used: list[float], status: SolveStatus) -> None:
    paper = problem(pool([1.0, 1.0]), gpus=EIGHT)
    assert settle(paper, amounts(paper, gpus_in_use=used)).status is status


def test_without_a_count_there_is_no_row() -> None:
    free = problem(pool([1.0]))
    assert gpu_stock.not_applicable(free) is not None
    assert settle(free, amounts(free, gpus_in_use=[10_000])).status is SolveStatus.OPTIMAL
    assert gpu_stock.not_applicable(problem(pool([1.0]), gpus=EIGHT)) is None
