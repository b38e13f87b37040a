from __future__ import annotations

import pytest

from dynamo_plan.schema.scenario import GpuSpec, ObjectiveName
from dynamo_plan.solve.coupling import settle
from dynamo_plan.solve.ledger import ledger, objective_value
from tests.model.paper import amounts, pool, problem

HALL = {
    "a100": GpuSpec(count=4, per_server=4, released_server_w=20.0),
    "h100": GpuSpec(
        count=16,
        per_server=4,
        price_usd_per_gpu_h=2.0,
        server_idle_w=400.0,
        unused_gpu_w=50.0,
        released_server_w=10.0,
    ),
}
WEIGHTS = {ObjectiveName.ENERGY: 1.0, ObjectiveName.COST: 0.5, ObjectiveName.CARBON: 2.0}


def test_three_half_hours_worked_on_paper() -> None:
    """The figures of tests/verify/hand.py, two_pools: GPUs 7, 9, 1; instances 1310, 2155, 300 W; one start of 50 Wh."""
    paper = problem(
        pool([1.0] * 3),
        gpus=HALL,
        price_usd_per_mwh=[100.0, -50.0, 200.0],
        carbon_g_per_kwh=[500.0, 100.0, 250.0],
        pue=1.2,
        weights=WEIGHTS,
        instance_start_usd=0.5,
    )
    use = amounts(paper, instance_energy_kwh=[0.655, 1.0775 + 0.05, 0.15], instance_starts=[0, 1, 0])
    use.gpus_in_use[1] = [7, 9, 1]
    use.gpu_hours[1] = [3.5, 4.7, 0.5]
    book = ledger(paper, use)
    assert book.servers_on.tolist() == [[0, 0, 0], [2, 3, 1]]
    assert book.it_energy_kwh[0] == pytest.approx([1.1, 1.8175, 0.45], rel=1e-12)
    assert book.energy_kwh[0] == pytest.approx([1.32, 2.181, 0.54], rel=1e-12)
    assert book.carbon_kg[0] == pytest.approx([0.66, 0.2181, 0.135], rel=1e-12)
    assert book.cost_usd[0] == pytest.approx([7.132, 9.79095, 1.108], rel=1e-12)
    totals = book.totals
    assert (totals.peak_gpus, totals.instance_starts, totals.unserved_requests) == (9, 1, 0.0)
    assert totals.gpu_hours == pytest.approx(8.7, rel=1e-12)
    assert totals.peak_power_kw == pytest.approx(4.362, rel=1e-12)
    assert objective_value(paper, totals) == pytest.approx(15.082675, rel=1e-12)
    assert settle(paper, use).objective == pytest.approx(15.082675, rel=1e-9)
