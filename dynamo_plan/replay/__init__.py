"""Requests as they came on instances as they were planned: whether a plan holds.

`run_schedule` takes a `Schedule` (groups of instances from one moment to the next), requests, a `Control` of clocks and a
`QueueManager`, and gives what became of them; `replay_plan` adds the accounts of a verified plan. Another way to run a cluster is
another schedule and control.
"""

from dynamo_plan.replay.calibrate import Mended, calibrate
from dynamo_plan.replay.control import Control, RaiseClock, Watch
from dynamo_plan.replay.queues import QueueManager
from dynamo_plan.replay.replay import Carried, Case, Options, replay_plan
from dynamo_plan.replay.run import Ran, run_schedule
from dynamo_plan.replay.schedule import Schedule
from dynamo_plan.replay.traffic import Arrivals, Predictor

__all__ = [
    "Arrivals",
    "Carried",
    "Case",
    "Control",
    "Mended",
    "Options",
    "Predictor",
    "QueueManager",
    "RaiseClock",
    "Ran",
    "Schedule",
    "Watch",
    "calibrate",
    "replay_plan",
    "run_schedule",
]
