"""Queues looked after: which pool is the next larger one, and what comes of it on instances."""

from __future__ import annotations

import pytest

from dynamo_plan.engine.tables import NOBODY
from dynamo_plan.replay import Arrivals, QueueManager, Ran, Schedule, run_schedule
from dynamo_plan.replay.queues import TIMEOUT_SLOS, larger_pools
from dynamo_plan.replay.run import Promise
from dynamo_plan.schema.bucket import bucket_grid
from dynamo_plan.schema.plan import PoolPlan
from tests.replay.cases import ENGINES, GRID, SERVICE, arrivals, grid, group, schedule

PROMISES = {(SERVICE, bucket.name): Promise(200.0, 50.0) for bucket in GRID}
NINE = bucket_grid((256, 1024, 8192), (100, 350, None))


def run(made: Schedule, came: dict[str, Arrivals], queues: QueueManager | None) -> Ran:
    return run_schedule(made, came, grid(), ENGINES, PROMISES, queues=queues)


def pools_of(*names: str, service: str = SERVICE, site: str = "here") -> tuple[PoolPlan, ...]:
    return tuple(PoolPlan(f"{service}/{name}", service, site, tuple(name.split("+"))) for name in names)


def following(*pools: PoolPlan) -> list[str]:
    """Name of the pool for longer requests next to each."""
    made = Schedule(pools, (0.0, 1.0), ((),))
    found = larger_pools(made, {SERVICE: NINE, "other": NINE})
    return ["" if one == NOBODY else pools[one].name.removeprefix(f"{SERVICE}/") for one in found]


def test_the_next_larger_pool() -> None:
    nine = pools_of(*(bucket.name for bucket in NINE))
    assert following(*nine) == ["SM", "SL", "ML", "MM", "ML", "LL", "LM", "LL", ""]
    assert following(*pools_of("SS+SM+SL+MS+MM+ML", "LS+LM+LL")) == ["LS+LM+LL", ""]
    assert following(*pools_of("SS", "LL"), *pools_of("SM", service="other"), *pools_of("SM", site="there")) == [
        "LL",
        "",
        "",
        "",
    ]


def burst(count: int) -> dict[str, Arrivals]:
    """Short requests all at once, 9 ms of prefill each, with a promise of 0.2 s; one long request long before."""
    return arrivals([(0.5, 200, 20), *((4.99 + 1e-6 * n, 90, 2) for n in range(count))])


def test_a_pool_that_is_flooded_passes_requests_to_a_larger_one() -> None:
    made = schedule([group("SS", 1), group("LL", 2)], pools=("SS", "LL"), length_s=60.0)
    alone, managed = (run(made, burst(60), queues) for queues in (None, QueueManager()))
    assert alone.outcome.moved == 0
    assert managed.outcome.moved > 5
    late = [int((ran.outcome.ttft_s > 0.2).sum()) for ran in (alone, managed)]
    assert late[1] < late[0]
    # Moved requests are the larger pool's, those that are not are served where they were sent.
    there = managed.outcome.instance > 0
    assert int(there.sum()) == managed.outcome.moved + 1
    assert managed.outcome.is_served.all()


def test_a_pool_that_has_ended_takes_no_requests_of_others() -> None:
    made = schedule([group("SS", 1), group("LL", 2)], [group("SS", 1)], pools=("SS", "LL"), length_s=30.0)
    rows = [(29.9, 200, 20), *((30.0 + 0.002 * n, 90, 2) for n in range(2000))]
    ran = run(made, arrivals(rows), QueueManager())
    assert ran.outcome.moved == 0
    assert ran.outcome.on_s[1].sum() == pytest.approx(30.0 + ran.outcome.end_ps[0] * 1e-12, rel=1e-12)


def test_what_has_timed_out_is_given_up() -> None:
    made = schedule([group("all", 1)], length_s=60.0)
    came = arrivals([(0.01 * n, 300, 2) for n in range(800)])
    patient, managed = (run(made, came, QueueManager(timeout_s=limit)) for limit in (1e6, None))
    assert (patient.outcome.squashed, bool(patient.outcome.is_served.all())) == (0, True)
    assert managed.outcome.squashed == int((~managed.outcome.is_served).sum()) > 100
    # Nobody is begun later; then come its own prompt of 30 ms and those that share its iterations.
    assert managed.outcome.ttft_s[managed.outcome.is_served].max() <= TIMEOUT_SLOS * 0.2 + 0.2


def test_a_timeout_is_a_time() -> None:
    with pytest.raises(ValueError, match="not 0"):
        QueueManager(timeout_s=0.0)
