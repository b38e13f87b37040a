"""Target ``ansible``: a playbook that brings the files of target ``nvidia-smi`` to many machines, and one that takes them back."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from dynamo_plan.emit.gpu_settings import (
    INSTANCE_EXAMPLE,
    INSTANCES_FILE,
    PLACE,
    SETTINGS_FILE,
    UNIT,
    read_settings,
    write_settings,
)
from dynamo_plan.emit.index import read_index
from dynamo_plan.emit.manifests import Fields
from dynamo_plan.emit.options import EmitOptions, Setting
from dynamo_plan.emit.statements import Stated
from dynamo_plan.emit.text import read_yaml, yaml_text
from dynamo_plan.emit.workloads import Horizon
from dynamo_plan.schema.plan import Plan

NAME = "ansible"
DESCRIPTION = (
    "playbooks that bring GPU clocks, or with --actuate power-limit limits, to many machines and take them back"
)
SETS = frozenset({Setting.CLOCK, Setting.POWER_LIMIT})
STATES = frozenset({Setting.REPLICAS, Setting.CLOCK, Setting.POWER_LIMIT})
APPLY = """
1. Write in inventory.yaml what runs on each machine (inventory.example.yaml shows how).
2. ansible-playbook -i inventory.yaml apply.yaml
To take everything back:  ansible-playbook -i inventory.yaml reset.yaml
"""
FILES = "files"
GROUP = "gpu_machines"
VARIABLE = "dynamo_plan_instances"
UNITS = (f"{UNIT}.service", f"{UNIT}-reset.service", f"{UNIT}.timer")
UNIT_FOLDER = "/etc/systemd/system"
LONGEST_LINE = 120
"""Characters; ansible-lint allows 160."""


class Task(Fields):
    """One step, with the module that takes it."""

    name: str = Field(pattern=r"^[A-Z]")
    copy_: dict[str, str] | None = Field(default=None, alias="ansible.builtin.copy")
    file: dict[str, str] | None = Field(default=None, alias="ansible.builtin.file")
    command: dict[str, list[str]] | None = Field(default=None, alias="ansible.builtin.command")
    systemd_service: dict[str, str | bool] | None = Field(default=None, alias="ansible.builtin.systemd_service")
    loop: list[str] | None = None
    changed_when: bool | None = None


class Play(Fields):
    """A play for all machines with GPUs."""

    name: str = Field(pattern=r"^[A-Z]")
    hosts: Literal["gpu_machines"]
    become: Literal[True]
    gather_facts: Literal[False]
    tasks: list[Task] = Field(min_length=1)


def emit(plan: Plan, folder: Path, options: EmitOptions) -> list[str]:
    """Write the files to bring, the two playbooks and an example of an inventory."""
    (folder / FILES).mkdir()
    notes = write_settings(NAME, plan, folder / FILES, options)
    (folder / FILES / f"{INSTANCES_FILE}.example").unlink()  # here the inventory says it
    first = next(iter(read_index(folder / FILES)))
    machines = {"machine-1.example": {VARIABLE: [INSTANCE_EXAMPLE.format(name=first)]}}
    (folder / "inventory.example.yaml").write_text(yaml_text({GROUP: {"hosts": machines}}), encoding="utf-8")
    for name, title, tasks in (
        ("apply", "Set GPUs as planned", _apply_tasks()),
        ("reset", "Take GPU settings back", _reset_tasks()),
    ):
        play = {"name": title, "hosts": GROUP, "become": True, "gather_facts": False, "tasks": tasks}
        (folder / f"{name}.yaml").write_text(f"---\n{yaml_text([play], LONGEST_LINE)}", encoding="utf-8")
    return notes


def read_back(folder: Path, horizon: Horizon) -> Stated:
    """Instances by window, pool, kind and clock."""
    for name in ("apply", "reset"):
        (plays,) = read_yaml(folder / f"{name}.yaml")
        if not isinstance(plays, list):
            raise ValueError(f"{name}.yaml holds no plays")
        for play in plays:
            Play.model_validate(play)
    return read_settings(folder / FILES, horizon)


def _apply_tasks() -> list[object]:
    copied = [
        {"src": "{{ item }}", "dest": f"{PLACE}/", "owner": "root", "group": "root", "mode": "0755"},
        {"src": "{{ item }}", "dest": f"{UNIT_FOLDER}/", "owner": "root", "group": "root", "mode": "0644"},
    ]
    instances = {
        "content": "{{ " + VARIABLE + " | join('\\n') }}\n",
        "dest": f"{PLACE}/{INSTANCES_FILE}",
        "owner": "root",
        "group": "root",
        "mode": "0644",
    }
    timer = {"name": f"{UNIT}.timer", "enabled": True, "state": "restarted", "daemon_reload": True}
    return [
        {"name": "Make the folder", "ansible.builtin.file": {"path": PLACE, "state": "directory", "mode": "0755"}},
        {"name": "Bring script and settings", "ansible.builtin.copy": copied[0], "loop": ["gpus.sh", SETTINGS_FILE]},
        {"name": "Say what runs on this machine", "ansible.builtin.copy": instances},
        {"name": "Bring the units", "ansible.builtin.copy": copied[1], "loop": list(UNITS)},
        {"name": "Set what holds now", "ansible.builtin.command": _script("apply"), "changed_when": True},
        {"name": "Start the timer", "ansible.builtin.systemd_service": timer},
    ]


def _reset_tasks() -> list[object]:
    timer = {"name": f"{UNIT}.timer", "enabled": False, "state": "stopped"}
    return [
        {"name": "Stop the timer", "ansible.builtin.systemd_service": timer},
        {"name": "Reset the GPUs", "ansible.builtin.command": _script("reset"), "changed_when": True},
    ]


def _script(mode: str) -> dict[str, list[str]]:
    return {"argv": ["/bin/bash", f"{PLACE}/gpus.sh", mode]}
