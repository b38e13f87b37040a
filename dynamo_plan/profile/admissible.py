"""Which kinds of a profile may serve a service: GPU type at the site, and rules for kinds that nobody measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dynamo_plan.profile.fit.loads import in_flight
from dynamo_plan.profile.rules import Judgement, KindCase, judgements
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Omission
from dynamo_plan.schema.profile import ProfileTable, Provenance
from dynamo_plan.units import MS_PER_SECOND

if TYPE_CHECKING:
    from dynamo_plan.schema.scenario import GpuSpec, MemorySpec, ServiceSpec


def admissible_kinds(
    table: ProfileTable, model: str, memory: MemorySpec | None, gpus: dict[str, GpuSpec]
) -> tuple[tuple[Kind, ...], tuple[Omission, ...]]:
    """Kinds with rows for the model, on GPUs that the site has, that no rule refuses; and why others were dropped."""
    kept: list[Kind] = []
    dropped: list[Omission] = []
    for kind in table.kinds():
        if not table.rows_of(model, kind).any():
            continue
        if kind.gpu not in gpus:
            dropped.append(Omission(f"kind {kind}", f"the site has no {kind.gpu}"))
            continue
        found = judged(table, model, kind, memory, gpus[kind.gpu])
        if found and found[0].refuses:
            dropped.append(Omission(f"kind {kind}", found[0].reason))
        else:
            kept.append(kind)
    return tuple(kept), tuple(dropped)


def judged(
    table: ProfileTable,
    model: str,
    kind: Kind,
    memory: MemorySpec | None = None,
    gpu: GpuSpec | None = None,
    tbt_slo_ms: float | None = None,
) -> list[Judgement]:
    """What the rules say against a kind, refusals first; nothing against one with a measured row of the model."""
    rows = table.rows_of(model, kind)
    if (table.provenance[rows] == Provenance.MEASURED.value).any():
        return []
    loaded = rows & (table.rate_rps > 0)
    if tbt_slo_ms is not None:
        loaded &= table.tbt_p99_ms <= tbt_slo_ms  # rows beyond the promise serve nobody
    if not table.states_latency:
        return judgements(KindCase(kind, gpu, memory, tbt_slo_ms=tbt_slo_ms))
    decoding = table.rate_rps * table.output_tokens * table.tbt_p99_ms / MS_PER_SECOND
    cached = decoding * (table.input_tokens + table.output_tokens / 2.0)
    most, tokens = (float(np.max(values[loaded], initial=0.0)) for values in (in_flight(table), cached))
    return judgements(KindCase(kind, gpu, memory, most, tokens, tbt_slo_ms))


def kind_flags(
    table: ProfileTable, service: ServiceSpec, kinds: tuple[Kind, ...], gpus: dict[str, GpuSpec]
) -> list[str]:
    """What has to be known about kinds that take part, though no rule refuses them, in sentences."""
    limit = None if service.slo is None else service.slo.tbt_p99_ms
    return [
        f"{service.name}: {kind} was not measured: {one.reason}."
        for kind in kinds
        for one in judged(table, service.model, kind, service.memory, gpus[kind.gpu], limit)
        if not one.refuses
    ]
