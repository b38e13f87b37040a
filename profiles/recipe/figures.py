"""The figures that the recipe rests on, read from the small tables in ``profiles/llama-2-70b-h100``."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

MS_PER_S = 1e3
BYTES_PER_GB = 1e9

PROFILES = Path(__file__).resolve().parents[1]
LLAMA = PROFILES / "llama-2-70b-h100"

TENSOR_PARALLEL = (2, 4, 8)
FREQUENCIES_MHZ = (800, 900, 1000, 1100, 1200, 1300, 1400, 1500, 1600, 1700, 1800, 1980)
MAX_FREQUENCY_MHZ = 1980
BUCKETS = ("SS", "SM", "SL", "MS", "MM", "ML", "LS", "LM", "LL")


@dataclass(frozen=True, slots=True)
class Instance:
    """One serving instance: ``tp`` GPUs at one clock [MHz]."""

    tp: int
    frequency_mhz: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Constants and measured curves, with the units of ``constants.csv``.

    ``constants`` maps (name, tp) to a value, with tp 0 where the constant holds for every TP. ``prefill_ms`` maps TP
    to (total prompt tokens, median time [ms]) at full clock; ``prefill_power`` is (tokens per GPU, share of TDP).
    """

    constants: Mapping[tuple[str, int], float]
    prefill_ms: Mapping[int, tuple[FloatArray, FloatArray]]
    prefill_power: tuple[FloatArray, FloatArray]

    def value(self, name: str, tp: int = 0) -> float:
        """The constant ``name``, of one TP where it differs by TP.

        Raises
        ------
        KeyError
            If ``constants.csv`` has no such constant.
        """
        return self.constants[name, tp]


def read_table(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV table."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_figures(folder: Path = LLAMA) -> Figures:
    """Read constants, prefill medians and prompt power."""
    constants = {(r["name"], int(r["tp"] or 0)): float(r["value"]) for r in read_table(folder / "constants.csv")}
    measured = read_table(folder / "prefill_time.csv")
    power = read_table(folder / "prefill_power.csv")
    return Figures(
        constants=constants,
        prefill_ms={tp: _by_total_tokens([r for r in measured if int(r["tp"]) == tp]) for tp in TENSOR_PARALLEL},
        prefill_power=(
            np.array([float(r["tokens_per_gpu"]) for r in power]),
            np.array([float(r["share_of_tdp"]) for r in power]),
        ),
    )


def _by_total_tokens(rows: list[dict[str, str]]) -> tuple[FloatArray, FloatArray]:
    """Geometric mean of the medians that share prompt x batch: batched and long prompts lie on one curve."""
    tokens = np.array([int(r["prompt_tokens"]) * int(r["batch"]) for r in rows], dtype=np.float64)
    log_ms = np.log([float(r["prefill_time_ms"]) for r in rows])
    unique = np.unique(tokens)
    return unique, np.exp([log_ms[tokens == t].mean() for t in unique])
