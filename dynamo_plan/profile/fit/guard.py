"""How far to stay below a predicted rate: a quantile of the profile's own errors."""

from __future__ import annotations

import numpy as np

from dynamo_plan.profile.fit.held_out import HeldOut, LeftOut
from dynamo_plan.profile.fit.loads import Quantity


def guards(found: list[HeldOut], quantile: float) -> dict[tuple[str, str], float]:
    """Share of the rate to give up [1], by model and kind.

    A prediction that is too high by e is made good by giving up e / (1 + e). Rates predicted too low cost nothing, so that the guard
    is never below 0. A kind whose clocks cannot be left out has none.

    Parameters
    ----------
    quantile : float
        Share of the rows that the guard is to cover [1].
    """
    shares: dict[tuple[str, str], float] = {}
    for one in found:
        if one.left_out is not LeftOut.CLOCK:
            continue
        error = one.error[one.quantities.index(Quantity.RESIDENCE)]
        error = error[~np.isnan(error)]
        if error.size:
            too_high = max(0.0, float(np.quantile(error, quantile)))
            shares[one.model, str(one.kind)] = too_high / (1.0 + too_high)
    return shares
