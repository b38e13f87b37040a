"""Plans of this planner as systems to compare.

Clocks between a plan's windows are the same manager's as in the paper's systems: a plan's own are those of its forecast.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.compare.case import Case
from dynamo_plan.compare.clock_manager import with_instance_manager
from dynamo_plan.compare.system import CannotRunError, Decision
from dynamo_plan.errors import PlanError
from dynamo_plan.planner import plan_scenario
from dynamo_plan.replay.schedule import Schedule
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.units import PERCENT_PER_ONE

LEAST_SHOWN = 0.001
"""Gap below which it is not told in more digits [%]."""


def planned(case: Case, inputs: Inputs) -> Decision:
    """The plan on some inputs, and how it is carried out.

    Raises
    ------
    CannotRunError
        There is none that can be verified.
    """
    try:
        run = plan_scenario(inputs)
    except PlanError as error:
        raise CannotRunError(error.faults[0].what) from error
    if run.findings:
        raise CannotRunError(f"the verifier objects to the plan: {run.findings[0].what}")
    plan = run.plan
    held: dict[tuple[str, str], NDArray[np.int64]] = {
        (server.site, server.gpu): np.array(server.gpus_in_use, dtype=np.int64) for server in plan.servers
    }
    schedule = Schedule.of_plan(plan, 0, plan.windows, frozenset(case.buckets))
    gap = PERCENT_PER_ONE * plan.certificate.gap
    distance = f"{gap:.2g} %" if gap >= LEAST_SHOWN else f"{LEAST_SHOWN} %"
    notes = [f"The plan is within {distance} of the best by its own numbers."]
    notes += [f"It breaks {one.constraint} at {one.where}: {one.mend}" for one in plan.violations]
    return with_instance_manager(case, Decision(schedule, held, notes=tuple(notes), plan=plan))
