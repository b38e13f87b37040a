"""What GPU types can do, by the generation that their name tells.

Sources: NVIDIA data sheets of V100, T4, A100, L40S, H100, H200, B200 and GB200 (NVLink figures there are both directions together;
here one), AMD data sheets of MI300X and MI355X (Infinity Fabric links of one GPU, one direction).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from dynamo_plan.schema.kind import NumberFormat

BASIC = frozenset({NumberFormat.FP16, NumberFormat.INT8, NumberFormat.INT4})
"""Formats that every generation here serves; INT4 weights are widened on the way in."""

WITH_BF16 = BASIC | {NumberFormat.BF16}
WITH_FP8 = WITH_BF16 | {NumberFormat.FP8_E4M3, NumberFormat.FP8_E5M2}
WITH_FP4 = WITH_FP8 | {NumberFormat.MXFP4, NumberFormat.NVFP4}
SEPARATOR = re.compile(r"[-_. ]")


@dataclass(frozen=True, slots=True)
class Generation:
    """One generation of GPUs.

    Attributes
    ----------
    name : str
    formats : frozenset of NumberFormat
        Formats of weights that its matrix units take, or that engines widen without loss of speed.
    link_gb_per_s : float or None
        Bandwidth of one GPU to the others of its server, one direction [GB/s]; None where there is no such link.
    """

    name: str
    formats: frozenset[NumberFormat]
    link_gb_per_s: float | None


VOLTA = Generation("Volta", BASIC, 150.0)
TURING = Generation("Turing", BASIC, None)
AMPERE = Generation("Ampere", WITH_BF16, 300.0)
AMPERE_PCIE = Generation("Ampere", WITH_BF16, None)
ADA = Generation("Ada", WITH_FP8, None)
HOPPER = Generation("Hopper", WITH_FP8, 450.0)
BLACKWELL = Generation("Blackwell", WITH_FP4, 900.0)
CDNA3 = Generation("CDNA 3", WITH_FP8, 448.0)
CDNA4 = Generation("CDNA 4", WITH_FP8 | {NumberFormat.MXFP4}, 537.6)

BY_NAME = {
    "v100": VOLTA,
    "t4": TURING,
    "a100": AMPERE,
    **dict.fromkeys(("a10", "a10g", "a30", "a40"), AMPERE_PCIE),
    **dict.fromkeys(("l4", "l40", "l40s"), ADA),
    **dict.fromkeys(("h100", "h200", "h20", "gh200"), HOPPER),
    **dict.fromkeys(("b100", "b200", "b300", "gb200", "gb300"), BLACKWELL),
    **dict.fromkeys(("mi300x", "mi325x"), CDNA3),
    **dict.fromkeys(("mi350x", "mi355x"), CDNA4),
}
"""Generations by the first word of a GPU type's name."""


def generation_of(gpu: str) -> Generation | None:
    """Generation of a GPU type such as ``h100`` or ``a100-80gb``; None where the name is not known here."""
    return BY_NAME.get(SEPARATOR.split(gpu.lower())[0])
