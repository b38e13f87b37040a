"""Weights are in a format that the GPU computes in (`dynamo_plan.schema.hardware`)."""

from __future__ import annotations

from dynamo_plan.profile.rules import Judgement, KindCase
from dynamo_plan.schema.hardware import generation_of

NAME = "number_format"


def judge(case: KindCase) -> Judgement | None:
    """Refuse a format that the GPU's generation does not have; a GPU whose name is not known is asked nothing."""
    generation = generation_of(case.kind.gpu)
    if generation is None or case.kind.dtype in generation.formats:
        return None
    known = ", ".join(sorted(generation.formats))
    return Judgement(True, f"{generation.name} GPUs do not compute in {case.kind.dtype}; they have {known}")
