from __future__ import annotations

import pytest

from dynamo_plan.model.trajectories import Master
from dynamo_plan.schema.scenario import GpuSpec
from tests.model.paper import amounts, pool, problem

PENALTY = 50.0


def test_one_course_costs_what_it_uses_and_its_dual_says_so() -> None:
    paper = problem(pool([1.0, 1.0]), pue=1.25)
    master = Master(paper, [amounts(paper, gpus_in_use=[1, 1], instance_energy_kwh=[2.0, 4.0])], PENALTY)
    assert master.value == pytest.approx(7.5, rel=1e-9)
    prices, fixed = master.duals()
    assert prices.instance_energy_kwh[0] == pytest.approx([1.25, 1.25])
    assert fixed == pytest.approx([7.5])
    assert master.slack == 0.0


def test_a_cheaper_course_is_taken_wholly() -> None:
    paper = problem(pool([1.0]))
    master = Master(paper, [amounts(paper, instance_energy_kwh=[2.0])], PENALTY)
    master.add(0, amounts(paper, instance_energy_kwh=[1.5]))
    assert master.solve()
    assert master.value == pytest.approx(1.5, rel=1e-9)
    assert master.weights() == pytest.approx([0.0, 1.0])


def test_courses_are_blended_to_hold_a_cap_and_the_cap_gets_a_price() -> None:
    """8 GPUs at 2 kWh or 2 GPUs at 5 kWh, stock 5: half of each, 3.5 kWh; a GPU more is worth 0.5 kWh."""
    paper = problem(pool([1.0]), gpus={"h100": GpuSpec(count=5, per_server=1)})
    master = Master(paper, [amounts(paper, gpus_in_use=[8], instance_energy_kwh=[2.0])], PENALTY)
    assert master.slack == pytest.approx(3.0)
    assert master.value == pytest.approx(2.0 + 3 * PENALTY)
    master.add(0, amounts(paper, gpus_in_use=[2], instance_energy_kwh=[5.0]))
    assert master.solve()
    assert master.slack == pytest.approx(0.0, abs=1e-9)
    assert master.weights() == pytest.approx([0.5, 0.5])
    assert master.value == pytest.approx(3.5)
    prices, _ = master.duals()
    assert prices.gpus_in_use[0, 0] == pytest.approx(0.5)
