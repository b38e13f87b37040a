"""dynamo-plan: offline configuration optimizer and planning CLI for LLM inference clusters.

Names are imported on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dynamo_plan.assemble import assemble
    from dynamo_plan.errors import InputError, PlanError
    from dynamo_plan.ingest import read_inputs
    from dynamo_plan.planner import plan_scenario
    from dynamo_plan.problem import Problem
    from dynamo_plan.schema.plan import Plan
    from dynamo_plan.schema.scenario import Scenario
    from dynamo_plan.verify import verify

__version__ = "0.1.0"

_HOMES = {
    "InputError": "errors",
    "Plan": "schema.plan",
    "PlanError": "errors",
    "Problem": "problem",
    "Scenario": "schema.scenario",
    "assemble": "assemble",
    "plan_scenario": "planner",
    "read_inputs": "ingest",
    "verify": "verify",
}

__all__ = [
    "InputError",
    "Plan",
    "PlanError",
    "Problem",
    "Scenario",
    "__version__",
    "assemble",
    "plan_scenario",
    "read_inputs",
    "verify",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
