"""Target ``files``: one small YAML per window, which a batch job hands on when the window begins.

File names sort by time: ``20240514T133000Z.yaml``. What stands in them: `window_records`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from dynamo_plan.emit.options import EmitOptions, Setting
from dynamo_plan.emit.statements import Key, Stated, added_up
from dynamo_plan.emit.text import read_yaml, yaml_text
from dynamo_plan.emit.window_records import entries_of, window_record
from dynamo_plan.emit.workloads import Horizon, horizon_of
from dynamo_plan.schema.plan import Plan

NAME = "files"
DESCRIPTION = (
    "one YAML per window: instances, kind, clock, power limit and share of the load per pool; sets nothing by itself"
)
SETS = frozenset[Setting]()
STATES = frozenset({Setting.REPLICAS, Setting.CLOCK, Setting.POWER_LIMIT})
APPLY = """
The file of now is the last whose name is not in the future.
"""


def emit(plan: Plan, folder: Path, options: EmitOptions) -> list[str]:
    """Write one YAML per window into `folder`."""
    for window, time in enumerate(horizon_of(plan).file_times()):
        (folder / f"{time}.yaml").write_text(yaml_text(window_record(plan, window)), encoding="utf-8")
    return []


def read_back(folder: Path, horizon: Horizon) -> Stated:
    """Instances by window, pool, kind and clock."""
    entries: list[tuple[Key, int]] = []
    for path in sorted(folder.glob("*.yaml")):
        (record,) = read_yaml(path)
        entries += entries_of(cast("dict[str, Any]", record), horizon)
    return added_up(entries)
