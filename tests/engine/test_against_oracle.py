"""The engine against an oracle that looks at every token, on random small cases; and skipping against stepping."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dynamo_plan.engine.cluster import Order, PoolPlan, Wait, picoseconds
from dynamo_plan.engine.outcome import Outcome
from dynamo_plan.engine.settings import Serving, Setting
from dynamo_plan.engine.tables import NEVER, NOBODY, Action, Router
from dynamo_plan.schema.requests import Requests
from tests.engine.cases import Case, assert_equal, machine, one_instance

GAP_LIMIT_S = 0.05
MANY = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])


def requests_of(draw: st.DrawFn, most: int = 14) -> Requests:
    """Requests in ticks of a few iterations, many at the same time."""
    count = draw(st.integers(1, most))
    tick = draw(st.sampled_from([0.0, 0.012, 0.04]))
    ticks = np.cumsum(draw(st.lists(st.integers(0, 3), min_size=count, max_size=count)))
    prompts = draw(st.lists(st.integers(1, draw(st.sampled_from([16, 40, 150]))), min_size=count, max_size=count))
    outputs = draw(st.lists(st.integers(0, 60), min_size=count, max_size=count))
    buckets = draw(st.lists(st.integers(0, 1), min_size=count, max_size=count))
    return Requests.at(ticks * tick, prompts, outputs, buckets)


def serving_of(draw: st.DrawFn) -> Serving:
    return Serving(
        chunk_tokens=draw(st.sampled_from([1, 5, 64, 200])),
        max_batch=draw(st.sampled_from([1, 3, 8])),
        prefill_first=draw(st.booleans()),
    )


@st.composite
def instances(draw: st.DrawFn) -> Case:
    """One instance, its cache often too small for all."""
    model = machine(
        kv_tokens=draw(st.sampled_from([64, 128, 208, 320, 4096])),
        context_s=draw(st.sampled_from([0.0, 3e-6, 4e-4])),
        # With 0, short prompts and small batches take 12 ms per iteration: boundaries and arrivals coincide.
        prefill_s=draw(st.sampled_from([(0.0, 0.0), (0.001, 0.040)])),
    )
    requests = requests_of(draw)
    loop = draw(st.sampled_from([0, 0, 2]))
    if loop:
        requests = Requests.at(np.zeros(len(requests)), requests.input_tokens % 30 + 1, requests.output_tokens % 30)
    return one_instance(model, requests, serving_of(draw), loop=loop)


@st.composite
def clusters(draw: st.DrawFn) -> Case:
    """Two pools of unequal instances that are opened, drained, stopped and clocked while requests come."""
    small, large = machine(kv_tokens=208), machine(kv_tokens=640, iteration_s=(0.008, 0.009, 0.015))
    serving = serving_of(draw)
    rows = tuple(Setting(model, clock, serving) for model in (small, large) for clock in (1000.0, 2000.0))
    pools = tuple(
        PoolPlan(
            slots=draw(st.sampled_from([(0,), (0, 1), (0, 1, 3)])),
            opened=draw(st.integers(0, 3)),
            router=draw(st.sampled_from(Router)),
            gap_limit_s=GAP_LIMIT_S,
            spill_to=spill,
            spill_above_tokens=draw(st.sampled_from([NEVER, 0, 40])),
            is_tended=draw(st.booleans()),
            move_to=larger,
        )
        for spill, larger in (
            (draw(st.sampled_from([NOBODY, 1])), draw(st.sampled_from([NOBODY, 1]))),
            (draw(st.sampled_from([NOBODY, 0])), draw(st.sampled_from([NOBODY, 0]))),
        )
    )
    slots = sum(len(one.slots) for one in pools)
    requests = requests_of(draw)
    orders = draw(
        st.lists(
            st.builds(
                Order,
                st.integers(0, 40).map(lambda tick: tick * 0.02),
                st.sampled_from(Action),
                st.integers(0, slots - 1),
                st.integers(0, 3),
            ),
            max_size=12,
        )
    )
    # Each instance serves in the end, so that none waits for ever.
    orders += [
        Order(1.0 + 0.01 * slot, action, slot) for slot in range(slots) for action in (Action.SWITCH_ON, Action.OPEN)
    ]
    pool = draw(st.lists(st.integers(0, 1), min_size=len(requests), max_size=len(requests)))
    waits = tuple(
        Wait(draw(st.sampled_from([0.0, 0.03, 0.1, 0.4, math.inf])), draw(st.sampled_from([0.05, 0.3, math.inf])))
        for _ in range(draw(st.integers(0, 2)))
    )
    return Case(rows, pools, requests, tuple(pool), tuple(orders), end_s=20.0, waits=waits)


@st.composite
def crowds(draw: st.DrawFn) -> Case:
    """More requests than instances can serve in time, their queues tended."""
    small = machine(kv_tokens=draw(st.sampled_from([208, 640])), context_s=draw(st.sampled_from([3e-6, 4e-4])))
    serving = serving_of(draw)
    rows = tuple(Setting(small, clock, serving) for clock in (1000.0, 2000.0))
    slots = [draw(st.integers(1, 3)), draw(st.integers(1, 3))]
    pools = tuple(
        PoolPlan((0,) * count, count, Router.ROUND_ROBIN, GAP_LIMIT_S, spill, is_tended=tended, move_to=larger)
        for count, spill, larger, tended in zip(
            slots, draw(st.sampled_from([(1, 0), (-1, -1)])), (1, NOBODY), (True, draw(st.booleans())), strict=True
        )
    )
    count = draw(st.integers(6, 24))
    ticks = np.cumsum(draw(st.lists(st.integers(0, 1), min_size=count, max_size=count)))
    prompts = draw(st.lists(st.sampled_from([1, 16, 60, 150]), min_size=count, max_size=count))
    outputs = draw(st.lists(st.integers(1, 40), min_size=count, max_size=count))
    buckets = draw(st.lists(st.integers(0, 1), min_size=count, max_size=count))
    requests = Requests.at(ticks * 0.007, prompts, outputs, buckets)
    moments = st.integers(0, 60).map(lambda tick: tick * 0.007)
    order = st.builds(Order, moments, st.just(Action.SET), st.integers(0, sum(slots) - 1), st.integers(0, 1))
    orders = draw(st.lists(order, max_size=3))
    waits = tuple(
        Wait(draw(st.sampled_from([0.03, 0.1, 0.2])), draw(st.sampled_from([0.02, 0.06, math.inf]))) for _ in range(2)
    )
    pool = draw(st.lists(st.integers(0, 1), min_size=count, max_size=count))
    return Case(rows, pools, requests, tuple(pool), tuple(orders), end_s=20.0, waits=waits)


def assert_same(one: Outcome, other: Outcome) -> None:
    """Bit for bit, energies to 1e-12."""
    for name in ("first_token_ps", "end_ps", "late_gaps", "preemptions", "instance", "gaps", "on_s"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    np.testing.assert_array_equal(one.requests.arrival_ps, other.requests.arrival_ps)
    np.testing.assert_allclose(one.energy_j, other.energy_j, rtol=1e-12, atol=1e-15)
    for name in ("rejected", "moved", "squashed", "iterations"):
        assert getattr(one, name) == getattr(other, name), name


def assert_exact(case: Case) -> None:
    """Skipping is as the oracle, and as stepping."""
    asked, oracle = case.oracle()
    skipped, stepped = case.run(), case.run(stepping=True)
    assert_equal(skipped, asked, oracle, picoseconds(GAP_LIMIT_S))
    assert_same(skipped, stepped)


@MANY
@given(case=instances())
def test_one_instance(case: Case) -> None:
    assert_exact(case)


@MANY
@given(case=clusters())
def test_clusters_with_commands(case: Case) -> None:
    assert_exact(case)


@MANY
@given(case=crowds())
def test_queues_that_are_tended(case: Case) -> None:
    assert_exact(case)


@settings(max_examples=50)
@given(case=clusters(), pieces=st.lists(st.floats(0.0, 2.0), max_size=4).map(sorted))
def test_a_run_in_pieces_is_the_same_run(case: Case, pieces: list[float]) -> None:
    assert_same(case.run(), case.run(pieces=pieces))


# In the last four a preempted request is alone in the queue when the next one comes, and is not the one that came last.
@pytest.mark.parametrize("seed", [1, 2, 32, 44, 87, 181])
def test_long_runs_that_preempt_again_and_again(seed: int) -> None:
    random, count = np.random.default_rng(seed), 60
    arrival_s = np.cumsum(random.exponential(random.choice([0.02, 0.1, 0.3]), count))
    requests = Requests.at(arrival_s, random.integers(1, 60, count), random.integers(1, 50, count))
    model = machine(kv_tokens=int(random.choice([112, 128, 192])))
    case = one_instance(model, requests, Serving(64, 8, prefill_first=bool(seed % 2)))
    asked, oracle = case.oracle()
    found = case.run()
    assert found.preemptions.sum() > 0
    assert_equal(found, asked, oracle, picoseconds(GAP_LIMIT_S))
