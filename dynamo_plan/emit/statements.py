"""What emitted files say, read back: instances by window, pool, kind and clock.

Every target can read its own files. `emit` does so before it lets go of them, so that what a runtime will be told is what was planned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from dynamo_plan.emit.workloads import FILE_TIME, Horizon, Workload
from dynamo_plan.schema.kind import Kind

type Key = tuple[int, str, Kind, float | None]
"""Window, pool, kind, clock [MHz]; the clock is None where it is not locked, or where the files do not say."""

type Stated = Mapping[Key, int]
"""Instances; no entry is 0."""


def planned(workloads: Iterable[Workload], *, with_clocks: bool) -> Stated:
    """What a target's files have to say of the plan."""
    stated: Counter[Key] = Counter()
    for workload in workloads:
        for window, parts in enumerate(workload.windows):
            for running in parts:
                clock = running.frequency_mhz if with_clocks else None
                stated[window, workload.pool.name, workload.kind, clock] += running.instances
    return stated


def added_up(entries: Iterable[tuple[Key, int]]) -> Stated:
    """Entries added up, those of 0 instances left out."""
    stated: Counter[Key] = Counter()
    for key, instances in entries:
        stated[key] += instances
    return {key: instances for key, instances in stated.items() if instances}


def window_of(file_time: str, horizon: Horizon) -> int:
    """The window that a file or folder is named after."""
    moment = datetime.strptime(file_time, FILE_TIME).replace(tzinfo=UTC)
    return round((moment - horizon.start).total_seconds()) // horizon.window_s


def first_difference(planned: Stated, stated: Stated) -> str:
    """Where files and plan differ first, in words; empty where they agree."""
    for key in sorted(planned.keys() | stated.keys(), key=repr):
        if planned.get(key, 0) != stated.get(key, 0):
            window, pool, kind, clock = key
            at = "" if clock is None else f" at {clock:g} MHz"
            return f"window {window}, {pool}: {stated.get(key, 0)} x {kind}{at} instead of {planned.get(key, 0)}"
    return ""
