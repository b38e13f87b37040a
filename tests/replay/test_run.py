"""Schedules carried out on the engine: by hand, and what must hold of every run."""

from __future__ import annotations

import numpy as np
import pytest

from dynamo_plan.engine import Router
from dynamo_plan.replay import Arrivals, Predictor, RaiseClock, Ran, Schedule, run_schedule
from dynamo_plan.replay.run import Promise, step_of
from tests.replay.cases import ENGINES, GRID, LARGE, SERVICE, SMALL, arrivals, grid, group, many, schedule

PROMISES = {(SERVICE, bucket.name): Promise(200.0, 50.0) for bucket in GRID}


def run(made: Schedule, came: dict[str, Arrivals], **options: object) -> Ran:
    return run_schedule(made, came, grid(), ENGINES, PROMISES, **options)  # type: ignore[arg-type]


def test_two_requests_on_one_instance_by_hand() -> None:
    """100 prompt tokens take 10 ms, one with 50 tokens 5 ms, any iteration 10 ms; at work 300 W, else 100 W."""
    ran = run(schedule([group("all", 1)]), arrivals([(0.0, 100, 3), (1.0, 50, 1)]))
    np.testing.assert_allclose(ran.outcome.ttft_s, [0.020, 0.015], rtol=1e-12)
    np.testing.assert_allclose(ran.outcome.latency_s, [0.040, 0.015], rtol=1e-12)
    busy_s = 0.040 + 0.015
    assert ran.outcome.energy_j[0, 0] == pytest.approx(300 * busy_s + 100 * (10 - busy_s), rel=1e-12)
    assert [ran.traffic.buckets[number][1].name for number in ran.traffic.requests.bucket] == ["LS", "SS"]


def test_a_slower_clock_from_the_second_window_on() -> None:
    """The clock is set 80 ms into the window: at 1 s all is twice as slow, and draws 0.6 of the power."""
    made = schedule([group("all", 1)], [group("all", 1, clock=1000.0)])
    ran = run(made, arrivals([(1.0, 100, 1), (11.0, 100, 1)]))
    np.testing.assert_allclose(ran.outcome.ttft_s, [0.020, 0.040], rtol=1e-12)
    assert ran.outcome.energy_j[0, 1] == pytest.approx(100 * 0.08 + 60 * (9.92 - 0.04) + 180 * 0.04, rel=1e-9)
    assert ran.clock_mhz.tolist() == [[2000.0], [1000.0]]


def test_an_instance_that_ends_finishes_what_it_began() -> None:
    """Two requests of 1,000 tokens begin on an instance each just before the edge; the second instance drains."""
    made = schedule([group("all", 2)], [group("all", 1)])
    ran = run(made, arrivals([(9.9, 10, 1000), (9.9, 10, 1000), (10.5, 10, 2)]))
    assert ran.outcome.is_served.all()
    assert ran.outcome.instance.tolist() == [0, 1, 0]
    # 11 ms of prefill and 999 iterations after 9.9 s: until then both are on, then one alone for the rest of the two windows.
    assert ran.outcome.on_s.sum() == pytest.approx(20.0 + 9.9 + 0.011 + 9.99, rel=1e-9)


def test_a_pool_that_ends_serves_its_queue() -> None:
    """Requests that wait when the last instance of a pool ends are not handed to nobody; it goes off with the last of them."""
    made = schedule([group("LL", 1), group("SS", 1)], [group("SS", 1)], pools=("SS", "LL"))
    ran = run(made, arrivals([(9.999 + 1e-6 * n, 2000, 20) for n in range(10)]))
    assert ran.outcome.is_served.all()
    assert set(ran.outcome.instance.tolist()) == {1}
    assert ran.outcome.on_s[1].sum() == pytest.approx(ran.outcome.end_ps.max() * 1e-12, rel=1e-12)


def test_buckets_go_to_their_pools_and_without_instances_to_a_larger_one() -> None:
    made = schedule([group("SS", 1), group("LL", 2)], [group("LL", 2)], pools=("SS", "LL"))
    ran = run(made, arrivals([(1.0, 10, 2), (2.0, 200, 20), (11.0, 10, 2), (12.0, 10, 20)]))
    assert ran.traffic.lane.tolist() == [0, 1, 1, 1]
    assert ran.traffic.elsewhere == 2


def test_kinds_share_a_pool_as_planned() -> None:
    """Three quarters to one kind, as its planned rates are; four standard deviations are 110 of 4,000."""
    made = schedule([group("all", 1, rate=1.0), group("all", 1, kind=LARGE, rate=3.0)])
    ran = run(made, arrivals([(0.002 * n, 10, 2) for n in range(4000)]))
    assert abs(int((ran.traffic.lane == 1).sum()) - 3000) <= 110


def test_free_routing_sends_each_bucket_where_the_plan_says() -> None:
    rates = {SMALL: (1.0, 1.0, 0.0, 0.0), LARGE: (0.0, 0.0, 1.0, 1.0)}
    made = schedule([group("all", 1, kind=kind, rate=2.0, bucket_rates_rps=own) for kind, own in rates.items()])
    ran = run(made, arrivals([(1.0, 10, 2), (2.0, 200, 2), (3.0, 10, 20), (4.0, 200, 20)]))
    assert ran.traffic.lane.tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("accuracy", [0.0, 0.6, 1.0])
def test_a_predictor_is_wrong_as_often_as_it_says(accuracy: float) -> None:
    made = schedule([group(name, 1) for name in ("SS", "SL", "LS", "LL")], pools=("SS", "SL", "LS", "LL"), length_s=300)
    ran = run(made, many(4000, 300.0), predictor=Predictor(accuracy, 5))
    assert ran.traffic.mispredicted == pytest.approx(4000 * (1 - accuracy), abs=120)
    assert int((ran.traffic.lane != ran.traffic.requests.bucket).sum()) == ran.traffic.mispredicted


@pytest.mark.parametrize("router", list(Router))
def test_every_request_is_served_rejected_or_left_out(router: Router) -> None:
    made = schedule(
        [group("all", 2), group("all", 1, kind=LARGE)],
        [group("all", 1, clock=1000.0)],
        [group("all", 3)],
        length_s=100.0,
    )
    rows = [(float(n) / 10, 10 + n % 300, n % 25) for n in range(3000)]
    rows[7] = (0.7, 5000, 3)  # larger than any cache
    ran = run(made, arrivals(rows), router=router)
    assert ran.traffic.left_out.without_output == 120
    assert len(ran.traffic.requests) == 2880
    assert (int(ran.outcome.is_served.sum()), ran.outcome.rejected) == (2879, 1)


def test_without_any_instance_requests_wait_for_the_next_window() -> None:
    ran = run(schedule([], [group("all", 1)]), arrivals([(1.0, 100, 1)]))
    assert ran.outcome.ttft_s[0] == pytest.approx(9.020, rel=1e-9)
    assert ran.outcome.energy_j[0, 0] == 0.0


def test_a_run_does_not_depend_on_when_it_is_run() -> None:
    made = schedule([group("all", 2)], [group("all", 1)], length_s=100.0)
    first, again = (run(made, many(3000, 200.0), predictor=Predictor(0.7, 3), control=RaiseClock()) for _ in range(2))
    np.testing.assert_array_equal(first.outcome.end_ps, again.outcome.end_ps)
    np.testing.assert_array_equal(first.outcome.energy_j, again.outcome.energy_j)
    other = run(made, many(3000, 200.0), predictor=Predictor(0.7, 4))
    assert (other.traffic.lane.size, other.traffic.mispredicted) != (0, first.traffic.mispredicted)


def test_clocks_are_raised_under_a_burst_and_let_go_of() -> None:
    """At 1000 MHz a burst of 40 x 300 tokens takes 2.4 s to prefill, far above the promise of 0.2 s."""
    made = schedule([group("all", 1, clock=1000.0)], length_s=60.0)
    came = arrivals([(4.9 + 0.001 * n, 300, 2) for n in range(40)])
    planned, controlled = run(made, came), run(made, came, control=RaiseClock())
    assert controlled.raised_s == 5.0
    assert planned.raised_s == 0.0
    assert controlled.outcome.ttft_s.max() < planned.outcome.ttft_s.max() - 0.5
    assert controlled.clock_mhz[0, 0] == pytest.approx((55 * 1000 + 5 * 2000) / 60)


def test_steps_divide_every_epoch() -> None:
    assert step_of(schedule([], length_s=1800.0)) == 60.0
    assert step_of(schedule([], length_s=100.0)) == 50.0
    assert step_of(Schedule(schedule([]).pools, (0.0, 45.0, 75.0), ((), ()))) == 15.0


@pytest.mark.parametrize("edges", [(0.0,), (1.0, 2.0), (0.0, 0.0)])
def test_epochs_must_ascend_from_zero(edges: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="ascend from 0"):
        Schedule(schedule([]).pools, edges, ((),))


def test_a_group_of_no_pool_is_refused() -> None:
    with pytest.raises(ValueError, match="chat/other"):
        schedule([group("other", 1)])


def test_a_predictor_is_a_share() -> None:
    with pytest.raises(ValueError, match=r"not 1\.5"):
        Predictor(1.5)
