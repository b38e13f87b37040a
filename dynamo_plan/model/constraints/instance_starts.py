r"""An instance that was not there in the window before is started.

.. math:: \text{starts}_{p,k,t} \ge N_{p,k,t} - N_{p,k,t-1}, \qquad \text{starts} \ge 0

A start adds `instance_start_wh` to the site's energy in that window, holds the instance's GPUs for `instance_start_s`
before it (GPU-hours), and costs `instance_start_usd`.

The ends of the horizon: :math:`N_{p,k,-1}` is what the scenario's `initial` says runs just before the first window; without
it the first window's state is free, and nothing starts in it. With `transitions.ending: as-started` the last window is
charged what it takes to get from its state back to the initial one, :math:`(N_{p,k,-1} - N_{p,k,T-1})^+` starts; with
`free` the end owes nothing. Where the scenario gives `reshard_wh`, an instance that takes over GPUs freed at the same edge is
no start: see `resharding`.

Why: without it a plan flutters with every ripple of the forecast. Source: start-up variables of unit commitment; the
dynamic programme of `dynamo_plan.solve.pricing` charges the same amount on its transitions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.model.constraints.resharding import resharded
from dynamo_plan.schema.kind import Kind

NAME = "instance_starts"


def start_cost(
    before: NDArray[np.int64],
    after: NDArray[np.int64],
    cost_per_start: NDArray[np.float64],
    kinds: Sequence[Kind] = (),
    saved_per_reshard: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Cost of going from one state to another; states (..., kind), cost per start (kind,) -> (...).

    Parameters
    ----------
    kinds, saved_per_reshard
        Where re-shards are told from starts: the pool's kinds, and what one of each saves of the cost of a start (kind,).
    """
    cost = np.asarray(np.maximum(after - before, 0) @ cost_per_start, dtype=np.float64)
    if saved_per_reshard is None:
        return cost
    return np.asarray(cost - resharded(before, after, kinds) @ saved_per_reshard, dtype=np.float64)
