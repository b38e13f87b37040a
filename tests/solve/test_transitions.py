"""Known ends of the horizon: enumeration and the compact model agree, and the plan verifies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dynamo_plan.assemble import assemble
from dynamo_plan.errors import InputError, UsageError
from dynamo_plan.model.constraints.resharding import families
from dynamo_plan.planner import plan_scenario
from dynamo_plan.problem import Problem
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import PlanStatus
from dynamo_plan.schema.scenario import Ending, Scenario
from dynamo_plan.solve.caps import relaxed
from dynamo_plan.solve.compact import solve_compact
from dynamo_plan.solve.compose import compose_plan
from dynamo_plan.solve.decomposition import solve_decomposed
from dynamo_plan.solve.highs import SolveStatus
from dynamo_plan.solve.states import StateSpace
from dynamo_plan.verify import verify
from tests.quick import quick_first
from tests.solve.enumeration import optimum
from tests.solve.test_oracle import close, small_case

CASES = 40
ENDINGS = ("free", "as-started")
FAMILIES = (1, 4, 13, 18, 29, 32, 35, 40, 43, 47, 49, 50, 51, 63, 64, 68, 80, 81, 97, 98, 105, 117, 120, 139, 141, 144)
"""Problems with a pool of several kinds on one GPU type, between which it can re-shard."""


BOOTS_S = (0.0, 420.0, 3000.0, 9000.0)
"""Boot times of servers, from none to more than any window and more than two of the longest."""


def with_boots(inputs: Inputs, boot_s: float) -> Inputs:
    """The inputs with servers that draw something and take so long to boot."""
    record = inputs.scenario.model_dump(mode="json")
    for site in record["sites"]:
        for gpu in site["gpus"].values():
            gpu |= {"server_start_s": boot_s, "server_idle_w": gpu["server_idle_w"] or 900.0}
    return replace(inputs, scenario=Scenario.model_validate(record, strict=False))


def with_transitions(inputs: Inputs, **changes: object) -> Inputs:
    """The inputs with other transitions."""
    record = inputs.scenario.model_dump(mode="json")
    record["transitions"] |= changes
    return replace(inputs, scenario=Scenario.model_validate(record, strict=False))


def with_ends(inputs: Inputs, problem: Problem, rng: np.random.Generator, ending: str) -> Inputs:
    """The inputs with a random state before the first window."""
    instances = [
        {"pool": pool.name, "site": pool.site, "gpu": kind.gpu, "tp": kind.tp, "pp": kind.pp, "dtype": kind.dtype}
        | {"instances": int(rng.integers(0, most + 2))}
        for pool in problem.pools
        for kind, most in zip(pool.kinds, pool.max_instances, strict=True)
    ]
    record = inputs.scenario.model_dump(mode="json")
    record["initial"] = {"instances": instances}
    record["transitions"]["ending"] = ending
    return replace(inputs, scenario=Scenario.model_validate(record, strict=False))


def check(inputs: Inputs) -> None:
    """Enumeration and the compact model find the same optimum, and its plan verifies."""
    stated = assemble(inputs)
    spaces = [StateSpace(pool, stated.windows.hours) for pool in stated.pools]
    problem = relaxed(stated, spaces, with_starts=True).problem
    best = optimum(problem)
    found = solve_compact(problem, spaces, gap=0.0, time_limit_s=60.0)
    assert found.status is SolveStatus.OPTIMAL
    assert found.objective == close(best)
    plan = compose_plan(stated, spaces, found, inputs, (), ())
    assert verify(plan, inputs) == ()


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("number", quick_first(range(CASES), 4))
def test_the_compact_model_finds_the_optimum_between_known_ends(number: int, ending: str) -> None:
    case, free = small_case(number)
    check(with_ends(case.inputs, free, np.random.default_rng(number), ending))


@pytest.mark.parametrize("number", quick_first(range(CASES), 4))
@pytest.mark.parametrize("boot_s", BOOTS_S[1:])
def test_the_compact_model_boots_servers_in_time(number: int, boot_s: float) -> None:
    case, _ = small_case(number)
    check(with_boots(case.inputs, boot_s))


@pytest.mark.parametrize("number", quick_first(range(CASES), 4))
def test_the_compact_model_boots_servers_that_were_not_on_before(number: int) -> None:
    case, free = small_case(number)
    ended = with_ends(case.inputs, free, np.random.default_rng(number), ENDINGS[number % 2])
    check(with_boots(ended, BOOTS_S[1 + number % 3]))


@pytest.mark.parametrize("number", quick_first(range(CASES), 4))
def test_a_limit_on_starts(number: int) -> None:
    """Enumeration, the compact model and the bound of the decomposition; where no plan can hold the limit it is named."""
    case, free = small_case(number)
    inputs = case.inputs if number % 2 else with_ends(case.inputs, free, np.random.default_rng(number), "free")
    inputs = with_transitions(inputs, max_starts_per_window=number % 3)
    stated = assemble(inputs)
    spaces = [StateSpace(pool, stated.windows.hours) for pool in stated.pools]
    problem = relaxed(stated, spaces, with_starts=True).problem
    best = optimum(problem)
    found = solve_compact(problem, spaces, gap=0.0, time_limit_s=60.0)
    assert (found.status is SolveStatus.OPTIMAL) == bool(np.isfinite(best))
    if found.courses:
        assert found.objective == close(best)
        assert verify(compose_plan(stated, spaces, found, inputs, (), ()), inputs) == ()
    run = plan_scenario(inputs, method="compact", gap=1e-6)
    assert run.findings == ()
    broken = {violation.constraint for violation in run.plan.violations}
    if np.isfinite(optimum(stated)):
        assert broken == set()
        assert run.plan.certificate.objective == close(optimum(stated))
    else:
        assert broken
        assert run.plan.status is PlanStatus.INFEASIBLE


@pytest.mark.parametrize("change", ["limit", "boots", "both"])
@pytest.mark.parametrize("number", quick_first(range(0, CASES, 3), 2))
def test_limits_and_boots_in_the_decomposition(number: int, change: str) -> None:
    """The bound holds, and what is found is a plan; with caps it may find none, and then one MILP has to."""
    case, _ = small_case(number)
    inputs = case.inputs if change == "boots" else with_transitions(case.inputs, max_starts_per_window=number % 3)
    inputs = inputs if change == "limit" else with_boots(inputs, BOOTS_S[1 + number % 3])
    stated = assemble(inputs)
    spaces = [StateSpace(pool, stated.windows.hours) for pool in stated.pools]
    problem = relaxed(stated, spaces, with_starts=True).problem
    best = optimum(problem)
    room = 1e-6 * abs(best) + 1e-9
    found = solve_decomposed(problem, spaces, gap=1e-3, time_limit_s=60.0, on_progress=lambda phase, done, note: None)
    assert found.bound <= best + room
    if found.courses:
        assert best <= found.objective + room
    run = plan_scenario(inputs)
    assert run.findings == ()
    assert (run.plan.violations == ()) == bool(np.isfinite(optimum(stated)))


def with_reshards(inputs: Inputs, number: int) -> Inputs:
    """The inputs with re-shards at a part of what a start takes, and some start to compare with."""
    transitions = inputs.scenario.transitions
    start_wh, start_s = transitions.instance_start_wh or 60.0, transitions.instance_start_s or 300.0
    part = (0.0, 0.3, 1.0)[number % 3]
    return with_transitions(
        inputs,
        instance_start_wh=start_wh,
        instance_start_s=start_s,
        reshard_wh=part * start_wh,
        reshard_s=part * start_s,
    )


@pytest.mark.parametrize("number", quick_first(FAMILIES, 4))
def test_the_compact_model_reshards_by_the_rule(number: int) -> None:
    case, _ = small_case(number)
    check(with_reshards(case.inputs, number))


@pytest.mark.parametrize("number", quick_first(FAMILIES, 4))
def test_the_compact_model_reshards_between_known_ends(number: int) -> None:
    case, free = small_case(number)
    ended = with_ends(case.inputs, free, np.random.default_rng(number), ENDINGS[number % 2])
    limited = with_transitions(ended, max_starts_per_window=9) if number % 4 == 0 else ended
    check(with_reshards(limited, number))


@pytest.mark.slow
def test_reshards_happen_and_pay_on_some_of_these_problems() -> None:
    cheaper = 0
    for number in FAMILIES:
        case, free = small_case(number)
        assert any(families(pool.kinds) for pool in free.pools)
        ended = with_ends(case.inputs, free, np.random.default_rng(number), "as-started")
        starts = with_transitions(with_reshards(ended, 0), reshard_wh=None)
        dear, cheap = optimum(assemble(starts)), optimum(assemble(with_reshards(ended, 0)))
        cheaper += bool(np.isfinite(dear)) and cheap < dear - 1e-9
    assert cheaper >= 5


@pytest.mark.parametrize("number", quick_first(range(CASES), 4))
def test_instances_stay_up(number: int) -> None:
    """One window and a bit, that is two; all windows; with known ends and re-shards on some."""
    case, free = small_case(number)
    windows, window_s = len(free.windows), free.windows.window_s
    inputs = (
        with_ends(case.inputs, free, np.random.default_rng(number), ENDINGS[number % 2]) if number % 3 else case.inputs
    )
    inputs = with_reshards(inputs, number) if number % 4 == 0 else inputs
    inputs = with_transitions(inputs, min_up_s=(1.1 if number % 2 else windows) * window_s)
    stated = assemble(inputs)
    best = optimum(stated)
    run = plan_scenario(inputs, gap=1e-6)
    assert run.findings == ()
    assert run.plan.certificate.method == "compact"
    broken = {violation.constraint for violation in run.plan.violations}
    if np.isfinite(best):
        assert broken == set()
        assert run.plan.certificate.objective == close(best)
    else:
        assert broken


@pytest.mark.slow
def test_staying_up_costs_something_on_some_of_these_problems() -> None:
    dearer = 0
    for number in range(CASES):
        case, free = small_case(number)
        least, longer = optimum(free), optimum(assemble(with_transitions(case.inputs, min_up_s=1e6)))
        dearer += bool(np.isfinite(least)) and longer > least + 1e-9
    assert dearer >= 3


@pytest.mark.parametrize("method", ["decomposed", "auto"])
def test_what_only_the_compact_model_expresses(method: str) -> None:
    case, _ = small_case(0)
    inputs = with_transitions(case.inputs, min_up_s=2.5 * case.inputs.windows.window_s)
    if method == "decomposed":
        with pytest.raises(UsageError, match="minimum up time") as caught:
            plan_scenario(inputs, method=method)
        assert caught.value.faults[0].code == "method-cannot-plan"
    else:
        assert plan_scenario(inputs, method=method).plan.certificate.method == "compact"


def test_a_limit_that_cannot_be_held_is_named_with_its_mend() -> None:
    """Nothing ran before and nothing may start."""
    case, _ = small_case(1)
    record = with_transitions(case.inputs, max_starts_per_window=0).scenario.model_dump(mode="json")
    record["initial"] = {"instances": []}
    inputs = replace(case.inputs, scenario=Scenario.model_validate(record, strict=False))
    run = plan_scenario(inputs)
    assert run.plan.status is PlanStatus.INFEASIBLE
    (line,) = [line for line in run.diagnosis if line.startswith("start_limit at hall: short by up to")]
    needed = max(int(line.split("max_starts_per_window: ")[1].split()[0]), 0)
    again = plan_scenario(with_transitions(inputs, max_starts_per_window=needed))
    assert "start_limit" not in {violation.constraint for violation in again.plan.violations}


@pytest.mark.slow
def test_known_ends_cost_something_on_most_of_these_problems() -> None:
    dearer = 0
    for number in range(CASES):
        case, free = small_case(number)
        if not np.isfinite(optimum(free)):
            continue
        ends = assemble(with_ends(case.inputs, free, np.random.default_rng(number), "as-started"))
        dearer += optimum(ends) > optimum(free) + 1e-9
    assert dearer > CASES // 4


def test_as_started_needs_a_start() -> None:
    case, _ = small_case(0)
    scenario = case.inputs.scenario
    transitions = scenario.transitions.model_copy(update={"ending": Ending.AS_STARTED})
    inputs = replace(case.inputs, scenario=scenario.model_copy(update={"transitions": transitions}))
    with pytest.raises(InputError, match="no initial state") as caught:
        assemble(inputs)
    assert caught.value.faults[0].code == "ending-without-start"


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_state_that_no_pool_can_go_on_with_is_named(ending: str) -> None:
    case, free = small_case(0)
    inputs = with_ends(case.inputs, free, np.random.default_rng(0), ending)
    record = inputs.scenario.model_dump(mode="json")
    record["initial"]["instances"].append(
        {"pool": "gone/SA", "site": "hall", "gpu": "h100", "tp": 2, "dtype": "bf16", "instances": 3}
    )
    inputs = replace(inputs, scenario=Scenario.model_validate(record, strict=False))
    if ending == "as-started":
        with pytest.raises(InputError, match="gone/SA h100-tp2-bf16 at hall") as caught:
            assemble(inputs)
        assert caught.value.faults[0].code == "initial-unknown"
    else:
        (omission,) = [one for one in assemble(inputs).omissions if "gone/SA" in one.piece]
        assert omission.reason.endswith("these instances stop")
