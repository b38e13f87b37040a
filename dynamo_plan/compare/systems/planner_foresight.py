"""The planner of this project with perfect foresight: its plan on the mean rates that come in each window, and no reserve beyond them."""

from __future__ import annotations

from dynamo_plan.compare.case import Case
from dynamo_plan.compare.planned import planned
from dynamo_plan.compare.system import Decision

NAME = "planner-foresight"
MEANING = "This planner knowing the mean rate of every window: instances and shards as planned, clocks by the same 5 s manager"


def decide(case: Case) -> Decision:
    """The plan on what comes."""
    return planned(case, case.foresight)
