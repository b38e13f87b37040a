"""From inputs to a verified plan: assemble, decide feasibility, solve, dispatch, verify."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from dynamo_plan.assemble import assemble, service_assemblies
from dynamo_plan.baselines.single_pool import single_pool
from dynamo_plan.errors import Fault, LimitError, PlanError, UsageError
from dynamo_plan.model.constraints import split_load
from dynamo_plan.model.constraints.min_up import windows_up
from dynamo_plan.problem import Problem
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Omission, Plan, Violation
from dynamo_plan.schema.scenario import PoolRule
from dynamo_plan.solve.caps import relaxed, same_caps
from dynamo_plan.solve.compact import compact_model, solve_compact
from dynamo_plan.solve.compose import compose_plan
from dynamo_plan.solve.decomposition import solve_decomposed
from dynamo_plan.solve.highs import SolveStatus, solver_version
from dynamo_plan.solve.methods import COMPACT_LIMIT, method_for
from dynamo_plan.solve.routing import RoutedCourse, solve_routed
from dynamo_plan.solve.scaling import in_unit, out_of_unit, unit_of
from dynamo_plan.solve.sharing import Choice, Sharing, a_server_less, compile_kernels
from dynamo_plan.solve.solution import Solution, relative_gap
from dynamo_plan.solve.split import solve_split
from dynamo_plan.solve.spread import limits_starts, loosened, without_limit, without_min_up
from dynamo_plan.solve.states import StateSpace, TooManyStatesError

if TYPE_CHECKING:
    from dynamo_plan.verify import Finding

Progress = Callable[[str, float, str], None]

METHODS = ("auto", "decomposed", "compact")

LEAST_SECONDS = 1.0
"""Time below which a MILP is not started [s]."""


@dataclass(frozen=True, slots=True)
class Run:
    """A plan with everything known about its making.

    Attributes
    ----------
    findings : tuple of Finding
        What the verifier objects to; a plan with findings must not be used.
    phases_s : dict of str to float
        Wall time by phase [s].
    solver : dict of str to str
        Name, version, method.
    """

    plan: Plan
    findings: tuple[Finding, ...]
    phases_s: dict[str, float]
    solver: dict[str, str]
    log: str
    diagnosis: tuple[str, ...]


@dataclass
class _Clock:
    """Wall time by phase, and the lines of the log."""

    on_progress: Progress
    phases_s: dict[str, float] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        self.report(name, 0.0, "")
        begin = monotonic()
        yield
        self.phases_s[name] = self.phases_s.get(name, 0.0) + monotonic() - begin

    def report(self, phase: str, done: float, note: str) -> None:
        if note:
            self.lines.append(f"{phase}: {note}")
        self.on_progress(phase, done, note)


@dataclass(frozen=True, slots=True)
class _Effort:
    """How a problem is to be solved: method, relative gap [1], deadline (by `time.monotonic`), threads, and whom to tell."""

    method: str
    gap: float
    deadline: float
    threads: int | None
    clock: _Clock

    def left_s(self) -> float:
        """Time left [s], and enough to try something."""
        return max(self.deadline - monotonic(), LEAST_SECONDS)


@dataclass(frozen=True, slots=True)
class _Planned:
    """A plan with the problem that it answers and its pools' states."""

    problem: Problem
    spaces: list[StateSpace]
    plan: Plan


def plan_scenario(
    inputs: Inputs,
    *,
    method: str = "auto",
    gap: float | None = None,
    time_limit_s: float | None = None,
    threads: int | None = None,
    save_lp: Path | None = None,
    on_progress: Progress | None = None,
) -> Run:
    """Plan a scenario and verify the plan.

    Parameters
    ----------
    method : {'auto', 'decomposed', 'compact'}
        `auto` decomposes and, where a gap stays open on a small problem, lets one MILP try to close it.
    gap, time_limit_s : float, optional
        Override the scenario's relative gap [1] and wall time [s].
    save_lp : Path, optional
        Where to write the compact model as an LP file.

    Raises
    ------
    InputError
        The inputs do not make a problem.
    UsageError
        The method cannot express the problem.
    """
    clock = _Clock(on_progress or (lambda phase, done, note: None))
    gap = inputs.scenario.solver.gap if gap is None else gap
    limit = inputs.scenario.solver.time_limit_s if time_limit_s is None else time_limit_s
    effort = _Effort(method, gap, monotonic() + limit, threads, clock)
    if any(service.pools is PoolRule.AUTO for service in inputs.scenario.services):
        best = _plan_shared(inputs, effort)
    else:
        with clock.phase("assemble"):
            stated = assemble(inputs)
            spaces = [StateSpace(pool, stated.windows.hours) for pool in stated.pools]
        best = _plan(inputs, stated, spaces, effort)
    plan = best.plan
    if save_lp is not None:
        with clock.phase("solve"):
            compact_model(best.problem, best.spaces).prob.writeLP(str(save_lp))
    with clock.phase("verify"):
        from dynamo_plan.verify import verify

        findings = verify(plan, inputs)
    solver = {"name": "HiGHS", "version": solver_version(), "method": plan.certificate.method}
    diagnosis = _diagnosis(plan.violations, best.problem)
    return Run(plan, findings, clock.phases_s, solver, "\n".join([*clock.lines, ""]), diagnosis)


def _plan(inputs: Inputs, stated: Problem, spaces: list[StateSpace], effort: _Effort) -> _Planned:
    """Solve and dispatch one problem."""
    with effort.clock.phase("solve"):
        routed: tuple[RoutedCourse, ...] = ()
        if stated.routed:
            method_for(stated, spaces, effort.method)
            found = solve_routed(stated, spaces, gap=effort.gap, time_limit_s=effort.left_s(), threads=effort.threads)
            solution, routed = found.solution, found.routed
            least_power_kw: dict[str, float] = {}
        elif stated.loads():
            stated, spaces, solution = _solve_split(stated, spaces, effort)
            least_power_kw = {}  # known for the shares chosen only
        else:
            solution, least_power_kw = _solve_within_caps(stated, spaces, effort)
    with effort.clock.phase("dispatch"):
        baselines, omitted = single_pool(stated)
        plan = compose_plan(stated, spaces, solution, inputs, baselines, omitted, least_power_kw, routed)
    return _Planned(stated, spaces, plan)


def _plan_shared(inputs: Inputs, effort: _Effort) -> _Planned:
    """The cheapest plan over the choices of pools that may win; where caps cannot be held, the one that breaks fewest."""
    clock, gap, deadline = effort.clock, effort.gap, effort.deadline
    with clock.phase("assemble"):
        services = service_assemblies(inputs)
        stated = assemble(inputs, services)
    with clock.phase("pools"):
        begin = monotonic()
        compile_kernels(stated, services)
        deadline += monotonic() - begin  # once per installation, and not the search's fault
        sharing = Sharing(inputs, stated, services, effort.threads or os.cpu_count() or 1, deadline)
        choices = sharing.run()
    best: _Planned | None = None
    chosen, trouble = choices[0], list[PlanError]()
    while choices and (best is None or monotonic() < deadline):
        choice, *choices = choices
        if best is not None and not _may_win(choice, best.plan, gap):
            continue
        with clock.phase("assemble"):
            problem = assemble(inputs, services, choice.partitions)
            spaces = [StateSpace(pool, problem.windows.hours) for pool in problem.pools]
        if choice is chosen:
            with clock.phase("pools"):
                choices = [*sharing.spared(problem, spaces), *choices]
        rivals = sum(other.is_close(choice) if best is None else _may_win(other, best.plan, gap) for other in choices)
        clock.report("solve", 0.0, f"pools {sharing.shown(choice)}")
        try:
            until = monotonic() + (deadline - monotonic()) / (1 + rivals)
            found = _plan(inputs, problem, spaces, replace(effort, deadline=until))
        except (LimitError, TooManyStatesError, UsageError) as error:
            clock.report("solve", 0.0, f"no plan with these pools: {error}")
            trouble.append(error)
            continue
        if best is None:
            with clock.phase("pools"):
                choices = [*sharing.spared(a_server_less(problem, found.plan), spaces), *choices]
        if best is None or _standing(found.plan) < _standing(best.plan):
            best, chosen = found, choice
    if best is None:
        raise trouble[0]
    plan = best.plan
    return replace(
        best,
        plan=replace(
            plan,
            certificate=replace(plan.certificate, proof=f"{plan.certificate.proof}; for the pools chosen"),
            omissions=(*plan.omissions, *sharing.remarks(chosen.partitions)),
            sharing=sharing.reports(chosen.partitions),
        ),
    )


def _may_win(choice: Choice, plan: Plan, gap: float) -> bool:
    """Whether a plan with these pools may be better than this one by more than the gap."""
    return bool(plan.violations) or relative_gap(plan.certificate.objective, choice.bound) > gap


def _standing(plan: Plan) -> tuple[int, float]:
    """What orders plans: windows in which a cap is broken, then the objective."""
    return sum(len(broken.windows) for broken in plan.violations), plan.certificate.objective


def _solve_split(
    stated: Problem, spaces: list[StateSpace], effort: _Effort
) -> tuple[Problem, list[StateSpace], Solution]:
    """The problem with the shares of split loads decided, its pools' states and its solution."""
    if effort.method == "compact":
        what = "the compact model has no variables for loads that are split between sites"
        raise UsageError(
            Fault("method-cannot-plan", "--method compact", what, "", "Leave it out, or give each service one `site:`")
        )

    def solve(problem: Problem, own: list[StateSpace], deadline: float) -> tuple[Solution, dict[str, float]]:
        return _solve_within_caps(problem, own, replace(effort, deadline=deadline))

    found = solve_split(
        stated,
        spaces,
        solve,
        gap=effort.gap,
        deadline=effort.deadline,
        on_progress=effort.clock.report,
        threads=effort.threads,
    )
    if not found.least_power_kw:
        return found.problem, found.spaces, found.solution
    unproven = Omission(
        split_load.NAME, "other shares were tried and none held every cap; that there are none is not proven"
    )
    return replace(found.problem, omissions=(*found.problem.omissions, unproven)), found.spaces, found.solution


def _solve_within_caps(stated: Problem, spaces: list[StateSpace], effort: _Effort) -> tuple[Solution, dict[str, float]]:
    """A solution of the problem, with caps raised where they cannot be held, and by site the power that every plan takes [kW]."""

    def solved(problem: Problem) -> Solution:
        """A solution; where none is found, one without what ties the windows together: least up times, then limits on starts."""
        solution = _solve(problem, spaces, effort)
        if not solution.courses and windows_up(problem) > 1:
            problem = without_min_up(problem)
            solution = _solve(problem, spaces, effort)
        if solution.courses or not limits_starts(problem):
            return solution
        free = _solve(without_limit(problem), spaces, effort)
        if not free.courses:
            return free
        raised = _solve(loosened(problem, spaces, free.courses), spaces, effort)
        return raised if raised.courses else free

    raised = relaxed(stated, spaces, with_starts=False, deadline=effort.deadline)
    solution = None
    if same_caps(raised.problem, stated):
        solution = solved(stated)
    if solution is None or not solution.courses:
        # Raised to what the windows need one by one, a cap leaves no room for any start: raise it for these as well.
        raised = replace(
            relaxed(stated, spaces, with_starts=True, deadline=effort.deadline), least_power_kw=raised.least_power_kw
        )
        solution = solved(raised.problem)
    return solution, raised.least_power_kw


def _solve(stated: Problem, spaces: list[StateSpace], effort: _Effort) -> Solution:
    """Plan a problem whose caps can be held window by window, its objective counted in a unit that solvers can count in."""
    unit = unit_of(stated)
    return out_of_unit(_solve_in(in_unit(stated, unit), spaces, effort), unit)


def _solve_in(problem: Problem, spaces: list[StateSpace], effort: _Effort) -> Solution:
    gap, threads, report = effort.gap, effort.threads, effort.clock.report
    method = method_for(problem, spaces, effort.method)
    if method == "compact":
        return solve_compact(problem, spaces, gap=gap, time_limit_s=effort.left_s(), threads=threads)
    solution = solve_decomposed(
        problem, spaces, gap=gap, time_limit_s=effort.left_s(), on_progress=report, threads=threads
    )
    binaries = sum(space.box_size() for space in spaces)
    in_time = effort.deadline - monotonic() > LEAST_SECONDS and not solution.interrupted
    open_gap = relative_gap(solution.objective, solution.bound) > gap
    if method == "auto" and open_gap and binaries <= COMPACT_LIMIT and in_time:
        report("solve", 0.5, f"gap open, one MILP with {binaries} binaries")
        other = solve_compact(problem, spaces, gap=gap, time_limit_s=effort.left_s(), threads=threads)
        return _better(solution, other, gap)
    return solution


def _better(first: Solution, second: Solution, gap: float) -> Solution:
    """The cheaper plan of two, with the higher of both bounds."""
    best = second if second.courses and not second.objective >= first.objective else first
    proven = second if second.bound > first.bound else first
    status: SolveStatus = SolveStatus.FEASIBLE if best.status is SolveStatus.OPTIMAL else best.status
    if relative_gap(best.objective, proven.bound) <= gap:
        status = SolveStatus.OPTIMAL
    prices = first.prices if second.prices is None else second.prices
    interrupted = first.interrupted or second.interrupted
    return Solution(
        status, best.courses, best.objective, proven.bound, best.method, proven.proof, prices, interrupted=interrupted
    )


def _diagnosis(violations: tuple[Violation, ...], problem: Problem) -> tuple[str, ...]:
    lines = []
    for broken in violations:
        worst = max(range(len(broken.windows)), key=lambda index: broken.shortfall[index])
        lines.append(
            f"{broken.constraint} at {broken.where}: short by up to {broken.shortfall[worst]:.6g} {broken.unit} in "
            f"{len(broken.windows)} of {len(problem.windows)} windows, worst {problem.windows.label(broken.windows[worst])}; {broken.mend}"
        )
    return tuple(lines)
