"""All systems on one case: decide, carry out on the engine, account."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dynamo_plan.compare.accounts import Books, books_of
from dynamo_plan.compare.case import Case, case_of
from dynamo_plan.compare.system import CannotRunError, Decision, System
from dynamo_plan.compare.systems import BASELINE, SYSTEMS, planner_foresight
from dynamo_plan.engine import Router
from dynamo_plan.errors import Fault, UsageError
from dynamo_plan.replay.accounts import course_of
from dynamo_plan.replay.latencies import LEAST_REQUESTS, bucket_replays, quantile
from dynamo_plan.replay.requested import engines_of
from dynamo_plan.replay.run import Ran, run_schedule
from dynamo_plan.replay.traffic import Predictor
from dynamo_plan.schema.comparison import COMPARISON_VERSION, Comparison, LowerBound, SystemRun
from dynamo_plan.schema.engine_table import EngineTable
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.plan import Omission, Plan, PlanStatus
from dynamo_plan.schema.replay import LeftOut
from dynamo_plan.schema.scenario import ObjectiveName
from dynamo_plan.schema.trace import Trace

type OnProgress = Callable[[str, float], None]
"""Told which system is at work and how much of the whole is done [1]."""


def _chosen(names: tuple[str, ...]) -> tuple[System, ...]:
    known = {system.NAME: system for system in SYSTEMS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(
            Fault(
                "system-unknown",
                "--system",
                f"{unknown[0]} is no system to compare",
                f"Known: {', '.join(known)}",
                "Take one of these",
            )
        )
    return tuple(system for system in SYSTEMS if system.NAME in names)


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """Which systems, by name, and how requests are foreseen and routed under all of them.

    Raises
    ------
    UsageError
        A system is not known.
    """

    systems: tuple[str, ...] = tuple(system.NAME for system in SYSTEMS)
    predictor: Predictor = field(default_factory=Predictor)
    router: Router = Router.LEAST_UNPREFILLED

    def __post_init__(self) -> None:
        """Refuse systems that there are not, before anything is read."""
        _chosen(self.systems)


def compare_systems(
    inputs: Inputs,
    tables: Mapping[str, EngineTable],
    traces: Mapping[str, Trace],
    options: CompareOptions = CompareOptions(),
    on_progress: OnProgress = lambda system, share: None,
) -> Comparison:
    """Run systems on the same requests.

    Parameters
    ----------
    tables : mapping of str to EngineTable
        By service.
    traces : mapping of str to Trace
        By service; services without one are left out.

    Raises
    ------
    InputError
        No request lies in the scenario's windows, or an engine lacks a kind or clock.
    UsageError
        The scenario is none that the paper's systems could run.
    """
    chosen = _chosen(options.systems)
    case = case_of(inputs, tables, traces)
    runs: list[SystemRun] = []
    omitted: list[Omission] = []
    bound = LowerBound(None, f"{planner_foresight.NAME} was not run: its bound is the one that holds for all")
    requests, left_out = 0, LeftOut()
    for number, system in enumerate(chosen):

        def share(done: float, name: str = system.NAME, number: int = number) -> None:
            on_progress(name, (number + done) / len(chosen))

        share(0.0)
        try:
            decision = system.decide(case)
        except CannotRunError as error:
            omitted.append(Omission(system.NAME, str(error)))
            continue
        ran = _carried_out(case, decision, options, share)
        requests, left_out = len(ran.traffic.requests), ran.traffic.left_out
        runs.append(_run(case, system, decision, ran, books_of(case, decision, ran)))
        if system.NAME == planner_foresight.NAME and decision.plan is not None:
            bound = _bound(case, decision.plan)
    return Comparison(
        version=COMPARISON_VERSION,
        name=case.inputs.scenario.name,
        traces=tuple(traces[name].path for name in sorted(traces)),
        services=tuple(sorted(case.buckets)),
        router=options.router.name.lower().replace("_", "-"),
        predictor_accuracy=options.predictor.accuracy,
        seed=options.predictor.seed,
        window_s=case.windows.window_s,
        first_window_start=case.windows.label(0),
        windows=len(case.windows),
        requests=requests,
        baseline=BASELINE,
        lower_bound=bound,
        systems=tuple(runs),
        omitted=tuple(omitted),
        notes=tuple(_notes(case, inputs, left_out)),
    )


def _carried_out(case: Case, decision: Decision, options: CompareOptions, on_share: Callable[[float], None]) -> Ran:
    return run_schedule(
        decision.schedule,
        case.arrivals,
        case.buckets,
        engines_of(case.inputs.scenario, case.tables, decision.schedule),
        case.promises,
        predictor=options.predictor,
        router=options.router,
        control=decision.control,
        queues=decision.queues,
        clocks_mhz=decision.clocks_mhz,
        on_share=on_share,
    )


def _run(case: Case, system: System, decision: Decision, ran: Ran, books: Books) -> SystemRun:
    outcome = ran.outcome
    completed = int(outcome.is_served.sum())
    return SystemRun(
        name=system.NAME,
        meaning=system.MEANING,
        account=books.account,
        reshards=books.reshards,
        peak_gpus=int(books.gpus.max()),
        mean_gpus=float(books.gpus.mean()),
        power_p50_kw=quantile(books.energies.power_kw, 0.5) or 0.0,
        power_p99_kw=quantile(books.energies.power_kw, 0.99) or 0.0,
        completed=completed,
        unserved=len(ran.traffic.requests) - completed,
        timed_out=outcome.squashed,
        moved=outcome.moved,
        preempted=int((outcome.preemptions > 0).sum()),
        buckets=bucket_replays(ran, case.promises),
        course=course_of(ran, books.energies),
        notes=(*decision.notes, *_beyond_stock(case, books)),
    )


def _beyond_stock(case: Case, books: Books) -> list[str]:
    """Said where a system held more GPUs than there are: the paper's systems know no stock."""
    stock = sum(float(own.min()) for site in case.problem.sites for own in site.stock.values())
    most = int(books.gpus.max())
    return [f"It holds up to {most} GPUs, the scenario has {stock:.0f}."] if most > stock else []


def _bound(case: Case, plan: Plan) -> LowerBound:
    weights = case.problem.weights
    if set(weights) != {ObjectiveName.ENERGY}:
        return LowerBound(None, "the objective is not energy alone, so the bound is on something else")
    if plan.status is PlanStatus.INFEASIBLE:
        return LowerBound(None, "no plan holds every promise")
    bound_kwh = plan.certificate.best_bound / weights[ObjectiveName.ENERGY]
    return LowerBound(
        bound_kwh, "proven for plans of the scenario's pools that know what comes, by the profile's powers"
    )


def _notes(case: Case, inputs: Inputs, left_out: LeftOut) -> list[str]:
    """What must be known to read a comparison, in sentences."""
    notes = [
        "All systems have the same profile, engine, requests, forecast and accounts. "
        "They plan for the forecast's reserve quantile, except with perfect foresight.",
        "The paper's systems decide in whole windows: nodes every 30 min, shards every 5 min, or every window where it is longer.",
        f"A P99 is told of {LEAST_REQUESTS} requests or more: windows of a bucket with fewer are joined, "
        "and one with fewer in all is a window.",
    ]
    left = [service.name for service in inputs.scenario.services if service.name not in case.buckets]
    if left:
        notes.append(f"Without a trace, and in no figure: {', '.join(left)}.")
    for count, what in (
        (case.outside, "lie outside the scenario's windows"),
        (left_out.without_output, "have no output, so failed when they were logged"),
        (left_out.outside_buckets, "are longer than every bucket"),
    ):
        if count:
            notes.append(f"Left out: {count:,} requests that {what}.")
    return notes
