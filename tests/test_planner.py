"""From inputs to a verified plan: statuses, methods, phases; and small scenarios whose plan is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dynamo_plan.assemble import assemble
from dynamo_plan.errors import PlanError
from dynamo_plan.ingest import read_inputs
from dynamo_plan.planner import METHODS, Run, plan_scenario
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import PlanStatus
from dynamo_plan.schema.profile import MixingRow, MixingTable, Provenance
from dynamo_plan.solve.compact import solve_compact
from dynamo_plan.solve.compose import compose_plan
from dynamo_plan.solve.highs import SolveStatus
from dynamo_plan.solve.solution import relative_gap
from dynamo_plan.solve.states import StateSpace
from tests.ingest.builders import write_tiny_scenario
from tests.profile.paper_table import MODEL, cell, profile_table
from tests.solve.enumeration import optimum
from tests.solve.invented import inputs_of, service

TP1 = Kind("h100", 1, 1, "bf16")
PHASES = {"assemble", "solve", "dispatch", "verify"}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return read_inputs(write_tiny_scenario(tmp_path_factory.mktemp("tiny")))


@pytest.fixture(scope="module")
def runs(tiny: Inputs) -> dict[str, Run]:
    return {method: plan_scenario(tiny, method=method, gap=0.0) for method in METHODS}


@pytest.mark.parametrize("method", METHODS)
def test_a_run_says_everything_about_its_making(runs: dict[str, Run], method: str) -> None:
    run = runs[method]
    assert run.findings == ()
    assert run.diagnosis == ()
    assert set(run.phases_s) == PHASES
    assert all(seconds >= 0 for seconds in run.phases_s.values())
    assert run.solver["name"] == "HiGHS"
    assert run.solver["method"] == run.plan.certificate.method
    assert run.plan.certificate.proof
    certificate = run.plan.certificate
    assert certificate.gap == relative_gap(certificate.objective, certificate.best_bound)
    assert (run.plan.status is PlanStatus.OPTIMAL) == (certificate.gap <= 1e-9)


def test_methods_agree_within_their_gaps(runs: dict[str, Run]) -> None:
    best = runs["compact"].plan.certificate
    assert best.gap == pytest.approx(0.0, abs=1e-9)
    for run in runs.values():
        assert run.plan.certificate.best_bound <= best.objective * (1 + 1e-9)
        assert best.objective <= run.plan.certificate.objective * (1 + 1e-9)
    assert runs["auto"].plan.certificate.objective == pytest.approx(best.objective, rel=1e-9)


def test_the_same_inputs_twice_give_the_same_plan(tiny: Inputs) -> None:
    assert plan_scenario(tiny).plan == plan_scenario(tiny).plan


def test_a_wide_gap_is_enough_where_it_is_asked_for(tiny: Inputs) -> None:
    run = plan_scenario(tiny, gap=0.5)
    assert run.plan.status is PlanStatus.OPTIMAL
    assert run.plan.certificate.gap <= 0.5


def test_a_limit_is_never_called_optimal(tiny: Inputs) -> None:
    problem = assemble(tiny)
    spaces = [StateSpace(pool, problem.windows.hours) for pool in problem.pools]
    solution = solve_compact(problem, spaces, gap=0.0, time_limit_s=1e-3)
    assert solution.status in {SolveStatus.NOTHING_FOUND, SolveStatus.FEASIBLE}
    if not solution.courses:
        with pytest.raises(PlanError, match="stopped before it had any plan"):
            compose_plan(problem, spaces, solution, tiny, (), ())
    else:
        assert compose_plan(problem, spaces, solution, tiny, (), ()).status is PlanStatus.FEASIBLE


def test_progress_is_reported_in_order(tiny: Inputs) -> None:
    seen: list[tuple[str, float]] = []
    plan_scenario(tiny, on_progress=lambda phase, done, note: seen.append((phase, done)))
    assert list(dict.fromkeys(phase for phase, _ in seen)) == ["assemble", "solve", "dispatch", "verify"]
    assert all(0.0 <= done <= 1.0 for _, done in seen)


def test_the_compact_model_can_be_kept(tiny: Inputs, tmp_path: Path) -> None:
    path = tmp_path / "model.lp"
    plan_scenario(tiny, save_lp=path)
    text = path.read_text(encoding="utf-8")
    assert "Minimize" in text
    assert "servers_on_0_0" in text


def test_what_cannot_be_held_is_diagnosed() -> None:
    rows = cell(TP1, 1000.0, [(0.0, 0.0, 100.0), (0.5, 10.0, 150.0), (1.0, 10.0, 200.0)])
    run = plan_scenario(inputs_of([service(profile_table(rows), [[1.0], [2.0], [1.5]])], power_cap_kw=0.3))
    assert run.plan.status is PlanStatus.INFEASIBLE
    assert run.findings == ()
    assert run.diagnosis == (
        "power_cap at hall: short by up to 0.1 kW in 2 of 3 windows, worst 2024-05-14T01:00:00Z; "
        "with power_cap_kw: 0.400002 every window can be served; below 0.4 none can",
    )


def test_a_clock_that_is_cheap_but_small_is_used_as_often_as_it_pays() -> None:
    """3 requests/s cost 300 W on three instances at 800 MHz, and 635 W on one at 2000 MHz, whose full load is most efficient."""
    low = cell(TP1, 800.0, [(0.0, 0.0, 100.0), (0.5, 10.0, 100.0), (1.0, 10.0, 100.0)])
    high = cell(TP1, 2000.0, [(0.0, 0.0, 500.0), (5.0, 10.0, 725.0), (10.0, 10.0, 950.0)])
    run = plan_scenario(inputs_of([service(profile_table([*low, *high]), [[3.0]])]))
    assert run.plan.totals.energy_kwh == pytest.approx(0.3)


def test_a_mixed_pool_may_have_a_window_without_load() -> None:
    """One instance is kept warm; its idle draw is the buckets' in the horizon's shares: 5/6 x 100 + 1/6 x 140 W."""
    short = cell(TP1, 1000.0, [(0.0, 0.0, 100.0), (1.0, 10.0, 150.0), (2.0, 10.0, 200.0)])
    long = cell(TP1, 1000.0, [(0.0, 0.0, 140.0), (1.0, 10.0, 190.0), (2.0, 10.0, 240.0)], input_tokens=1000.0)
    mixing = MixingTable(
        "mixing.csv", (MixingRow(MODEL, TP1, 1000.0, frozenset("SL"), 0.1, Provenance.MODELLED, "on paper"),)
    )
    mixed = service(
        profile_table([*short, *long]), [[1.0, 0.2], [0.0, 0.0]], mixing=mixing, pools="single", min_instances=1
    )
    run = plan_scenario(inputs_of([mixed]))
    assert run.findings == ()
    assert [group.power_w for group in run.plan.groups if group.window == 1] == pytest.approx([100.0 + 40.0 / 6.0])


def test_a_load_that_needs_the_stock_of_two_gpu_types_is_planned() -> None:
    """Five instances of 0.5 requests/s are needed and each type has four GPUs: one of the first and four of the second are best."""
    levels = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
    rows = []
    for gpu, bend in (("a100", 0.4), ("h100", 1.0)):
        points = zip(0.5 * levels, 48.0 + 72.0 * levels, 60.0 + 100.0 * levels**bend, strict=True)
        rows += cell(Kind(gpu, 1, 1, "bf16"), 1000.0, points)
    inputs = inputs_of(
        [service(profile_table(rows), [[0.0], [1.922]], reserve_rps=[[0.0], [2.00849]])],
        count=4,
        per_server=4,
        pue=1.25,
    )
    run = plan_scenario(inputs)
    assert run.plan.status is PlanStatus.OPTIMAL
    assert run.findings == ()
    assert run.plan.certificate.objective == pytest.approx(optimum(assemble(inputs)), rel=inputs.scenario.solver.gap)
