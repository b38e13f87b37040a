from __future__ import annotations

import pytest

from dynamo_plan.model.constraints.servers_on import released_draw_w
from dynamo_plan.schema.scenario import GpuSpec, ObjectiveName
from dynamo_plan.solve.coupling import settle
from dynamo_plan.solve.highs import SolveStatus
from tests.model.paper import amounts, pool, problem

HALL = {"h100": GpuSpec(count=16, per_server=4, server_idle_w=400.0, unused_gpu_w=50.0, released_server_w=10.0)}


@pytest.mark.parametrize(
    ("used", "overhead_w"),
    [
        (0, 40.0),  # four released servers
        (7, 800.0 + 50.0 + 20.0),  # two servers on, one GPU unused, two released
        (8, 800.0 + 20.0),
        (9, 1200.0 + 150.0 + 10.0),
        (16, 1600.0),
    ],
)
def test_whole_servers_and_what_they_draw(used: float, overhead_w: float) -> None:
    """Half an hour, instances at 2 kWh."""
    paper = problem(pool([1.0]), gpus=HALL)
    outcome = settle(paper, amounts(paper, gpus_in_use=[used], instance_energy_kwh=[2.0]))
    assert outcome.status is SolveStatus.OPTIMAL
    assert outcome.objective == pytest.approx(2.0 + 0.5 * overhead_w / 1000, rel=1e-9)


def test_no_server_is_powered_to_earn_from_a_negative_price() -> None:
    """servers_on is the least that holds the GPUs, also where drawing power pays."""
    paper = problem(pool([1.0]), gpus=HALL, price_usd_per_mwh=-1000.0, weights={ObjectiveName.COST: 1.0})
    outcome = settle(paper, amounts(paper, gpus_in_use=[7], instance_energy_kwh=[2.0]))
    assert outcome.objective == pytest.approx(-(2.0 + 0.5 * 0.87), rel=1e-9)


def test_released_servers_are_counted_from_the_stock() -> None:
    counted = problem(pool([1.0]), gpus=HALL).sites[0]
    assert released_draw_w(counted, "h100").tolist() == [40.0]
    uncounted = problem(pool([1.0]), gpus={"h100": GpuSpec()}).sites[0]
    assert released_draw_w(uncounted, "h100").tolist() == [0.0]
