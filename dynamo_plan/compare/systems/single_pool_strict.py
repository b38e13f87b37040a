"""SinglePool sized strictly: nodes enough that every class keeps its own SLO although all share them."""

from __future__ import annotations

from dynamo_plan.compare.case import Case
from dynamo_plan.compare.system import Decision
from dynamo_plan.compare.systems.single_pool import one_pool

NAME = "single-pool-strict"
MEANING = "As single-pool, with nodes enough that every class keeps its own SLO in the mix"


def decide(case: Case) -> Decision:
    """One pool per service."""
    return one_pool(case, strict=True)
