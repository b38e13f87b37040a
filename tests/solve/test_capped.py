"""Caps that bind: the decomposition's bound, the compact optimum and the decomposition's plan lie in this order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dynamo_plan.assemble import assemble, service_assemblies
from dynamo_plan.problem import PoolProblem, Problem
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.load import Forecast, GridSignals, Windows
from dynamo_plan.schema.plan import PlanStatus
from dynamo_plan.schema.scenario import Scenario
from dynamo_plan.service_assembly import ServiceAssembly
from dynamo_plan.solve.caps import relaxed, same_caps
from dynamo_plan.solve.compact import solve_compact
from dynamo_plan.solve.compose import compose_plan
from dynamo_plan.solve.decomposition import solve_decomposed
from dynamo_plan.solve.highs import SolveStatus
from dynamo_plan.solve.ledger import ledger
from dynamo_plan.solve.repair import joint
from dynamo_plan.solve.solution import Solution, relative_gap
from dynamo_plan.solve.states import StateSpace
from dynamo_plan.verify import verify
from tests.solve.invented import random_case

PROBLEMS = 2000
BLOCK = 20

AGREEMENT = 1e-6
"""Relative; what both solvers owe each other."""

ROUNDING = 1e-9
"""Absolute [objective]; where a gain and a cost cancel."""

NO_LARGER = 200
"""Pairs of window and state of a problem; with more the one MILP takes most of the time."""

ROOM = 1e-4
"""Least relative distance between the least feasible peak and the plan's: with less, a power cap has nothing to decide."""

NO_CAP_KW = 1e-6
"""A power cap that nothing holds: relaxed, it becomes the least feasible power of every window [kW]."""

TIME_LIMIT_S = 60.0

IN_VAIN_S = 0.03
"""Time for a problem that has no plan [s]."""

GAPS = (0.0, 1e-3)
"""Relative gaps asked for, by turns."""

CAPS = ("stock", "power", "both")

VARIANTS = 3
"""Caps of each sort that are drawn for the same inputs."""


@dataclass(frozen=True)
class Capped:
    """A problem with a cap that its cheapest plan breaks, and that plan's objective; `number` makes it again."""

    number: tuple[int, int, int]
    inputs: Inputs
    problem: Problem
    spaces: list[StateSpace]
    free: float


@dataclass(frozen=True)
class Outcome:
    """What is counted of a problem."""

    feasible: bool
    binds: bool
    planned: bool
    closed: bool


def with_record(inputs: Inputs, record: dict[str, Any]) -> Inputs:
    return replace(inputs, scenario=Scenario.model_validate(record, strict=False))


def redrawn(inputs: Inputs, rng: np.random.Generator) -> Inputs:
    """Two to six windows drawn from the inputs' own, and now and then every service a second time with other windows."""
    length = int(rng.choice([2, 2, 2, 3, 3, 4, 5, 6]))
    step = inputs.windows.start[1] - inputs.windows.start[0]
    windows = Windows(inputs.windows.start[0] + np.arange(length) * step, inputs.windows.window_s)
    record = inputs.scenario.model_dump(mode="json")
    profiles, mixing, forecasts = dict(inputs.profiles), dict(inputs.mixing), {}
    twins = rng.random() < 0.15
    for service in list(record["services"]):
        name = service["name"]
        forecasts[name] = _forecast(inputs.forecasts[name], windows, rng)
        if twins:
            twin = f"{name}-twin"
            record["services"].append(service | {"name": twin})
            profiles[twin], forecasts[twin] = profiles[name], _forecast(inputs.forecasts[name], windows, rng)
            mixing |= {twin: mixing[name]} if name in mixing else {}
    grid = {}
    for name, signals in inputs.grid.items():
        rows = rng.integers(0, len(inputs.windows), length)
        price = signals.price_usd_per_mwh[rows] * rng.uniform(0.5, 1.5, length)
        grid[name] = GridSignals(signals.path, price, signals.carbon_g_per_kwh[rows])
    return replace(
        with_record(inputs, record), windows=windows, profiles=profiles, mixing=mixing, forecasts=forecasts, grid=grid
    )


def _forecast(forecast: Forecast, windows: Windows, rng: np.random.Generator) -> Forecast:
    rows = rng.integers(0, len(forecast.windows), len(windows))
    scale = rng.uniform(0.4, 1.0, (rows.size, 1))
    quantiles = {level: rate[rows] * scale for level, rate in forecast.quantile_rate_rps.items()}
    return replace(forecast, windows=windows, rate_rps=forecast.rate_rps[rows] * scale, quantile_rate_rps=quantiles)


def without_caps(inputs: Inputs, rng: np.random.Generator) -> Inputs:
    """Without caps, mostly with servers that draw nothing, in small servers so that a stock can be cut finely."""
    record = inputs.scenario.model_dump(mode="json")
    quiet, per_server = rng.random() < 0.9, int(rng.choice([1, 1, 2, 4]))
    (site,) = record["sites"]
    site["power_cap_kw"] = None
    for gpu in site["gpus"].values():
        gpu |= {"count": None, "released_server_w": 0.0, "per_server": per_server}
        if quiet:
            gpu |= {"server_idle_w": 0.0, "unused_gpu_w": 0.0}
        else:
            gpu["server_idle_w"] = gpu["server_idle_w"] or float(rng.uniform(50.0, 500.0))
    record["objective"] = [
        {"energy": 1.0},
        {"cost": 1.0},
        {"energy": 0.2, "cost": 1.0},
        {"energy": 0.5, "cost": 1.0, "carbon": 2.0},
    ][rng.integers(4)]
    if rng.random() < 0.6:  # energy alone leaves a power cap little to decide
        for gpu in site["gpus"].values():
            gpu["price_usd_per_gpu_h"] = float(rng.uniform(0.05, 3.0))
    return with_record(inputs, record)


def with_gains(inputs: Inputs) -> Inputs:
    """Energy at negative prices, and nothing else that counts."""
    record = inputs.scenario.model_dump(mode="json")
    record["objective"] = {"cost": 1.0}
    record["transitions"] |= {"instance_start_wh": 60.0, "instance_start_usd": 0.0}
    for gpu in record["sites"][0]["gpus"].values():
        gpu["price_usd_per_gpu_h"] = 0.0
    grid = {
        name: replace(signals, price_usd_per_mwh=-np.abs(signals.price_usd_per_mwh))
        for name, signals in inputs.grid.items()
    }
    return replace(with_record(inputs, record), grid=grid)


def with_ends(inputs: Inputs, problem: Problem, rng: np.random.Generator) -> Inputs:
    """A random state before the first window, and sometimes the same after the last one."""
    if rng.random() < 0.75:
        return inputs
    record = inputs.scenario.model_dump(mode="json")
    instances = [
        {"pool": pool.name, "site": pool.site, "gpu": kind.gpu, "tp": kind.tp, "pp": kind.pp, "dtype": kind.dtype}
        | {"instances": int(rng.integers(0, min(most, 3) + 1))}
        for pool in problem.pools
        for kind, most in zip(pool.kinds, pool.max_instances, strict=True)
    ]
    record["initial"] = {"instances": instances}
    record["transitions"]["ending"] = str(rng.choice(["free", "as-started"]))
    return with_record(inputs, record)


def use(problem: Problem, plan: Solution) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.float64]]:
    """GPUs in use by type, and facility power [kW]; both by window."""
    amounts = joint(problem, plan.courses).amounts
    power = ledger(problem, amounts).energy_kwh[0] / problem.windows.hours
    return dict(zip(problem.sites[0].gpu_types(), amounts.gpus_in_use, strict=True)), power


def decomposed(problem: Problem, spaces: list[StateSpace], gap: float, limit_s: float = TIME_LIMIT_S) -> Solution:
    return solve_decomposed(
        problem, spaces, gap=gap, time_limit_s=limit_s, on_progress=lambda phase, done, note: None, threads=1
    )


def capped_cases(block: int, *, gains: bool = False) -> Iterator[Capped]:
    """Problems of a block, some from the same inputs: with a smaller stock, a lower power cap, and both.

    With `gains` energy has a negative price in every window, so that starts are a gain as well.
    """
    for draw in count():
        rng = np.random.default_rng((block, draw))
        inputs = without_caps(redrawn(random_case(block, draw, len(CAPS)).inputs, rng), rng)
        inputs = with_gains(inputs) if gains else inputs
        services = service_assemblies(inputs)
        problem = assemble(inputs, services)
        if sum(size(pool) for pool in problem.pools) > NO_LARGER:
            continue
        inputs = with_ends(inputs, problem, rng)
        problem = assemble(inputs, services)
        spaces = [StateSpace(pool, problem.windows.hours) for pool in problem.pools]
        free = decomposed(problem, spaces, GAPS[-1])
        known: list[Inputs] = []
        vain: set[str] = set()
        for caps in CAPS * VARIANTS if free.courses else ():
            found = None if caps in vain else capped(inputs, services, spaces, free, caps, rng)
            if found is None:
                vain.add(caps)
            elif all(found.scenario != other.scenario for other in known):
                known.append(found)
                number = (block, draw, len(known))
                yield Capped(number, found, assemble(found, services), spaces, free.objective)


def size(pool: PoolProblem) -> int:
    """Pairs of window and state within the instance limits."""
    return pool.mix.size * int(np.prod(pool.max_instances + 1))


def capped(
    inputs: Inputs,
    services: list[ServiceAssembly],
    spaces: list[StateSpace],
    free: Solution,
    caps: str,
    rng: np.random.Generator,
) -> Inputs | None:
    """The inputs with caps that this plan breaks and that every window can hold by itself; None where there are none."""
    record = inputs.scenario.model_dump(mode="json")
    (site,) = record["sites"]

    def stated() -> Problem:
        return assemble(with_record(inputs, record), services)

    problem = stated()
    used, power = use(problem, free)
    if caps in {"stock", "both"}:
        peaks = {gpu: int(own.max()) for gpu, own in used.items() if own.any()}
        if not peaks:
            return None
        gpu = str(rng.choice(list(peaks)))
        per_server = site["gpus"][gpu]["per_server"]
        servers = -(-peaks[gpu] // per_server) - int(rng.choice([1, 1, 2]))
        if servers < 0:
            return None
        site["gpus"][gpu]["count"] = per_server * servers
        problem = stated()
        if not same_caps(relaxed(problem, spaces, with_starts=False).problem, problem):
            return None
        if caps == "stock":
            return with_record(inputs, record)
        plan = decomposed(problem, spaces, GAPS[-1])
        if not plan.courses:
            return None
        _, power = use(problem, plan)
    (home,) = problem.sites
    uncapped = replace(problem, sites=(replace(home, power_cap_kw=np.full(power.size, NO_CAP_KW)),))
    least = relaxed(uncapped, spaces, with_starts=False).problem.sites[0].power_cap_kw
    low, high = float(least.max()), float(power.max())
    if high - low < ROOM * high:
        return None
    site["power_cap_kw"] = low + float(rng.uniform(0.05, 0.95)) * (high - low)
    return with_record(inputs, record)


def check(case: Capped, gap: float) -> Outcome:
    """Bound, compact optimum and plan in order, the gap as stated, the plan verified."""
    best = solve_compact(case.problem, case.spaces, gap=0.0, time_limit_s=TIME_LIMIT_S)
    if best.status is SolveStatus.INFEASIBLE:
        found = decomposed(case.problem, case.spaces, gap, IN_VAIN_S)
        # Every window alone can hold the caps; with what starts draw, no row of windows does.
        assert not found.courses
        return Outcome(feasible=False, binds=False, planned=False, closed=False)
    assert best.status is SolveStatus.OPTIMAL
    found = decomposed(case.problem, case.spaces, gap)
    room = AGREEMENT * abs(best.objective) + ROUNDING
    assert found.bound <= best.objective + room, "bound above the optimum"
    if found.courses:
        assert best.objective <= found.objective + room, "plan below the optimum"
        check_plan(case, found, best.objective, gap)
    return Outcome(
        feasible=True,
        binds=bool(best.objective > case.free + room or tight(case, best)),
        planned=bool(found.courses),
        closed=found.status is SolveStatus.OPTIMAL,
    )


def check_plan(case: Capped, found: Solution, best: float, gap: float) -> None:
    """The plan verifies, breaks no cap, and its certificate states its gap."""
    plan = compose_plan(case.problem, case.spaces, replace(found, prices=None), case.inputs, (), ())
    assert verify(plan, case.inputs) == ()
    assert plan.violations == ()
    stated = plan.certificate
    assert stated.gap == relative_gap(stated.objective, stated.best_bound)
    # On the gap's own scale: between a gain and a cost a relative distance depends on what it is relative to.
    scale = max(abs(stated.objective), abs(stated.best_bound))
    assert stated.objective - best <= stated.gap * scale + AGREEMENT * abs(best) + ROUNDING
    assert (plan.status is PlanStatus.OPTIMAL) == (relative_gap(found.objective, found.bound) <= gap)
    if plan.status is PlanStatus.OPTIMAL:
        assert stated.objective - best <= gap * scale + AGREEMENT * abs(best) + ROUNDING


def tight(case: Capped, plan: Solution) -> bool:
    """Whether some window uses a whole stock, or power up to the cap."""
    (site,) = case.problem.sites
    used, power = use(case.problem, plan)
    full = any((used[gpu] >= stock - 0.5).any() for gpu, stock in site.stock.items())
    return full or bool((power >= site.power_cap_kw * (1 - AGREEMENT)).any())


@pytest.mark.slow
@pytest.mark.parametrize("block", range(PROBLEMS // BLOCK))
def test_the_optimum_lies_between_bound_and_plan(block: int) -> None:
    seen = outcomes(capped_cases(block), BLOCK)
    assert sum(one.binds for one in seen) >= 0.9 * BLOCK
    assert sum(one.planned for one in seen) >= 0.3 * BLOCK
    assert any(one.closed for one in seen)


@pytest.mark.slow
@pytest.mark.parametrize("block", [0, 1, 3, 4, 5, 6, 7, 8])
def test_the_optimum_lies_between_bound_and_plan_where_energy_is_a_gain(block: int) -> None:
    assert any(one.planned for one in outcomes(capped_cases(block, gains=True), BLOCK))


def outcomes(cases: Iterator[Capped], wanted: int) -> list[Outcome]:
    """Outcomes of so many problems that have a plan; those that have none are checked on the way."""
    seen: list[Outcome] = []
    for turn, case in enumerate(cases):
        gap = GAPS[turn % 2]
        try:
            outcome = check(case, gap)
        except Exception as error:
            error.add_note(f"problem {case.number}, gap {gap}")
            raise
        seen += [outcome] if outcome.feasible else []
        if len(seen) == wanted:
            break
    return seen
