"""Requests that wait too long: what an instance manager does about mispredicted or bursty load.

The engine does it whenever a request comes that would be late; here is how long each may wait, and which pool is the next larger one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dynamo_plan.engine import Wait
from dynamo_plan.engine.tables import NOBODY
from dynamo_plan.replay.lanes import Lanes
from dynamo_plan.replay.schedule import Schedule
from dynamo_plan.replay.traffic import larger_buckets
from dynamo_plan.schema.bucket import Bucket
from dynamo_plan.units import MS_PER_SECOND

TIMEOUT_SLOS = 10.0
"""TTFT SLOs after which a request that still waits has timed out [1]. Assumed: the paper does not say; a client's own limit is better."""


@dataclass(frozen=True, slots=True)
class QueueManager:
    """Puts urgent requests first, moves those that would be late, and gives up those that have timed out.

    Attributes
    ----------
    timeout_s : float or None
        When a waiting request has timed out [s]; None: after `TIMEOUT_SLOS` times its TTFT SLO.

    Raises
    ------
    ValueError
        A timeout is not positive.
    """

    timeout_s: float | None = None

    def __post_init__(self) -> None:
        """Refuse what is no time."""
        if self.timeout_s is not None and not self.timeout_s > 0.0:
            raise ValueError(f"a timeout is a positive time, not {self.timeout_s} s")

    def wait(self, ttft_slo_ms: float | None) -> Wait:
        """How long a request with this promise may wait; without one it is never late."""
        due_s = np.inf if ttft_slo_ms is None else ttft_slo_ms / MS_PER_SECOND
        return Wait(due_s, TIMEOUT_SLOS * due_s if self.timeout_s is None else self.timeout_s)


def larger_lanes(schedule: Schedule, lanes: Lanes, buckets: Mapping[str, tuple[Bucket, ...]]) -> list[int]:
    """First lane of the next pool for longer requests that ever has instances, by lane; `NOBODY` without one."""
    first = {lane.pool: place for place, lane in reversed(list(enumerate(lanes.lanes)))}
    following = larger_pools(schedule, buckets)
    found = []
    for lane in lanes.lanes:
        pool = following[lane.pool]
        while pool != NOBODY and pool not in first:
            pool = following[pool]
        found.append(first.get(pool, NOBODY))
    return found


def larger_pools(schedule: Schedule, buckets: Mapping[str, tuple[Bucket, ...]]) -> list[int]:
    """The pool of the nearest bucket that is larger in both lengths than each pool's largest, at its site; `NOBODY` without one."""
    return [_larger(schedule, number, buckets[pool.service]) for number, pool in enumerate(schedule.pools)]


def _larger(schedule: Schedule, number: int, grid: tuple[Bucket, ...]) -> int:
    pool = schedule.pools[number]
    names = [bucket.name for bucket in grid]
    classes = len({name[1:] for name in names})
    largest = max((divmod(names.index(name), classes) for name in pool.buckets), key=lambda place: (sum(place), place))
    for other in larger_buckets(largest[0] * classes + largest[1], len(grid), classes):
        for place, one in enumerate(schedule.pools):
            if place != number and (one.service, one.site) == (pool.service, pool.site) and names[other] in one.buckets:
                return place
    return NOBODY
