"""Target ``llm-d``: Helm values of llm-d's modelservice and a VariantAutoscaling per workload, and a script that scales.

Each workload is a Helm release of its own name. The script asks ``switches.tsv`` what holds now. llm-d's autoscaler, which reads the
VariantAutoscaling, and the script both scale: use one of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from dynamo_plan.emit.manifests import (
    PREFIX,
    Annotations,
    Container,
    Fields,
    Metadata,
    Name,
    identity,
    kind_of,
    metadata,
    one_server,
    pod_spec,
)
from dynamo_plan.emit.options import EmitOptions, Setting
from dynamo_plan.emit.statements import Stated
from dynamo_plan.emit.switches import SWITCHES_FILE, apply_script, read_switches, switches_text
from dynamo_plan.emit.text import Object, read_yaml, yaml_text
from dynamo_plan.emit.workloads import Horizon, Workload, find_workloads, horizon_of
from dynamo_plan.schema.plan import Plan

NAME = "llm-d"
DESCRIPTION = (
    "Helm values of llm-d's modelservice, a VariantAutoscaling each, and a script that scales the releases by the plan"
)
SETS = frozenset({Setting.REPLICAS})
STATES = SETS
APPLY = """
First, each workload:  helm upgrade --install NAME llm-d-modelservice/llm-d-modelservice -f values/NAME.yaml
When a window begins:  ./apply.sh
Or leave scaling to llm-d, bounded by nothing of the plan:  kubectl apply -f variants
"""
VALUES = "values"
VARIANTS = "variants"

HEAD = """#!/bin/sh
# Scales every release to what the schedule has for now; run it when a window begins.
set -eu
switches="$(dirname "$0")/switches.tsv"
lead_s={lead_s}
"""
SCALE = """helm upgrade "$workload" llm-d-modelservice/llm-d-modelservice --namespace={namespace} \\
        --reuse-values --set "decode.replicas=$replicas\""""


class Artifacts(Fields):
    """What is served."""

    name: str = Field(min_length=1)
    uri: str = Field(min_length=1)


class Parallelism(Fields):
    """How an instance is divided."""

    tensor: int = Field(ge=1)


class Decode(Fields):
    """Instances that serve; nothing is prefilled apart."""

    create: Literal[True]
    replicas: int = Field(ge=0)
    parallelism: Parallelism
    containers: list[Container] = Field(min_length=1, max_length=1)
    annotations: Annotations


class Prefill(Fields):
    """No instances of their own for prefill."""

    create: Literal[False]


class Values(Fields):
    """Helm values as they are written."""

    fullnameOverride: Name  # noqa: N815 (the chart's name)
    modelArtifacts: Artifacts  # noqa: N815 (the chart's name)
    multinode: Literal[False]
    decode: Decode
    prefill: Prefill


class ScaleTarget(Fields):
    """What is scaled."""

    apiVersion: Literal["apps/v1"]  # noqa: N815 (the API's name)
    kind: Literal["Deployment"]
    name: Name


class VariantSpec(Fields):
    """What llm-d's autoscaler has to know of a variant."""

    scaleTargetRef: ScaleTarget  # noqa: N815 (the API's name)
    modelID: str = Field(min_length=1)  # noqa: N815 (the API's name)
    variantCost: Annotated[str, Field(pattern=r"^\d+(\.\d+)?$")]  # noqa: N815 (the API's name)


class Variant(Fields):
    """A VariantAutoscaling as it is written."""

    apiVersion: Literal["llmd.ai/v1alpha1"]  # noqa: N815 (the API's name)
    kind: Literal["VariantAutoscaling"]
    metadata: Metadata
    spec: VariantSpec


def emit(plan: Plan, folder: Path, options: EmitOptions) -> list[str]:
    """Write values and variants, the schedule and the script."""
    horizon = horizon_of(plan)
    workloads = find_workloads(plan, options)
    one_server(NAME, workloads, options)
    for place, make in ((VALUES, _values), (VARIANTS, _variant)):
        (folder / place).mkdir()
        for workload in workloads:
            (folder / place / f"{workload.name}.yaml").write_text(yaml_text(make(workload, options)), encoding="utf-8")
    (folder / SWITCHES_FILE).write_text(switches_text(workloads, horizon), encoding="utf-8")
    script = folder / "apply.sh"
    head, scale = HEAD.format(lead_s=round(options.lead_s)), SCALE.format(namespace=options.namespace)
    script.write_text(apply_script(head, scale), encoding="utf-8")
    script.chmod(0o755)
    return ["a variant's cost is its GPUs: relative, not in a currency"]


def read_back(folder: Path, horizon: Horizon) -> Stated:
    """Instances by window, pool and kind."""
    known = {}
    for path in sorted((folder / VALUES).glob("*.yaml")):
        (document,) = read_yaml(path)
        values = Values.model_validate(document)
        kind = kind_of(values.decode.annotations, values.decode.containers[0])
        if kind.tp != values.decode.parallelism.tensor:
            raise ValueError(f"{path.name}: tensor parallelism differs from the engine's")
        known[values.fullnameOverride] = (values.decode.annotations[f"{PREFIX}pool"], kind)
    for path in sorted((folder / VARIANTS).glob("*.yaml")):
        (document,) = read_yaml(path)
        Variant.model_validate(document)
    return read_switches(folder / SWITCHES_FILE, known, horizon)


def _values(workload: Workload, options: EmitOptions) -> Object:
    model = options.model_of(workload.pool.service).model
    return {
        "fullnameOverride": workload.name,
        "modelArtifacts": {"name": model, "uri": f"hf://{model}"},
        "multinode": False,
        "decode": {
            "create": True,
            "replicas": workload.replicas_in(0),
            "parallelism": {"tensor": workload.kind.tp},
            "containers": pod_spec(workload, options, workload.kind.gpus)["containers"],
            "annotations": identity(workload),
        },
        "prefill": {"create": False},
    }


def _variant(workload: Workload, options: EmitOptions) -> Object:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": f"{workload.name}-decode"}
    return {
        "apiVersion": "llmd.ai/v1alpha1",
        "kind": "VariantAutoscaling",
        "metadata": metadata(workload, options),
        "spec": {
            "scaleTargetRef": target,
            "modelID": options.model_of(workload.pool.service).model,
            "variantCost": f"{workload.kind.gpus}.0",
        },
    }
