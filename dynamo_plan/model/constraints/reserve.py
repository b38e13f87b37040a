r"""Instance counts can serve the reserve load at their best SLO-feasible clocks.

.. math:: \sum_k N_{p,k,t} \, \mu^q_{p,k,t} \ge \lambda^q_{p,t}, \qquad \sum_k N_{p,k,t} \ge N^{\min}_p

with :math:`\lambda^q` the forecast's reserve quantile of the arrival rate [1/s] and :math:`\mu^q` the capacity of one
instance under the reserve's mix [1/s]; :math:`N^{\min}` instances are kept up even without load.

Why: clocks follow load within seconds, counts do not. So counts are sized for a quantile, energy is counted at the
mean. Source: spinning reserve in unit commitment; the choice of quantile is the scenario's (`reserve_quantile`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.model.constraints.served_demand import CAPACITY_TOLERANCE
from dynamo_plan.problem import PoolProblem

NAME = "reserve"


def admits(pool: PoolProblem, window: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether states can serve the reserve load; pairs of window (pair,) and state (pair, kind) -> (pair,)."""
    able = (counts * pool.reserve_capacity_rps[window]).sum(axis=1)
    enough = able >= pool.reserve_rate_rps[window] * (1.0 - CAPACITY_TOLERANCE)
    return np.asarray(enough & (counts.sum(axis=1) >= pool.min_instances))
