"""Target ``leaderworkerset``: LeaderWorkerSets, whose instances may span servers, and an overlay per window that scales them.

An instance on more GPUs than a server has becomes a group of as many pods as it needs servers; leader and followers run the same engine
with their rank. An instance within a server is a group of one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from dynamo_plan.emit.engines import engine_of
from dynamo_plan.emit.manifests import (
    PREFIX,
    WORKLOADS,
    Fields,
    Metadata,
    PodTemplate,
    ScalePatch,
    clock_entries,
    kind_of,
    labels,
    metadata,
    pod_spec,
    read_objects,
    read_windows,
    refuse,
    scale_patch,
    write_objects,
    write_windows,
)
from dynamo_plan.emit.options import EmitOptions, Setting
from dynamo_plan.emit.statements import Stated, added_up
from dynamo_plan.emit.text import Object
from dynamo_plan.emit.workloads import Horizon, Workload, find_workloads, gpus_per_server, horizon_of
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Plan

NAME = "leaderworkerset"
DESCRIPTION = "LeaderWorkerSets, also for instances that span servers, and per window an overlay with the replicas; clocks are stated"
SETS = frozenset({Setting.REPLICAS})
STATES = frozenset({Setting.REPLICAS, Setting.CLOCK})
APPLY = """
First, or after a change of kinds:  kubectl apply -k workloads
When a window begins:               kubectl apply -k windows/TIME
"""
API_VERSION = "leaderworkerset.x-k8s.io/v1"
KIND = "LeaderWorkerSet"


class LeaderWorkerTemplate(Fields):
    """Pods of a group."""

    size: int = Field(ge=1)
    leaderTemplate: PodTemplate | None = None  # noqa: N815 (the API's name)
    workerTemplate: PodTemplate  # noqa: N815 (the API's name)


class Spec(Fields):
    """Groups, without their number."""

    leaderWorkerTemplate: LeaderWorkerTemplate  # noqa: N815 (the API's name)


class LeaderWorkerSet(Fields):
    """A LeaderWorkerSet as it is written."""

    apiVersion: Literal["leaderworkerset.x-k8s.io/v1"]  # noqa: N815 (the API's name)
    kind: Literal["LeaderWorkerSet"]
    metadata: Metadata
    spec: Spec


def emit(plan: Plan, folder: Path, options: EmitOptions) -> list[str]:
    """Write the sets and one overlay per window."""
    workloads = find_workloads(plan, options)
    write_objects(folder / WORKLOADS, {workload.name: _set(workload, options) for workload in workloads})
    patches = [
        [scale_patch(API_VERSION, KIND, workload, window, options) for workload in workloads]
        for window in range(plan.windows)
    ]
    write_windows(folder, horizon_of(plan), patches)
    return []


def read_back(folder: Path, horizon: Horizon) -> Stated:
    """Instances by window, pool, kind and clock."""
    known = {}
    for document in read_objects(folder / WORKLOADS):
        one = LeaderWorkerSet.model_validate(document)
        known[one.metadata.name] = _identity(one)
    entries = []
    for window, document in read_windows(folder, horizon):
        patch = ScalePatch.model_validate(document)
        entries += clock_entries(patch, window, *known[patch.metadata.name], patch.spec.replicas)
    return added_up(entries)


def _identity(one: LeaderWorkerSet) -> tuple[str, Kind]:
    group = one.spec.leaderWorkerTemplate
    kind = kind_of(one.metadata.annotations, group.workerTemplate.spec.containers[0], group.size)
    return one.metadata.annotations[f"{PREFIX}pool"], kind


def _set(workload: Workload, options: EmitOptions) -> Object:
    servers = -(-workload.kind.gpus // gpus_per_server(workload, options))
    engine = engine_of(options)
    if workload.kind.gpus % servers or (servers > 1 and not engine.nodes):
        raise refuse(
            NAME,
            f"an instance of {workload.pool.name!r} on {workload.kind} would run on {servers} servers with {engine.name.value}",
            "Its GPUs are divided evenly over servers, and the engine's flags for that are known for vllm and sglang",
            "Take another kind or engine",
        )
    template: dict[str, object] = {"size": servers}
    if servers > 1:
        template["leaderTemplate"] = _pod(workload, options, servers, engine.nodes)
        template["workerTemplate"] = _pod(workload, options, servers, (*engine.nodes, *engine.follower))
    else:
        template["workerTemplate"] = _pod(workload, options, servers, ())
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": metadata(workload, options),
        "spec": {"leaderWorkerTemplate": template},
    }


def _pod(workload: Workload, options: EmitOptions, servers: int, more: tuple[str, ...]) -> Object:
    """A pod's template; `more` are flags in which Kubernetes fills in rank and address."""
    spec = pod_spec(workload, options, workload.kind.gpus // servers, more_arguments=more)
    return {"metadata": {"labels": labels(workload.name)}, "spec": spec}
