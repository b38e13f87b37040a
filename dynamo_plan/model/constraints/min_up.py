r"""An instance that begins stays up for at least `min_up_s`.

.. math:: \sum_{\tau = t - U + 1}^{t} y_{p,k,\tau} \le N_{p,k,t}, \qquad U = \lceil \text{min\_up\_s} / \Delta \rceil

with :math:`y` the instances of a kind that begin at a window's left edge, started or re-sharded [1], :math:`N` those that run
[1], :math:`\Delta` the window [s]: whatever began within the last :math:`U` windows is still there. Instances that run before the
first window may stop at any time, and what happens after the last window is not the plan's.

Why: an instance that has filled its caches is not thrown away at once, and operators dislike flutter that no cost explains. Only
the compact formulation has these rows: a course's state would have to remember the last :math:`U` windows. Source: minimum up times of
unit commitment in the form of Rajan and Takriti (IBM Research Report RC23628, 2005), summed over equal units.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pulp
from numpy.typing import NDArray

from dynamo_plan.problem import Problem

NAME = "min_up"

Terms = list[tuple[pulp.LpVariable, float]]


def windows_up(problem: Problem) -> int:
    """Windows that an instance stays up at least; 1 is no constraint, because windows are whole."""
    return max(1, math.ceil(problem.transitions.min_up_s / problem.windows.window_s))


def too_short(begun: NDArray[np.int64], counts: NDArray[np.int64], least: int) -> NDArray[np.int64]:
    """Instances that are not up any more although they should be, (window, kind), from those that begin and those that run.

    Parameters
    ----------
    least : int
        Windows that an instance stays up at least.
    """
    total = np.cumsum(begun, axis=0)
    recent = total.copy()
    recent[least:] -= total[:-least]
    return np.asarray(np.maximum(recent - counts, 0))


def add_rows(
    prob: pulp.LpProblem,
    label: str,
    begun: Mapping[int, Sequence[pulp.LpVariable]],
    running: Callable[[int, int, float], Terms],
    windows: int,
    least: int,
) -> None:
    """A row per window and kind of one pool; `begun` holds the instances that begin, by window and kind."""
    for t in range(windows):
        young = [begun[then] for then in range(t - least + 1, t + 1) if then in begun]
        for k in range(len(young[0]) if young else 0):
            terms = [*((own[k], 1.0) for own in young), *running(k, t, -1.0)]
            prob.addConstraint(pulp.lpSum_vars_coefs(terms) <= 0.0, f"{NAME}_{label}_{k}_{t}")
