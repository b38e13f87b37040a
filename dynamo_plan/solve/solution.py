"""What a solve ends with: courses, their value, and the proven bound."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dynamo_plan.model.quantities import SiteVector
from dynamo_plan.solve.courses import Course
from dynamo_plan.solve.highs import SolveStatus

ROUNDING = 1e-10
"""Relative; a plan and a bound that differ by less have met: sums over thousands of windows round in these digits."""


@dataclass(frozen=True, slots=True)
class Solution:
    """Courses of all pools with the value of the whole plan and the proven bound [objective].

    ``prices``: of site quantities, at which the bound was found; None from a method that has none. ``interrupted``: somebody
    would not wait for more.
    """

    status: SolveStatus
    courses: list[Course]
    objective: float
    bound: float
    method: str
    proof: str
    prices: SiteVector | None = None
    interrupted: bool = False


def relative_gap(objective: float, bound: float) -> float:
    """Gap between a plan's value and a bound, relative to the larger; 0 if they meet or cross by rounding."""
    if not (math.isfinite(objective) and math.isfinite(bound)):
        return math.inf
    scale = max(abs(objective), abs(bound))
    gap = (objective - bound) / scale if scale > 0 else 0.0
    return gap if gap > ROUNDING else 0.0
