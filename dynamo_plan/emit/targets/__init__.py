"""One module per output target; `find_targets` finds them, so that adding a target is adding a file here.

A target module has ``NAME`` (what ``emit --target`` takes), ``DESCRIPTION`` (one line, with what it can actuate of clock and
power limit) and ``emit(plan, folder)``, which writes its files into an existing empty folder.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import pkgutil
from pathlib import Path
from typing import Protocol, cast

from dynamo_plan.emit.atomic import whole_folder
from dynamo_plan.emit.run_folder import plan_json
from dynamo_plan.errors import Fault, UsageError
from dynamo_plan.schema.plan import Plan

EMITTED_FILE = "emitted.json"
"""Says which plan and target a folder was made from; by it `--force` knows a folder that it may replace."""

EMITTED_VERSION = 1


class Target(Protocol):
    """What a target module offers."""

    NAME: str
    DESCRIPTION: str

    def emit(self, plan: Plan, folder: Path) -> None:
        """Write the target's files for the whole horizon into `folder`."""


def find_targets() -> dict[str, Target]:
    """Every target by its name, sorted."""
    modules = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
    targets = [cast(Target, module) for module in modules]
    return {target.NAME: target for target in sorted(targets, key=lambda target: target.NAME)}


def write_target(name: str, plan: Plan, folder: Path, *, force: bool = False) -> int:
    """Write the files of one target, whole or not at all.

    Returns
    -------
    int
        How many files the target wrote.

    Raises
    ------
    UsageError
        No target has this name.
    InputError
        The folder is occupied or cannot be written.
    """
    targets = find_targets()
    if name not in targets:
        raise UsageError(
            Fault(
                "target-unknown",
                "--target",
                f"{name} is no target",
                f"Known: {', '.join(targets)}",
                "Take one of these",
            )
        )
    with whole_folder(folder, EMITTED_FILE, force=force) as draft:
        targets[name].emit(plan, draft)
        count = sum(path.is_file() for path in draft.rglob("*"))
        sha256 = hashlib.sha256(plan_json(plan)).hexdigest()
        record = {"version": EMITTED_VERSION, "target": name, "plan": plan.name, "plan_sha256": sha256}
        (draft / EMITTED_FILE).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return count
