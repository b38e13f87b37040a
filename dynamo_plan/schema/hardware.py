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


@dataclass(frozen=True, slots=True)
class Board:
    """What a board of a GPU type may draw and how hot it may become; None where no public figure is known.

    Attributes
    ----------
    rated_w : float or None
        Thermal design power [W].
    limit_c : float or None
        Highest operating temperature of the GPU, above which its clock is lowered [°C].
    """

    rated_w: float | None = None
    limit_c: float | None = None


BOARDS = {
    "v100": Board(300.0, 83.0),
    "t4": Board(70.0, 85.0),
    "a100": Board(400.0, 85.0),
    "h100": Board(700.0, 87.0),
    "h200": Board(700.0),
    "b200": Board(1000.0),
    "l40s": Board(350.0),
    "l4": Board(72.0),
}
"""By the GPU's name, of the SXM board where there is one; B200 with air cooling (1,200 W with liquid).

Sources: default power limit and "GPU Max Operating Temp" as ``nvidia-smi -q`` prints them in public logs for V100 SXM2, T4, A100 SXM4 and
H100 SXM5; the makers' ratings as Hugging Face's hardware pages repeat them for H200 and L40S; NVIDIA's specifications of B200 and L4.
"""

PCIE_BOARDS = {"v100": Board(250.0, 83.0), "a100": Board(None, 85.0), "h100": Board(350.0), "h200": Board(600.0)}
"""Boards for a slot of those that exist as SXM too; the A100's rating goes by its memory.

Sources: ``nvidia-smi -q`` as above (V100, A100); NVIDIA H100 PCIe product brief PB-11133-001; NVIDIA's specification of the H200 NVL.
"""

STRICTEST_LIMIT_C = min(board.limit_c for board in BOARDS.values() if board.limit_c is not None)
"""Assumed of boards whose limit is not known [°C]."""

NAME_IN_TEXT = re.compile(r"[a-z]+\d+[a-z]*")
SLOT_BOARDS = ("pcie", "nvl")


def board_of(gpu: str | None) -> Board:
    """The board that a name such as ``h100``, ``a100-80gb`` or ``NVIDIA H100 PCIe`` means; an empty one where it is not known."""
    text = (gpu or "").casefold()
    boards = BOARDS | (PCIE_BOARDS if any(word in text for word in SLOT_BOARDS) else {})
    return next((boards[word] for word in NAME_IN_TEXT.findall(text) if word in boards), Board())


def generation_of(gpu: str) -> Generation | None:
    """Generation of a GPU type such as ``h100`` or ``a100-80gb``; None where the name is not known here."""
    return BY_NAME.get(SEPARATOR.split(gpu.lower())[0])
