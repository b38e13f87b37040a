"""The GPUs of a kind hold the model and the KV cache of its longest request (`dynamo_plan.profile.memory`)."""

from __future__ import annotations

from dynamo_plan.profile.memory import memory_fault
from dynamo_plan.profile.rules import Judgement, KindCase

NAME = "kv_memory"


def judge(case: KindCase) -> Judgement | None:
    """Refuse a kind without room."""
    fault = memory_fault(case.kind, case.memory, None if case.gpu is None else case.gpu.hbm_gib)
    return None if fault is None else Judgement(True, fault)
