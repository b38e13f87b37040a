"""Target ``hourly``: one JSON per hour with the windows that are in force during it, each as in target ``files``.

For what acts by the hour, whatever the plan's windows are: nothing is averaged. A window longer than an hour stands in several files.
"""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from dynamo_plan.emit.options import EmitOptions, Setting
from dynamo_plan.emit.statements import Key, Stated, added_up
from dynamo_plan.emit.window_records import entries_of, window_record
from dynamo_plan.emit.workloads import FILE_TIME, Horizon, horizon_of
from dynamo_plan.schema.horizon import time_label
from dynamo_plan.schema.plan import Plan

NAME = "hourly"
DESCRIPTION = "one JSON per hour: the windows in force, each as in target files; sets nothing by itself"
SETS = frozenset[Setting]()
STATES = frozenset({Setting.REPLICAS, Setting.CLOCK, Setting.POWER_LIMIT})
APPLY = """
The file of now is the last whose name is not in the future.
"""
HOUR = timedelta(hours=1)
HOURLY_VERSION = 1


def emit(plan: Plan, folder: Path, options: EmitOptions) -> list[str]:
    """Write one JSON per hour."""
    horizon = horizon_of(plan)
    records = [window_record(plan, window) for window in range(plan.windows)]
    hour = horizon.start.replace(minute=0, second=0)
    while hour < horizon.end:
        inside = [
            record
            for window, record in enumerate(records)
            if horizon.left_edge(window) < hour + HOUR and horizon.left_edge(window + 1) > hour
        ]
        whole = {"version": HOURLY_VERSION, "plan": plan.name, "hour_start": time_label(hour), "windows": inside}
        (folder / f"{hour:{FILE_TIME}}.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
        hour += HOUR
    return []


def read_back(folder: Path, horizon: Horizon) -> Stated:
    """Instances by window, pool, kind and clock."""
    windows: dict[str, Any] = {}
    for path in sorted(folder.glob("*Z.json")):
        for record in json.loads(path.read_text(encoding="utf-8"))["windows"]:
            windows[record["window_start"]] = record
    entries: list[tuple[Key, int]] = []
    for record in windows.values():
        entries += entries_of(record, horizon)
    return added_up(entries)
