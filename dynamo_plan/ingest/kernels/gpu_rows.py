"""Which GPUs rows are of, and whether the rows of each are in the order of their times."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.compiled import Integers, compiled_in_place


@compiled_in_place
def mark_used(gpu: NDArray[np.int16], is_used: NDArray[np.bool_]) -> None:
    """Mark the GPUs (gpu,) that have a row; NumPy would make 64-bit indices of all rows first."""
    for row in range(gpu.size):
        is_used[gpu[row]] = True


@compiled_in_place
def rises(gpu: NDArray[np.int16], time_us: Integers, latest_us: Integers) -> bool:
    """Whether every GPU's times rise from row to row; `latest_us` (gpu,) is where its last one is kept, the least number at first."""
    for row in range(gpu.size):
        if time_us[row] <= latest_us[gpu[row]]:
            return False
        latest_us[gpu[row]] = time_us[row]
    return True
