"""ScaleFreq: as MultiPool, the clocks of instances set every few seconds. Source: DynamoLLM, section V."""

from __future__ import annotations

from dynamo_plan.compare.case import Case
from dynamo_plan.compare.clock_manager import with_instance_manager
from dynamo_plan.compare.system import Decision
from dynamo_plan.compare.systems import multi_pool

NAME = "scale-freq"
MEANING = (
    "As multi-pool, with each pool's clock set every 5 s to the one of least power that carries the load that comes"
)


def decide(case: Case) -> Decision:
    """MultiPool's nodes, their clocks free."""
    return with_instance_manager(case, multi_pool.decide(case))
