"""One method on one case, measured in this process: `python -m benchmarks.methods JOB` prints a measurement as JSON.

Imports and a small problem of the same kind come first and are not counted: compiled code is there when the clock starts.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from time import perf_counter

import highspy
import pulp

from benchmarks import textbook
from benchmarks.accounting import account
from benchmarks.cases import CASES, Case, origin
from benchmarks.columns import Indices
from benchmarks.epochs import plan_epochs
from benchmarks.search import CbcMissingError, Search, search_cbc, search_highs
from dynamo_plan.errors import PlanError
from dynamo_plan.model.live import load
from dynamo_plan.problem import Problem
from dynamo_plan.solve.caps import relaxed, same_caps
from dynamo_plan.solve.compact import compact_model
from dynamo_plan.solve.compose import pool_groups
from dynamo_plan.solve.decomposition import solve_decomposed
from dynamo_plan.solve.solution import relative_gap
from dynamo_plan.solve.states import StateSpace

SMALL = Case(windows=4, window_s=3600, peak_rps=5, gpus=1e3, power_kw=1e3)
"""Solved before anything is measured."""

SHORT_S = 3.0
"""A measurement that takes less is repeated [s]."""

MILP_GAP = 1e-3
"""Where HiGHS stops [1]: beyond the 1 % at which methods are compared."""

CBC_GAP = 1e-2
"""CBC tells the time of a gap only by stopping at it [1]."""

AGREEMENT = 1e-6
"""Relative; a solver's objective and the plan's own account must agree."""


@dataclass(slots=True)
class Measurement:
    """What one method made of one case.

    Attributes
    ----------
    status : str
        ``ok``, or why there is no plan.
    phases_s : dict of str to float
        Wall time by phase [s], medians where the measurement was repeated.
    objective : float
        Of the plan's instance counts under the dispatch that can be run; infinite without a plan.
    bound : float
        Proven bound on that objective.
    gap : float
        The method's own gap [1], infinite where it has none.
    reached_s : dict of str to float
        First time at which the method's own gap was this small [s].
    broken_windows : int
        Windows in which the plan breaks a cap.
    """

    case: str
    method: str
    status: str = "ok"
    phases_s: dict[str, float] = field(default_factory=dict)
    objective: float = math.inf
    bound: float = -math.inf
    gap: float = math.inf
    reached_s: dict[str, float] = field(default_factory=dict)
    peak_gpus: int = 0
    peak_power_kw: float = 0.0
    broken_windows: int = 0
    note: str = ""


Method = Callable[[Measurement, Problem, float, float], None]


def ours(found: Measurement, problem: Problem, gap: float, limit_s: float) -> None:
    """Ours: feasibility and decomposition, then the dispatch of every window."""
    begin = perf_counter()
    spaces = [StateSpace(pool, problem.windows.hours) for pool in problem.pools]
    built = perf_counter()
    found.phases_s["build"] = built - begin
    if not same_caps(relaxed(problem, spaces, with_starts=False).problem, problem):
        found.status = "the caps cannot be held"
        return
    solution = solve_decomposed(
        problem, spaces, gap=gap, time_limit_s=limit_s, on_progress=lambda phase, done, note: None
    )
    solved = perf_counter()
    found.phases_s["solve"] = solved - built
    found.bound, found.gap = solution.bound, relative_gap(solution.objective, solution.bound)
    found.note = solution.proof
    if not solution.courses:
        found.status = "no plan within the limit"
        return
    groups = [pool_groups(space, course) for space, course in zip(spaces, solution.courses, strict=True)]
    found.phases_s["dispatch"] = perf_counter() - solved
    found.note += f"; {sum(map(len, groups)):,} groups"
    _judge(found, problem, [course.counts for course in solution.courses])
    if not math.isclose(found.objective, solution.objective, rel_tol=AGREEMENT):
        found.status = f"states the objective {solution.objective!r}, the plan's is {found.objective!r}"


def textbook_highs(found: Measurement, problem: Problem, gap: float, limit_s: float) -> None:
    """One compact MILP on the hull, HiGHS."""
    _textbook(found, problem, textbook.hull_vertices, partial(search_highs, gap=MILP_GAP, time_limit_s=limit_s))


def points_highs(found: Measurement, problem: Problem, gap: float, limit_s: float) -> None:
    """One compact MILP on all operating points, HiGHS."""
    _textbook(found, problem, textbook.measured_points, partial(search_highs, gap=MILP_GAP, time_limit_s=limit_s))


def textbook_cbc(found: Measurement, problem: Problem, gap: float, limit_s: float) -> None:
    """The same model as `textbook_highs`, CBC."""
    _textbook(found, problem, textbook.hull_vertices, partial(search_cbc, gap=CBC_GAP, time_limit_s=limit_s))


def _textbook(
    found: Measurement, problem: Problem, vertices: textbook.Vertices, search: Callable[[highspy.Highs], Search]
) -> None:
    begin = perf_counter()
    model = textbook.build(problem, vertices)
    found.phases_s["build"] = perf_counter() - begin
    result = search(model.highs)
    _take(found, model.highs, result)
    if result.values.size:
        _judge(found, problem, model.read(result.values))


def states_highs(found: Measurement, problem: Problem, gap: float, limit_s: float) -> None:
    """Our compact model, HiGHS: a binary per state, with the dispatch that can be run."""
    begin = perf_counter()
    spaces = [StateSpace(pool, problem.windows.hours) for pool in problem.pools]
    highs = load(compact_model(problem, spaces).prob, pulp.HiGHS(msg=False))
    found.phases_s["build"] = perf_counter() - begin
    result = search_highs(highs, gap=MILP_GAP, time_limit_s=limit_s)
    _take(found, highs, result)
    found.objective = result.incumbent


def epochs(found: Measurement, problem: Problem, gap: float, limit_s: float) -> None:
    """The paper's way: a small MILP per pool and window, HiGHS."""
    result = plan_epochs(problem, time_limit_s=limit_s)
    models = len(problem.pools) * len(problem.windows)
    found.phases_s["solve"] = result.seconds
    found.note = f"{result.planned:,} of {models:,} MILPs, {1000 * result.seconds / max(result.planned, 1):.0f} ms each"
    if result.planned == models:
        _judge(found, problem, result.counts)
    else:
        found.status = "not all epochs within the limit"


METHODS: dict[str, Method] = {
    "ours": ours,
    "textbook HiGHS": textbook_highs,
    "points HiGHS": points_highs,
    "states HiGHS": states_highs,
    "textbook CBC": textbook_cbc,
    "paper's epochs": epochs,
}


def _take(found: Measurement, highs: highspy.Highs, result: Search) -> None:
    """What a MILP solver reached."""
    found.note = f"{highs.getNumCol():,} columns, {highs.getNumRow():,} rows"
    found.phases_s["solve"] = result.seconds
    found.bound, found.gap = result.bound, result.gap
    found.reached_s = {f"{level:g}": seconds for level, seconds in result.reached_s.items()}
    if result.values.size == 0:
        found.status = "no plan within the limit"


def _judge(found: Measurement, problem: Problem, counts: list[Indices]) -> None:
    """Cost the plan's counts, whatever the method believed of them."""
    spaces = [StateSpace(pool, problem.windows.hours) for pool in problem.pools]
    book = account(problem, spaces, counts)
    found.objective, found.broken_windows = book.objective, book.broken_windows
    found.peak_gpus, found.peak_power_kw = book.peak_gpus, book.peak_power_kw


def measure(case: str, method: str, limit_s: float, repeats: int) -> Measurement:
    """Run a method on a case, again where it is short; phases are medians."""
    problem = CASES[case].problem()
    _run(Measurement("", method), SMALL.problem(), 0.0, SHORT_S)
    phases: list[dict[str, float]] = []
    for _ in range(max(repeats, 1)):
        found = Measurement(case, method)
        _run(found, problem, CASES[case].gap, limit_s)
        phases.append(found.phases_s)
        if sum(found.phases_s.values()) > SHORT_S:
            break
    found.phases_s = {name: statistics.median(one[name] for one in phases) for name in phases[0]}
    return found


def _run(found: Measurement, problem: Problem, gap: float, limit_s: float) -> None:
    try:
        METHODS[found.method](found, problem, gap, limit_s)
    except PlanError as error:
        found.status = f"refused: {error.faults[0].code}"
        found.note = str(error.faults[0])
    except CbcMissingError as error:
        found.status = str(error)


def main() -> int:
    """Do one job: measure a method on a case, or where the case's caps come from."""
    job = json.loads(sys.argv[1])
    if job["method"] == "caps":
        print(json.dumps(asdict(origin(CASES[job["case"]]))))
    else:
        print(json.dumps(asdict(measure(**job))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
