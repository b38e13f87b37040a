"""Target ``keda``: ScaledObjects with one cron trigger per run of equal windows, and the workloads that they scale.

What KEDA makes of cron triggers decides the form. Several triggers that hold count as the largest, so windows that add instances can begin
early. No trigger can ask for 0: a window without instances has none, and `minReplicaCount` is the least of the horizon. `maxReplicaCount`
is written, because 100 would cap it silently. Scaling down waits for nothing, where the default would wait five minutes. Five cron fields
know no year: a dated plan repeats unless it is replaced, and one of a year or more cannot be told from its own repetition.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from dynamo_plan.emit.manifests import (
    WORKLOADS,
    Fields,
    Metadata,
    Name,
    metadata,
    one_server,
    read_objects,
    read_workloads,
    refuse,
    workload_object,
    write_objects,
)
from dynamo_plan.emit.options import EmitOptions, Setting
from dynamo_plan.emit.statements import Stated, added_up
from dynamo_plan.emit.switches import refuse_parts_of_minutes, whole_minutes
from dynamo_plan.emit.text import Object
from dynamo_plan.emit.workloads import Horizon, Workload, find_workloads, horizon_of, runs
from dynamo_plan.schema.plan import Plan
from dynamo_plan.units import SECONDS_PER_MINUTE

NAME = "keda"
DESCRIPTION = "ScaledObjects with cron triggers, and the Deployments or StatefulSets that they scale; less than a year"
SETS = frozenset({Setting.REPLICAS})
STATES = SETS
APPLY = """
kubectl apply -k workloads
kubectl apply -k scaledobjects
Before the plan ends, put the next one in its place: the triggers know no year.
"""
SCALED_OBJECTS = "scaledobjects"

SHORTEST_YEAR = timedelta(days=365)
"""From here on a date without a year stands for two moments of the horizon."""

POLLING_S = 15
"""How often KEDA looks at the triggers [s]: how late a window can begin."""

type Cron = Annotated[str, Field(pattern=r"^\d{1,2} \d{1,2} \d{1,2} \d{1,2} \*$")]


class CronFields(Fields):
    """When a trigger holds and what it asks for, all as texts."""

    timezone: Literal["Etc/UTC"]
    start: Cron
    end: Cron
    desiredReplicas: Annotated[str, Field(pattern=r"^[1-9][0-9]*$")]  # noqa: N815 (KEDA's name)


class Trigger(Fields):
    """A cron trigger."""

    type: Literal["cron"]
    metadata: CronFields


class ScaleTarget(Fields):
    """What is scaled."""

    apiVersion: Literal["apps/v1"]  # noqa: N815 (KEDA's name)
    kind: Literal["Deployment", "StatefulSet"]
    name: Name


class Spec(Fields):
    """Bounds and triggers."""

    scaleTargetRef: ScaleTarget  # noqa: N815 (KEDA's name)
    pollingInterval: int = Field(ge=1)  # noqa: N815 (KEDA's name)
    cooldownPeriod: int = Field(ge=0)  # noqa: N815 (KEDA's name)
    minReplicaCount: int = Field(ge=0)  # noqa: N815 (KEDA's name)
    maxReplicaCount: int = Field(ge=1)  # noqa: N815 (KEDA's name)
    advanced: dict[str, object]
    triggers: list[Trigger] = Field(min_length=1)


class ScaledObject(Fields):
    """A ScaledObject as it is written."""

    apiVersion: Literal["keda.sh/v1alpha1"]  # noqa: N815 (KEDA's name)
    kind: Literal["ScaledObject"]
    metadata: Metadata
    spec: Spec


def emit(plan: Plan, folder: Path, options: EmitOptions) -> list[str]:
    """Write the workloads and a ScaledObject for each."""
    horizon = horizon_of(plan)
    _refuse_what_cron_cannot_say(horizon)
    workloads = find_workloads(plan, options)
    one_server(NAME, workloads, options)
    write_objects(folder / WORKLOADS, {workload.name: workload_object(workload, options) for workload in workloads})
    scaled = {workload.name: _scaled_object(workload, horizon, options) for workload in workloads}
    write_objects(folder / SCALED_OBJECTS, scaled)
    kept = [workload.name for workload in workloads if min(workload.replicas)]
    fall = f"all but {len(kept)} of {len(workloads)} workloads fall to 0" if kept else "all workloads fall to 0"
    return [
        f"at {horizon.end:%Y-%m-%d %H:%M} UTC the last trigger ends: {fall} unless the next plan is applied before",
        f"cron knows no year: left in place, the schedule repeats from {horizon.start:%m-%d %H:%M} UTC of the next year on",
    ]


def read_back(folder: Path, horizon: Horizon) -> Stated:
    """Instances by window, pool and kind: the largest trigger that holds at a window's left edge."""
    known = read_workloads(folder)
    entries = []
    for document in read_objects(folder / SCALED_OBJECTS):
        spec = ScaledObject.model_validate(document).spec
        spans = [
            (_moment(one.start, horizon), _moment(one.end, horizon), int(one.desiredReplicas))
            for one in (trigger.metadata for trigger in spec.triggers)
        ]
        for window in range(horizon.windows):
            edge = horizon.left_edge(window)
            asked = [replicas for start, end, replicas in spans if start <= edge < end]
            replicas = min(max([spec.minReplicaCount, *asked]), spec.maxReplicaCount)
            entries.append(((window, *known[spec.scaleTargetRef.name], None), replicas))
    return added_up(entries)


def _refuse_what_cron_cannot_say(horizon: Horizon) -> None:
    refuse_parts_of_minutes(NAME, horizon, "Cron knows whole minutes")
    if horizon.end - horizon.left_edge(-1) >= SHORTEST_YEAR:  # instances may be started in the window before the first
        raise refuse(
            NAME,
            f"the plan spans {(horizon.end - horizon.start).days} days",
            "Cron knows no year, so a plan of 365 days or more would meet its own repetition",
            "Plan a shorter horizon, or emit --target kubernetes-cronjob",
        )


def _scaled_object(workload: Workload, horizon: Horizon, options: EmitOptions) -> Object:
    scale_down = {
        "stabilizationWindowSeconds": 0,
        "policies": [{"type": "Percent", "value": 100, "periodSeconds": POLLING_S}],
    }
    target = {"apiVersion": "apps/v1", "kind": options.workload_kind.value, "name": workload.name}
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": metadata(workload, options),
        "spec": {
            "scaleTargetRef": target,
            "pollingInterval": POLLING_S,
            "cooldownPeriod": 0,
            "minReplicaCount": min(workload.replicas),
            "maxReplicaCount": max(workload.replicas),
            "advanced": {"horizontalPodAutoscalerConfig": {"behavior": {"scaleDown": scale_down}}},
            "triggers": _triggers(workload, horizon, whole_minutes(options.lead_s)),
        },
    }


def _triggers(workload: Workload, horizon: Horizon, lead_min: int) -> list[Object]:
    """A trigger per run of equal windows; one that adds instances begins early, but not before the window before it."""
    merged = [(-1, 0, 0), *runs(workload.replicas)]
    lead = min(timedelta(minutes=lead_min), timedelta(seconds=horizon.window_s - SECONDS_PER_MINUTE))
    triggers: list[Object] = []
    for (_, _, before), (first, end, replicas) in pairwise(merged):
        if replicas:
            start = horizon.left_edge(first) - (lead if replicas > before else timedelta())
            span = {"start": _cron(start), "end": _cron(horizon.left_edge(end))}
            triggers.append(
                {"type": "cron", "metadata": {"timezone": "Etc/UTC", **span, "desiredReplicas": str(replicas)}}
            )
    return triggers


def _cron(moment: datetime) -> str:
    return f"{moment.minute} {moment.hour} {moment.day} {moment.month} *"


def _moment(cron: str, horizon: Horizon) -> datetime:
    """The one moment of the horizon, or of the time just before it, that a dated cron expression names."""
    minute, hour, day, month = (int(part) for part in cron.split()[:4])
    years = range(horizon.start.year - 1, horizon.end.year + 1)
    earliest = horizon.start - timedelta(seconds=horizon.window_s)
    for year in years:
        try:
            moment = datetime(year, month, day, hour, minute, tzinfo=UTC)
        except ValueError:  # 29 February in a year that has none
            continue
        if earliest <= moment <= horizon.end:
            return moment
    raise ValueError(f"{cron} lies outside the horizon")
