"""Names that serving engines and benchmarks give to number formats of weights."""

from __future__ import annotations

from dynamo_plan.schema.kind import NumberFormat

LEFT_TO_THE_MODEL = ("auto", "none", "null")
"""The engine takes what the model's files hold, which the benchmark's file does not say."""

SYNONYMS = {
    "bfloat16": NumberFormat.BF16,
    "torch.bfloat16": NumberFormat.BF16,
    "float16": NumberFormat.FP16,
    "half": NumberFormat.FP16,
    "torch.float16": NumberFormat.FP16,
    # Engines mean e4m3 by fp8 unless they say e5m2; blocks of shared scales are a matter of scaling, not of the format.
    "fp8": NumberFormat.FP8_E4M3,
    "fp8_block": NumberFormat.FP8_E4M3,
    "e4m3": NumberFormat.FP8_E4M3,
    "e5m2": NumberFormat.FP8_E5M2,
    "int8_wo": NumberFormat.INT8,
    "int4_wo": NumberFormat.INT4,
    "w8a8_int8": NumberFormat.INT8,
}


def number_format(name: str) -> tuple[bool, str | None]:
    """Whether the name is known, and the format that it stands for; None where the name leaves it open."""
    folded = name.strip().casefold()
    if folded in LEFT_TO_THE_MODEL:
        return True, None
    if folded in tuple(NumberFormat):
        return True, str(folded)
    found = SYNONYMS.get(folded)
    return found is not None, None if found is None else found.value
