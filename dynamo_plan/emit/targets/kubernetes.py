"""Target ``kubernetes``: Deployments or StatefulSets, and an overlay per window that scales them.

``workloads/`` holds the objects without a number of replicas. ``windows/TIME/scale.yaml`` holds one patch a line, of replicas and
annotations only, so that nothing restarts that stays. A clock is a property of a machine, not of a pod: it is stated, as the annotation
``dynamo-plan/clocks``, and set by another target.
"""

from __future__ import annotations

from pathlib import Path

from dynamo_plan.emit.manifests import (
    WORKLOADS,
    ScalePatch,
    clock_entries,
    one_server,
    read_windows,
    read_workloads,
    scale_patch,
    workload_object,
    write_objects,
    write_windows,
)
from dynamo_plan.emit.options import EmitOptions, Setting
from dynamo_plan.emit.statements import Stated, added_up
from dynamo_plan.emit.workloads import Horizon, find_workloads, horizon_of
from dynamo_plan.schema.plan import Plan

NAME = "kubernetes"
DESCRIPTION = (
    "Deployments or StatefulSets, and per window a kustomize overlay with the replicas; clocks are stated, not set"
)
SETS = frozenset({Setting.REPLICAS})
STATES = frozenset({Setting.REPLICAS, Setting.CLOCK})
APPLY = """
First, or after a change of kinds:  kubectl apply -k workloads
When a window begins:               kubectl apply -k windows/TIME
Only the scaling, of workloads that you made yourself under the same names:
  kubectl apply --server-side --field-manager=dynamo-plan --force-conflicts -f windows/TIME/scale.yaml
"""


def emit(plan: Plan, folder: Path, options: EmitOptions) -> list[str]:
    """Write the workloads and one overlay per window."""
    workloads = find_workloads(plan, options)
    one_server(NAME, workloads, options)
    write_objects(folder / WORKLOADS, {workload.name: workload_object(workload, options) for workload in workloads})
    kind = options.workload_kind.value
    patches = [
        [scale_patch("apps/v1", kind, workload, window, options) for workload in workloads]
        for window in range(plan.windows)
    ]
    write_windows(folder, horizon_of(plan), patches)
    return []


def read_back(folder: Path, horizon: Horizon) -> Stated:
    """Instances by window, pool, kind and clock."""
    known = read_workloads(folder)
    entries = []
    for window, document in read_windows(folder, horizon):
        patch = ScalePatch.model_validate(document)
        entries += clock_entries(patch, window, *known[patch.metadata.name], patch.spec.replicas)
    return added_up(entries)
