"""KV-memory admissibility: whether a kind holds the model, and how many blocks of KV cache are left.

Memory is a per-GPU minimum, never pooled: what does not fit on one GPU of the group does not fit. KV heads are
divided by TP and replicated where TP exceeds them. Source: the block arithmetic of vLLM's start-up log (`# GPU
blocks`), checked against a real log within 0.1 % (tests/profile/test_memory.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_plan.schema.kind import Kind
from dynamo_plan.units import BITS_PER_BYTE, BYTES_PER_GIB

if TYPE_CHECKING:
    from dynamo_plan.schema.scenario import MemorySpec

BLOCK_TOKENS = 16
"""Tokens per KV block, vLLM's default on CUDA."""

BITS: dict[str, int] = {
    "bf16": 16,
    "fp16": 16,
    "fp8_e4m3": 8,
    "fp8_e5m2": 8,
    "int8": 8,
    "int4": 4,
    "mxfp4": 4,
    "nvfp4": 4,
}
"""Bits per value by number format; block scales of the 4-bit formats (up to 0.5 bit) are not counted."""


@dataclass(frozen=True, slots=True)
class ModelShape:
    """What of a model decides its memory. `head_dim` [values per head], `parameters` [1]."""

    parameters: float
    layers: int
    kv_heads: int
    head_dim: int


def kv_bytes_per_token(shape: ModelShape, kv_dtype: str, tp: int, pp: int) -> float:
    """KV cache of one token on one GPU [bytes]: keys and values of its layers and heads."""
    heads = math.ceil(shape.kv_heads / tp)
    layers = math.ceil(shape.layers / pp)
    return 2 * layers * heads * shape.head_dim * BITS[kv_dtype] / BITS_PER_BYTE


def kv_blocks(memory_bytes: float, bytes_per_token: float, block_tokens: int = BLOCK_TOKENS) -> int:
    """Whole KV blocks that fit into this memory of one GPU; 0 if it is negative."""
    return max(0, math.floor(memory_bytes / (block_tokens * bytes_per_token)))


def kv_memory_bytes(
    shape: ModelShape, dtype: str, tp: int, pp: int, hbm_gib: float, utilisation: float, overhead_gib: float
) -> float:
    """Memory of one GPU left for KV cache [bytes]: utilisation x HBM - weights / (TP x PP) - overhead; may be negative."""
    weights = shape.parameters * BITS[dtype] / BITS_PER_BYTE / (tp * pp)
    return utilisation * hbm_gib * BYTES_PER_GIB - weights - overhead_gib * BYTES_PER_GIB


def blocks_of(kind: Kind, memory: MemorySpec, hbm_gib: float) -> int:
    """KV blocks that fit on each GPU of a kind beside the model."""
    shape = ModelShape(memory.parameters_billion * 1e9, memory.layers, memory.kv_heads, memory.head_dim)
    free = kv_memory_bytes(shape, kind.dtype, kind.tp, kind.pp, hbm_gib, memory.utilisation, memory.overhead_gib)
    # Engines keep the cache in 16 bits unless told otherwise, also with quantised weights.
    kv_dtype = memory.kv_dtype or "bf16"
    return kv_blocks(free, kv_bytes_per_token(shape, kv_dtype, kind.tp, kind.pp))


def memory_fault(kind: Kind, memory: MemorySpec | None, hbm_gib: float | None) -> str | None:
    """Why this kind cannot hold the model with room for its longest request, or None if it can or nothing is known."""
    if memory is None or hbm_gib is None:
        return None
    blocks = blocks_of(kind, memory, hbm_gib)
    if blocks * BLOCK_TOKENS >= memory.max_request_tokens:
        return None
    return (
        f"{blocks} KV blocks of {BLOCK_TOKENS} tokens fit on each GPU; "
        f"the longest request needs {memory.max_request_tokens} tokens"
    )
