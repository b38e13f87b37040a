"""Target ``prometheus``: gauges per window for the textfile collector, so that a dashboard can show planned beside real.

Series of one window are one file; a batch job copies the file of the window that begins into the collector's folder.
"""

from __future__ import annotations

import re
from pathlib import Path

from dynamo_plan.emit.options import EmitOptions, Setting
from dynamo_plan.emit.statements import Key, Stated, added_up, window_of
from dynamo_plan.emit.workloads import Horizon, Running, Workload, find_workloads, horizon_of
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Plan
from dynamo_plan.schema.profile import NOT_LOCKED_MHZ
from dynamo_plan.units import SECONDS_PER_HOUR, WATTS_PER_KILOWATT

NAME = "prometheus"
DESCRIPTION = (
    "gauges of the plan per window for the textfile collector: replicas by clock, load shares, power; sets nothing"
)
SETS = frozenset[Setting]()
STATES = frozenset({Setting.REPLICAS, Setting.CLOCK})
APPLY = """
When a window begins:  cp TIME.prom /var/lib/prometheus/node-exporter/dynamo-plan.prom.$$ &&
                       mv /var/lib/prometheus/node-exporter/dynamo-plan.prom.$$ /var/lib/prometheus/node-exporter/dynamo-plan.prom
"""
REPLICAS = "dynamo_plan_target_replicas"
SHARE = "dynamo_plan_target_load_share_ratio"
SITE_POWER = "dynamo_plan_target_site_power_watts"
WINDOW = "dynamo_plan_window_start_timestamp_seconds"
HELP = {
    REPLICAS: "Instances that the plan runs in this window, by clock (0: not locked).",
    SHARE: "Part of the pool's load that these instances take together.",
    SITE_POWER: "Mean facility power that the plan expects of the site.",
    WINDOW: "Left edge of the window that these gauges describe.",
}
LABELS = ("workload", "service", "pool", "site", "gpu", "tp", "pp", "dtype", "frequency_mhz")
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\.)*)"')
SAMPLE = re.compile(rf"{REPLICAS}{{(?P<labels>.*)}} (?P<value>\d+)")
ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n"}
"""What the text format writes in a label's value as something else."""


def emit(plan: Plan, folder: Path, options: EmitOptions) -> list[str]:
    """Write a file of gauges per window."""
    workloads = find_workloads(plan, options)
    horizon = horizon_of(plan)
    hours = plan.window_s / SECONDS_PER_HOUR
    for window, time in enumerate(horizon.file_times()):
        entries = [(workload, running) for workload in workloads for running in workload.windows[window]]
        power = [({"site": site.site}, site.energy_kwh[window] / hours * WATTS_PER_KILOWATT) for site in plan.sites]
        families: dict[str, list[tuple[dict[str, str], float]]] = {
            REPLICAS: [(_labels(*entry), float(entry[1].instances)) for entry in entries],
            SHARE: [(_labels(*entry), entry[1].load_share) for entry in entries],
            SITE_POWER: power,
            WINDOW: [({}, horizon.left_edge(window).timestamp())],
        }
        text = "".join(_family(name, samples) for name, samples in families.items())
        (folder / f"{time}.prom").write_text(text, encoding="utf-8")
    return []


def read_back(folder: Path, horizon: Horizon) -> Stated:
    """Instances by window, pool, kind and clock."""
    entries: list[tuple[Key, int]] = []
    for path in sorted(folder.glob("*.prom")):
        window = window_of(path.stem, horizon)
        for line in path.read_text(encoding="utf-8").split("\n"):
            if sample := SAMPLE.fullmatch(line):
                labels = {name: _unescaped(value) for name, value in LABEL.findall(sample["labels"])}
                kind = Kind(labels["gpu"], int(labels["tp"]), int(labels["pp"]), labels["dtype"])
                clock = float(labels["frequency_mhz"]) or None
                entries.append(((window, labels["pool"], kind, clock), int(sample["value"])))
    return added_up(entries)


def _labels(workload: Workload, running: Running) -> dict[str, str]:
    pool, kind = workload.pool, workload.kind
    clock = f"{running.frequency_mhz or NOT_LOCKED_MHZ:g}"
    values = (
        workload.name,
        pool.service,
        pool.name,
        pool.site,
        kind.gpu,
        str(kind.tp),
        str(kind.pp),
        kind.dtype,
        clock,
    )
    return dict(zip(LABELS, values, strict=True))


def _family(name: str, samples: list[tuple[dict[str, str], float]]) -> str:
    lines = [f"# HELP {name} {HELP[name]}\n", f"# TYPE {name} gauge\n"]
    for labels, value in samples:
        inner = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        lines.append(f"{name}{f'{{{inner}}}' if inner else ''} {int(value) if value.is_integer() else repr(value)}\n")
    return "".join(lines)


def _escaped(text: str) -> str:
    return re.sub(r'[\\"\n]', lambda found: ESCAPES[found[0]], text)


def _unescaped(text: str) -> str:
    plain = {escaped: character for character, escaped in ESCAPES.items()}
    return re.sub(r"\\.", lambda found: plain[found[0]], text, flags=re.DOTALL)
