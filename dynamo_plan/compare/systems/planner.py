"""The planner of this project on the scenario's forecast: its plan as it would be handed over."""

from __future__ import annotations

from dynamo_plan.compare.case import Case
from dynamo_plan.compare.planned import planned
from dynamo_plan.compare.system import Decision

NAME = "planner"
MEANING = "This planner on the scenario's forecast: instances and shards as planned, clocks by the same 5 s manager"


def decide(case: Case) -> Decision:
    """The plan on the forecast."""
    return planned(case, case.inputs)
