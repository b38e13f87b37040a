"""One serving instance with continuous batching, and pools of them behind routers; used by profile and replay, knows neither."""

from dynamo_plan.engine.capacity import Limits, Traffic, capacity_at_slo
from dynamo_plan.engine.cluster import Cluster, Order, PoolPlan, Wait
from dynamo_plan.engine.instance import simulate, simulate_closed_loop
from dynamo_plan.engine.outcome import Outcome
from dynamo_plan.engine.settings import Serving, Setting
from dynamo_plan.engine.tables import Action, Router

__all__ = [
    "Action",
    "Cluster",
    "Limits",
    "Order",
    "Outcome",
    "PoolPlan",
    "Router",
    "Serving",
    "Setting",
    "Traffic",
    "Wait",
    "capacity_at_slo",
    "simulate",
    "simulate_closed_loop",
]
