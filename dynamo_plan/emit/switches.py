"""When replicas change: a table that a shell can read, and the shell's way to ask it what holds now.

``switches.tsv`` has a line per change: seconds since 1970 (UTC), workload, replicas from then on. Its last lines, at the horizon's end, say
``end``. Instances that a window adds are asked for some time ahead of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path

from dynamo_plan.emit.manifests import refuse
from dynamo_plan.emit.statements import Key, Stated, added_up
from dynamo_plan.emit.workloads import Horizon, Workload, runs
from dynamo_plan.schema.kind import Kind
from dynamo_plan.units import SECONDS_PER_MINUTE

SWITCHES_FILE = "switches.tsv"
END = "end"

CURRENT = r"""current() {
    # Workload and replicas for now; those of $lead_s later, where they are more. Nothing outside the horizon.
    awk -F '\t' -v now="$1" -v lead="$2" '
        $3 == "end" { if (now >= $1) past[$2] = 1; next }
        $1 <= now { replicas[$2] = $3; next }
        $1 <= now + lead && $3 > replicas[$2] { replicas[$2] = $3 }
        END { for (name in replicas) if (!(name in past)) print name, replicas[name] + 0 }
    ' "$switches" | sort
}"""
"""A function of any POSIX shell; file ``$switches``, arguments: now and lead [s]."""

APPLY = """
failed=0
wanted="$(current "${NOW:-$(date -u +%s)}" "$lead_s")"
if [ -z "$wanted" ]; then
    echo "The schedule has nothing for now; nothing is scaled." >&2
    exit 1
fi
while read -r workload replicas; do
    @SCALE@ || failed=1
done <<WANTED
$wanted
WANTED
exit "$failed"
"""
"""What a script does with it: one command for each workload, the others too where one fails. NOW stands in for the clock, for a trial."""


def apply_script(head: str, scale: str) -> str:
    """A script that scales every workload to what the schedule has for now.

    Parameters
    ----------
    head : str
        Its first lines; they set ``$switches`` and ``$lead_s``.
    scale : str
        The command that scales ``$workload`` to ``$replicas``.
    """
    return f"{head}\n{CURRENT}\n{APPLY.replace('@SCALE@', scale)}"


def switches_text(workloads: Iterable[Workload], horizon: Horizon) -> str:
    """The table, by time."""
    lines = [
        (round(horizon.left_edge(first).timestamp()), workload.name, str(count))
        for workload in workloads
        for first, _, count in runs(workload.replicas)
    ]
    ends = [(round(horizon.end.timestamp()), name, END) for name in sorted({name for _, name, _ in lines})]
    return "".join("\t".join(map(str, line)) + "\n" for line in sorted(lines) + ends)


def read_switches(path: Path, known: Mapping[str, tuple[str, Kind]], horizon: Horizon) -> Stated:
    """Instances by window, pool and kind that a table asks for."""
    changes: dict[str, list[tuple[int, str]]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        seconds, name, replicas = line.split("\t")
        changes.setdefault(name, []).append((int(seconds), replicas))
    entries: list[tuple[Key, int]] = []
    for name, own in changes.items():
        for (begin, replicas), (end, _) in pairwise(own):
            windows = range(_window(begin, horizon), _window(end, horizon))
            entries += [((window, *known[name], None), int(replicas)) for window in windows]
    return added_up(entries)


def whole_minutes(lead_s: float) -> int:
    """A lead [s] in whole minutes, rounded up [min]: schedules of the cron sort know nothing finer."""
    return math.ceil(lead_s / SECONDS_PER_MINUTE)


def refuse_parts_of_minutes(target: str, horizon: Horizon, allowed: str) -> None:
    """Refuse windows that begin between two minutes; `allowed` says what the target knows."""
    if horizon.window_s % SECONDS_PER_MINUTE or horizon.start.second:
        raise refuse(
            target,
            f"windows of {horizon.window_s} s from {horizon.start:%H:%M:%S} on begin between two minutes",
            allowed,
            "Plan with `window_minutes` a whole number, from a whole minute on",
        )


def _window(seconds: int, horizon: Horizon) -> int:
    return (seconds - round(horizon.start.timestamp())) // horizon.window_s
