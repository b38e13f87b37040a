"""Target ``kubernetes-cronjob``: a CronJob that scales workloads when windows begin, with the rights it needs and no more.

One CronJob serves the whole horizon: it starts at every minute of the hour at which a window can begin, looks up what holds now and scales.
So nothing repeats a year later, a missed start is made up for by the next, and after the horizon nothing is scaled any more.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from dynamo_plan.emit.manifests import (
    KUSTOMIZATION,
    WORKLOADS,
    Fields,
    Metadata,
    Name,
    kustomization,
    one_server,
    read_workloads,
    refuse,
    workload_object,
    write_objects,
)
from dynamo_plan.emit.names import dns_names
from dynamo_plan.emit.options import EmitOptions, Setting
from dynamo_plan.emit.statements import Stated
from dynamo_plan.emit.switches import (
    SWITCHES_FILE,
    apply_script,
    read_switches,
    refuse_parts_of_minutes,
    switches_text,
    whole_minutes,
)
from dynamo_plan.emit.text import Object, read_yaml, yaml_documents, yaml_text
from dynamo_plan.emit.workloads import Horizon, find_workloads, horizon_of
from dynamo_plan.schema.plan import Plan
from dynamo_plan.units import MINUTES_PER_HOUR, SECONDS_PER_MINUTE

NAME = "kubernetes-cronjob"
DESCRIPTION = (
    "a CronJob that scales Deployments or StatefulSets when windows begin, with ServiceAccount, Role and RoleBinding"
)
SETS = frozenset({Setting.REPLICAS})
STATES = SETS
APPLY = """
kubectl apply -k workloads
kubectl apply -k .
To take the schedule back, which leaves everything as it runs then:  kubectl delete -k .
"""

KUBECTL_IMAGE = "alpine/k8s:1.33.0"
"""Any image with sh, awk, sort, date and a kubectl of the cluster's release does."""

LARGEST_CONFIG_MAP = 1_000_000
"""Bytes that a ConfigMap can hold: Kubernetes allows 1 MiB, with its names and metadata."""

DEADLINE_S = 300
"""A start that is late by more [s] is left out; the next one makes up for it."""

HEAD = """#!/bin/sh
# Scales every workload to what the schedule has for now. Arguments: folder of the schedule, namespace.
set -eu
switches="$1/switches.tsv"
namespace="$2"
lead_s={lead_s}
"""
SCALE = 'kubectl scale "{kind}/$workload" --namespace="$namespace" --replicas="$replicas"'


class Rule(Fields):
    """What the CronJob may do."""

    apiGroups: list[str]  # noqa: N815 (Kubernetes' name)
    resources: list[str]
    resourceNames: list[Name] | None = None  # noqa: N815 (Kubernetes' name)
    verbs: list[str]


class CronJobSpec(Fields):
    """When it starts; the template of its pods is constant."""

    schedule: str = Field(pattern=r"^[0-9,]+ \* \* \* \*$")
    timeZone: Literal["Etc/UTC"]  # noqa: N815 (Kubernetes' name)
    concurrencyPolicy: Literal["Replace"]  # noqa: N815 (Kubernetes' name)
    startingDeadlineSeconds: int = Field(gt=0)  # noqa: N815 (Kubernetes' name)
    successfulJobsHistoryLimit: int = Field(ge=0)  # noqa: N815 (Kubernetes' name)
    failedJobsHistoryLimit: int = Field(ge=0)  # noqa: N815 (Kubernetes' name)
    jobTemplate: dict[str, object]  # noqa: N815 (Kubernetes' name)


class CronJob(Fields):
    """The CronJob."""

    apiVersion: Literal["batch/v1"]  # noqa: N815 (Kubernetes' name)
    kind: Literal["CronJob"]
    metadata: Metadata
    spec: CronJobSpec


def emit(plan: Plan, folder: Path, options: EmitOptions) -> list[str]:
    """Write workloads, schedule, script, rights and the CronJob."""
    horizon = horizon_of(plan)
    workloads = find_workloads(plan, options)
    one_server(NAME, workloads, options)
    write_objects(folder / WORKLOADS, {workload.name: workload_object(workload, options) for workload in workloads})
    (name,) = dns_names({plan.name: f"schedule-{plan.name}"}).values()
    lead_min = whole_minutes(options.lead_s)
    kind = options.workload_kind.value.lower()
    script = apply_script(HEAD.format(lead_s=round(lead_min * SECONDS_PER_MINUTE)), SCALE.format(kind=kind))
    switches = switches_text(workloads, horizon)
    size = len(switches.encode()) + len(script)
    if size > LARGEST_CONFIG_MAP:
        raise refuse(
            NAME,
            f"the schedule takes {size:,} bytes",
            f"A ConfigMap holds {LARGEST_CONFIG_MAP:,}",
            "Plan a shorter horizon, or with longer windows",
        )
    (folder / "apply.sh").write_text(script, encoding="utf-8")
    (folder / SWITCHES_FILE).write_text(switches, encoding="utf-8")
    rights = _rights(name, [workload.name for workload in workloads], options)
    (folder / "rbac.yaml").write_text(yaml_documents(rights), encoding="utf-8")
    cron_job = _cron_job(name, _minutes(horizon, lead_min), options)
    (folder / "cronjob.yaml").write_text(yaml_text(cron_job), encoding="utf-8")
    files = {"name": name, "namespace": options.namespace, "files": ["apply.sh", SWITCHES_FILE]}
    fixed = {"disableNameSuffixHash": True}
    text = kustomization(["rbac.yaml", "cronjob.yaml"], configMapGenerator=[files], generatorOptions=fixed)
    (folder / KUSTOMIZATION).write_text(text, encoding="utf-8")
    return [f"from {horizon.end:%Y-%m-%d %H:%M} UTC on nothing is scaled any more, and the jobs say so by failing"]


def read_back(folder: Path, horizon: Horizon) -> Stated:
    """Instances by window, pool and kind."""
    (document,) = read_yaml(folder / "cronjob.yaml")
    CronJob.model_validate(document)
    return read_switches(folder / SWITCHES_FILE, read_workloads(folder), horizon)


def _minutes(horizon: Horizon, lead_min: int) -> list[int]:
    """Minutes of the hour at which a window can begin or its instances are started."""
    refuse_parts_of_minutes(NAME, horizon, "A CronJob starts at whole minutes")
    edges = {horizon.left_edge(window).minute for window in range(horizon.windows)}
    return sorted(edges | {(edge - lead_min) % round(MINUTES_PER_HOUR) for edge in edges})


def _rights(name: str, workloads: list[str], options: EmitOptions) -> list[Object]:
    metadata = {"name": name, "namespace": options.namespace}
    resource = f"{options.workload_kind.value.lower()}s"
    look = Rule(apiGroups=["apps"], resources=[resource], resourceNames=workloads, verbs=["get"])
    scale = Rule(
        apiGroups=["apps"], resources=[f"{resource}/scale"], resourceNames=workloads, verbs=["get", "patch", "update"]
    )
    group = "rbac.authorization.k8s.io"
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {
            "apiVersion": f"{group}/v1",
            "kind": "Role",
            "metadata": metadata,
            "rules": [rule.model_dump(exclude_none=True) for rule in (look, scale)],
        },
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "subjects": [{"kind": "ServiceAccount", **metadata}],
            "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
        },
    ]


def _cron_job(name: str, minutes: list[int], options: EmitOptions) -> Object:
    container = {
        "name": "scale",
        "image": KUBECTL_IMAGE,
        "command": ["sh", "/schedule/apply.sh", "/schedule", options.namespace],
        "volumeMounts": [{"name": "schedule", "mountPath": "/schedule", "readOnly": True}],
    }
    pod = {
        "serviceAccountName": name,
        "restartPolicy": "Never",
        "containers": [container],
        "volumes": [{"name": "schedule", "configMap": {"name": name}}],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name, "namespace": options.namespace},
        "spec": {
            "schedule": f"{','.join(map(str, minutes))} * * * *",
            "timeZone": "Etc/UTC",
            "concurrencyPolicy": "Replace",
            "startingDeadlineSeconds": DEADLINE_S,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {"spec": {"backoffLimit": 0, "template": {"spec": pod}}},
        },
    }
