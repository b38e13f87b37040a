r"""The cheapest way to divide a set of elements into sets of known cost, exactly.

.. math:: F(\emptyset) = 0, \qquad F(M) = \min_{S \subseteq M,\; \min M \in S} \big( c(S) + F(M \setminus S) \big)

Sets are bit masks over the elements. Fixing the set of the lowest element counts every partition once; :math:`3^n` steps.
"""

from __future__ import annotations

import numpy as np

from dynamo_plan.compiled import Floats, Integers, compiled

MOST_ELEMENTS = 16
"""Elements up to which this takes well under a second: 43 million steps."""


def cheapest_partition(cost: Floats) -> tuple[float, tuple[int, ...]]:
    """Least cost of a partition of all elements and its sets, ascending by mask; of equals one with larger first sets.

    Parameters
    ----------
    cost : array, shape (mask,)
        Cost of each set, infinite where it may not be used; entry 0 is not read. Its size is a power of two.
    """
    least, choice = _least_costs(cost)
    mask = cost.size - 1
    sets = []
    while mask:
        sets.append(int(choice[mask]))
        mask ^= sets[-1]
    return float(least[-1]), tuple(sorted(sets))


@compiled
def _least_costs(cost: Floats) -> tuple[Floats, Integers]:
    """Least cost of dividing each mask, and the set with its lowest element in such a division."""
    least = np.full(cost.size, np.inf)
    choice = np.zeros(cost.size, dtype=np.int64)
    least[0] = 0.0
    for mask in range(1, cost.size):
        low = mask & -mask
        rest = mask ^ low
        others = rest
        choice[mask] = low
        while True:
            total = cost[others | low] + least[rest ^ others]
            if total < least[mask]:
                least[mask] = total
                choice[mask] = others | low
            if others == 0:
                break
            others = (others - 1) & rest
    return least, choice
