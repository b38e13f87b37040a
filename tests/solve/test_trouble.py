"""Bad input and trouble: an answer with its quality or a diagnosis, in time; never a hang, a silent default or a traceback."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike

from dynamo_plan import planner
from dynamo_plan.assemble import assemble
from dynamo_plan.errors import InputError, LimitError
from dynamo_plan.planner import METHODS, Run, plan_scenario
from dynamo_plan.problem import Problem
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Plan, PlanStatus
from dynamo_plan.schema.profile import ProfileTable
from dynamo_plan.solve.compact import solve_compact
from dynamo_plan.solve.decomposition import solve_decomposed
from dynamo_plan.solve.highs import SolveStatus
from dynamo_plan.solve.kernels.states import admits
from dynamo_plan.solve.solution import Solution, relative_gap
from dynamo_plan.solve.states import StateSpace, admitted
from tests.profile.paper_table import Row, cell, profile_table
from tests.solve.invented import SITE, inputs_of, random_case, service

ANSWER_S = 30.0
"""Wall time within which every case here must be answered [s]; all are small, most take a blink."""

AFTER_LIMIT_S = 10.0
"""Wall time that a solve may take beyond its own limit [s]: assembly, feasibility, the dispatch and the verifier."""

AGREEMENT = 1e-6
"""Relative; what two methods owe each other."""

H100 = tuple(Kind("h100", tp, 1, "bf16") for tp in (1, 2, 4))
TWINS = tuple(Kind(gpu, tp, 1, "bf16") for gpu in ("a100", "h100") for tp in (1, 2, 4))
CLOCKS_MHZ = (1000.0, 1500.0)
RATES_RPS = np.random.default_rng(1).uniform(1.0, 6.0, (6, 1))


def table(kinds: tuple[Kind, ...] = H100, *, size: float = 1.0, watts: float = 1.0, slow: float = 1.0) -> ProfileTable:
    """Kinds that differ in nothing but their GPUs; factors on every rate, power and latency."""
    rows: list[Row] = []
    for kind in kinds:
        for clock in CLOCKS_MHZ:
            top = size * kind.tp**0.9 * (clock / 1500.0) ** 0.7
            points = [
                (
                    top * u,
                    slow * (60.0 + 120.0 * u),
                    watts * kind.tp * (60.0 + 0.03 * clock + 350.0 * u * clock / 2000.0),
                )
                for u in (0.0, 0.3, 0.6, 1.0)
            ]
            rows += cell(kind, clock, points)
    return profile_table(rows)


def two_services(**options: Any) -> Inputs:
    return inputs_of([service(table(), RATES_RPS), service(table(), RATES_RPS[::-1])], **options)


def in_time[Result](work: Callable[[], Result], limit_s: float = ANSWER_S) -> Result:
    """What some work returns or raises, if it does within a limit."""
    answer: list[Result] = []
    trouble: list[BaseException] = []

    def run() -> None:
        try:
            answer.append(work())
        except BaseException as error:  # handed on below
            trouble.append(error)

    thread = Thread(target=run, daemon=True)
    thread.start()
    thread.join(limit_s)
    if thread.is_alive():
        pytest.fail(f"no answer within {limit_s:g} s")
    if trouble:
        raise trouble[0]
    return answer[0]


def planned(inputs: Inputs, limit_s: float = ANSWER_S, **options: Any) -> Run:
    """A run that ended in time and verifies, with a status that says what it found."""
    run = in_time(lambda: plan_scenario(inputs, **options), limit_s)
    assert run.findings == ()
    assert (run.plan.status is PlanStatus.INFEASIBLE) == bool(run.plan.violations)
    assert len(run.diagnosis) == len(run.plan.violations)
    certificate = run.plan.certificate
    assert certificate.gap == relative_gap(certificate.objective, certificate.best_bound)
    return run


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    """Kernels are compiled once per installation; that is no part of any time limit here."""
    for options in ({}, {"count": 16, "power_cap_kw": 3.0}, {"count": 16, "server_idle_w": 300.0}):
        plan_scenario(two_services(**options))


# --------------------------------------------------------------------------------------------- caps that cannot be held


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("start_wh", [0.0, 50.0])
def test_a_power_cap_below_any_plan(method: str, start_wh: float) -> None:
    """The cap that the diagnosis calls enough is enough; just below the one under which no plan exists there is none."""
    transitions = {"instance_start_wh": start_wh}
    run = planned(two_services(power_cap_kw=1e-3, transitions=transitions), method=method)
    (broken,) = run.plan.violations
    assert (broken.constraint, broken.where) == ("power_cap", SITE)
    enough, least = (float(part.split()[0]) for part in (broken.mend.split(": ")[1], broken.mend.split("below ")[1]))
    assert planned(two_services(power_cap_kw=enough, transitions=transitions)).plan.violations == ()
    assert planned(two_services(power_cap_kw=least * 0.999, transitions=transitions)).plan.violations


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("draws_w", [0.0, 300.0])
def test_a_site_with_no_stock(method: str, draws_w: float) -> None:
    run = planned(two_services(count=0, server_idle_w=draws_w), method=method)
    (broken,) = run.plan.violations
    assert (broken.constraint, broken.where, len(broken.windows)) == ("gpu_stock", f"{SITE}/h100", len(RATES_RPS))
    enough = int(broken.mend.split("count: ")[1].split()[0])
    assert planned(two_services(count=enough, server_idle_w=draws_w)).plan.violations == ()


def test_no_stock_and_no_power() -> None:
    """What is called the least power of any plan is no more than what this plan takes."""
    run = planned(two_services(count=0, power_cap_kw=1e-3))
    stock, power = run.plan.violations
    assert (stock.constraint, power.constraint) == ("gpu_stock", "power_cap")
    most = max(max(row.energy_kwh) for row in run.plan.sites)  # in one hour
    enough, least = (
        float(part.split()[0].rstrip(";")) for part in (power.mend.split(": ")[1], power.mend.split("below ")[1])
    )
    assert enough == pytest.approx(most, rel=1e-4)
    assert least <= enough


@pytest.mark.slow
@pytest.mark.parametrize("gpus", ["one type", "identical types"])
def test_a_stock_that_no_plan_can_hold_is_found_out_soon(gpus: str) -> None:
    """One pool of some 50 instances over two days, with 8 GPUs."""
    kinds = H100[:1] if gpus == "one type" else (TWINS[0], TWINS[3])
    rates = np.tile(RATES_RPS * 8.0, (8, 1))
    inputs = inputs_of([service(table(kinds), rates)], per_server=1, count=8)
    run = planned(inputs, 20.0 + AFTER_LIMIT_S, time_limit_s=20.0)
    assert {broken.constraint for broken in run.plan.violations} == {"gpu_stock"}


def test_caps_that_every_window_can_hold_but_no_row_of_windows() -> None:
    """One instance, then two; the start takes what the cap does not leave. The bound does not climb to the end of numbers."""
    rows = cell(H100[0], 1000.0, [(0.0, 10.0, 100.0), (0.5, 50.0, 150.0), (1.0, 100.0, 200.0)])
    pool = service(profile_table(rows), [[1.0], [0.5]], reserve_rps=[[1.0], [2.0]])
    inputs = inputs_of([pool], power_cap_kw=0.26, transitions={"instance_start_wh": 50.0})
    problem = assemble(inputs)
    seen: list[str] = []
    found = in_time(
        lambda: solve_decomposed(
            problem,
            spaces_of(problem),
            gap=0.0,
            time_limit_s=ANSWER_S,
            on_progress=lambda _, __, note: seen.append(note),
        )
    )
    assert found.courses == []
    assert len(seen) < 300
    assert not np.isfinite(found.bound) or found.bound < 1e6
    assert planned(inputs).plan.violations


# -------------------------------------------------------------------------------------------------------- odd problems


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "caps", [{}, {"count": 8}, {"count": 8, "power_cap_kw": 2.64}, {"count": 8, "server_idle_w": 300.0}]
)
def test_a_horizon_of_one_window(method: str, caps: dict[str, Any]) -> None:
    inputs = inputs_of([service(table(), RATES_RPS[:1]), service(table(), RATES_RPS[:1])], **caps)
    run = planned(inputs, method=method, gap=0.0)
    assert run.plan.status is PlanStatus.OPTIMAL
    assert run.plan.windows == 1
    assert run.plan.certificate.objective == pytest.approx(best(inputs).objective, rel=AGREEMENT)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("objective", ["energy", "cost", "carbon"])
@pytest.mark.parametrize("caps", [{}, {"count": 0, "power_cap_kw": 1e-3}])
def test_zero_load(method: str, objective: str, caps: dict[str, Any]) -> None:
    """Nothing runs, nothing is drawn, and the gap of nothing is nothing."""
    inputs = inputs_of([service(table(), RATES_RPS * 0.0)], objective={objective: 1.0}, **caps)
    run = planned(inputs, method=method, gap=0.0)
    assert run.plan.status is PlanStatus.OPTIMAL
    assert run.plan.groups == ()
    assert (run.plan.certificate.objective, run.plan.certificate.gap) == (0.0, 0.0)


def test_zero_load_with_instances_that_must_run() -> None:
    run = planned(inputs_of([service(table(), RATES_RPS * 0.0, min_instances=1)], count=0, power_cap_kw=1e-3))
    assert {broken.constraint for broken in run.plan.violations} == {"gpu_stock", "power_cap"}
    assert {group.rate_rps for group in run.plan.groups} == {0.0}


def test_a_pool_that_no_kind_can_serve() -> None:
    """Every kind breaks the promised TTFT; the message names bucket, service and what each kind lacks."""
    inputs = inputs_of([service(table(slow=100.0), RATES_RPS, name="chat")])
    with pytest.raises(InputError, match="no row can serve") as caught:
        in_time(lambda: plan_scenario(inputs))
    (fault,) = caught.value.faults
    assert fault.code == "bucket-without-feasible-row"
    assert "bucket AA" in fault.where
    assert "chat" in fault.what
    assert all(str(kind) in fault.what for kind in H100)


# --------------------------------------------------------------------------------------------------------------- scale


def far_apart(weight: float, count: int | None) -> Inputs:
    """Rates of 1e-3/s and 1e3/s, prices of 1e-6 and 1e3 USD/MWh."""
    small, large = service(table(size=1e-3), RATES_RPS * 1e-3), service(table(size=1e3), RATES_RPS[::-1] * 1e3)
    return inputs_of(
        [small, large],
        per_server=1,
        count=count,
        price_usd_per_mwh=[1e-6, 1e3] * 3,
        price_usd_per_gpu_h=1e-6,
        transitions={"instance_start_wh": 10.0},
        objective={"cost": weight},
    )


@pytest.mark.slow
@pytest.mark.parametrize("weight", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("count", [None, 13, 12, 11])
def test_scales_far_apart(weight: float, count: int | None) -> None:
    """The same plan whatever the objective's unit, and the one that the MILP finds."""
    inputs = far_apart(weight, count)
    runs = [planned(inputs, method=method, gap=1e-6) for method in METHODS]
    for run in runs:
        assert run.plan.violations == runs[0].plan.violations
        assert run.plan.certificate.objective == pytest.approx(runs[0].plan.certificate.objective, rel=2e-6)
        assert run.plan.certificate.gap <= 1e-6
    usual = planned(far_apart(1.0, count), gap=1e-6).plan.certificate
    assert runs[0].plan.certificate.objective == pytest.approx(weight * usual.objective, rel=2e-6)


@pytest.mark.slow
@pytest.mark.parametrize("count", [None, 12])
def test_powers_far_apart(count: int | None) -> None:
    """A pool that draws microwatts beside one that draws kilowatts: neither the plan nor the verifier loses it."""
    small, large = service(table(watts=1e-6), RATES_RPS), service(table(), RATES_RPS[::-1])
    inputs = inputs_of([small, large], per_server=1, count=count, transitions={"instance_start_wh": 10.0})
    run = planned(inputs, gap=1e-9)
    assert run.plan.certificate.objective == pytest.approx(best(inputs).objective, rel=AGREEMENT)


# ------------------------------------------------------------------------------------------------------------ symmetry


@pytest.mark.parametrize("count", [24, 20, 18])
def test_identical_kinds(count: int) -> None:
    """Two GPU types with equal rows and prices: as dear as one type with both stocks, and found in time."""
    gpu = {"per_server": 1, "price_usd_per_gpu_h": 0.5}
    options: dict[str, Any] = {"objective": {"energy": 0.2, "cost": 1.0}, "transitions": {"instance_start_wh": 30.0}}
    rates = RATES_RPS * 3.0
    both = inputs_of(
        [service(table((TWINS[0], TWINS[3])), rates), service(table((TWINS[0], TWINS[3])), rates[::-1])],
        gpus={name: gpu | {"count": count // 2} for name in ("a100", "h100")},
        **options,
    )
    one = inputs_of(
        [service(table(H100[:1]), rates), service(table(H100[:1]), rates[::-1])],
        gpus={"h100": gpu | {"count": count}},
        **options,
    )
    twins, single = planned(both, time_limit_s=10.0), planned(one, time_limit_s=10.0)
    assert bool(twins.plan.violations) == bool(single.plan.violations)
    if not single.plan.violations:
        # One type may exchange an instance for one of its own; two types may not, without a start.
        assert twins.plan.certificate.best_bound <= single.plan.certificate.objective * (1 + 2e-3)
        assert twins.plan.certificate.objective >= single.plan.certificate.best_bound * (1 - AGREEMENT)


def test_many_identical_kinds_stay_within_the_time_limit() -> None:
    """Six kinds on two types, all alike per GPU, for two pools of some 30 GPUs: a plan or a diagnosis when the time is up."""
    pools = [service(table(TWINS), RATES_RPS * 4.0), service(table(TWINS), RATES_RPS[::-1] * 4.0)]
    run = planned(inputs_of(pools, per_server=8, count=16), 5.0 + AFTER_LIMIT_S, time_limit_s=5.0)
    assert run.plan.certificate.gap < 0.05


# ----------------------------------------------------------------------------------------------------------- too little time


def week(count: int, kinds: tuple[Kind, ...] = H100) -> Inputs:
    """Six services over a week of hours, coupled by their stock."""
    rng = np.random.default_rng(2)
    return inputs_of(
        [service(table(kinds), rng.uniform(5.0, 40.0, (168, 1))) for _ in range(6)],
        price_usd_per_mwh=rng.uniform(5.0, 90.0, 168),
        count=count,
        objective={"cost": 1.0},
        transitions={"instance_start_wh": 30.0},
    )


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "caps", [{}, {"count": 16}, {"count": 16, "power_cap_kw": 2.6}, {"count": 16, "server_idle_w": 300.0}]
)
def test_a_millisecond(method: str, caps: dict[str, Any]) -> None:
    """A plan with its gap, or the word that there was no time for one."""
    in_vain_or_planned(two_services(**caps), AFTER_LIMIT_S, method=method)


@pytest.mark.slow
@pytest.mark.parametrize("count", [400, 200, 160])
def test_a_millisecond_for_a_week(count: int) -> None:
    in_vain_or_planned(week(count), AFTER_LIMIT_S)


@pytest.mark.slow
def test_a_millisecond_for_a_week_of_identical_kinds() -> None:
    in_vain_or_planned(week(80, TWINS), ANSWER_S)


def in_vain_or_planned(inputs: Inputs, limit_s: float, **options: Any) -> None:
    """Plan for a millisecond: no status is called optimal without the gap, and no plan at all is said in words."""
    try:
        plan = planned(inputs, limit_s, time_limit_s=1e-3, **options).plan
    except LimitError as caught:
        (fault,) = caught.faults
        if fault.code != "no-plan-found" or "--time-limit" not in fault.mend:
            raise
    else:
        assert plan.status is not PlanStatus.OPTIMAL or plan.certificate.gap <= inputs.scenario.solver.gap


# -------------------------------------------------------------------------------------------------------------- Ctrl-C


def interrupted(inputs: Inputs, report: int, **options: Any) -> Run | None:
    """The run that is interrupted at its nth report during the solve, None where it was given up; fails where there are fewer."""
    reports = 0

    def on_progress(phase: str, done: float, note: str) -> None:
        nonlocal reports
        reports += phase == "solve"
        if phase == "solve" and reports == report:
            raise KeyboardInterrupt

    try:
        run = planned(inputs, on_progress=on_progress, **options)
    except KeyboardInterrupt:
        return None
    if reports < report:
        raise LookupError(f"only {reports} reports")
    return run


def reports_of(inputs: Inputs, **options: Any) -> int:
    seen: list[str] = []
    planned(inputs, on_progress=lambda phase, done, note: seen.append(phase), **options)
    return seen.count("solve")


COUPLED: dict[str, dict[str, Any]] = {
    "stock": {"count": 13, "per_server": 1, "objective": {"cost": 1.0}, "price_usd_per_mwh": [5.0, 90.0] * 3},
    "servers": {"count": 16, "per_server": 2, "server_idle_w": 300.0},
}


@pytest.mark.parametrize("caps", COUPLED)
def test_ctrl_c_keeps_the_plan_at_hand(caps: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """At every report: before there is a plan the interrupt passes on; from then on the plan is kept, and nothing new begins."""
    options = {"transitions": {"instance_start_wh": 40.0, "instance_start_usd": 0.02}, **COUPLED[caps]}
    inputs = two_services(**options)
    whole = planned(inputs, gap=0.0, method="decomposed").plan
    monkeypatch.setattr(planner, "solve_compact", no_more_work)
    kept = False
    for report in range(1, reports_of(inputs, gap=0.0, method="decomposed") + 1):
        run = interrupted(inputs, report, gap=0.0)
        assert run is not None or not kept, f"report {report}: the plan at hand was thrown away"
        if run is not None:
            kept = True
            check_interrupted(run.plan, whole)
    assert kept


def check_interrupted(plan: Plan, whole: Plan) -> None:
    assert plan.violations == ()
    assert plan.certificate.proof.endswith("(interrupted)")
    assert plan.certificate.best_bound <= whole.certificate.objective * (1 + AGREEMENT)
    assert plan.certificate.objective >= whole.certificate.best_bound * (1 - AGREEMENT)
    assert (plan.status is PlanStatus.OPTIMAL) == (plan.certificate.gap == 0.0)


def no_more_work(*_: object, **__: object) -> Solution:
    raise AssertionError("an interrupted solve must not start a MILP")


@pytest.mark.parametrize("caps", COUPLED)
def test_ctrl_c_before_there_is_any_plan(caps: str) -> None:
    assert interrupted(two_services(**COUPLED[caps]), 1) is None


# ------------------------------------------------------------------------------------ one meaning, whatever the machine


def test_the_compiled_admission_is_the_definition() -> None:
    """On random states within the limits of random pools, admitted ones and others."""
    seen = {True: 0, False: 0}
    for seed in range(60):
        rng = np.random.default_rng(seed)
        problem = assemble(random_case(seed, 1).inputs)
        for space in spaces_of(problem):
            pool = space.pool
            window = rng.integers(0, pool.mix.size, 60)
            counts = rng.integers(0, pool.max_instances + 1, (60, len(pool.kinds)))
            expected = admitted(pool, window, counts)
            found = [
                bool(admits(space.tables, space.limits, int(t), np.ascontiguousarray(state)))
                for t, state in zip(window, counts, strict=True)
            ]
            assert found == expected.tolist()
            for value in found:
                seen[value] += 1
    assert min(seen.values()) > 500


def test_states_outside_the_limits_are_never_admitted() -> None:
    for seed in range(10):
        for space in spaces_of(assemble(random_case(seed, 1).inputs)):
            for state in (space.pool.max_instances + 1, np.full(len(space.pool.kinds), -1)):
                assert not admits(space.tables, space.limits, 0, as_counts(state))


def as_counts(state: ArrayLike) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.ascontiguousarray(state, dtype=np.int64)


@pytest.mark.parametrize("caps", [*COUPLED, "none", "power"])
def test_the_number_of_threads_changes_nothing(caps: str) -> None:
    options = COUPLED.get(caps) or ({} if caps == "none" else {"count": 16, "power_cap_kw": 2.6})
    pools = [service(table(), np.roll(RATES_RPS, shift, axis=0) * 0.7) for shift in range(3)]
    inputs = inputs_of(pools, **options | {"transitions": {"instance_start_wh": 40.0}})
    plans = [planned(inputs, threads=threads).plan for threads in (1, 2, 4)]
    assert plans[0] == plans[1] == plans[2]


def spaces_of(problem: Problem) -> list[StateSpace]:
    return [StateSpace(pool, problem.windows.hours) for pool in problem.pools]


def best(inputs: Inputs) -> Solution:
    """The optimum of a problem whose caps can be held, by one MILP."""
    problem = assemble(inputs)
    found = solve_compact(problem, spaces_of(problem), gap=0.0, time_limit_s=ANSWER_S)
    assert found.status is SolveStatus.OPTIMAL
    return found
