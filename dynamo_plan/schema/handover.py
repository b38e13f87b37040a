"""From one plan to the next: what an earlier plan has running when the next one begins."""

from __future__ import annotations

import math
from collections import Counter
from datetime import datetime, timedelta

from dynamo_plan.errors import Fault, InputError
from dynamo_plan.schema.horizon import time_label, window_start
from dynamo_plan.schema.kind import Kind, NumberFormat
from dynamo_plan.schema.plan import Plan, ServerPlan
from dynamo_plan.schema.scenario import InitialInstances, InitialServers, InitialSpec


def state_before(plan: Plan, start: datetime, where: str) -> InitialSpec:
    """What a plan has running just before a moment, in UTC: instances, and servers on.

    Parameters
    ----------
    where : str
        The plan's run folder, for messages.

    Raises
    ------
    InputError
        The plan has no window just before that moment.
    """
    window = math.ceil((start - window_start(plan, 0)).total_seconds() / plan.window_s) - 1
    if not 0 <= window < plan.windows:
        begin, end = time_label(window_start(plan, 0)), time_label(window_start(plan, plan.windows))
        raise InputError(
            Fault(
                "warm-start-gap",
                where,
                f"the plan runs from {begin} to {end} and says nothing about what runs just before {time_label(start)}",
                "A warm start continues an earlier plan from one of its windows, or from its end",
                "Start later than that plan (--from), or name the run folder that covers it",
            )
        )
    sites = {pool.name: pool.site for pool in plan.pools}
    running: Counter[tuple[str, Kind]] = Counter()
    for group in plan.groups:
        if group.window == window:
            running[group.pool, group.kind] += group.instances
    instances = [
        InitialInstances(
            pool=pool,
            site=sites[pool],
            gpu=kind.gpu,
            tp=kind.tp,
            pp=kind.pp,
            dtype=NumberFormat(kind.dtype),
            instances=count,
        )
        for (pool, kind), count in sorted(running.items())
    ]
    servers = [
        InitialServers(site=entry.site, gpu=entry.gpu, servers_on=_switched_on(plan, entry, window, start))
        for entry in plan.servers
    ]
    return InitialSpec(instances=instances, servers=servers)


def _switched_on(plan: Plan, entry: ServerPlan, window: int, start: datetime) -> int:
    """Servers that hold instances or boot just before `start`: a later window's are on one boot time before its left edge."""
    boot = timedelta(seconds=entry.start_s)
    needed = [entry.servers_on[window]]
    for later in range(window + 1, plan.windows):
        if window_start(plan, later) - boot >= start:
            break
        needed.append(entry.servers_on[later])
    return max(needed)
