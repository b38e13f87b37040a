"""Target ``kserve``: an InferenceService and an LLMInferenceService per workload, and patches per window. Use one sort or the other.

An InferenceService takes a maximum of 0 replicas for no maximum, so a window without instances stops it by its annotation instead.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from dynamo_plan.emit.manifests import (
    PREFIX,
    WINDOWS,
    Container,
    Fields,
    Metadata,
    Replicas,
    ScalePatch,
    clock_entries,
    kind_of,
    metadata,
    one_server,
    pod_spec,
    read_objects,
    scale_patch,
    write_objects,
)
from dynamo_plan.emit.options import EmitOptions, Setting
from dynamo_plan.emit.statements import Stated, added_up, window_of
from dynamo_plan.emit.text import Object, flow_documents, read_flow_documents
from dynamo_plan.emit.workloads import Horizon, Workload, find_workloads, horizon_of
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Plan

NAME = "kserve"
DESCRIPTION = (
    "InferenceServices and LLMInferenceServices, and patches per window with the replicas; clocks are stated, not set"
)
SETS = frozenset({Setting.REPLICAS})
STATES = frozenset({Setting.REPLICAS, Setting.CLOCK})
APPLY = """
Choose one sort, inferenceservices or llminferenceservices.
First, or after a change of kinds:  kubectl apply -k inferenceservices
When a window begins:
  kubectl apply --server-side --field-manager=dynamo-plan --force-conflicts -f windows/TIME/inferenceservices.yaml
"""
STOP = "serving.kserve.io/stop"
MODE = "serving.kserve.io/deploymentMode"
SORTS = {
    "inferenceservices": ("serving.kserve.io/v1beta1", "InferenceService"),
    "llminferenceservices": ("serving.kserve.io/v1alpha2", "LLMInferenceService"),
}
"""Folder of a sort, its API version and kind."""


class Predictor(Fields):
    """What serves."""

    minReplicas: int = Field(ge=1)  # noqa: N815 (KServe's name)
    maxReplicas: int = Field(ge=1)  # noqa: N815 (KServe's name)
    containers: list[Container] | None = None


class ServiceSpec(Fields):
    """The predictor."""

    predictor: Predictor


class Service(Fields):
    """An InferenceService as it is written, or what a window changes of it."""

    apiVersion: Literal["serving.kserve.io/v1beta1"]  # noqa: N815 (KServe's name)
    kind: Literal["InferenceService"]
    metadata: Metadata
    spec: ServiceSpec


class Model(Fields):
    """What is served."""

    uri: str = Field(min_length=1)
    name: str = Field(min_length=1)


class Parallelism(Fields):
    """How an instance is divided."""

    tensor: int = Field(ge=1)
    pipeline: int | None = Field(default=None, ge=1)


class Template(Fields):
    """The pod of an instance."""

    containers: list[Container] = Field(min_length=1, max_length=1)


class LlmSpec(Replicas):
    """Model, replicas, parallelism and pod."""

    model: Model
    parallelism: Parallelism
    template: Template


class LlmService(Fields):
    """An LLMInferenceService as it is written."""

    apiVersion: Literal["serving.kserve.io/v1alpha2"]  # noqa: N815 (KServe's name)
    kind: Literal["LLMInferenceService"]
    metadata: Metadata
    spec: LlmSpec


def emit(plan: Plan, folder: Path, options: EmitOptions) -> list[str]:
    """Write the services of both sorts, and per window the patches of both."""
    workloads = find_workloads(plan, options)
    one_server(NAME, workloads, options)
    write_objects(folder / "inferenceservices", {one.name: _service(one, options) for one in workloads})
    write_objects(folder / "llminferenceservices", {one.name: _llm_service(one, options) for one in workloads})
    for window, time in enumerate(horizon_of(plan).file_times()):
        place = folder / WINDOWS / time
        place.mkdir(parents=True)
        for sort, (version, kind) in SORTS.items():
            patches = [scale_patch(version, kind, workload, window, options) for workload in workloads]
            if kind == "InferenceService":
                patches = [_service_patch(patch) for patch in patches]
            (place / f"{sort}.yaml").write_text(flow_documents(patches), encoding="utf-8")
    return ["windows without instances stop an InferenceService by its annotation serving.kserve.io/stop"]


def read_back(folder: Path, horizon: Horizon) -> Stated:
    """Instances by window, pool, kind and clock; ValueError where the two sorts differ."""
    both = [_stated(folder, sort, horizon) for sort in SORTS]
    if both[0] != both[1]:
        raise ValueError("InferenceServices and LLMInferenceServices differ")
    return both[0]


def _service(workload: Workload, options: EmitOptions) -> Object:
    pod = pod_spec(workload, options, workload.kind.gpus, name="kserve-container")
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": metadata(workload, options, {MODE: "Standard", STOP: "true"}),
        "spec": {"predictor": {"minReplicas": 1, "maxReplicas": 1, **pod}},
    }


def _llm_service(workload: Workload, options: EmitOptions) -> Object:
    model, kind = options.model_of(workload.pool.service).model, workload.kind
    parallelism = {"tensor": kind.tp} | ({"pipeline": kind.pp} if kind.pp > 1 else {})
    return {
        "apiVersion": "serving.kserve.io/v1alpha2",
        "kind": "LLMInferenceService",
        "metadata": metadata(workload, options),
        "spec": {
            "model": {"uri": f"hf://{model}", "name": model},
            "replicas": 0,
            "parallelism": parallelism,
            "template": pod_spec(workload, options, kind.gpus, name="main"),
        },
    }


def _service_patch(patch: dict[str, object]) -> dict[str, object]:
    """The patch of an InferenceService, which is stopped where it has no replicas."""
    found = ScalePatch.model_validate(patch)
    replicas = found.spec.replicas
    stated = found.metadata.annotations | {STOP: "false" if replicas else "true"}
    bounds = {"minReplicas": max(1, replicas), "maxReplicas": max(1, replicas)}
    changed = {"name": found.metadata.name, "namespace": found.metadata.namespace, "annotations": stated}
    return {"apiVersion": found.apiVersion, "kind": found.kind, "metadata": changed, "spec": {"predictor": bounds}}


def _stated(folder: Path, sort: str, horizon: Horizon) -> Stated:
    known = {}
    for document in read_objects(folder / sort):
        name, pool, kind = _identity(sort, document)
        known[name] = (pool, kind)
    entries = []
    for path in sorted((folder / WINDOWS).glob(f"*/{sort}.yaml")):
        window = window_of(path.parent.name, horizon)
        for document in read_flow_documents(path):
            patch = _as_scale_patch(sort, document)
            entries += clock_entries(patch, window, *known[patch.metadata.name], patch.spec.replicas)
    return added_up(entries)


def _identity(sort: str, document: object) -> tuple[str, str, Kind]:
    """Name, pool and kind of a service."""
    if sort == "inferenceservices":
        service = Service.model_validate(document)
        named, containers = service.metadata, service.spec.predictor.containers or []
    else:
        llm = LlmService.model_validate(document)
        named, containers = llm.metadata, llm.spec.template.containers
    kind = kind_of(named.annotations, containers[0])
    if sort == "llminferenceservices" and (llm.spec.parallelism.tensor, llm.spec.parallelism.pipeline or 1) != (
        kind.tp,
        kind.pp,
    ):
        raise ValueError(f"{named.name}: parallelism differs from the engine's")
    return named.name, named.annotations[f"{PREFIX}pool"], kind


def _as_scale_patch(sort: str, document: object) -> ScalePatch:
    if sort == "llminferenceservices":
        return ScalePatch.model_validate(document)
    one = Service.model_validate(document)
    replicas = 0 if one.metadata.annotations[STOP] == "true" else one.spec.predictor.minReplicas
    return ScalePatch(apiVersion=one.apiVersion, kind=one.kind, metadata=one.metadata, spec=Replicas(replicas=replicas))
