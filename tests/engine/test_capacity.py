"""Capacity at SLO: the rate found keeps the limits and a little more does not; limits bind as they should."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dynamo_plan.engine import Limits, Router, Serving, Traffic, capacity_at_slo
from dynamo_plan.engine.capacity import STEP
from tests.engine.cases import machine
from tests.engine.test_queues import SERVER, SERVICE_S

MIXED = Traffic(np.array([20, 60, 300]), np.array([30, 10, 5]), np.array([0, 0, 1]))
COUNT = 5_000


def found(
    limits: Limits, traffic: Traffic = MIXED, instances: int = 1, router: Router = Router.LEAST_UNPREFILLED
) -> float:
    return capacity_at_slo(
        machine(kv_tokens=1 << 16),
        2000.0,
        traffic,
        limits,
        Serving(256, 64),
        count=COUNT,
        instances=instances,
        router=router,
    )


@pytest.mark.slow
def test_capacity_of_a_queue_with_constant_service() -> None:
    # M/D/1: P(wait <= 2 S) as known in closed form; the highest rate at which it is 0.99.
    def share(load: float) -> float:
        return (1 - load) * (math.exp(2 * load) - math.exp(load) * load)

    loads = np.arange(0.05, 0.95, 0.001)
    load = loads[np.argmin(np.abs([share(one) - 0.99 for one in loads]))]
    traffic = Traffic(np.array([1000]), np.array([1]), np.array([0]))
    # The service itself comes on top of the wait.
    limits = Limits((3 * SERVICE_S,), 1.0)
    rate = capacity_at_slo(SERVER, 2000.0, traffic, limits, Serving(1 << 18, 1), count=200_000)
    assert rate * SERVICE_S == pytest.approx(load, rel=2 * STEP)


def test_a_stricter_limit_costs_capacity() -> None:
    loose, ttft, tbt, gap = (
        found(limits)
        for limits in (
            Limits((1.0, 2.0), 0.1),
            Limits((0.1, 2.0), 0.1),
            Limits((1.0, 2.0), 0.02),
            Limits((1.0, 2.0), 0.1, gap_s=0.03),
        )
    )
    assert loose > max(ttft, tbt, gap)
    assert min(ttft, tbt) > 0


def test_a_limit_below_an_unloaded_instance_leaves_no_capacity() -> None:
    assert found(Limits((0.001, 2.0), 0.1)) == 0.0


def test_what_no_cache_holds_has_no_capacity() -> None:
    huge = Traffic(np.array([1 << 17]), np.array([1]), np.array([0]))
    assert found(Limits((1e3,), 0.1), huge) == 0.0


def test_more_instances_share_better() -> None:
    limits = Limits((0.15, 0.5), 0.1)
    assert found(limits, instances=4) > found(limits)


def test_a_bucket_without_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="bucket 1 has no limit"):
        found(Limits((1.0,), 0.1))


def test_capacity_where_few_requests_fit_into_the_range_of_time() -> None:
    # Prompts of 100 s that may wait for 20 s: an M/D/1 queue does so with P 0.99 at a load of 1/80, and 5,000 requests would then take
    # longer than the engine can count.
    slow = machine(kv_tokens=1 << 16, prefill_tokens=(1.0, 1000.0), prefill_s=(0.1, 100.0))
    traffic = Traffic(np.array([1000]), np.array([1]), np.array([0]))
    rate = capacity_at_slo(slow, 2000.0, traffic, Limits((120.0,), 1.0), Serving(1000, 64), count=COUNT)
    assert 0.3 < rate * 100.0 * 80.0 < 3.0
