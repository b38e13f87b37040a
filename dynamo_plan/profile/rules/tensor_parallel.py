"""Tensor parallelism divides the attention heads, and stays among GPUs that a fast link joins.

Source: M. Shoeybi et al., "Megatron-LM", arXiv 1909.08053: every GPU takes whole heads; two all-reduces per layer and token wait for the
slowest link.
"""

from __future__ import annotations

from dynamo_plan.profile.rules import Judgement, KindCase

NAME = "tensor_parallel"


def judge(case: KindCase) -> Judgement | None:
    """Refuse a degree that leaves a head over, or that reaches beyond the linked GPUs."""
    tp = case.kind.tp
    heads = None if case.memory is None else case.memory.attention_heads
    if heads is not None and heads % tp:
        return Judgement(True, f"TP {tp} does not divide the model's {heads} attention heads")
    if case.gpu is not None and tp > linked_gpus(case):
        return Judgement(True, f"TP {tp} reaches beyond the {linked_gpus(case)} GPUs that a fast link joins")
    return None


def linked_gpus(case: KindCase) -> int:
    """GPUs that a fast link joins: as the scenario says, else those of a server; 1 where there is no such stock."""
    if case.gpu is None:
        return 1
    return case.gpu.per_server if case.gpu.linked_gpus is None else case.gpu.linked_gpus
