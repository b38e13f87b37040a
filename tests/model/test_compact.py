from __future__ import annotations

import numpy as np
import pytest

from dynamo_plan.model.compact import CompactModel, PoolStates
from dynamo_plan.schema.scenario import GpuSpec, ObjectiveName
from dynamo_plan.solve.highs import SolveStatus, run
from tests.model.paper import pool, problem

COUNTS = np.array([[1], [2]])


def states(*power_w: list[float]) -> list[PoolStates]:
    """One or two instances in every window, at these powers."""
    return [PoolStates([COUNTS for _ in power_w], [np.array(watts) for watts in power_w])]


def test_without_starts_every_window_takes_its_cheapest_state() -> None:
    paper = problem(pool([1.0, 1.0, 1.0]))
    model = CompactModel(paper, states([100, 200], [500, 300], [100, 200]), np.zeros((1, 3), dtype=bool))
    outcome = run(model.prob)
    assert outcome.objective == pytest.approx(0.5 * (0.1 + 0.3 + 0.1), rel=1e-9)
    (chosen,) = model.chosen(outcome.values)
    assert chosen.tolist() == [0, 1, 0]


@pytest.mark.parametrize(("start_wh", "chosen"), [(40.0, [0, 1, 0]), (60.0, [1, 1, 0]), (110.0, [1, 1, 0])])
def test_a_start_is_bought_where_it_pays(start_wh: float, chosen: list[int]) -> None:
    """A second instance saves 100 Wh in window 1; to hold it since window 0 takes 50 Wh, to start it `start_wh`."""
    paper = problem(pool([1.0, 1.0, 1.0]), instance_start_wh=start_wh)
    model = CompactModel(paper, states([100, 200], [500, 300], [100, 200]), np.zeros((1, 3), dtype=bool))
    outcome = run(model.prob)
    assert model.chosen(outcome.values)[0].tolist() == chosen
    assert outcome.objective == pytest.approx(0.25 + min(0.05, start_wh / 1000), rel=1e-9)


def test_starts_that_pay_are_counted_exactly() -> None:
    """At -100 USD/MWh a start of 1 kWh earns 0.1 USD; only one really happens."""
    paper = problem(
        pool([1.0, 1.0]), price_usd_per_mwh=-100.0, weights={ObjectiveName.COST: 1.0}, instance_start_wh=1000.0
    )
    model = CompactModel(paper, states([100, 100], [100, 100]), np.ones((1, 2), dtype=bool))
    outcome = run(model.prob)
    assert outcome.status is SolveStatus.OPTIMAL
    assert outcome.objective == pytest.approx(-0.1 * (0.05 + 0.05 + 1.0), rel=1e-9)
    assert model.chosen(outcome.values)[0].tolist() == [0, 1]


def test_pools_share_the_stock() -> None:
    """Two pools would each like two instances; three GPUs leave that to the one that gains more."""
    paper = problem(pool([1.0], name="a/SA"), pool([1.0], name="b/SA"), gpus={"h100": GpuSpec(count=3, per_server=1)})
    model = CompactModel(paper, states([500, 300]) + states([500, 250]), np.zeros((1, 1), dtype=bool))
    outcome = run(model.prob)
    assert [int(one[0]) for one in model.chosen(outcome.values)] == [0, 1]
    assert outcome.objective == pytest.approx(0.5 * 0.75, rel=1e-9)
