"""Target ``nvidia-smi``: a script that locks clocks or sets power limits on a machine of one's own, with systemd units and the reset."""

from __future__ import annotations

from pathlib import Path

from dynamo_plan.emit.gpu_settings import PLACE, UNIT, read_settings, write_settings
from dynamo_plan.emit.options import EmitOptions, Setting
from dynamo_plan.emit.statements import Stated
from dynamo_plan.emit.workloads import Horizon
from dynamo_plan.schema.plan import Plan

NAME = "nvidia-smi"
DESCRIPTION = (
    "a script and systemd timers that lock GPU clocks, or with --actuate power-limit set limits, and take them back"
)
SETS = frozenset({Setting.CLOCK, Setting.POWER_LIMIT})
STATES = frozenset({Setting.REPLICAS, Setting.CLOCK, Setting.POWER_LIMIT})
APPLY = f"""
On each machine, as root:
  1. Copy this folder to {PLACE}.
  2. Copy instances.conf.example to instances.conf and write in what runs on this machine.
  3. bash {PLACE}/gpus.sh
  4. systemctl enable --now {PLACE}/{UNIT}.timer {PLACE}/{UNIT}.service
To take everything back:  systemctl disable --now {UNIT}.timer; systemctl start {UNIT}-reset.service, or bash {PLACE}/gpus.sh reset
Settings are gone after a reboot or when the driver is unloaded; the timer sets them again.
"""


def emit(plan: Plan, folder: Path, options: EmitOptions) -> list[str]:
    """Write table, script and units."""
    return write_settings(NAME, plan, folder, options)


def read_back(folder: Path, horizon: Horizon) -> Stated:
    """Instances by window, pool, kind and clock."""
    return read_settings(folder, horizon)
