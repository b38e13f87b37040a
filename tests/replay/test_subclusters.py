"""What comes of a run is the same, bit for bit, in however many subclusters it is served."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamo_plan.engine import Outcome, PoolPlan, Router
from dynamo_plan.engine.tables import NOBODY
from dynamo_plan.replay import Arrivals, Predictor, QueueManager, RaiseClock, Ran, Schedule, run_schedule
from dynamo_plan.replay.lanes import lanes_of
from dynamo_plan.replay.run import LEAST_REQUESTS, Promise
from dynamo_plan.replay.subclusters import LINKS, components, packed, subclusters_of
from dynamo_plan.replay.traffic import traffic_of
from dynamo_plan.schema import plan
from dynamo_plan.schema.requests import Requests
from tests.replay.cases import ENGINES, GRID, LARGE, SERVICE, SMALL, arrivals, entry, grid, group, many, schedule

OTHER = "code"
BUCKETS = {SERVICE: GRID, OTHER: GRID}
PROMISES = {(service, bucket.name): Promise(200.0, 50.0) for service in BUCKETS for bucket in GRID[:3]}
MACHINES = ENGINES | {
    # A small cache, for preemptions and rejections, and whole prompts.
    (OTHER, kind): replace(entry(kind, kv_tokens=1024), prefill_first=True, chunk_tokens=128)
    for kind in (SMALL, LARGE)
}
POOLS = {SERVICE: ("all",), OTHER: ("SS", "SL", "LS", "LL")}
LENGTH_S = 10.0


def same(one: Ran, other: Ran) -> None:
    """Every array and number of both is equal; no tolerance."""
    np.testing.assert_array_equal(one.clock_mhz, other.clock_mhz)
    assert one.raised_s == other.raised_s
    for field in fields(Outcome):
        found, expected = (getattr(ran.outcome, field.name) for ran in (one, other))
        if isinstance(expected, Requests):
            assert all(
                np.array_equal(getattr(found, own.name), getattr(expected, own.name)) for own in fields(Requests)
            )
        else:
            np.testing.assert_array_equal(found, expected, err_msg=field.name)
            assert np.asarray(found).dtype == np.asarray(expected).dtype, field.name


@st.composite
def epochs(draw: st.DrawFn, name: str, service: str) -> list[list[plan.Group]]:
    """Instances of a pool in three epochs: of both kinds, at two clocks; in some none, and in one of them at least one."""
    found = [
        [
            group(
                name, draw(st.integers(0, 2)), kind=kind, clock=draw(st.sampled_from((1000.0, 2000.0))), service=service
            )
            for kind in (SMALL, LARGE)
        ]
        for _ in range(3)
    ]
    found[draw(st.integers(0, 2))].append(group(name, 1, service=service))
    return found


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    """Two services, one in a pool of its own, one in four, with the buckets spread over these or not."""
    names = [(service, name) for service, own in POOLS.items() for name in own]
    pools = [
        plan.PoolPlan(
            f"{service}/{name}", service, "site", tuple(one.name for one in GRID if name in ("all", one.name))
        )
        for service, name in names
    ]
    by_pool = [draw(epochs(name, service)) for service, name in names]
    groups = tuple(tuple(one for own in by_pool for one in own[epoch]) for epoch in range(3))
    random = np.random.default_rng(draw(st.integers(0, 99)))
    spread = {pool.name: random.random((3, len(GRID))) for pool in pools}
    edges_s = tuple(LENGTH_S * epoch for epoch in range(4))
    return Schedule(tuple(pools), edges_s, groups, spread if draw(st.booleans()) else None)


def came(seed: int, counts: tuple[int, int]) -> dict[str, Arrivals]:
    """Requests to both services, some at the same time, some in a burst at an edge, some larger than any cache."""
    found = {}
    for number, (service, count) in enumerate(zip(BUCKETS, counts, strict=True)):
        random = np.random.default_rng([seed, number])
        at = np.sort(np.where(random.random(count) < 0.3, 9.999, np.round(random.random(count) * 30, 2)))
        inputs = np.where(random.random(count) < 0.02, 5000, random.integers(1, 600, count))
        rows = list(zip(at.tolist(), inputs.tolist(), random.integers(1, 40, count).tolist(), strict=True))
        found[service] = arrivals(rows)[SERVICE] if rows else Arrivals(*(np.zeros(0, one) for one in (int, "i4", "i4")))
    return found


@settings(max_examples=40)
@given(
    made=schedules(),
    seed=st.integers(0, 99),
    counts=st.tuples(st.integers(0, 400), st.integers(1, 400)),
    router=st.sampled_from(list(Router)),
    accuracy=st.sampled_from((0.6, 1.0)),
    queues=st.sampled_from((None, QueueManager(), QueueManager(0.1))),
)
def test_a_run_does_not_depend_on_the_number_of_subclusters(
    made: Schedule, seed: int, counts: tuple[int, int], router: Router, accuracy: float, queues: QueueManager | None
) -> None:
    runs = [
        run_schedule(
            made,
            came(seed, counts),
            BUCKETS,
            MACHINES,
            PROMISES,
            predictor=Predictor(accuracy, 3),
            router=router,
            queues=queues,
            subclusters=most,
        )
        for most in (1, 2, 9)
    ]
    assert [ran.subclusters <= most for ran, most in zip(runs, (1, 2, 9), strict=True)] == [True] * 3
    for other in runs[1:]:
        same(other, runs[0])


def four_pools() -> Schedule:
    """One instance for each bucket, in one epoch of a minute."""
    return schedule(
        [group(name, 1) for name in ("SS", "SL", "LS", "LL")], pools=("SS", "SL", "LS", "LL"), length_s=60.0
    )


def run(made: Schedule, requests: dict[str, Arrivals], **options: object) -> Ran:
    return run_schedule(made, requests, grid(), ENGINES, PROMISES, **options)  # type: ignore[arg-type]


def test_an_idle_instance_draws_until_the_last_request_of_all_has_ended() -> None:
    """Three pools idle in subclusters of their own while the fourth serves 1,000 tokens, at 10 ms each, beyond the end of the epoch."""
    made = four_pools()
    rows = [(0.0, 10, 2), (1.0, 10, 20), (2.0, 200, 2), (59.0, 200, 1000)]
    whole, cut = (run(made, arrivals(rows), subclusters=most) for most in (1, 4))
    assert (whole.subclusters, cut.subclusters) == (1, 4)
    after_s = 59.0 + 0.030 + 9.99 - 60.0
    np.testing.assert_allclose(cut.outcome.energy_j[:3, -1], 100 * after_s, rtol=1e-9)
    same(cut, whole)


def test_kinds_of_a_pool_stay_together() -> None:
    made = schedule([group("all", 2), group("all", 1, kind=LARGE)], length_s=60.0)
    assert run(made, many(500, 60.0), subclusters=8).subclusters == 1


def test_a_control_sees_all_instances() -> None:
    assert run(four_pools(), many(500, 60.0), control=RaiseClock(), subclusters=8).subclusters == 1


@pytest.mark.parametrize(("cores", "requests", "expected"), [(1, 9, 1), (2, 9, 4), (2, 2, 2), (8, 0.5, 1)])
def test_subclusters_are_as_many_as_pay(
    monkeypatch: pytest.MonkeyPatch, cores: int, requests: float, expected: int
) -> None:
    """Two per core, and each with so many requests that its orders are little beside them."""
    monkeypatch.setattr("dynamo_plan.replay.run.cores", lambda: cores)
    assert run(four_pools(), many(round(requests * LEAST_REQUESTS), 60.0)).subclusters == expected


def test_progress_ascends_to_the_whole() -> None:
    made = schedule(*[[group("SS", 1), group("LL", 1)]] * 4, pools=("SS", "LL"))
    shares: list[float] = []
    run(made, many(500, 40.0), subclusters=2, on_share=shares.append)
    assert shares == [0.25, 0.5, 0.75, 1.0]


def test_what_goes_wrong_in_a_subcluster_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object) -> float:
        raise ValueError("as it was raised")

    monkeypatch.setattr("dynamo_plan.replay.execution.Execution.serve", fail)
    with pytest.raises(ValueError, match="as it was raised"):
        run(four_pools(), many(500, 60.0), subclusters=4)


def test_lanes_slots_and_links_are_numbered_anew() -> None:
    """Of the lanes SS, all on two kinds and LL, those of `all` by themselves: slots 1 to 3 become 0 to 2, lanes 1 and 2 become 0 and 1."""
    groups = [group("SS", 1), group("all", 2), group("all", 1, kind=LARGE), group("LL", 1)]
    made = schedule(groups, pools=("SS", "all", "LL"))
    lanes = lanes_of(made, ENGINES)
    traffic = traffic_of(arrivals([(0.1 * n, 150, 1 + n % 30) for n in range(60)]), grid(), made, lanes, Predictor())
    rows = traffic.lane.copy()
    rows[:40] = [1, 2] * 20  # most to the pool of two kinds, which so comes first
    traffic = replace(traffic, lane=rows)
    pools = tuple(pool(other) for other in (NOBODY, 2, 1, NOBODY))
    first = subclusters_of(lanes, pools, traffic, 2)[0]
    assert (first.lane_places.tolist(), first.slot_places.tolist()) == ([1, 2], [1, 2, 3])
    assert [(lane.begin, lane.stop) for lane in first.lanes.lanes] == [(0, 2), (2, 3)]
    assert [one.spill_to for one in first.pools] == [1, 0]
    np.testing.assert_array_equal(first.lanes.highest, lanes.highest[1:4])
    np.testing.assert_array_equal(first.lanes.rows, lanes.rows[:, 1:4])
    requests, lane = first.sent(traffic)
    np.testing.assert_array_equal(first.request_places, np.flatnonzero((rows == 1) | (rows == 2)))
    np.testing.assert_array_equal(lane, rows[first.request_places] - 1)
    np.testing.assert_array_equal(requests.output_tokens, traffic.requests.output_tokens[first.request_places])


def pool(spill_to: int) -> PoolPlan:
    return PoolPlan((0,), 0, spill_to=spill_to)


@pytest.mark.parametrize(
    ("spill_to", "expected"),
    [
        ((NOBODY, NOBODY, NOBODY), [{0}, {1}, {2}]),
        ((1, 0, NOBODY), [{0, 1}, {2}]),
        ((2, NOBODY, NOBODY, 1), [{0, 2}, {1, 3}]),
        ((1, NOBODY, 1, 2), [{0, 1, 2, 3}]),
        ((NOBODY, 0, NOBODY, 2, 1, 3), [{0, 1, 4}, {2, 3, 5}]),
    ],
)
def test_pools_are_coupled_either_way_and_over_others(spill_to: tuple[int, ...], expected: list[set[int]]) -> None:
    found = components([pool(other) for other in spill_to])
    assert [set(np.flatnonzero(found == one).tolist()) for one in dict.fromkeys(found.tolist())] == expected


def test_every_link_between_pools_is_known() -> None:
    """A field that names another pool and is not among the links would let requests move where nobody looks for them."""
    assert {field.name for field in fields(PoolPlan) if field.name.endswith("_to")} == set(LINKS)


def test_components_are_packed_evenly() -> None:
    """Of 50, 40, 30, 20 and 10 requests in two: 50, then 40 and 30, then 20, and 10 to the lesser of 70 and 70, the first."""
    found = packed(np.array([0, 1, 2, 3, 4]), np.array([50, 40, 30, 20, 10]), 2)
    assert found.tolist() == [0, 1, 1, 0, 0]


def test_coupled_pools_and_those_without_requests_get_no_subcluster_of_their_own() -> None:
    assert packed(np.array([0, 0, 2, 3]), np.array([5, 5, 0, 0]), 4).tolist() == [0, 0, 0, 0]
    assert packed(np.array([0, 0, 2, 2]), np.array([5, 0, 0, 20]), 4).tolist() == [1, 1, 0, 0]
    assert packed(np.array([0, 1]), np.array([0, 0]), 4).tolist() == [0, 0]
