"""A verified plan against the requests that came: what it promised beside what happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from dynamo_plan.engine import Router
from dynamo_plan.replay.accounts import (
    course_of,
    energies_of,
    ledgers_of,
    planned_account,
    promises_of_sites,
    replayed_account,
    sites_of,
    starts_and_hours,
)
from dynamo_plan.replay.control import Control
from dynamo_plan.replay.latencies import LEAST_REQUESTS, bucket_replays, quantile
from dynamo_plan.replay.queues import QueueManager
from dynamo_plan.replay.requested import buckets_of, covered, engines_of, nothing_to_serve, promises_of
from dynamo_plan.replay.run import OnShare, Promises, Ran, run_schedule
from dynamo_plan.replay.schedule import Schedule
from dynamo_plan.replay.traffic import Arrivals, Predictor
from dynamo_plan.schema.bucket import Bucket
from dynamo_plan.schema.engine_table import EngineEntry, EngineTable
from dynamo_plan.schema.horizon import time_label, window_start
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Plan
from dynamo_plan.schema.replay import REPLAY_VERSION, Replay
from dynamo_plan.schema.trace import Trace
from dynamo_plan.units import (
    NANOSECONDS_PER_SECOND,
    PERCENT_PER_ONE,
    PICOSECONDS_PER_NANOSECOND,
    SECONDS_PER_HOUR,
)

COVERED = 0.95
"""Share of a window between the first and the last request below which it is said that the trace covers only a part of it [1]."""


@dataclass(frozen=True, slots=True)
class Case:
    """What is replayed.

    Attributes
    ----------
    plan : Plan
        Verified; nothing of it is checked again.
    inputs : Inputs
        It was made from.
    engines : dict of str to EngineTable
        By service; services without a trace need none.
    """

    plan: Plan
    inputs: Inputs
    engines: Mapping[str, EngineTable]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A case cut to the windows that its traces cover.

    Attributes
    ----------
    first, windows : int
        The part of the plan's horizon.
    """

    schedule: Schedule
    arrivals: dict[str, Arrivals]
    buckets: dict[str, tuple[Bucket, ...]]
    engines: dict[tuple[str, Kind], EngineEntry]
    promises: Promises
    first: int
    windows: int
    outside: int


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """A case carried out."""

    made: Prepared
    ran: Ran
    options: Options


@dataclass(frozen=True, slots=True)
class Options:
    """How requests are foreseen and routed, who sets clocks and who looks after queues; see `run_schedule`."""

    predictor: Predictor = field(default_factory=Predictor)
    router: Router = Router.LEAST_UNPREFILLED
    control: Control | None = None
    queues: QueueManager | None = None


def replay_plan(
    case: Case,
    traces: Mapping[str, Trace],
    options: Options = Options(),
    *,
    unknown_service: int = 0,
    on_share: OnShare = lambda share: None,
) -> tuple[Replay, Carried]:
    """Replay a plan: what came of it, and the run that it came of.

    Parameters
    ----------
    traces : mapping of str to Trace
        By service.
    unknown_service : int
        Requests of the log that belong to no trace, for the count.

    Raises
    ------
    InputError
        No request lies in the plan's horizon, none could be sent to an instance, or an engine lacks a kind or a clock of the plan.
    """
    made = prepared(case, traces)
    ran = run_schedule(
        made.schedule,
        made.arrivals,
        made.buckets,
        made.engines,
        made.promises,
        predictor=options.predictor,
        router=options.router,
        control=options.control,
        queues=options.queues,
        on_share=on_share,
    )
    if not len(ran.traffic.requests):
        raise nothing_to_serve(traces)
    carried = Carried(made, ran, options)
    return _record(case, traces, carried, unknown_service), carried


def _record(case: Case, traces: Mapping[str, Trace], carried: Carried, unknown_service: int) -> Replay:
    """The sums of a run, beside the plan's."""
    made, ran, options = carried.made, carried.ran, carried.options
    plan, scenario = case.plan, case.inputs.scenario
    pue = {site.name: site.pue for site in scenario.sites}
    ledgers = ledgers_of(plan, case.inputs.grid, pue, frozenset(traces), made.first, made.windows)
    energies = energies_of(ran, ledgers)
    transitions = scenario.transitions
    starts, gpu_hours = starts_and_hours(
        plan, transitions.instance_start_s, transitions.reshard_s, made.first, made.windows
    )
    sites = promises_of_sites(plan, made.first, made.windows)
    outcome, traffic = ran.outcome, ran.traffic
    completed = int(outcome.is_served.sum())
    return Replay(
        version=REPLAY_VERSION,
        name=plan.name,
        traces=tuple(traces[service].path for service in sorted(traces)),
        services=tuple(sorted(traces)),
        router=options.router.name.lower().replace("_", "-"),
        predictor_accuracy=options.predictor.accuracy,
        clock_control=options.control is not None,
        queue_control=options.queues is not None,
        seed=options.predictor.seed,
        window_s=plan.window_s,
        first_window_start=time_label(window_start(plan, made.first)),
        first_window=made.first,
        windows=made.windows,
        requests=len(traffic.requests),
        completed=completed,
        too_large=outcome.rejected,
        timed_out=outcome.squashed,
        waiting=len(traffic.requests) - completed - outcome.rejected - outcome.squashed,
        left_out=replace(traffic.left_out, outside_horizon=made.outside, unknown_service=unknown_service),
        mispredicted=traffic.mispredicted,
        elsewhere=traffic.elsewhere,
        moved=outcome.moved,
        preempted=int((outcome.preemptions > 0).sum()),
        replayed=replayed_account(energies, ledgers, gpu_hours, starts, plan.window_s),
        planned=planned_account(sites, gpu_hours, starts, plan.window_s),
        power_p50_kw=quantile(energies.power_kw, 0.5) or 0.0,
        power_p99_kw=quantile(energies.power_kw, 0.99) or 0.0,
        after_kwh=energies.after_kwh,
        buckets=bucket_replays(ran, made.promises, made.first),
        sites=sites_of(energies, sites),
        course=course_of(ran, energies),
        notes=tuple(_notes(case, made, traces, ran)),
    )


def prepared(case: Case, traces: Mapping[str, Trace]) -> Prepared:
    """The part of a plan that the traces cover, and the requests in it; `InputError` as `replay_plan`."""
    plan = case.plan
    came = covered(traces, window_start(plan, 0), plan.window_s, plan.windows)
    schedule = Schedule.of_plan(plan, came.first, came.windows, frozenset(traces))
    buckets = buckets_of(case.inputs.scenario, traces)
    return Prepared(
        schedule,
        came.arrivals,
        buckets,
        engines_of(case.inputs.scenario, case.engines, schedule),
        promises_of(case.inputs.scenario, buckets),
        came.first,
        came.windows,
        came.outside,
    )


def _notes(case: Case, made: Prepared, traces: Mapping[str, Trace], ran: Ran) -> list[str]:
    """What must be known to read the result, in sentences."""
    plan = case.plan
    notes = [
        "Within a kind the router balances requests over all instances, whatever their clocks; between kinds load is shared as planned.",
        "Instances are there at the window's first second, as planned; those that end finish what they began, beside their successors.",
        "Servers, starts and GPU-hours are the plan's own, which was verified; what instances draw is the engine's.",
        f"A P99 is told of {LEAST_REQUESTS} requests or more: windows of a bucket with fewer are joined, "
        "and one with fewer in all is a window.",
    ]
    others = sorted({pool.service for pool in plan.pools} - set(traces))
    if others:
        notes.append(f"Without a trace, and taken as planned: {', '.join(others)}.")
    span_ns = made.windows * plan.window_s * NANOSECONDS_PER_SECOND
    first_ns = (
        min(int(own.arrival_ps[0]) for own in made.arrivals.values() if own.arrival_ps.size)
        / PICOSECONDS_PER_NANOSECOND
    )
    last_ns = (
        max(int(own.arrival_ps[-1]) for own in made.arrivals.values() if own.arrival_ps.size)
        / PICOSECONDS_PER_NANOSECOND
    )
    window_ns = plan.window_s * NANOSECONDS_PER_SECOND
    missing = {"first": first_ns / window_ns, "last": (span_ns - last_ns) / window_ns}
    for name, share in missing.items():
        if share > 1.0 - COVERED:
            notes.append(
                f"The trace covers {PERCENT_PER_ONE * (1 - share):.0f} % of the {name} window: instances idle in the rest of it."
            )
    if ran.raised_s:
        hours = ran.raised_s / SECONDS_PER_HOUR
        notes.append(f"Clocks were above the plan's for {hours:.2f} instance-hours.")
    return notes
