"""Kubernetes objects that several targets share, and the fields of them that we write.

Objects are made as plain mappings and read back through the strict models below: a field that we do not mean to write, or one of the wrong
form, does not leave `emit`. What a user calls things stands in annotations only; names and labels are made of it by `names`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from dynamo_plan.emit.engines import engine_arguments, engine_of, parallelism_of
from dynamo_plan.emit.options import EmitOptions, WorkloadKind
from dynamo_plan.emit.statements import Key, window_of
from dynamo_plan.emit.text import Object, flow_documents, read_flow_documents, read_yaml, yaml_text
from dynamo_plan.emit.workloads import Horizon, Running, Workload, gpus_per_server
from dynamo_plan.errors import Fault, InputError
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.profile import NOT_LOCKED_MHZ

PREFIX = "dynamo-plan/"
GPU_RESOURCE = "nvidia.com/gpu"
WORKLOADS = "workloads"
WINDOWS = "windows"
SCALE_FILE = "scale.yaml"
KUSTOMIZATION = "kustomization.yaml"
PORT = 8000

type Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
type Annotations = dict[Annotated[str, Field(pattern=r"^[a-z0-9.-]+/[A-Za-z0-9._-]+$")], str]


class Fields(BaseModel):
    """Fields of an object as we write them; any other is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Metadata(Fields):
    """Name, namespace, labels, annotations."""

    name: Name
    namespace: Name
    labels: dict[str, Name] = {}
    annotations: Annotations = {}


class PodMetadata(Fields):
    """Labels and annotations of a pod's template."""

    labels: dict[str, Name] = {}
    annotations: Annotations = {}


class Limits(Fields):
    """GPUs of a container."""

    gpus: str = Field(alias="nvidia.com/gpu", pattern=r"^[1-9][0-9]*$")


class Resources(Fields):
    """What a container has."""

    limits: Limits


class Container(Fields):
    """One container that serves a model."""

    name: Name
    image: str = Field(min_length=1)
    command: list[str]
    args: list[str]
    resources: Resources | None = None


class PodSpec(Fields):
    """One container and no more."""

    containers: list[Container] = Field(min_length=1, max_length=1)


class PodTemplate(Fields):
    """Pods of a workload."""

    metadata: PodMetadata = PodMetadata()
    spec: PodSpec


class Selector(Fields):
    """Which pods belong to a workload."""

    matchLabels: dict[str, Name]  # noqa: N815 (Kubernetes' name)


class WorkloadSpec(Fields):
    """A Deployment or StatefulSet without `replicas`, which the schedule sets."""

    selector: Selector
    template: PodTemplate
    serviceName: Name | None = None  # noqa: N815 (Kubernetes' name)


class WorkloadObject(Fields):
    """A Deployment or StatefulSet."""

    apiVersion: Literal["apps/v1"]  # noqa: N815 (Kubernetes' name)
    kind: WorkloadKind = Field(strict=False)
    metadata: Metadata
    spec: WorkloadSpec


class Replicas(Fields):
    """How many instances run."""

    replicas: int = Field(ge=0)


class ScalePatch(Fields):
    """What a window changes of a workload."""

    apiVersion: str  # noqa: N815 (Kubernetes' name)
    kind: str
    metadata: Metadata
    spec: Replicas


def refuse(target: str, what: str, allowed: str, mend: str) -> InputError:
    """The error for something that a target cannot express."""
    return InputError(Fault("target-cannot-express", f"--target {target}", what, allowed, mend))


def metadata(workload: Workload, options: EmitOptions, more: Mapping[str, str] | None = None) -> dict[str, object]:
    """Name, labels, and as annotations what the user calls it, and more."""
    return {
        "name": workload.name,
        "namespace": options.namespace,
        "labels": labels(workload.name),
        "annotations": {**identity(workload), **(more or {})},
    }


def labels(name: str) -> dict[str, str]:
    """Labels by which Kubernetes finds a workload's pods."""
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/managed-by": "dynamo-plan"}


def identity(workload: Workload) -> dict[str, str]:
    """Annotations that say what of the plan a workload is."""
    pool, kind = workload.pool, workload.kind
    return {
        f"{PREFIX}service": pool.service,
        f"{PREFIX}pool": pool.name,
        f"{PREFIX}buckets": "+".join(pool.buckets),
        f"{PREFIX}gpu": kind.gpu,
        f"{PREFIX}dtype": kind.dtype,
    }


def pod_spec(
    workload: Workload, options: EmitOptions, gpus: int, *, name: str = "engine", more_arguments: Sequence[str] = ()
) -> dict[str, object]:
    """A pod with one container that runs the engine on so many GPUs; variables in `more_arguments` are filled in."""
    engine = engine_of(options)
    arguments = engine_arguments(engine, workload.kind, options.model_of(workload.pool.service))
    container = {
        "name": name,
        "image": options.image or engine.image,
        "command": list(engine.command),
        "args": [*(literal(argument) for argument in arguments), *more_arguments],
        "resources": {"limits": {GPU_RESOURCE: str(gpus)}},
    }
    return {"containers": [container]}


def literal(argument: str) -> str:
    """An argument that Kubernetes takes as it stands: `$(NAME)` would become the value of a variable."""
    return argument.replace("$(", "$$(")


def one_server(target: str, workloads: Iterable[Workload], options: EmitOptions) -> None:
    """Refuse instances that do not fit one server, where a target puts each into one pod."""
    for workload in workloads:
        most = gpus_per_server(workload, options)
        if workload.kind.gpus > most:
            raise refuse(
                target,
                f"an instance of {workload.pool.name!r} on {workload.kind} takes {workload.kind.gpus} GPUs, a server has {most}",
                "One pod is one instance here",
                "Emit --target leaderworkerset, whose instances may span servers",
            )


def workload_object(workload: Workload, options: EmitOptions) -> Object:
    """A Deployment or StatefulSet with one pod per instance, without a number of replicas."""
    spec: dict[str, object] = {"selector": {"matchLabels": {"app.kubernetes.io/name": workload.name}}}
    if options.workload_kind is WorkloadKind.STATEFUL_SET:
        spec["serviceName"] = workload.name
    pod = {"metadata": {"labels": labels(workload.name)}, "spec": pod_spec(workload, options, workload.kind.gpus)}
    return {
        "apiVersion": "apps/v1",
        "kind": options.workload_kind.value,
        "metadata": metadata(workload, options),
        "spec": spec | {"template": pod},
    }


def write_objects(folder: Path, objects: Mapping[str, Object]) -> None:
    """Write one object per file, and the kustomization that names them."""
    folder.mkdir()
    for name, one in objects.items():
        (folder / f"{name}.yaml").write_text(yaml_text(one), encoding="utf-8")
    (folder / KUSTOMIZATION).write_text(kustomization(f"{name}.yaml" for name in objects), encoding="utf-8")


def read_objects(folder: Path) -> Iterator[object]:
    """Every object that `write_objects` wrote; ValueError where a file holds none, or several."""
    for path in sorted(folder.glob("*.yaml")):
        if path.name != KUSTOMIZATION:
            (document,) = read_yaml(path)
            yield document


def kustomization(resources: Iterable[str], **more: object) -> str:
    """A kustomization of these resources."""
    record = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": list(resources)}
    return yaml_text(record | more)


def write_windows(folder: Path, horizon: Horizon, documents: Sequence[Sequence[Object]]) -> None:
    """Write one overlay per window: patches that scale, one object a line, over the workloads beside them."""
    overlay = kustomization([f"../../{WORKLOADS}"], patches=[{"path": SCALE_FILE}])
    for time, objects in zip(horizon.file_times(), documents, strict=True):
        place = folder / WINDOWS / time
        place.mkdir(parents=True)
        (place / SCALE_FILE).write_text(flow_documents(objects), encoding="utf-8")
        (place / KUSTOMIZATION).write_text(overlay, encoding="utf-8")


def read_windows(folder: Path, horizon: Horizon) -> Iterable[tuple[int, object]]:
    """Every patch of every window."""
    for place in sorted((folder / WINDOWS).iterdir()):
        for document in read_flow_documents(place / SCALE_FILE):
            yield window_of(place.name, horizon), document


def scale_patch(
    api_version: str, kind: str, workload: Workload, window: int, options: EmitOptions, replicas: int | None = None
) -> dict[str, object]:
    """What a window changes: replicas, and as annotations clocks and shares of load, which nothing here sets."""
    running = workload.windows[window]
    stated = {
        f"{PREFIX}clocks": clocks_text(running),
        f"{PREFIX}load-share": f"{sum(part.load_share for part in running):.6g}",
    }
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": workload.name, "namespace": options.namespace, "annotations": stated},
        "spec": {"replicas": workload.replicas_in(window) if replicas is None else replicas},
    }


def clocks_text(running: Sequence[Running]) -> str:
    """Instances at each clock, e.g. ``5x1605 1x810`` [MHz]; 0 is not locked."""
    return " ".join(f"{part.instances}x{part.frequency_mhz or NOT_LOCKED_MHZ:g}" for part in running)


def clocks_of(text: str) -> list[tuple[float | None, int]]:
    """What `clocks_text` wrote: clocks [MHz] and instances at them."""
    pairs = re.findall(r"(\d+)x(\S+)", text)
    return [(float(clock) or None, int(instances)) for instances, clock in pairs]


def clock_entries(patch: ScalePatch, window: int, pool: str, kind: Kind, replicas: int) -> list[tuple[Key, int]]:
    """Instances by clock of a patch; ValueError where they are not as many as it scales to."""
    parts = clocks_of(patch.metadata.annotations[f"{PREFIX}clocks"])
    if sum(instances for _, instances in parts) != replicas:
        raise ValueError(f"{patch.metadata.name} in window {window}: clocks of other instances than its replicas")
    return [((window, pool, kind, clock), instances) for clock, instances in parts]


def read_workloads(folder: Path) -> dict[str, tuple[str, Kind]]:
    """Pool and kind of each workload by its name, from the objects that a cluster will be given."""
    found = {}
    for document in read_objects(folder / WORKLOADS):
        one = WorkloadObject.model_validate(document)
        found[one.metadata.name] = (
            one.metadata.annotations[f"{PREFIX}pool"],
            kind_of(one.metadata.annotations, one.spec.template.spec.containers[0]),
        )
    return found


def kind_of(annotations: dict[str, str], container: Container, pods: int = 1) -> Kind:
    """Kind of an instance by its annotations, its engine's flags and its GPUs, which must agree."""
    tp, pp = parallelism_of(container.args)
    kind = Kind(annotations[f"{PREFIX}gpu"], tp, pp, annotations[f"{PREFIX}dtype"])
    gpus = 0 if container.resources is None else int(container.resources.limits.gpus) * pods
    if gpus != kind.gpus:
        raise ValueError(f"{kind} has {gpus} GPUs")
    return kind
