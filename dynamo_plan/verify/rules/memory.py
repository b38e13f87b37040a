r"""Only kinds run whose GPUs hold the model and the KV cache of the longest request.

.. math::
    B = \Big\lfloor \frac{\nu H - W/(TP \cdot PP) - O}{16\, c} \Big\rfloor, \qquad B \ge \lceil L_{\max} / 16 \rceil, \quad
    c = 2 \lceil \ell / PP \rceil \lceil h / \min(TP, h) \rceil d\, b

B blocks of 16 tokens, nu usable share of the HBM H [bytes per GPU], W weights [bytes], O overhead [bytes], c KV bytes per
token and GPU: layers l, KV heads h (replicated where TP exceeds them), head dimension d, b bytes per number. Memory is a
minimum per GPU, never pooled. A service without `memory` or a GPU without `hbm_gib` is not checked: the scenario is silent.
Nor is a kind with a `measured` row of the model: it ran, and a measurement outweighs a rule.

Source: the paged KV cache of W. Kwon et al., "Efficient Memory Management for Large Language Model Serving with
PagedAttention", SOSP 2023; where the KV type is not given it is 16 bits, also with quantised weights, as in serving engines.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, floor

from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.kind import Kind
from dynamo_plan.schema.plan import Plan
from dynamo_plan.schema.profile import ProfileTable, Provenance
from dynamo_plan.schema.scenario import MemorySpec
from dynamo_plan.units import BYTES_PER_GIB
from dynamo_plan.verify.evidence import Evidence
from dynamo_plan.verify.finding import Finding

NAME = "memory"

BLOCK_TOKENS = 16
"""Tokens of one KV block."""

DTYPE_BYTES = {
    **dict.fromkeys(("bf16", "fp16"), 2.0),
    **dict.fromkeys(("fp8_e4m3", "fp8_e5m2", "int8"), 1.0),
    **dict.fromkeys(("int4", "mxfp4", "nvfp4"), 0.5),
}
"""Bytes of one number."""

USUAL_KV_BYTES = 2.0
"""Bytes of a KV number where the scenario says nothing of the KV cache."""


def kv_blocks(memory: MemorySpec, kind: Kind, hbm_gib: float) -> int:
    """KV blocks that fit on each GPU of an instance; negative where not even the weights do.

    Raises
    ------
    KeyError
        If a number format is unknown.
    """
    weight_bytes = DTYPE_BYTES[kind.dtype]
    kv_bytes = USUAL_KV_BYTES if memory.kv_dtype is None else DTYPE_BYTES[memory.kv_dtype]
    heads = ceil(memory.kv_heads / min(kind.tp, memory.kv_heads))
    token_bytes = 2 * ceil(memory.layers / kind.pp) * heads * memory.head_dim * kv_bytes
    weights = memory.parameters_billion * 1e9 * weight_bytes / kind.gpus
    free = (memory.utilisation * hbm_gib - memory.overhead_gib) * BYTES_PER_GIB - weights
    return floor(free / (BLOCK_TOKENS * token_bytes))


def was_measured(table: ProfileTable, model: str, kind: Kind) -> bool:
    """Whether at least one of the profile's rows of this model on this kind is a measurement."""
    same = (table.model == model) & (table.gpu == kind.gpu) & (table.dtype == kind.dtype)
    same &= (table.tp == kind.tp) & (table.pp == kind.pp)
    return Provenance.MEASURED.value in table.provenance[same].tolist()


def check(plan: Plan, inputs: Inputs, evidence: Evidence) -> Iterator[Finding]:
    """Yield kinds in use that cannot hold the model."""
    for name, kind in sorted({(group.pool, group.kind) for group in evidence.groups}):
        load = evidence.pools[name]
        memory, gpu = load.service.memory, load.site.gpus.get(kind.gpu)
        if memory is None or gpu is None or gpu.hbm_gib is None:
            continue
        if was_measured(inputs.profiles[load.service.name], load.service.model, kind):
            continue
        where = f"{name} {kind}"
        unknown = sorted({kind.dtype, memory.kv_dtype or kind.dtype} - set(DTYPE_BYTES))
        if unknown:
            yield Finding(NAME, where, "number format", "one of " + ", ".join(DTYPE_BYTES), ", ".join(unknown))
            continue
        needed, blocks = ceil(memory.max_request_tokens / BLOCK_TOKENS), kv_blocks(memory, kind, gpu.hbm_gib)
        if blocks < needed:
            yield Finding(NAME, where, f"KV blocks of {BLOCK_TOKENS} tokens", f"at least {needed}", blocks)
