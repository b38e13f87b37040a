"""Files of an engine without an orchestrator: a configuration and a start script per workload, and when how many instances run."""

from __future__ import annotations

import shlex
from pathlib import Path

from dynamo_plan.emit.engines import ENGINES, Engine, engine_arguments, engine_flags, parallelism_of, typed
from dynamo_plan.emit.index import read_index, write_index
from dynamo_plan.emit.options import EmitOptions, EngineName
from dynamo_plan.emit.statements import Stated
from dynamo_plan.emit.switches import SWITCHES_FILE, read_switches, switches_text
from dynamo_plan.emit.text import read_yaml, yaml_text
from dynamo_plan.emit.workloads import Horizon, find_workloads, horizon_of
from dynamo_plan.schema.plan import Plan

APPLY = """
One instance, on the machine and GPUs that it shall have, with more options of the engine behind:  ./NAME.sh --port 8001
NAME.yaml holds the same options as a configuration file, where the engine reads one.
workloads.json says which pool a name belongs to, switches.tsv how many instances run from when on (seconds since 1970, name, number).
"""
FORMATS_NOTE = "the number format {dtype} has no flag here: the checkpoint decides it"


def emit_engine(name: EngineName, plan: Plan, folder: Path, options: EmitOptions) -> list[str]:
    """Write configuration, script and numbers."""
    engine = ENGINES[name]
    workloads = find_workloads(plan, options)
    write_index(folder, workloads)
    for workload in workloads:
        served = options.model_of(workload.pool.service)
        arguments = engine_arguments(engine, workload.kind, served)
        script = folder / f"{workload.name}.sh"
        command = " ".join(shlex.quote(part) for part in (*engine.command, *arguments))
        script.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
        script.chmod(0o755)
        flags = engine_flags(engine, workload.kind, served)
        record: dict[str, object] = {flag.removeprefix("--"): typed(value) for flag, value in flags.items()}
        text = yaml_text({_model_key(engine): served.model, **record})
        (folder / f"{workload.name}.yaml").write_text(text, encoding="utf-8")
    (folder / SWITCHES_FILE).write_text(switches_text(workloads, horizon_of(plan)), encoding="utf-8")
    unsaid = sorted({workload.kind.dtype for workload in workloads} - set(engine.formats))
    return [FORMATS_NOTE.format(dtype=dtype) for dtype in unsaid]


def read_engine(name: EngineName, folder: Path, horizon: Horizon) -> Stated:
    """Instances by window, pool and kind; ValueError where script, configuration and index differ."""
    engine = ENGINES[name]
    known = read_index(folder)
    for workload, (_, kind) in known.items():
        words = shlex.split((folder / f"{workload}.sh").read_text(encoding="utf-8").split("\n", 1)[1])
        (config,) = read_yaml(folder / f"{workload}.yaml")
        if not isinstance(config, dict):
            raise ValueError(f"{workload}.yaml holds no options")
        stated = (config[engine.tp.removeprefix("--")], config.get(engine.pp.removeprefix("--"), 1))
        if parallelism_of(words) != (kind.tp, kind.pp) or stated != (kind.tp, kind.pp):
            raise ValueError(f"{workload}: parallelism differs from the index")
    return read_switches(folder / SWITCHES_FILE, known, horizon)


def _model_key(engine: Engine) -> str:
    return "model-path" if engine.name is EngineName.SGLANG else "model"
