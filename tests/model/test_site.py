from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

from dynamo_plan.model import constraints, costs
from dynamo_plan.model.site import build_site, pieces
from dynamo_plan.problem import Split
from dynamo_plan.schema.scenario import GpuSpec, ObjectiveName
from dynamo_plan.solve.coupling import settle
from dynamo_plan.solve.highs import SolveStatus
from tests.model.paper import amounts, pool, problem

ALL = [*pieces(constraints), *pieces(costs)]


@pytest.mark.parametrize("piece", ALL, ids=[piece.__name__.rpartition(".")[2] for piece in ALL])
def test_a_piece_is_named_as_its_file(piece: ModuleType) -> None:
    assert piece.__name__.rpartition(".")[2] == piece.NAME
    assert ".. math::" in (piece.__doc__ or "")


def test_pieces_that_do_not_apply_are_said_with_the_reason() -> None:
    found = {omission.piece: omission.reason for omission in build_site(problem(pool([1.0]))).omissions}
    assert found == {
        "constraint gpu_stock": "no site states a GPU count: as many as needed",
        "constraint power_cap": "no site states power_cap_kw",
        "constraint split_load": "every service runs at one site",
        "constraint server_starts": "every server_start_s is 0: servers are on when they are needed",
        "constraint start_limit": "transitions.max_starts_per_window is not given",
        "cost carbon": "every carbon intensity is 0",
        "cost electricity": "every electricity price is 0",
        "cost gpu_hours": "every price_usd_per_gpu_h is 0",
        "cost starts": "instance_start_usd is 0",
    }


def test_nothing_is_left_out_where_everything_is_given() -> None:
    full = problem(
        pool([1.0]),
        gpus={"h100": GpuSpec(count=8, price_usd_per_gpu_h=2.0, server_start_s=60.0)},
        price_usd_per_mwh=50.0,
        carbon_g_per_kwh=100.0,
        power_cap_kw=9.0,
        instance_start_usd=0.1,
    )
    sites = tuple(replace(site, start_limit=np.array([3.0])) for site in full.sites)
    shared = tuple(replace(pool, split=Split("chat/SS", 8)) for pool in full.pools)
    assert build_site(replace(full, sites=sites, pools=shared)).omissions == []


def test_objectives_are_weighed_and_summed() -> None:
    """2 kWh at PUE 1.5 are 3 kWh, at 100 USD/MWh 0.3 USD, at 500 g/kWh 1.5 kg; 4 GPU-hours at 2 USD, 3 starts at 0.1 USD."""
    weights = {ObjectiveName.ENERGY: 1.0, ObjectiveName.COST: 10.0, ObjectiveName.CARBON: 100.0}
    paper = problem(
        pool([1.0]),
        gpus={"h100": GpuSpec(per_server=1, price_usd_per_gpu_h=2.0)},
        price_usd_per_mwh=100.0,
        carbon_g_per_kwh=500.0,
        pue=1.5,
        weights=weights,
        instance_start_usd=0.1,
    )
    use = amounts(paper, gpus_in_use=[2], gpu_hours=[4], instance_energy_kwh=[2.0], instance_starts=[3])
    outcome = settle(paper, use)
    assert outcome.status is SolveStatus.OPTIMAL
    assert outcome.objective == pytest.approx(3.0 + 10 * (0.3 + 8.0 + 0.3) + 100 * 1.5, rel=1e-12)


def test_negative_prices_pay_for_energy() -> None:
    paper = problem(pool([1.0, 1.0]), price_usd_per_mwh=[-50.0, 20.0], weights={ObjectiveName.COST: 1.0})
    outcome = settle(paper, amounts(paper, instance_energy_kwh=[4.0, 1.0]))
    assert outcome.objective == pytest.approx(-0.2 + 0.02, rel=1e-12)


def test_rows_and_variables_carry_the_names_of_what_they_state() -> None:
    model = build_site(problem(pool([1.0, 1.0]), gpus={"h100": GpuSpec(count=8)}, power_cap_kw=3.0))
    names = {row.name for row in model.prob.constraints()}
    for t in range(2):
        assert {f"gpu_stock_0_{t}", f"power_cap_0_{t}", f"servers_on_0_{t}_enough", f"it_energy_0_{t}"} <= names
    assert np.all([variable.name.startswith("gpus_in_use") for variable in model.quantities["gpus_in_use"].values()])
