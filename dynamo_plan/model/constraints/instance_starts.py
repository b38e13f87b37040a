r"""An instance that was not there in the window before is started.

.. math:: \text{starts}_{p,k,t} \ge N_{p,k,t} - N_{p,k,t-1}, \qquad \text{starts} \ge 0, \qquad t \ge 1

The first window's state is free. A start adds `instance_start_wh` to the site's energy in that window, holds the
instance's GPUs for `instance_start_s` before it (GPU-hours), and costs `instance_start_usd`.

Why: without it a plan flutters with every ripple of the forecast. Source: start-up variables of unit commitment; the
dynamic programme of `dynamo_plan.solve.pricing` charges the same amount on its transitions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NAME = "instance_starts"


def start_cost(
    before: NDArray[np.int64], after: NDArray[np.int64], cost_per_start: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Cost of going from one state to another; states (..., kind), cost per start (kind,) -> (...)."""
    started = np.maximum(after - before, 0)
    return np.asarray(started @ cost_per_start, dtype=np.float64)
