"""What the plan says of one window, as a plain record: servers, and per service and pool groups of equal instances.

``frequency_mhz`` and ``power_limit_w`` (per GPU) are alternatives: lock the clock where the machine allows it, else set the limit; null
says that the profile gives none. ``bucket_rates_rps_each`` tells a router which buckets go there, where a service routes freely. A pool
that needs no instance is listed with an empty ``instances``, so that what ran before is stopped.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from dynamo_plan.emit.schedule import clock_to_lock_mhz, power_limit_w
from dynamo_plan.emit.statements import Key
from dynamo_plan.emit.workloads import Horizon
from dynamo_plan.schema.horizon import time_label, window_start
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Group, Plan, PoolPlan, ServerPlan

RECORD_VERSION = 1


def window_record(plan: Plan, window: int) -> dict[str, object]:
    """The record of one window."""
    groups: dict[str, list[Group]] = {}
    for group in plan.groups:
        if group.window == window:
            groups.setdefault(group.pool, []).append(group)
    return {
        "version": RECORD_VERSION,
        "plan": plan.name,
        "status": plan.status.value,
        "window_start": time_label(window_start(plan, window)),
        "window_s": plan.window_s,
        "servers": [_servers(plan, entry, window) for entry in plan.servers],
        "services": {
            service: {
                "pools": [_pool(pool, groups.get(pool.name, [])) for pool in plan.pools if pool.service == service]
            }
            for service in dict.fromkeys(pool.service for pool in plan.pools)
        },
    }


def entries_of(record: Mapping[str, Any], horizon: Horizon) -> Iterator[tuple[Key, int]]:
    """Instances by window, pool, kind and clock that a record states; KeyError or ValueError where it is none of ours."""
    start = datetime.fromisoformat(record["window_start"])
    window = round((start - horizon.start).total_seconds()) // horizon.window_s
    for service in record["services"].values():
        for pool in service["pools"]:
            for group in pool["instances"]:
                kind = Kind(group["gpu"], group["tp"], group["pp"], group["dtype"])
                yield (window, pool["name"], kind, group["frequency_mhz"]), group["instances"]


def _servers(plan: Plan, entry: ServerPlan, window: int) -> dict[str, object]:
    return {
        "site": entry.site,
        "gpu": entry.gpu,
        "servers_on": entry.servers_on[window],
        "servers_started": entry.servers_started[window],
        "switch_on_at": time_label(window_start(plan, window) - timedelta(seconds=entry.start_s)),
    }


def _pool(pool: PoolPlan, groups: list[Group]) -> dict[str, object]:
    load_rps = math.fsum(group.instances * group.rate_rps for group in groups)
    return {
        "name": pool.name,
        "site": pool.site,
        "buckets": list(pool.buckets),
        "instances": [
            {
                "instances": group.instances,
                "gpu": group.kind.gpu,
                "tp": group.kind.tp,
                "pp": group.kind.pp,
                "dtype": group.kind.dtype,
                "frequency_mhz": clock_to_lock_mhz(group),
                "power_limit_w": power_limit_w(group),
                "rate_rps_each": group.rate_rps,
                "load_share": group.instances * group.rate_rps / load_rps if load_rps > 0 else 0.0,
                **_routes(pool, group),
            }
            for group in groups
        ],
    }


def _routes(pool: PoolPlan, group: Group) -> dict[str, object]:
    """Rate of each bucket at each instance of a routed group [1/s], without buckets that do not go there."""
    if not group.bucket_rates_rps:
        return {}
    rates = zip(pool.buckets, group.bucket_rates_rps, strict=True)
    return {"bucket_rates_rps_each": {bucket: rate for bucket, rate in rates if rate > 0}}
