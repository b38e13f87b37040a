"""One module per output target; `find_targets` finds them, so that adding a target is adding a file here.

A target module has ``NAME`` (what ``emit --target`` takes), ``DESCRIPTION`` (one line), ``SETS`` (what its files make a machine do),
``STATES`` (what can be read from them, at least what they set), ``APPLY`` (how to use the files), ``emit``, which writes them, and
``read_back``, which reads them. Before a folder is let go of it is read back and compared with the plan.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import pkgutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol, cast

from dynamo_plan.emit.atomic import whole_folder
from dynamo_plan.emit.clocks import on_supported_clocks
from dynamo_plan.emit.names import dns_names, refuse_unprintable
from dynamo_plan.emit.options import EmitOptions, Setting
from dynamo_plan.emit.run_folder import plan_json
from dynamo_plan.emit.statements import Stated, first_difference, planned
from dynamo_plan.emit.workloads import Horizon, find_workloads, horizon_of
from dynamo_plan.errors import Fault, UsageError, VerificationError
from dynamo_plan.schema.plan import Plan
from dynamo_plan.schema.profile import NOT_LOCKED_MHZ

EMITTED_FILE = "emitted.json"
"""Says which plan and target a folder was made from; by it `--force` knows a folder that it may replace."""

APPLY_FILE = "APPLY.txt"
"""Says how to use the files, and what they do not do."""

EMITTED_VERSION = 1
NO_OPTIONS = EmitOptions()


class Target(Protocol):
    """What a target module offers."""

    NAME: str
    DESCRIPTION: str
    SETS: frozenset[Setting]
    STATES: frozenset[Setting]
    APPLY: str

    def emit(self, plan: Plan, folder: Path, options: EmitOptions) -> list[str]:
        """Write the target's files for the whole horizon of one site into `folder`; returns what a user has to know, in sentences.

        Raises `InputError` for a plan that the target cannot express.
        """

    def read_back(self, folder: Path, horizon: Horizon) -> Stated:
        """What the files say. KeyError or ValueError (pydantic's too) where they are not as `emit` writes them."""


def find_targets() -> dict[str, Target]:
    """Every target by its name, sorted."""
    modules = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
    targets = [cast(Target, module) for module in modules]
    return {target.NAME: target for target in sorted(targets, key=lambda target: target.NAME)}


def write_target(
    name: str, plan: Plan, folder: Path, *, force: bool = False, options: EmitOptions = NO_OPTIONS
) -> tuple[int, list[str]]:
    """Write the files of one target, whole or not at all; several sites have a folder each.

    Returns
    -------
    int
        How many files the target wrote.
    list of str
        What a user has to know about them, in sentences.

    Raises
    ------
    UsageError
        No target has this name.
    InputError
        The folder is occupied or cannot be written, or the target cannot express the plan.
    VerificationError
        The files do not say what the plan says.
    """
    target = known_target(name)
    refuse_unprintable(_names(plan))
    notes: list[str] = []
    with whole_folder(folder, EMITTED_FILE, force=force) as draft:
        for part, place in _sites(plan, draft):
            place.mkdir(exist_ok=True)
            notes += [note for note in _write_site(target, part, place, options) if note not in notes]
        count = sum(path.is_file() for path in draft.rglob("*"))
        (draft / APPLY_FILE).write_text(_how_to_apply(target, notes), encoding="utf-8")
        sha256 = hashlib.sha256(plan_json(plan)).hexdigest()
        record = {"version": EMITTED_VERSION, "target": name, "plan": plan.name, "plan_sha256": sha256, "notes": notes}
        (draft / EMITTED_FILE).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return count, notes


def known_target(name: str) -> Target:
    """The target of this name; `UsageError` where there is none."""
    targets = find_targets()
    if name not in targets:
        raise UsageError(
            Fault(
                "target-unknown",
                "--target",
                f"{name!r} is no target",
                f"Known: {', '.join(targets)}",
                "Take one of these",
            )
        )
    return targets[name]


def _names(plan: Plan) -> Iterator[str]:
    """Everything in a plan that a user named."""
    yield plan.name
    for pool in plan.pools:
        yield from (pool.name, pool.service, pool.site, *pool.buckets)
    yield from (group.kind.gpu for group in plan.groups)
    yield from (group.kind.dtype for group in plan.groups)
    yield from (site.site for site in plan.sites)


def _sites(plan: Plan, folder: Path) -> Iterator[tuple[Plan, Path]]:
    """The plan of each site and where its files go: a site is a cluster of its own."""
    if len(plan.sites) < 2:
        yield plan, folder
        return
    names = dns_names({site.site: site.site for site in plan.sites})
    for site in plan.sites:
        pools = tuple(pool for pool in plan.pools if pool.site == site.site)
        own = {pool.name for pool in pools}
        yield (
            replace(
                plan,
                sites=(site,),
                pools=pools,
                groups=tuple(group for group in plan.groups if group.pool in own),
                servers=tuple(servers for servers in plan.servers if servers.site == site.site),
            ),
            folder / names[site.site],
        )


def _write_site(target: Target, plan: Plan, folder: Path, options: EmitOptions) -> list[str]:
    notes = _not_set(target, plan)
    if Setting.CLOCK in target.SETS:
        plan, moved = on_supported_clocks(plan, options.supported_clocks_mhz)
        notes += moved
    notes += target.emit(plan, folder, options)
    horizon = horizon_of(plan)
    wanted = planned(find_workloads(plan, options), with_clocks=Setting.CLOCK in target.STATES)
    try:
        difference = first_difference(wanted, target.read_back(folder, horizon))
    except (KeyError, ValueError) as error:
        difference = f"the files cannot be read back: {error}"
    if difference:
        raise VerificationError(
            Fault(
                "emitted-differs",
                f"--target {target.NAME}",
                difference,
                "Emitted files say what the plan says",
                "This is a defect of dynamo-plan: please report it with the plan",
            )
        )
    return notes


def _not_set(target: Target, plan: Plan) -> list[str]:
    """Clocks that the plan locks and the target cannot."""
    clocks = {group.frequency_mhz for group in plan.groups} - {NOT_LOCKED_MHZ}
    only_states_them = not target.SETS and Setting.CLOCK in target.STATES
    if not clocks or only_states_them or target.SETS & {Setting.CLOCK, Setting.POWER_LIMIT}:
        return []
    others = [name for name, other in find_targets().items() if Setting.CLOCK in other.SETS]
    return [
        f"{target.NAME} sets no GPU clocks, and the plan locks {min(clocks):g} to {max(clocks):g} MHz: "
        f"its energy is not reached before they are locked too, with one of {', '.join(others)}"
    ]


def _how_to_apply(target: Target, notes: list[str]) -> str:
    sets = ", ".join(sorted(target.SETS)) or "nothing by themselves"
    lines = [f"Target {target.NAME}: {target.DESCRIPTION}.", f"These files set: {sets}.", "", target.APPLY.strip(), ""]
    return "\n".join(lines + [f"Note: {note}." for note in notes]) + "\n"
