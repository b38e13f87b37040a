"""What changes at the edges between windows, from the schedule and the scenario: starts, re-shards, and what was on before."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.scenario import Ending

if TYPE_CHECKING:
    from dynamo_plan.verify.evidence import Evidence

type Counts = NDArray[np.int64]


def instances_before(inputs: Inputs, evidence: Evidence) -> dict[tuple[str, Kind], int] | None:
    """Instances just before the first window by pool and kind, of pools that the plan has at that site; None: not stated."""
    initial = inputs.scenario.initial
    if initial is None:
        return None
    found: dict[tuple[str, Kind], int] = {}
    for one in initial.instances:
        load = evidence.pools.get(one.pool)
        if load is not None and load.site.name == one.site:
            found[one.pool, Kind(one.gpu, one.tp, one.pp, one.dtype.value)] = one.instances
    return found


def servers_before(inputs: Inputs) -> dict[tuple[str, str], int] | None:
    """Servers on just before the first window by site and GPU type; None: not stated."""
    initial = inputs.scenario.initial
    if initial is None:
        return None
    stated = {(one.site, one.gpu): one.servers_on for one in initial.servers}
    found: dict[tuple[str, str], int] = {}
    for site in inputs.scenario.sites:
        for gpu, spec in site.gpus.items():
            here = [one for one in initial.instances if (one.site, one.gpu) == (site.name, gpu)]
            gpus = sum(one.instances * one.tp * one.pp for one in here)
            found[site.name, gpu] = stated.get((site.name, gpu), -(-gpus // spec.per_server))
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """Instances that begin in each window, shape (window,), by pool and kind: those started, and those re-sharded."""

    started: dict[tuple[str, Kind], Counts]
    resharded: dict[tuple[str, Kind], Counts]


def changes(
    instances: dict[tuple[str, Kind], Counts], before: dict[tuple[str, Kind], int] | None, inputs: Inputs
) -> Changes:
    """What begins at the left edge of each window, and after the last one if the ending owes it."""
    known = before or {}
    windows = len(inputs.windows)
    transitions = inputs.scenario.transitions
    nothing = np.zeros(windows, dtype=np.int64)
    keys = list(dict.fromkeys([*instances, *known]))
    found = Changes({key: nothing.copy() for key in keys}, {key: nothing.copy() for key in keys})
    for pool in dict.fromkeys(name for name, _ in keys):
        kinds = [kind for name, kind in keys if name == pool]
        states = [{kind: int(instances.get((pool, kind), nothing)[t]) for kind in kinds} for t in range(windows)]
        stated = {kind: known.get((pool, kind), 0) for kind in kinds}
        edges = [(0, states[0] if before is None else stated, states[0])]
        edges += [(t, states[t - 1], states[t]) for t in range(1, windows)]
        if transitions.ending is Ending.AS_STARTED:
            edges.append((windows - 1, states[-1], stated))
        for t, then, now in edges:
            new = [kind for kind in kinds for _ in range(now[kind] - then[kind])]
            moved = taking_over(new, then, now) if transitions.reshard_wh is not None else Counter[Kind]()
            for kind in kinds:
                found.resharded[pool, kind][t] += moved[kind]
                found.started[pool, kind][t] += new.count(kind) - moved[kind]
    return found


def taking_over(new: list[Kind], then: dict[Kind, int], now: dict[Kind, int]) -> Counter[Kind]:
    """Of new instances those that take over GPUs of instances that end, one by one, the smallest first."""
    free: Counter[tuple[str, str]] = Counter()
    for kind, count in then.items():
        free[kind.gpu, kind.dtype] += max(0, count - now[kind]) * kind.tp * kind.pp
    moved: Counter[Kind] = Counter()
    for kind in sorted(new, key=lambda kind: (kind.tp * kind.pp, kind)):
        if free[kind.gpu, kind.dtype] >= kind.tp * kind.pp:
            free[kind.gpu, kind.dtype] -= kind.tp * kind.pp
            moved[kind] += 1
    return moved
