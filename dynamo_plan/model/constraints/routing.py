r"""Where a service's routing is free, any share of a bucket may go to any kind that keeps the bucket's SLO.

.. math::
   \sum_{k,f} x_{b,k,f,t} = \lambda_{b,t}, \qquad
   \sum_b x_{b,k,f,t} / \mu_{k,f,b} \le (1 - \delta_{k,f}) \, N_{k,f,t}, \qquad x \ge 0, \quad N \in \{0, 1, 2, \ldots\}

with :math:`x` the rate of bucket :math:`b` at instances of kind :math:`k` and clock :math:`f` [1/s], :math:`\lambda` its arrival
rate [1/s], :math:`\mu` the capacity of one instance for that bucket alone [1/s], :math:`\delta` the mixing derate of all the
pool's input classes and :math:`N` instances. The same rows hold for the reserve rates :math:`\lambda^q` with other shares and
clocks and the same :math:`\sum_f N_{k,f,t}`, which must be at least :math:`N^{\min}`.

Why: short requests are served cheapest on one GPU type and long ones on another, so a router that knows the buckets needs fewer
or cheaper GPUs than one that spreads every bucket evenly. Only the compact formulation has these rows: at the prices of site
quantities alone a routed pool is no shortest path over few states. Source: the GPU allocation problem of Mélange (arXiv
2404.14527), which is this with one window, one clock, a price per GPU and every bucket cut into equal slices; here shares are
continuous.

The power of a group is read off the measured curves like any other: load spread evenly over the group's instances, for its own mix
of buckets. The rows charge a straight line that lies under these curves, so the bound holds for every plan; the plan is charged what
its groups draw, and the gap that is left is stated.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pulp
from numpy.typing import NDArray

from dynamo_plan.problem import RoutedMode

NAME = "routing"

Shares = dict[tuple[int, int], pulp.LpVariable]
"""Share of a bucket's rate that goes to a mode [1], by bucket and mode; only where the bucket has load and the mode can serve it."""


def add_shares(prob: pulp.LpProblem, modes: Sequence[RoutedMode], rate_rps: NDArray[np.float64], label: str) -> Shares:
    """Variables for the shares of one window, rates (bucket,) [1/s], and a row per bucket with load that makes them whole.

    Shares and not rates, so that a solver's absolute tolerance means the same for rare and for frequent requests.
    """
    shares: Shares = {}
    for b in np.flatnonzero(rate_rps > 0).tolist():
        own = {
            (b, m): prob.add_variable(f"share_{label}_{b}_{m}", lowBound=0.0)
            for m, mode in enumerate(modes)
            if mode.curves[b] is not None
        }
        prob.addConstraint(pulp.lpSum_vars(list(own.values())) == 1.0, f"{NAME}_{label}_bucket_{b}")
        shares |= own
    return shares


def add_capacity(
    prob: pulp.LpProblem,
    mode: RoutedMode,
    used: Sequence[tuple[pulp.LpVariable, float]],
    instances: Sequence[pulp.LpVariable],
    label: str,
) -> None:
    """A row that keeps a mode's load within the capacity of its instances; `used` are shares with what a whole one takes [1]."""
    room = [(variable, -mode.limit) for variable in instances]
    prob.addConstraint(pulp.lpSum_vars_coefs([*used, *room]) <= 0.0, f"{NAME}_{label}_capacity")
