"""Two requests on one instance, worked by hand; what commands do to instances; what cannot be served."""

from __future__ import annotations

import numpy as np
import pytest

from dynamo_plan.engine import Action, Cluster, Order, PoolPlan, Serving, Setting, simulate, simulate_closed_loop
from dynamo_plan.engine.tables import NOBODY
from dynamo_plan.schema.requests import Requests
from tests.engine.cases import machine

PS_PER_MS = 10**9

# 10, 12, 14 ms for batch 0, 1, 2 and 1 us per cached token; 0.1 ms per prompt token, 1 ms for any, 0.1 us per pair with a cached one.
WORKED = machine(
    batch=(0.0, 1.0, 2.0),
    iteration_s=(0.010, 0.012, 0.014),
    context_s=1e-6,
    prefill_tokens=(1.0, 101.0),
    prefill_s=(0.0001, 0.0101),
    overhead_s=0.001,
    attention_s=1e-7,
)


def test_two_requests() -> None:
    # A, 100 tokens in and 3 out, at 0; B, 10 in and 2 out, at 20 ms; iterations of 64 tokens.
    found = simulate(WORKED, 2000.0, Requests.at([0.0, 0.020], [100, 10], [3, 2]), Serving(64, 4), gap_limit_s=0.0141)
    one = 10 + 1 + 6.4  # 64 tokens of A
    two = one + 10 + 1 + 3.6 + 36 * 64 * 1e-4  # its other 36 behind 64 cached ones
    three = two + 12 + 0.1 + 1 + 1.0  # A decodes with 100 tokens cached, all of B is prefilled
    four = three + 14 + 0.111  # both decode, 101 and 10 cached
    assert (found.first_token_ps / PS_PER_MS).tolist() == pytest.approx([two, three], abs=1e-9)
    assert (found.end_ps / PS_PER_MS).tolist() == pytest.approx([four, four], abs=1e-9)
    assert found.ttft_s[1] == pytest.approx((three - 20) / 1e3)
    assert found.tbt_s.tolist() == pytest.approx([(four - two) / 2e3, (four - three) / 1e3])
    assert found.late_gaps.tolist() == [1, 1]  # 14.1 ms is not above 14.1 ms, 14.111 ms is
    assert found.gap_quantile_s(1.0) == pytest.approx(0.014111, rel=0.02)
    # Power: 110, 205, 300 W for decode of 0, 1, 2 requests; 200 to 600 W over 1 to 101 prompt tokens.
    decode_w, prefill_w = (110.0, 205.0, 300.0), {count: 200.0 + 4.0 * (count - 1) for count in (64, 36, 10)}
    energy = one * prefill_w[64] + (two - one) * prefill_w[36] + 12.1 * decode_w[1] + 2.0 * prefill_w[10]
    energy += 14.111 * decode_w[2]
    assert found.energy_j.sum() == pytest.approx(energy / 1e3, rel=1e-12)
    assert found.host_energy_j.sum() == pytest.approx(four / 1e3 * 200.0, rel=1e-12)


def test_prefill_first_makes_decodes_wait() -> None:
    # A's second token waits for the whole of B's prompt, and the gap says so.
    found = simulate(WORKED, 2000.0, Requests.at([0.0, 0.005], [10, 100], [2, 1]), Serving(64, 4, prefill_first=True))
    first = 10 + 1 + 1
    second = first + 10 + 1 + 10
    assert (found.first_token_ps / PS_PER_MS).tolist() == pytest.approx([first, second])
    assert found.end_ps[0] / PS_PER_MS == pytest.approx(second + 12 + 0.01)
    assert found.gap_quantile_s(1.0) == pytest.approx((second - first + 12.01) / 1e3, rel=0.02)


def test_idle_time_is_drawn_in_its_bins() -> None:
    pool = PoolPlan((0,), 1)
    cluster = Cluster([Setting(WORKED, 2000.0)], [pool], Requests.at([2.5], [1], [1]), bin_s=1.0, bins=4)
    cluster.advance()
    found = cluster.finish(5.0)
    busy = 0.010 + 0.001 + 0.0001
    assert found.energy_j[0, :2].tolist() == pytest.approx([100.0, 100.0])
    assert found.energy_j[0, 2] == pytest.approx((1 - busy) * 100.0 + busy * 200.0)
    assert found.energy_j[0, 3] == pytest.approx(200.0)  # the last bin holds what is later
    assert found.on_s[0].tolist() == [1.0, 1.0, 1.0, 2.0]


def clustered(orders: list[Order], opened: int = 1, end_s: float = 1.0) -> tuple[list[int], list[float], float]:
    """Instances that served three requests, their TTFT [ms] and the time switched on [s]."""
    settings = [Setting(WORKED, 2000.0, Serving(64, 1)), Setting(WORKED, 1000.0, Serving(64, 1))]
    cluster = Cluster(settings, [PoolPlan((0, 0), opened)], Requests.at([0.0, 0.001, 0.002], 10, 20))
    cluster.advance(None, orders)
    found = cluster.finish(end_s)
    return found.instance.tolist(), np.round(found.ttft_s * 1e3, 6).tolist(), float(found.on_s.sum())


def test_a_started_instance_serves_from_when_it_opens_and_draws_from_before() -> None:
    served, ttft_ms, on_s = clustered([Order(0.0, Action.SWITCH_ON, 1), Order(0.0015, Action.OPEN, 1)])
    assert served == [0, 0, 1]
    assert ttft_ms[2] == 12.0
    assert on_s == 2.0


def test_a_drained_instance_hands_its_queue_over_and_goes_off_when_it_is_empty() -> None:
    orders = [Order(0.0, Action.SWITCH_ON, 1), Order(0.1, Action.OPEN, 1), Order(0.1, Action.DRAIN, 0)]
    served, ttft_ms, on_s = clustered(orders)
    assert served == [0, 1, 1]
    assert ttft_ms[1] == 111.0  # from 1 to 112 ms
    assert on_s == pytest.approx(1.0 + 0.012 + sum(0.012 + 1e-6 * (10 + step) for step in range(19)))


def test_a_stopped_instance_gives_its_requests_back() -> None:
    orders = [Order(0.0, Action.SWITCH_ON, 1), Order(0.1, Action.OPEN, 1), Order(0.1, Action.STOP, 0)]
    served, ttft_ms, _ = clustered(orders)
    assert served == [1, 1, 1]
    assert ttft_ms[0] == 12.0  # the first token was out


def test_requests_wait_until_an_instance_opens() -> None:
    served, ttft_ms, _ = clustered([Order(0.0, Action.SWITCH_ON, 0), Order(0.5, Action.OPEN, 0)], opened=0)
    assert served == [0, 0, 0]
    assert ttft_ms[0] == 512.0


def test_a_clock_holds_from_the_next_boundary() -> None:
    _, before, _ = clustered([])
    _, after, _ = clustered([Order(0.013, Action.SET, 0, 1)])
    # Of 19 decode iterations of the first request one is under way; the others, and the prefill behind them, take half as long again.
    assert after[0] == before[0]
    late = sum(12.0 + 1e-3 * (10 + step) for step in range(1, 19)) + 12.0
    assert after[1] - before[1] == pytest.approx(late / 2)


def test_an_order_for_no_instance_is_refused() -> None:
    with pytest.raises(ValueError, match="no such one"):
        clustered([Order(0.0, Action.OPEN, 7)])


def test_what_the_cache_cannot_hold_is_rejected_and_counted() -> None:
    small = machine(kv_tokens=64)
    found = simulate(small, 2000.0, Requests.at([0.0, 0.0], [50, 50], [16, 15]))
    assert found.rejected == 1
    assert found.is_served.tolist() == [False, True]
    assert np.isnan(found.ttft_s[0])
    assert found.instance.tolist() == [NOBODY, 0]
    with pytest.raises(ValueError, match="larger than the KV cache of 64 tokens"):
        simulate_closed_loop(small, 2000.0, np.array([50, 50, 50]), np.array([16, 16, 16]), 1)


def test_a_zero_output_is_served_as_prefill_only() -> None:
    found = simulate(WORKED, 2000.0, Requests.at([0.0], [10], [0]))
    assert found.zero_outputs == 1
    assert found.end_ps[0] == found.first_token_ps[0] == 12 * PS_PER_MS
    assert np.isnan(found.tbt_s[0])


def test_a_run_is_repeatable() -> None:
    random = np.random.default_rng(3)
    requests = Requests.at(
        np.cumsum(random.exponential(0.05, 500)), random.integers(1, 200, 500), random.integers(0, 50, 500)
    )
    one, other = (simulate(machine(), 1500.0, requests) for _ in range(2))
    np.testing.assert_array_equal(one.end_ps, other.end_ps)
    np.testing.assert_array_equal(one.energy_j, other.energy_j)


def test_no_requests_are_no_fault() -> None:
    found = simulate(machine(), 2000.0, Requests.at(np.zeros(0), 1, 1))
    assert len(found.requests) == 0
    assert np.isnan(found.gap_quantile_s(0.5))
