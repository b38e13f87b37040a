"""Target ``ray-serve``: a Serve config per window, with an application for each workload that runs in it.

Replicas stand under ``deployments``, which Serve changes in place; ``args`` stay the same from window to window, because a change there
would restart the application. Serve knows no application of 0 replicas: one that a config does not list is taken down.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from dynamo_plan.emit.engines import engine_flags, engine_of, typed
from dynamo_plan.emit.index import read_index, write_index
from dynamo_plan.emit.manifests import Fields, Name, one_server, refuse
from dynamo_plan.emit.options import EmitOptions, EngineName, Setting
from dynamo_plan.emit.statements import Stated, added_up, window_of
from dynamo_plan.emit.text import Object, flow, read_flow_list
from dynamo_plan.emit.workloads import Horizon, Workload, find_workloads, horizon_of
from dynamo_plan.schema.plan import Plan

NAME = "ray-serve"
DESCRIPTION = "a Serve config per window with an LLM application per workload"
SETS = frozenset({Setting.REPLICAS})
STATES = SETS
APPLY = """
When a window begins:  serve deploy TIME.yaml
"""
ACCELERATORS = {"a100", "b200", "h100", "h200", "l4", "l40s"}
"""GPU types of which Ray has a name: the same in capitals."""


class Loading(Fields):
    """What is served, and under which name."""

    model_id: Name
    model_source: str = Field(min_length=1)


class LlmConfig(Fields):
    """An engine and its instances."""

    model_loading_config: Loading
    accelerator_type: str | None = None
    engine_kwargs: dict[str, str | int | float]


class Args(Fields):
    """Arguments of the application's builder."""

    llm_configs: list[LlmConfig] = Field(min_length=1, max_length=1)


class Deployment(Fields):
    """How many replicas run."""

    name: str = Field(pattern=r"^LLMServer:[a-z0-9-]+$")
    num_replicas: int = Field(ge=1)


class Application(Fields):
    """A workload."""

    name: Name
    route_prefix: str = Field(pattern=r"^/[a-z0-9-]+$")
    import_path: Literal["ray.serve.llm:build_openai_app"]
    args: Args
    deployments: list[Deployment] = Field(min_length=1, max_length=1)


def emit(plan: Plan, folder: Path, options: EmitOptions) -> list[str]:
    """Write a config per window."""
    if options.engine is not EngineName.VLLM:
        raise refuse(
            NAME, f"engine {options.engine.value}", "Ray Serve's LLM applications run vllm here", "Take --engine vllm"
        )
    workloads = find_workloads(plan, options)
    one_server(NAME, workloads, options)
    write_index(folder, workloads)
    for window, time in enumerate(horizon_of(plan).file_times()):
        lines = [f"- {flow(_application(one, window, options))}\n" for one in workloads if one.replicas_in(window)]
        text = "applications:\n" + "".join(lines) if lines else "applications: []\n"
        (folder / f"{time}.yaml").write_text(text, encoding="utf-8")
    return []


def read_back(folder: Path, horizon: Horizon) -> Stated:
    """Instances by window, pool and kind."""
    known = read_index(folder)
    entries = []
    for path in sorted(folder.glob("*.yaml")):
        window = window_of(path.stem, horizon)
        for document in read_flow_list(path, "applications"):
            one = Application.model_validate(document)
            pool, kind = known[one.name]
            flags = one.args.llm_configs[0].engine_kwargs
            if (flags["tensor_parallel_size"], flags.get("pipeline_parallel_size", 1)) != (kind.tp, kind.pp):
                raise ValueError(f"{one.name}: parallelism differs from the index")
            entries.append(((window, pool, kind, None), one.deployments[0].num_replicas))
    return added_up(entries)


def _application(workload: Workload, window: int, options: EmitOptions) -> Object:
    served, kind = options.model_of(workload.pool.service), workload.kind
    config: dict[str, object] = {
        "model_loading_config": {"model_id": workload.name, "model_source": served.model},
        "engine_kwargs": {
            flag.removeprefix("--").replace("-", "_"): typed(value)
            for flag, value in engine_flags(engine_of(options), kind, served).items()
        },
    }
    if kind.gpu.lower() in ACCELERATORS:
        config["accelerator_type"] = kind.gpu.upper()
    deployment = {"name": f"LLMServer:{workload.name}", "num_replicas": workload.replicas_in(window)}
    return {
        "name": workload.name,
        "route_prefix": f"/{workload.name}",
        "import_path": "ray.serve.llm:build_openai_app",
        "args": {"llm_configs": [config]},
        "deployments": [deployment],
    }
