"""What a user may say about the runtime, beyond the plan; every target takes the same record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Setting(StrEnum):
    """What a target can make a machine do, or only state."""

    REPLICAS = "replicas"
    CLOCK = "clock"
    POWER_LIMIT = "power limit"


class EngineName(StrEnum):
    """Serving engines whose flags are known."""

    VLLM = "vllm"
    SGLANG = "sglang"
    TENSORRT_LLM = "tensorrt-llm"


class WorkloadKind(StrEnum):
    """Kinds of Kubernetes workloads that hold one pod per instance."""

    DEPLOYMENT = "Deployment"
    STATEFUL_SET = "StatefulSet"


@dataclass(frozen=True, slots=True)
class ServedModel:
    """What an engine has to know of a service.

    Attributes
    ----------
    model : str
        What the engine loads: a path or an identifier.
    max_request_tokens : int or None
        Longest request that the plan reckons with [tokens]; None: the scenario does not say.
    memory_utilisation : float or None
        Share of a GPU's memory that the plan leaves to the engine [1]; None: the scenario does not say.
    """

    model: str
    max_request_tokens: int | None = None
    memory_utilisation: float | None = None


@dataclass(frozen=True, slots=True)
class EmitOptions:
    """What a user says about the runtime.

    Attributes
    ----------
    namespace : str
        Kubernetes namespace.
    image : str or None
        Container image; None: the engine's public one.
    engine : EngineName
    workload_kind : WorkloadKind
    name_template : str
        Of workload names; the fields are those of `workloads.FIELDS`.
    lead_s : float
        How long before a window instances that it adds are started [s].
    models : mapping of str to ServedModel
        By service; a service that is not in it loads the model of its own name.
    gpus_per_server : mapping of (str, str) to int
        By site and GPU type; 8 where it is not said.
    supported_clocks_mhz : tuple of float
        Clocks that the GPUs can be locked to [MHz]; empty: those known of the GPU type.
    sets : Setting
        ``CLOCK`` or ``POWER_LIMIT``, where a target can set either.
    """

    namespace: str = "default"
    image: str | None = None
    engine: EngineName = EngineName.VLLM
    workload_kind: WorkloadKind = WorkloadKind.DEPLOYMENT
    name_template: str = "{pool}-{kind}"
    lead_s: float = 0.0
    models: Mapping[str, ServedModel] = field(default_factory=dict)
    gpus_per_server: Mapping[tuple[str, str], int] = field(default_factory=dict)
    supported_clocks_mhz: tuple[float, ...] = ()
    sets: Setting = Setting.CLOCK

    def model_of(self, service: str) -> ServedModel:
        """What the engine of this service loads."""
        return self.models.get(service, ServedModel(service))
