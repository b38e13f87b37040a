"""What traces ask of a cluster: the windows that they cover, their requests in them, promises, and the engines that serve them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from dynamo_plan.errors import Fault, InputError
from dynamo_plan.replay.run import Promise, Promises
from dynamo_plan.replay.schedule import Schedule
from dynamo_plan.replay.traffic import Arrivals
from dynamo_plan.schema.bucket import Bucket, bucket_grid
from dynamo_plan.schema.engine_table import EngineEntry, EngineTable
from dynamo_plan.schema.horizon import time_label
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.profile import clock_name
from dynamo_plan.schema.scenario import Scenario
from dynamo_plan.schema.trace import Trace
from dynamo_plan.units import NANOSECONDS_PER_SECOND, PICOSECONDS_PER_NANOSECOND


@dataclass(frozen=True, slots=True)
class Covered:
    """Requests inside a horizon, from the first window in which any came to the last, and how many lie outside."""

    arrivals: dict[str, Arrivals]
    first: int
    windows: int
    outside: int


def covered(traces: Mapping[str, Trace], start: datetime, window_s: int, windows: int) -> Covered:
    """The windows of a horizon that traces cover; `InputError` where they cover none."""
    start_ns, window_ns = _ns(start), window_s * NANOSECONDS_PER_SECOND
    inside = {
        name: (trace.arrival_ns >= start_ns) & (trace.arrival_ns < start_ns + windows * window_ns)
        for name, trace in traces.items()
    }
    if not any(own.any() for own in inside.values()):
        end = start + timedelta(seconds=windows * window_s)
        raise InputError(_outside(start, end, name, trace) for name, trace in sorted(traces.items()))
    came = [traces[name].arrival_ns[own] for name, own in inside.items() if own.any()]
    first = int((min(int(own.min()) for own in came) - start_ns) // window_ns)
    last = int((max(int(own.max()) for own in came) - start_ns) // window_ns)
    begin_ns = start_ns + first * window_ns
    arrivals = {name: _arrivals(traces[name], own, begin_ns) for name, own in inside.items()}
    return Covered(arrivals, first, last + 1 - first, sum(int((~own).sum()) for own in inside.values()))


def nothing_to_serve(traces: Mapping[str, Trace]) -> InputError:
    """The error where every request of the horizon is left out."""
    return InputError(
        Fault(
            "trace-unservable",
            trace.path,
            f"no request of {name} in the horizon has output tokens and lengths inside the service's buckets",
            "Instances are sent requests that were answered, and that a bucket holds",
            "Look at what the log holds with `forecast build`, name another log, or widen the buckets",
        )
        for name, trace in sorted(traces.items())
    )


def buckets_of(scenario: Scenario, services: Iterable[str]) -> dict[str, tuple[Bucket, ...]]:
    """Grid of these services' buckets."""
    specs = {service.name: service for service in scenario.services}
    return {name: bucket_grid(tuple(specs[name].buckets.input), tuple(specs[name].buckets.output)) for name in services}


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


def engines_of(
    scenario: Scenario, tables: Mapping[str, EngineTable], schedule: Schedule
) -> dict[tuple[str, Kind], EngineEntry]:
    """The engine of every kind that runs, by service and kind; `InputError` where a kind or a clock is missing."""
    specs = {service.name: service for service in scenario.services}
    pools = {pool.name: pool for pool in schedule.pools}
    found: dict[tuple[str, Kind], EngineEntry] = {}
    faults: dict[tuple[str, Kind, float], Fault] = {}
    for group in (group for groups in schedule.groups for group in groups if group.instances):
        service = pools[group.pool].service
        table = tables[service]
        entry = table.of(specs[service].model, group.kind)
        if entry is None:
            faults[service, group.kind, 0.0] = Fault(
                "engine-kind-missing",
                table.path,
                f"there is no engine of {specs[service].model} on {group.kind}, which runs for {service}",
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


def _outside(start: datetime, end: datetime, service: str, trace: Trace) -> Fault:
    what = "has no request"
    if len(trace):
        first, last = (str(np.datetime64(int(trace.arrival_ns[place]), "ns"))[:19] for place in (0, -1))
        what = f"has requests of {service} from {first}Z to {last}Z, none in the horizon"
    return Fault(
        "trace-outside-horizon",
        trace.path,
        what,
        f"The horizon is {time_label(start)} to {time_label(end)}",
        "Name the trace of that time, or move this one there with --at",
    )


def _ns(moment: datetime) -> int:
    return round(moment.timestamp()) * NANOSECONDS_PER_SECOND
