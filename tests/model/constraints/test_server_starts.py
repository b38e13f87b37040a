from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dynamo_plan.model.constraints.server_starts import Lead, booting, lead, servers_started
from dynamo_plan.problem import Problem
from dynamo_plan.schema.scenario import GpuSpec, ObjectiveName
from dynamo_plan.solve.coupling import least_boot_cost, settle
from dynamo_plan.solve.highs import SolveStatus
from dynamo_plan.solve.ledger import ledger, objective_value
from tests.model.paper import amounts, pool, problem

SERVERS = [1, 3, 0, 2]
"""Four half hours; servers of 4 GPUs that draw 400 W and 50 W for each of their GPUs: 600 W empty."""


def hall(boot_s: float, *, before: int | None = None, released_w: float = 0.0, **given: object) -> Problem:
    spec = GpuSpec(
        count=16,
        per_server=4,
        server_idle_w=400.0,
        unused_gpu_w=50.0,
        released_server_w=released_w,
        server_start_s=boot_s,
    )
    paper = problem(pool([1.0] * 4, max_instances=16), gpus={"h100": spec}, **given)  # type: ignore[arg-type]
    sites = tuple(replace(site, servers_before=None if before is None else {"h100": before}) for site in paper.sites)
    return replace(paper, sites=sites)


@pytest.mark.parametrize(
    ("boot_s", "before", "extra", "started"),
    [
        # A third of a window: two boot for window 1 in window 0, two for window 3 in window 2.
        (600.0, None, [2 / 3, 0, 2 / 3, 0], [0, 2, 0, 2]),
        (600.0, 1, [2 / 3, 0, 2 / 3, 0], [0, 2, 0, 2]),
        # One that should have been on before boots late: its third of a window is charged to window 0.
        (600.0, 0, [2 / 3 + 1 / 3, 0, 2 / 3, 0], [1, 2, 0, 2]),
        (600.0, 5, [2 / 3, 0, 2 / 3, 0], [0, 2, 0, 2]),
        # A whole window: the two of window 3 stay on through window 2.
        (1800.0, None, [2, 0, 2, 0], [0, 2, 0, 0]),
        (1800.0, 1, [2, 0, 2, 0], [0, 2, 0, 0]),
        # Window and a half: those of window 1 were due half a window before the horizon.
        (2700.0, 1, [2 + 0.5 * 2, 0, 2, 0], [0, 2, 0, 0]),
        (2700.0, 0, [2 + 0.5 * 3 + 1 * 1, 0, 2, 0], [1, 2, 0, 0]),
        (0.0, 0, [0, 0, 0, 0], [1, 2, 0, 2]),
    ],
)
def test_booting_worked_on_paper(boot_s: float, before: int | None, extra: list[float], started: list[int]) -> None:
    on = np.array(SERVERS)
    ahead = lead(GpuSpec(server_start_s=boot_s), 1800)
    assert booting(on, ahead, before) == pytest.approx(extra, abs=1e-12)
    assert servers_started(on, ahead, before).tolist() == started
    # The model with its use fixed, and the ledger, say the same.
    paper = hall(boot_s, before=before)
    use = amounts(paper, gpus_in_use=[4 * n for n in SERVERS], instance_energy_kwh=[1.0] * 4)
    expected = 4.0 + 0.5 * (sum(SERVERS) * 0.4 + sum(extra) * 0.6)
    outcome = settle(paper, use)
    assert outcome.status is SolveStatus.OPTIMAL
    assert outcome.objective == pytest.approx(expected, rel=1e-9)
    book = ledger(paper, use)
    assert objective_value(paper, book.totals) == pytest.approx(expected, rel=1e-12)
    assert book.servers_started[0].tolist() == started


def test_parts_of_a_window() -> None:
    assert lead(GpuSpec(server_start_s=420.0), 300) == Lead(1, pytest.approx(0.4))  # type: ignore[arg-type]
    assert Lead(2, 0.0).weights == ((2, 1.0),)
    assert Lead(0, 0.25).weights == ((0, 0.75), (1, 0.25))


@pytest.mark.parametrize("boot_s", [600.0, 1800.0, 5000.0])
@pytest.mark.parametrize("before", [None, 0, 2])
def test_no_server_boots_to_earn_from_a_negative_price(boot_s: float, before: int | None) -> None:
    prices = [-100.0, 20.0, -500.0, -30.0]
    paper = hall(boot_s, before=before, price_usd_per_mwh=prices, weights={ObjectiveName.COST: 1.0})
    use = amounts(paper, gpus_in_use=[4 * n for n in SERVERS], instance_energy_kwh=[1.0] * 4)
    value = objective_value(paper, ledger(paper, use).totals)
    assert settle(paper, use).objective == pytest.approx(value, rel=1e-9)
    apart = objective_value(paper, ledger(hall(0.0, price_usd_per_mwh=prices), use).totals)
    assert float(least_boot_cost(paper)[0]) <= value - apart


def test_released_servers_that_draw_more_boot_no_sooner() -> None:
    paper = hall(900.0, released_w=800.0)
    use = amounts(paper, gpus_in_use=[4 * n for n in SERVERS], instance_energy_kwh=[1.0] * 4)
    value = objective_value(paper, ledger(paper, use).totals)
    assert settle(paper, use).objective == pytest.approx(value, rel=1e-9)
    assert float(least_boot_cost(paper)[0]) < 0.0


def test_booting_costs_nothing_less_where_energy_has_a_price() -> None:
    assert least_boot_cost(hall(900.0, price_usd_per_mwh=10.0)).tolist() == [0.0]
