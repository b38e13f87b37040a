"""Target ``files``: one small YAML per window, which a batch job hands on when the window begins.

File names sort by time: ``20240514T133000Z.yaml``. Every entry of ``instances`` is a group of equal instances at one clock and
one load. ``frequency_mhz`` and ``power_limit_w`` (per GPU) are alternatives: lock the clock where the machine allows it, else set
the limit; null says that the profile gives none. ``bucket_rates_rps_each`` tells a router which buckets go there, where a service
routes freely. Windows in which a pool needs no instance list it with an empty ``instances``, so that what ran before is stopped.
"""

from __future__ import annotations

import math
from datetime import timedelta
from pathlib import Path

from dynamo_plan.emit.schedule import clock_to_lock_mhz, power_limit_w
from dynamo_plan.schema.horizon import time_label, window_start
from dynamo_plan.schema.plan import Group, Plan, PoolPlan, ServerPlan

NAME = "files"
DESCRIPTION = "one YAML per window: instances, kind, clock, power limit and share of the load per pool"
FILES_VERSION = 1
LINE_WIDTH = 400  # one group, one line


def emit(plan: Plan, folder: Path) -> None:
    """Write one YAML per window into `folder`."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = None  # innermost mappings on one line each
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = LINE_WIDTH
    by_window: dict[tuple[int, str], list[Group]] = {}
    for group in plan.groups:
        by_window.setdefault((group.window, group.pool), []).append(group)
    for window in range(plan.windows):
        pools = [_pool(pool, by_window.get((window, pool.name), [])) for pool in plan.pools]
        record = {
            "version": FILES_VERSION,
            "plan": plan.name,
            "status": plan.status.value,
            "window_start": time_label(window_start(plan, window)),
            "window_s": plan.window_s,
            "servers": [_servers(plan, entry, window) for entry in plan.servers],
            "services": {
                service: {
                    "pools": [record for pool, record in zip(plan.pools, pools, strict=True) if pool.service == service]
                }
                for service in dict.fromkeys(pool.service for pool in plan.pools)
            },
        }
        with (folder / f"{window_start(plan, window):%Y%m%dT%H%M%SZ}.yaml").open("w", encoding="utf-8") as file:
            yaml.dump(record, file)


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
