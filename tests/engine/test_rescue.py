"""Queues that are looked after, by hand: one request a time, each 10 ms."""

from __future__ import annotations

import numpy as np
import pytest

from dynamo_plan.engine import Cluster, Outcome, PoolPlan, Router, Serving, Setting, Wait
from dynamo_plan.engine.tables import NOBODY
from dynamo_plan.schema.engine_model import EngineModel
from dynamo_plan.schema.requests import Requests

STEP_S = 0.010


def server() -> EngineModel:
    """16 prompt tokens take 10 ms, whatever else."""
    two = np.ones((2, 1))
    return EngineModel(
        name="server",
        frequency_mhz=np.array([1000.0, 2000.0]),
        batch=np.array([0.0, 1.0]),
        iteration_s=two * np.array([0.0, STEP_S]),
        context_s=np.zeros((2, 2)),
        prefill_tokens=np.array([16.0]),
        prefill_s=two * np.array([STEP_S]),
        overhead_s=np.zeros(2),
        attention_s=np.zeros(2),
        idle_power_w=np.full(2, 100.0),
        decode_power_w=np.full((2, 2), 200.0),
        prefill_power_w=np.full((2, 1), 300.0),
        host_power_w=0.0,
        kv_tokens=4096,
    )


def serve(
    arrival_s: list[float], buckets: list[int], waits: list[Wait], pools: list[PoolPlan], pool: list[int] | None = None
) -> Outcome:
    """Requests with prompts of 16 tokens and one token of answer."""
    count = len(buckets)
    asked = Requests.at(np.array(arrival_s), np.full(count, 16), np.ones(count, dtype=np.int64), np.array(buckets))
    settings = [Setting(server(), 2000.0, Serving(16, 1, prefill_first=True))]
    cluster = Cluster(settings, pools, asked, np.array(pool or [0] * count), waits=waits)
    cluster.advance()
    return cluster.finish()


def ends_ms(found: Outcome) -> list[int]:
    """When each request had its token [ms]; 0 for none."""
    return [max(round(time / 1e9), 0) for time in found.first_token_ps.tolist()]


def test_urgent_requests_go_first_and_late_ones_last() -> None:
    # Bucket 0 is due after 1 s, bucket 1 after 60 ms, bucket 2 after 2 ms. The last one, at 5 ms, would end at 70 ms, and brings it about.
    arrival_s = [0.0, 0.001, 0.001, 0.001, 0.002, 0.003, 0.005]
    buckets = [0, 0, 2, 0, 1, 0, 1]
    waits = [Wait(1.0), Wait(0.060), Wait(0.002)]
    tended, not_tended = (serve(arrival_s, buckets, waits, [PoolPlan((0,), 1, is_tended=one)]) for one in (True, False))
    assert ends_ms(not_tended) == [10, 20, 30, 40, 50, 60, 70]
    assert ends_ms(tended) == [10, 40, 70, 50, 20, 60, 30]


def test_a_request_that_would_be_late_goes_where_it_is_not() -> None:
    pools = [PoolPlan((0,), 1, is_tended=True, move_to=1), PoolPlan((0,), 1)]
    found = serve([0.0] * 7, [0] * 7, [Wait(0.045)], pools)
    # Four are processed within 45 ms, the others in the larger pool.
    assert found.moved == 3
    assert ends_ms(found) == [10, 20, 30, 40, 10, 20, 30]
    assert found.instance.tolist() == [0, 0, 0, 0, 1, 1, 1]


def test_a_request_that_is_late_everywhere_goes_where_it_is_less_so() -> None:
    pools = [PoolPlan((0,), 1, spill_to=1, is_tended=True), PoolPlan((0,), 1, spill_to=0)]
    found = serve([0.0] * 4, [0] * 4, [Wait(0.001)], pools)
    assert sorted(ends_ms(found)) == [10, 10, 20, 20]
    assert sorted(found.instance.tolist()) == [0, 0, 1, 1]


def test_what_has_timed_out_is_given_up_when_another_would_be_late() -> None:
    pools = [PoolPlan((0,), 1, is_tended=True)]
    # The third has waited since 0 when the fourth comes at 15 ms, and 14 ms is its timeout.
    found = serve([0.0, 0.0, 0.0, 0.015], [0, 0, 0, 0], [Wait(0.012, 0.014)], pools)
    assert ends_ms(found) == [10, 20, 0, 30]
    assert found.squashed == 1
    assert found.instance.tolist() == [0, 0, NOBODY, 0]


@pytest.mark.parametrize("waits", [[], [Wait()], [Wait(10.0, 1.0)]])
def test_nothing_happens_before_a_request_would_be_late(waits: list[Wait]) -> None:
    pools = [[PoolPlan((0, 0), 2, Router.ROUND_ROBIN, is_tended=one)] for one in (True, False)]
    tended, not_tended = (serve([0.0] * 9, [0] * 9, waits, own) for own in pools)
    assert ends_ms(tended) == ends_ms(not_tended)
    assert (tended.moved, tended.squashed) == (0, 0)


def test_a_timeout_beyond_the_range_of_time_never_comes() -> None:
    late = 4e6
    found = serve([late, late], [0, 0], [Wait(1.0, 9e6)], [PoolPlan((0,), 1, is_tended=True)])
    assert (found.squashed, bool(found.is_served.all())) == (0, True)


def test_pools_of_a_closed_loop_are_not_tended() -> None:
    asked = Requests.at(np.zeros(2), [16, 16], [1, 1])
    settings = [Setting(server(), 2000.0, Serving(16, 1))]
    with pytest.raises(ValueError, match="closed loop"):
        Cluster(settings, [PoolPlan((0,), 1, is_tended=True)], asked, loop=1)
