"""GPU clocks and power limits on machines of one's own: a table of settings, the script that applies it, and systemd units.

Which GPUs an instance has, only the machine knows: a line of ``instances.conf`` there names workload, instance number and GPUs. Of a
workload's instances the first have the highest clocks, so that an instance that goes when a workload shrinks is the slowest.

``settings.tsv`` has a line per change: seconds since 1970 (UTC), workload, its first and last instance number, clock [MHz], power limit
[W]; a dash is none. Where nothing is said of an instance, before, after or between, its GPUs are reset.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from dynamo_plan.emit.index import read_index, write_index
from dynamo_plan.emit.manifests import refuse
from dynamo_plan.emit.options import EmitOptions, Setting
from dynamo_plan.emit.statements import Key, Stated, added_up
from dynamo_plan.emit.workloads import Horizon, Running, Workload, find_workloads, horizon_of
from dynamo_plan.schema.plan import Plan

SETTINGS_FILE = "settings.tsv"
INSTANCES_FILE = "instances.conf"
NONE = "-"
NOTHING = (0, -1, NONE, NONE)
"""The line of a window without instances: from number 0 to -1."""

PLACE = "/opt/dynamo-plan"
UNIT = "dynamo-plan-gpus"

SCRIPT = r"""#!/bin/bash
# Sets the GPUs of this machine to what the schedule has for now; `reset` as argument takes every setting back.
# Needs root and nvidia-smi. NOW (seconds since 1970) stands in for the clock, for a trial.
set -euo pipefail
folder="$(cd "$(dirname "$0")" && pwd)"
now="${NOW:-$(date -u +%s)}"
sets=@SETS@ # clock or power: which of the two is set; both are in the table
mode="${1:-apply}"

reset() {
    nvidia-smi -i "$1" --reset-gpu-clocks
    # The limit that the card came with; cards without one to set say N/A.
    nvidia-smi -i "$1" --query-gpu=index,power.default_limit --format=csv,noheader,nounits |
        while IFS=', ' read -r gpu limit; do
            case "$limit" in [0-9]*) nvidia-smi -i "$gpu" --power-limit="${limit%.*}" ;; esac
        done
}

limit_power() {
    # A card takes no limit below its least.
    nvidia-smi -i "$1" --query-gpu=index,power.min_limit --format=csv,noheader,nounits |
        while IFS=', ' read -r gpu least; do
            least="${least%.*}"
            nvidia-smi -i "$gpu" --power-limit="$(($2 > least ? $2 : least))"
        done
}

while read -r workload number gpus; do
    case "$workload" in '' | '#'*) continue ;; esac
    setting="$(awk -F '\t' -v now="$now" -v name="$workload" -v number="$number" -v sets="$sets" '
        $1 > now { exit }
        $2 == name && $1 != time { time = $1; found = "-" }
        $2 == name && $3 <= number && number <= $4 { found = sets == "clock" ? $5 : $6 }
        END { print found }
    ' "$folder/settings.tsv")"
    case "$mode $sets $setting" in
        "apply clock "[0-9]*) nvidia-smi -i "$gpus" --lock-gpu-clocks="$setting,$setting" ;;
        "apply power "[0-9]*) limit_power "$gpus" "$setting" ;;
        *) reset "$gpus" ;;
    esac
done < "$folder/instances.conf"
"""

SERVICE = f"""[Unit]
Description=GPU settings of the plan for now

[Service]
Type=oneshot
ExecStart=/bin/bash {PLACE}/gpus.sh
"""

RESET_SERVICE = f"""[Unit]
Description=Take the plan's GPU settings back

[Service]
Type=oneshot
ExecStart=/bin/bash {PLACE}/gpus.sh reset
"""

INSTANCE_EXAMPLE = "{name} 0 0,1"
INSTANCES_EXAMPLE = f"""# What runs on this machine, a line per instance: workload, number of the instance from 0 on, its GPUs.
# Workloads are those of workloads.json. For example:
# {INSTANCE_EXAMPLE}
"""


def write_settings(target: str, plan: Plan, folder: Path, options: EmitOptions) -> list[str]:
    """Write table, script, units and an example of what a machine has to say; returns notes."""
    horizon = horizon_of(plan)
    workloads = find_workloads(plan, options)
    clocks = {running.frequency_mhz for workload in workloads for window in workload.windows for running in window}
    limits = {running.power_limit_w for workload in workloads for window in workload.windows for running in window}
    if clocks <= {None} or (options.sets is Setting.POWER_LIMIT and None in limits):
        what = "locks no clock" if clocks <= {None} else "knows no powers, so no limits follow from its clocks"
        raise refuse(target, f"the plan {what}", "This target sets nothing else", "Take a target that scales replicas")
    write_index(folder, workloads)
    (folder / SETTINGS_FILE).write_text(_table(workloads, horizon), encoding="utf-8")
    script = folder / "gpus.sh"
    sets = "clock" if options.sets is Setting.CLOCK else "power"
    script.write_text(SCRIPT.replace("@SETS@", sets), encoding="utf-8")
    script.chmod(0o755)
    (folder / f"{INSTANCES_FILE}.example").write_text(
        INSTANCES_EXAMPLE.format(name=workloads[0].name), encoding="utf-8"
    )
    (folder / f"{UNIT}.service").write_text(SERVICE, encoding="utf-8")
    (folder / f"{UNIT}-reset.service").write_text(RESET_SERVICE, encoding="utf-8")
    (folder / f"{UNIT}.timer").write_text(_timer(horizon), encoding="utf-8")
    if options.sets is Setting.CLOCK:
        return []
    return ["a power limit is the least under which a window's mean power fits: peaks within it are throttled"]


def read_settings(folder: Path, horizon: Horizon) -> Stated:
    """Instances by window, pool, kind and clock."""
    known = read_index(folder)
    changes: dict[str, dict[int, list[tuple[int, str]]]] = {}
    for line in (folder / SETTINGS_FILE).read_text(encoding="utf-8").splitlines():
        seconds, name, first, last, clock, _ = line.split("\t")
        instances = changes.setdefault(name, {}).setdefault(int(seconds), [])
        instances.append((int(last) - int(first) + 1, clock))
    entries: list[tuple[Key, int]] = []
    start = round(horizon.start.timestamp())
    for name, own in changes.items():
        for (begin, instances), end in pairwise([*own.items(), (0, [])]):
            ends = end[0] or round(horizon.end.timestamp())
            for window in range((begin - start) // horizon.window_s, (ends - start) // horizon.window_s):
                entries += [((window, *known[name], _clock(clock)), count) for count, clock in instances]
    return added_up(entries)


def _table(workloads: Iterable[Workload], horizon: Horizon) -> str:
    lines = []
    for workload in workloads:
        before: list[tuple[int, int, str, str]] | None = None
        for window, running in enumerate((*workload.windows, ())):
            now = _numbered(running)
            if now != before:
                time = round(horizon.left_edge(window).timestamp())
                lines += [(time, workload.name, *part) for part in now or [NOTHING]]
            before = now
    return "".join("\t".join(map(str, line)) + "\n" for line in sorted(lines))


def _numbered(running: Iterable[Running]) -> list[tuple[int, int, str, str]]:
    """First and last number, clock and power limit of a window's instances."""
    parts, number = [], 0
    for part in running:
        clock = NONE if part.frequency_mhz is None else f"{part.frequency_mhz:g}"
        limit = NONE if part.frequency_mhz is None else str(part.power_limit_w or NONE)
        parts.append((number, number + part.instances - 1, clock, limit))
        number += part.instances
    return parts


def _clock(text: str) -> float | None:
    return None if text == NONE else float(text)


def _timer(horizon: Horizon) -> str:
    """At every left edge, at the end, and after a boot, when all settings are gone."""
    edges = [f"OnCalendar={horizon.left_edge(window):%Y-%m-%d %H:%M:%S} UTC" for window in range(horizon.windows + 1)]
    lines = ["[Unit]", "Description=When windows of the plan begin", "", "[Timer]", "OnBootSec=60", *edges]
    lines += ["AccuracySec=1s", "Persistent=true", f"Unit={UNIT}.service", "", "[Install]", "WantedBy=timers.target"]
    return "\n".join(lines) + "\n"
