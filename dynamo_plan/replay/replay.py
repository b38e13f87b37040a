"""A verified plan against the requests that came: what it promised beside what happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np

from dynamo_plan.engine import Router
from dynamo_plan.errors import Fault, InputError
from dynamo_plan.replay.accounts import (
    accounts_of,
    course_of,
    energies_of,
    ledgers_of,
    sites_of,
    starts_and_hours,
)
from dynamo_plan.replay.control import Control
from dynamo_plan.replay.latencies import LEAST_REQUESTS, bucket_replays, quantile
from dynamo_plan.replay.run import OnShare, Promise, Promises, Ran, run_schedule
from dynamo_plan.replay.schedule import Schedule
from dynamo_plan.replay.traffic import Arrivals, Predictor
from dynamo_plan.schema.bucket import Bucket, bucket_grid
from dynamo_plan.schema.engine_table import EngineEntry, EngineTable
from dynamo_plan.schema.horizon import time_label, window_start
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Plan
from dynamo_plan.schema.profile import clock_name
from dynamo_plan.schema.replay import REPLAY_VERSION, Replay
from dynamo_plan.schema.scenario import Scenario
from dynamo_plan.schema.trace import Trace
from dynamo_plan.units import NANOSECONDS_PER_SECOND, PERCENT_PER_ONE, PICOSECONDS_PER_SECOND, SECONDS_PER_HOUR

PICOSECONDS_PER_NANOSECOND = PICOSECONDS_PER_SECOND // NANOSECONDS_PER_SECOND

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
    """How requests are foreseen and routed, and who sets clocks; see `run_schedule`."""

    predictor: Predictor = field(default_factory=Predictor)
    router: Router = Router.LEAST_UNPREFILLED
    control: Control | None = None


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
        No request lies in the plan's horizon, or an engine lacks a kind or a clock of the plan.
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
        on_share=on_share,
    )
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
    replayed, planned = accounts_of(energies, ledgers, gpu_hours, starts, plan.window_s)
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
        seed=options.predictor.seed,
        window_s=plan.window_s,
        first_window_start=time_label(window_start(plan, made.first)),
        first_window=made.first,
        windows=made.windows,
        requests=len(traffic.requests),
        completed=completed,
        too_large=outcome.rejected,
        waiting=len(traffic.requests) - completed - outcome.rejected,
        left_out=replace(traffic.left_out, outside_horizon=made.outside, unknown_service=unknown_service),
        mispredicted=traffic.mispredicted,
        elsewhere=traffic.elsewhere,
        preempted=int((outcome.preemptions > 0).sum()),
        replayed=replayed,
        planned=planned,
        power_p50_kw=quantile(energies.power_kw, 0.5) or 0.0,
        power_p99_kw=quantile(energies.power_kw, 0.99) or 0.0,
        after_kwh=energies.after_kwh,
        buckets=bucket_replays(ran, made.promises, made.first),
        sites=sites_of(energies, ledgers),
        course=course_of(ran, energies),
        notes=tuple(_notes(case, made, traces, ran)),
    )


def prepared(case: Case, traces: Mapping[str, Trace]) -> Prepared:
    """The part of a plan that the traces cover, and the requests in it; `InputError` as `replay_plan`."""
    plan = case.plan
    start_ns = _ns(window_start(plan, 0))
    window_ns = plan.window_s * NANOSECONDS_PER_SECOND
    inside = {
        name: (trace.arrival_ns >= start_ns) & (trace.arrival_ns < start_ns + plan.windows * window_ns)
        for name, trace in traces.items()
    }
    if not any(own.any() for own in inside.values()):
        raise InputError(_outside(plan, name, trace) for name, trace in sorted(traces.items()))
    came = [traces[name].arrival_ns[own] for name, own in inside.items() if own.any()]
    first = int((min(int(own.min()) for own in came) - start_ns) // window_ns)
    windows = int((max(int(own.max()) for own in came) - start_ns) // window_ns) + 1 - first
    begin_ns = start_ns + first * window_ns
    schedule = Schedule.of_plan(plan, first, windows, frozenset(traces))
    specs = {service.name: service for service in case.inputs.scenario.services}
    buckets = {
        name: bucket_grid(tuple(specs[name].buckets.input), tuple(specs[name].buckets.output)) for name in traces
    }
    return Prepared(
        schedule,
        {name: _arrivals(traces[name], own, begin_ns) for name, own in inside.items()},
        buckets,
        _engines(case, schedule),
        promises_of(case.inputs.scenario, buckets),
        first,
        windows,
        sum(int((~own).sum()) for own in inside.values()),
    )


def promises_of(scenario: Scenario, buckets: Mapping[str, tuple[Bucket, ...]]) -> Promises:
    """What the scenario promises, by service and bucket."""
    return {
        (service.name, bucket.name): Promise(service.slo.ttft_p99_ms[bucket.input_class], service.slo.tbt_p99_ms)
        for service in scenario.services
        if service.slo is not None and service.name in buckets
        for bucket in buckets[service.name]
    }


def _arrivals(trace: Trace, own: np.ndarray[tuple[int], np.dtype[np.bool_]], begin_ns: int) -> Arrivals:
    part = slice(None) if own.all() else own  # millions of requests need not be copied
    arrival_ps = (trace.arrival_ns[part] - begin_ns) * PICOSECONDS_PER_NANOSECOND
    return Arrivals(arrival_ps, trace.input_tokens[part], trace.output_tokens[part])


def _engines(case: Case, schedule: Schedule) -> dict[tuple[str, Kind], EngineEntry]:
    """The engine of every kind that runs; `InputError` where a kind or a clock is missing."""
    specs = {service.name: service for service in case.inputs.scenario.services}
    pools = {pool.name: pool for pool in schedule.pools}
    found: dict[tuple[str, Kind], EngineEntry] = {}
    faults: dict[tuple[str, Kind, float], Fault] = {}
    for group in (group for groups in schedule.groups for group in groups if group.instances):
        service = pools[group.pool].service
        table = case.engines[service]
        entry = table.of(specs[service].model, group.kind)
        if entry is None:
            faults[service, group.kind, 0.0] = Fault(
                "engine-kind-missing",
                table.path,
                f"there is no engine of {specs[service].model} on {group.kind}, which the plan runs for {service}",
                f"Its engines: {', '.join(f'{one.model} on {one.kind}' for one in table.entries) or 'none'}",
                "Add the kind to the engine table, or name another table with --engine",
            )
            continue
        found[service, group.kind] = entry
        clocks = entry.costs.frequency_mhz
        if not clocks[0] <= group.frequency_mhz <= clocks[-1]:
            faults[service, group.kind, group.frequency_mhz] = Fault(
                "engine-clock-missing",
                table.path,
                f"{group.kind} runs at {clock_name(group.frequency_mhz)}, which the engine of {entry.model} does not know",
                f"It knows {clocks[0]:g} to {clocks[-1]:g} MHz",
                "Add the clock to the engine table, or plan with clocks that it has (frequencies_mhz)",
            )
    if faults:
        raise InputError(faults.values())
    without = sorted({pool.service for pool in schedule.pools} - {service for service, _ in found})
    if without:
        raise InputError(
            Fault(
                "replay-no-instances",
                f"service {service}",
                "the plan runs no instance of it in the windows of the trace",
                "Requests need an instance",
                "Name a trace of other windows, or replay another service",
            )
            for service in without
        )
    return found


def _outside(plan: Plan, service: str, trace: Trace) -> Fault:
    begin, end = time_label(window_start(plan, 0)), time_label(window_start(plan, plan.windows))
    what = "has no request"
    if len(trace):
        first, last = (str(np.datetime64(int(trace.arrival_ns[place]), "ns"))[:19] for place in (0, -1))
        what = f"has requests of {service} from {first}Z to {last}Z, none in the plan's horizon"
    return Fault(
        "trace-outside-horizon",
        trace.path,
        what,
        f"The plan runs from {begin} to {end}",
        "Name the trace of that time, or move this one there with --at",
    )


def _ns(moment: datetime) -> int:
    return round(moment.timestamp()) * NANOSECONDS_PER_SECOND


def _notes(case: Case, made: Prepared, traces: Mapping[str, Trace], ran: Ran) -> list[str]:
    """What must be known to read the result, in sentences."""
    plan = case.plan
    notes = [
        "Within a kind the router balances requests over all instances, whatever their clocks; between kinds load is shared as planned.",
        "Instances are there at the window's first second, as planned; those that end finish what they began, beside their successors.",
        "Servers, starts and GPU-hours are the plan's own, which was verified; what instances draw is the engine's.",
        f"A P99 is told of {LEAST_REQUESTS} requests or more: windows of a bucket with fewer are joined.",
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
