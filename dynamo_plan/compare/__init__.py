"""The paper's systems and this planner on the same requests, machine and accounts.

A system decides what runs when (`Decision`: a schedule, GPUs held, a control of clocks); `replay` carries it out; `accounts` counts all
alike. Adding a system is adding a module to `dynamo_plan.compare.systems`.
"""

from dynamo_plan.compare.compare import CompareOptions, compare_systems
from dynamo_plan.compare.systems import SYSTEMS

__all__ = ["SYSTEMS", "CompareOptions", "compare_systems"]
