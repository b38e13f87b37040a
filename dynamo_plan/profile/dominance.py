"""Operating points worth considering: none that another beats in both throughput and energy.

Source: the observation of "Towards Greener LLMs" (arXiv 2403.20306) that a middle clock gives about the same
throughput at less energy, while a low clock can cost more energy at less throughput.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.profile.curve import OperatingCurve


def worth_running(curves: tuple[OperatingCurve, ...]) -> tuple[OperatingCurve, ...]:
    """Clocks that no other clock of the same kind matches in capacity and in energy per request at capacity."""
    capacity = np.array([curve.capacity_rps for curve in curves])
    energy_j = np.array([float(curve.power_w[-1]) for curve in curves]) / capacity
    return tuple(curves[index] for index in undominated(capacity, energy_j))


def undominated(throughput: NDArray[np.float64], energy: NDArray[np.float64]) -> NDArray[np.int64]:
    """Indices of points that no other point matches or beats in throughput (more) and energy per unit of work (less).

    Parameters
    ----------
    throughput : array, shape (point,)
        Work per time [any unit].
    energy : array, shape (point,)
        Energy per unit of work [any unit].

    Returns
    -------
    array of int
        Ascending in throughput; of identical points the first is kept.
    """
    order = np.lexsort((np.arange(throughput.size), energy, -throughput))
    kept: list[int] = []
    least = np.inf
    for index in order:
        if energy[index] < least:
            kept.append(int(index))
            least = float(energy[index])
    return np.array(kept[::-1], dtype=np.int64)
