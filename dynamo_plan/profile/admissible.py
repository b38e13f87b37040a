"""Which kinds of a profile may serve a service: GPU type at the site, and memory that holds the model."""

from __future__ import annotations

from dynamo_plan.profile.memory import BLOCK_TOKENS, ModelShape, kv_blocks, kv_bytes_per_token, kv_memory_bytes
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Omission
from dynamo_plan.schema.profile import ProfileTable, Provenance
from dynamo_plan.schema.scenario import GpuSpec, MemorySpec


def admissible_kinds(
    table: ProfileTable, model: str, memory: MemorySpec | None, gpus: dict[str, GpuSpec]
) -> tuple[tuple[Kind, ...], tuple[Omission, ...]]:
    """Kinds with rows for the model, on GPUs that the site has, that can hold the model; and why others were dropped."""
    kept: list[Kind] = []
    dropped: list[Omission] = []
    for kind in table.kinds():
        rows = (table.model == model) & (table.gpu == kind.gpu) & (table.tp == kind.tp) & (table.pp == kind.pp)
        rows &= table.dtype == kind.dtype
        if not rows.any():
            continue
        if kind.gpu not in gpus:
            dropped.append(Omission(f"kind {kind}", f"the site has no {kind.gpu}"))
            continue
        measured = bool((table.provenance[rows] == Provenance.MEASURED.value).any())
        reason = None if measured else memory_fault(kind, memory, gpus[kind.gpu].hbm_gib)
        if reason is None:
            kept.append(kind)
        else:
            dropped.append(Omission(f"kind {kind}", reason))
    return tuple(kept), tuple(dropped)


def memory_fault(kind: Kind, memory: MemorySpec | None, hbm_gib: float | None) -> str | None:
    """Why this kind cannot hold the model with room for its longest request, or None if it can or nothing is known."""
    if memory is None or hbm_gib is None:
        return None
    shape = ModelShape(memory.parameters_billion * 1e9, memory.layers, memory.kv_heads, memory.head_dim)
    free = kv_memory_bytes(shape, kind.dtype, kind.tp, kind.pp, hbm_gib, memory.utilisation, memory.overhead_gib)
    # Engines keep the cache in 16 bits unless told otherwise, also with quantised weights.
    kv_dtype = memory.kv_dtype or "bf16"
    blocks = kv_blocks(free, kv_bytes_per_token(shape, kv_dtype, kind.tp, kind.pp))
    if blocks * BLOCK_TOKENS >= memory.max_request_tokens:
        return None
    return (
        f"{blocks} KV blocks of {BLOCK_TOKENS} tokens fit on each GPU; "
        f"the longest request needs {memory.max_request_tokens} tokens"
    )
