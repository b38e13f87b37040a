r"""Every pool serves its whole mean load within the SLO.

.. math:: \sum_k N_{p,k,t} \, \mu_{p,k,t} \ge \lambda_{p,t}

with :math:`N` instances per kind [1], :math:`\mu` the highest rate one instance can serve within the SLO at its best
clock under the window's mix of buckets [1/s], :math:`\lambda` the mean arrival rate [1/s]. The dispatch then serves
exactly :math:`\lambda`.

Why: a plan that leaves requests out is not cheaper, it is another service. Source: the load constraint of DynamoLLM's
MILP (arXiv 2408.00741, section IV); we add the mix of buckets to the capacity.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.problem import PoolProblem

NAME = "served_demand"

CAPACITY_TOLERANCE = 1e-9
"""Relative; sums of capacities and forecasts carry rounding in the last digits."""


def admits(pool: PoolProblem, window: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether states can serve the mean load; pairs of window (pair,) and state (pair, kind) -> (pair,)."""
    capacity = np.array([[curves.capacity_rps for curves in mix] for mix in pool.mixes]).reshape(len(pool.mixes), -1)
    here = capacity[pool.mix[window]]
    enough = (counts * here).sum(axis=1) >= pool.rate_rps[window] * (1.0 - CAPACITY_TOLERANCE)
    # An instance of a kind without a feasible clock under the window's mix could not even be kept up.
    unusable = ((counts > 0) & (here <= 0.0)).any(axis=1)
    return np.asarray(enough & ~unusable)
