"""From inputs to a verified plan: assemble, decide feasibility, solve, dispatch, verify."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from dynamo_plan.assemble import assemble
from dynamo_plan.baselines.single_pool import single_pool
from dynamo_plan.problem import Problem
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Plan, Violation
from dynamo_plan.solve.caps import relaxed, same_caps
from dynamo_plan.solve.compact import compact_model, solve_compact
from dynamo_plan.solve.compose import compose_plan
from dynamo_plan.solve.decomposition import Solution, relative_gap, solve_decomposed
from dynamo_plan.solve.highs import SolveStatus, solver_version
from dynamo_plan.solve.states import StateSpace

if TYPE_CHECKING:
    from dynamo_plan.verify import Finding

Progress = Callable[[str, float, str], None]

METHODS = ("auto", "decomposed", "compact")

COMPACT_LIMIT = 200_000
"""Binaries up to which `auto` tries one MILP on a gap that the decomposition left open; more do not finish in useful time."""

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
    """
    clock = _Clock(on_progress or (lambda phase, done, note: None))
    gap = inputs.scenario.solver.gap if gap is None else gap
    limit = inputs.scenario.solver.time_limit_s if time_limit_s is None else time_limit_s
    deadline = monotonic() + limit
    with clock.phase("assemble"):
        stated = assemble(inputs)
        spaces = [StateSpace(pool, stated.windows.hours) for pool in stated.pools]
    with clock.phase("solve"):
        if save_lp is not None:
            compact_model(stated, spaces).prob.writeLP(str(save_lp))
        raised = relaxed(stated, spaces, with_starts=False)
        solution = None
        if same_caps(raised.problem, stated):
            solution = _solve(raised.problem, spaces, method, gap, deadline, threads, clock)
        if solution is None or not solution.courses:
            # Raised to what the windows need one by one, a cap leaves no room for any start: raise it for these as well.
            raised = replace(relaxed(stated, spaces, with_starts=True), least_power_kw=raised.least_power_kw)
            solution = _solve(raised.problem, spaces, method, gap, deadline, threads, clock)
    with clock.phase("dispatch"):
        baselines, omitted = single_pool(stated)
        plan = compose_plan(stated, spaces, solution, inputs, baselines, omitted, raised.least_power_kw)
    with clock.phase("verify"):
        from dynamo_plan.verify import verify

        findings = verify(plan, inputs)
    solver = {"name": "HiGHS", "version": solver_version(), "method": solution.method}
    return Run(
        plan, findings, clock.phases_s, solver, "\n".join([*clock.lines, ""]), _diagnosis(plan.violations, stated)
    )


def _solve(
    problem: Problem,
    spaces: list[StateSpace],
    method: str,
    gap: float,
    deadline: float,
    threads: int | None,
    clock: _Clock,
) -> Solution:
    def left() -> float:
        return max(deadline - monotonic(), LEAST_SECONDS)

    if method == "compact":
        return solve_compact(problem, spaces, gap=gap, time_limit_s=left(), threads=threads)
    solution = solve_decomposed(
        problem, spaces, gap=gap, time_limit_s=left(), on_progress=clock.report, threads=threads
    )
    binaries = sum(space.box_size() for space in spaces)
    open_gap = relative_gap(solution.objective, solution.bound) > gap
    if method == "auto" and open_gap and binaries <= COMPACT_LIMIT and deadline - monotonic() > LEAST_SECONDS:
        clock.report("solve", 0.5, f"gap open, one MILP with {binaries} binaries")
        other = solve_compact(problem, spaces, gap=gap, time_limit_s=left(), threads=threads)
        return _better(solution, other, gap)
    return solution


def _better(first: Solution, second: Solution, gap: float) -> Solution:
    """The cheaper plan of two, with the higher of both bounds."""
    best = second if second.courses and not second.objective >= first.objective else first
    proven = second if second.bound > first.bound else first
    status: SolveStatus = SolveStatus.FEASIBLE if best.status is SolveStatus.OPTIMAL else best.status
    if relative_gap(best.objective, proven.bound) <= gap:
        status = SolveStatus.OPTIMAL
    return Solution(status, best.courses, best.objective, proven.bound, best.method, proven.proof)


def _diagnosis(violations: tuple[Violation, ...], problem: Problem) -> tuple[str, ...]:
    lines = []
    for broken in violations:
        worst = max(range(len(broken.windows)), key=lambda index: broken.shortfall[index])
        lines.append(
            f"{broken.constraint} at {broken.where}: short by up to {broken.shortfall[worst]:.6g} {broken.unit} in "
            f"{len(broken.windows)} of {len(problem.windows)} windows, worst {problem.windows.label(broken.windows[worst])}; {broken.mend}"
        )
    return tuple(lines)
