"""Target ``slurm``: a batch script per workload and clock, and a script that submits a job for each instance and the time it runs.

Slurm sets the clock when a job starts (``--gpu-freq``) and resets it when the job ends, so an instance whose clock changes is another job.
Instances of one workload and clock are told apart by number; each number is one job as long as so many run. ``sbatch`` reads times in the
zone of the machine: the script sets UTC.
"""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from pathlib import Path

from dynamo_plan.emit.engines import engine_arguments, engine_of, parallelism_of
from dynamo_plan.emit.index import read_index, write_index
from dynamo_plan.emit.manifests import one_server
from dynamo_plan.emit.options import EmitOptions, Setting
from dynamo_plan.emit.statements import Key, Stated, added_up
from dynamo_plan.emit.switches import refuse_parts_of_minutes
from dynamo_plan.emit.workloads import Horizon, Workload, divided_by_clock, find_workloads, horizon_of, runs
from dynamo_plan.schema.plan import Plan
from dynamo_plan.units import SECONDS_PER_MINUTE

NAME = "slurm"
DESCRIPTION = "sbatch scripts, and a script that submits a job per instance with begin, length and --gpu-freq"
SETS = frozenset({Setting.REPLICAS, Setting.CLOCK})
STATES = SETS
APPLY = """
Before the horizon begins:  ./submit.sh
To take everything back:    ./cancel.sh
Slurm resets the clock of a job's GPUs when it ends.
"""
SLURM_TIME = "%Y-%m-%dT%H:%M:%S"
MODEL = """#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --gpus-per-node={gpus}
exec {command}
"""


def emit(plan: Plan, folder: Path, options: EmitOptions) -> list[str]:
    """Write batch scripts, the index, and what submits and cancels."""
    horizon = horizon_of(plan)
    workloads = find_workloads(plan, options)
    one_server(NAME, workloads, options)
    refuse_parts_of_minutes(NAME, horizon, "Slurm limits jobs to whole minutes")
    parts = divided_by_clock(workloads)
    write_index(folder, parts)
    engine = engine_of(options)
    for part in parts:
        arguments = engine_arguments(engine, part.kind, options.model_of(part.pool.service))
        command = " ".join(shlex.quote(word) for word in (*engine.command, *arguments))
        text = MODEL.format(name=part.name, gpus=part.kind.gpus, command=command)
        (folder / f"{part.name}.sbatch").write_text(text, encoding="utf-8")
    jobs = [job for part in parts for job in _jobs(part, horizon)]
    submit = [
        "#!/bin/bash",
        "# One job per instance and the time it runs.",
        "set -euo pipefail",
        'cd "$(dirname "$0")"',
    ]
    _write_script(folder / "submit.sh", [*submit, "export TZ=UTC", *jobs])
    names = ",".join(part.name for part in parts)
    _write_script(folder / "cancel.sh", ["#!/bin/bash", "set -euo pipefail", f"scancel --name={names}"])
    notes = [f"{len(jobs):,} jobs: a change of clock ends a job and starts another"]
    if options.lead_s:
        notes.append(f"a job begins with its window, so its instance serves {options.lead_s:g} s later")
    return notes


def read_back(folder: Path, horizon: Horizon) -> Stated:
    """Instances by window, pool, kind and clock; ValueError where a batch script differs from the index."""
    known = read_index(folder)
    for name, (_, kind) in known.items():
        text = (folder / f"{name}.sbatch").read_text(encoding="utf-8")
        words = shlex.split(text.split("\nexec ", 1)[1])
        if parallelism_of(words) != (kind.tp, kind.pp) or f"#SBATCH --gpus-per-node={kind.gpus}\n" not in text:
            raise ValueError(f"{name}.sbatch: GPUs or parallelism differ from the index")
    entries: list[tuple[Key, int]] = []
    for line in (folder / "submit.sh").read_text(encoding="utf-8").splitlines():
        if line.startswith("sbatch "):
            *flags, script = shlex.split(line)[1:]
            given = dict(flag.split("=", 1) for flag in flags)
            begin = datetime.strptime(given["--begin"], SLURM_TIME).replace(tzinfo=UTC)
            first = round((begin - horizon.start).total_seconds()) // horizon.window_s
            length = round(int(given["--time"]) * SECONDS_PER_MINUTE) // horizon.window_s
            clock = float(given["--gpu-freq"]) if "--gpu-freq" in given else None
            pool, kind = known[script.removesuffix(".sbatch")]
            entries += [((window, pool, kind, clock), 1) for window in range(first, first + length)]
    return added_up(entries)


def _jobs(part: Workload, horizon: Horizon) -> list[str]:
    """The lines that submit a workload's jobs: a job per number and run of windows in which so many instances run."""
    lines = []
    clock = [] if part.frequency_mhz is None else [f"--gpu-freq={part.frequency_mhz:g}"]
    for number in range(max(part.replicas)):
        for first, end, is_running in runs([int(count > number) for count in part.replicas]):
            if is_running:
                begin = f"--begin={horizon.left_edge(first):{SLURM_TIME}}"
                length = f"--time={round((end - first) * horizon.window_s / SECONDS_PER_MINUTE)}"
                lines.append(" ".join(["sbatch", begin, length, *clock, f"{part.name}.sbatch"]))
    return lines


def _write_script(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    path.chmod(0o755)
