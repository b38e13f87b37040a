"""Target ``sglang``: options of SGLang (0.5.23) as start scripts and configuration files, one per workload."""

from __future__ import annotations

from pathlib import Path

from dynamo_plan.emit import engine_files
from dynamo_plan.emit.engine_files import emit_engine, read_engine
from dynamo_plan.emit.options import EmitOptions, EngineName, Setting
from dynamo_plan.emit.statements import Stated
from dynamo_plan.emit.workloads import Horizon
from dynamo_plan.schema.plan import Plan

NAME = "sglang"
DESCRIPTION = "options of SGLang (0.5.23) for an instance of each workload, and how many instances run when"
SETS = frozenset[Setting]()
STATES = frozenset({Setting.REPLICAS})
APPLY = engine_files.APPLY


def emit(plan: Plan, folder: Path, options: EmitOptions) -> list[str]:
    """Write a script and a configuration per workload, and the numbers."""
    return emit_engine(EngineName.SGLANG, plan, folder, options)


def read_back(folder: Path, horizon: Horizon) -> Stated:
    """Instances by window, pool and kind."""
    return read_engine(EngineName.SGLANG, folder, horizon)
