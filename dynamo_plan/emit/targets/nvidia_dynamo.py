"""Target ``nvidia-dynamo``: a DynamoGraphDeployment per pool with a component per kind and clock, and scaling adapters per window.

Dynamo's Power Agent reads a power limit from an annotation of the pod, which all pods of a component share. So instances at different
clocks are components of their own, each with the least limit under which the mean power of all its windows fits. A change of clock then is
a start in another component; where that is too dear, plan with fewer clocks (`frequencies_mhz`) or lock clocks with another target.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from dynamo_plan.emit.engines import Engine, engine_arguments, engine_of
from dynamo_plan.emit.manifests import (
    GPU_RESOURCE,
    PREFIX,
    WINDOWS,
    Fields,
    Metadata,
    Name,
    PodMetadata,
    PodSpec,
    Replicas,
    identity,
    kind_of,
    labels,
    literal,
    one_server,
    read_objects,
    refuse,
    write_objects,
)
from dynamo_plan.emit.names import dns_names
from dynamo_plan.emit.options import EmitOptions, EngineName, Setting
from dynamo_plan.emit.statements import Stated, added_up, window_of
from dynamo_plan.emit.text import Object, flow_documents, read_flow_documents
from dynamo_plan.emit.workloads import Horizon, Workload, divided_by_clock, find_workloads, horizon_of
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Plan
from dynamo_plan.schema.profile import NOT_LOCKED_MHZ

NAME = "nvidia-dynamo"
DESCRIPTION = "DynamoGraphDeployments (v1beta1), a component per kind and clock with its power limit, and scaling adapters per window"
SETS = frozenset({Setting.REPLICAS, Setting.POWER_LIMIT})
STATES = frozenset({Setting.REPLICAS, Setting.CLOCK, Setting.POWER_LIMIT})
APPLY = """
First, or after a change of kinds or clocks:  kubectl apply -k graphs
When a window begins:                         kubectl apply --server-side --force-conflicts -f windows/TIME.yaml
Dynamo's own planner must not scale the same components.
"""
GRAPHS = "graphs"
POWER_LIMIT = "dynamo.nvidia.com/gpu-power-limit"
CLOCK = f"{PREFIX}frequency-mhz"

MOST_COMPONENTS = 25
"""Of a DynamoGraphDeployment, the frontend included."""

MOST_CHARACTERS = 28
"""Of a graph's and of a component's name: the adapter's is both, and a dash."""

IMAGE = "nvcr.io/nvidia/ai-dynamo/vllm-runtime:latest"
MODULES = {EngineName.VLLM: "vllm", EngineName.SGLANG: "sglang", EngineName.TENSORRT_LLM: "trtllm"}
"""Dynamo's names of engines: of the backend and of the module below ``dynamo`` that runs it."""


class PodTemplate(Fields):
    """Pods of a component."""

    metadata: PodMetadata = PodMetadata()
    spec: PodSpec


class Component(Fields):
    """A frontend or a worker."""

    name: Name
    type: Literal["frontend", "worker"]
    replicas: int = Field(ge=0)
    scalingAdapter: dict[str, object] | None = None  # noqa: N815 (Dynamo's name)
    podTemplate: PodTemplate  # noqa: N815 (Dynamo's name)


class GraphSpec(Fields):
    """The components of a graph."""

    backendFramework: Literal["vllm", "sglang", "trtllm"]  # noqa: N815 (Dynamo's name)
    components: list[Component] = Field(min_length=2, max_length=MOST_COMPONENTS)


class Graph(Fields):
    """A DynamoGraphDeployment as it is written."""

    apiVersion: Literal["nvidia.com/v1beta1"]  # noqa: N815 (Dynamo's name)
    kind: Literal["DynamoGraphDeployment"]
    metadata: Metadata
    spec: GraphSpec


class Reference(Fields):
    """Which component an adapter scales."""

    name: Name
    serviceName: Annotated[str, Field(min_length=1)]  # noqa: N815 (Dynamo's name)


class AdapterSpec(Replicas):
    """What an adapter scales, and to how many."""

    dgdRef: Reference  # noqa: N815 (Dynamo's name)


class Adapter(Fields):
    """A DynamoGraphDeploymentScalingAdapter as it is written."""

    apiVersion: Literal["nvidia.com/v1alpha1"]  # noqa: N815 (Dynamo's name)
    kind: Literal["DynamoGraphDeploymentScalingAdapter"]
    metadata: Metadata
    spec: AdapterSpec


def emit(plan: Plan, folder: Path, options: EmitOptions) -> list[str]:
    """Write a graph per pool, and per window an adapter for each of its components."""
    workloads = find_workloads(plan, options)
    one_server(NAME, workloads, options)
    parts = divided_by_clock(workloads)
    graphs: dict[str, list[Workload]] = {}
    for part in parts:
        graphs.setdefault(part.pool.name, []).append(part)
    for pool, own in graphs.items():
        if len(own) >= MOST_COMPONENTS:
            raise refuse(
                NAME,
                f"{pool!r} runs {len(own)} kinds and clocks",
                f"A graph holds {MOST_COMPONENTS} components, the frontend among them, and a component has one power limit",
                "Plan with fewer clocks (`frequencies_mhz`), or emit --target kubernetes and lock clocks with nvidia-smi",
            )
    names = dns_names({pool: pool for pool in graphs}, MOST_CHARACTERS)
    components = _component_names(parts)
    write_objects(
        folder / GRAPHS, {names[pool]: _graph(names[pool], own, components, options) for pool, own in graphs.items()}
    )
    (folder / WINDOWS).mkdir()
    for window, time in enumerate(horizon_of(plan).file_times()):
        adapters = [_adapter(names[part.pool.name], components[part.name], part, window, options) for part in parts]
        (folder / WINDOWS / f"{time}.yaml").write_text(flow_documents(adapters), encoding="utf-8")
    return _notes(workloads, parts, graphs)


def read_back(folder: Path, horizon: Horizon) -> Stated:
    """Instances by window, pool, kind and clock."""
    known: dict[tuple[str, str], tuple[str, Kind, float | None]] = {}
    for document in read_objects(folder / GRAPHS):
        graph = Graph.model_validate(document)
        for one in graph.spec.components[1:]:
            stated = one.podTemplate.metadata.annotations
            kind = kind_of(stated, one.podTemplate.spec.containers[0])
            known[graph.metadata.name, one.name] = (stated[f"{PREFIX}pool"], kind, float(stated[CLOCK]) or None)
    entries = []
    for path in sorted((folder / WINDOWS).glob("*.yaml")):
        for document in read_flow_documents(path):
            spec = Adapter.model_validate(document).spec
            pool, kind, clock = known[spec.dgdRef.name, spec.dgdRef.serviceName]
            entries.append(((window_of(path.stem, horizon), pool, kind, clock), spec.replicas))
    return added_up(entries)


def _component_names(parts: list[Workload]) -> dict[str, str]:
    """Names within a graph, by workload: the kind and its clock."""
    texts = {part.name: f"{part.kind}-{part.frequency_mhz or NOT_LOCKED_MHZ:g}mhz" for part in parts}
    by_pool: dict[str, dict[str, str]] = {}
    for part in parts:
        by_pool.setdefault(part.pool.name, {})[part.name] = texts[part.name]
    return {name: own for group in by_pool.values() for name, own in dns_names(group, MOST_CHARACTERS).items()}


def _graph(name: str, own: list[Workload], components: dict[str, str], options: EmitOptions) -> Object:
    pool = own[0].pool
    frontend = {
        "name": "frontend",
        "type": "frontend",
        "replicas": 1,
        "podTemplate": {"spec": {"containers": [_frontend(options)]}},
    }
    return {
        "apiVersion": "nvidia.com/v1beta1",
        "kind": "DynamoGraphDeployment",
        "metadata": {
            "name": name,
            "namespace": options.namespace,
            "labels": labels(name),
            "annotations": {f"{PREFIX}service": pool.service, f"{PREFIX}pool": pool.name},
        },
        "spec": {
            "backendFramework": MODULES[options.engine],
            "components": [frontend, *(_worker(part, components[part.name], options) for part in own)],
        },
    }


def _frontend(options: EmitOptions) -> Object:
    return {
        "name": "main",
        "image": options.image or IMAGE,
        "command": ["python3", "-m", "dynamo.frontend"],
        "args": [],
    }


def _worker(part: Workload, name: str, options: EmitOptions) -> Object:
    annotations = identity(part) | {CLOCK: f"{part.frequency_mhz or NOT_LOCKED_MHZ:g}"}
    if part.power_limit_w is not None and part.frequency_mhz is not None:
        annotations[POWER_LIMIT] = str(part.power_limit_w)
    engine = engine_of(options)
    container = {
        "name": "main",
        "image": options.image or IMAGE,
        "command": ["python3", "-m", f"dynamo.{MODULES[options.engine]}"],
        "args": _arguments(engine, part, options),
        "resources": {"limits": {GPU_RESOURCE: str(part.kind.gpus)}},
    }
    return {
        "name": name,
        "type": "worker",
        "replicas": part.replicas_in(0),
        "scalingAdapter": {},
        "podTemplate": {"metadata": {"annotations": annotations}, "spec": {"containers": [container]}},
    }


def _arguments(engine: Engine, part: Workload, options: EmitOptions) -> list[str]:
    """What follows Dynamo's module: as for the engine, with the model behind a flag."""
    model, *flags = engine_arguments(engine, part.kind, options.model_of(part.pool.service))
    flag = "--model" if engine.name is EngineName.VLLM else "--model-path"
    return [flag, literal(model), *flags]


def _adapter(graph: str, component: str, part: Workload, window: int, options: EmitOptions) -> Object:
    return {
        "apiVersion": "nvidia.com/v1alpha1",
        "kind": "DynamoGraphDeploymentScalingAdapter",
        "metadata": {"name": f"{graph}-{component}", "namespace": options.namespace},
        "spec": {"replicas": part.replicas_in(window), "dgdRef": {"name": graph, "serviceName": component}},
    }


def _notes(workloads: list[Workload], parts: list[Workload], graphs: dict[str, list[Workload]]) -> list[str]:
    planned, divided = (sum(_starts(part.replicas) for part in some) for some in (workloads, parts))
    notes = []
    if divided > planned:
        notes.append(
            f"a change of clock is a start of a pod here: {divided:,} starts where the plan has {planned:,} by kind"
        )
    empty = sum(
        any(not sum(counts) for counts in zip(*(p.replicas for p in own), strict=True)) for own in graphs.values()
    )
    if empty:
        notes.append(
            f"{empty} of {len(graphs)} pools are empty in some window: Dynamo does not fully support scaling to 0"
        )
    if any(part.frequency_mhz is not None and part.power_limit_w is None for part in parts):
        notes.append("the profile has no powers, so no power limit stands for the clocks")
    return notes


def _starts(replicas: tuple[int, ...]) -> int:
    return sum(max(0, after - before) for before, after in pairwise(replicas))
