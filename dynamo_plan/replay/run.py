"""A schedule carried out by the engine: requests to lanes, lanes to clusters, one for each core where nothing couples them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.engine import Cluster, Outcome, PoolPlan, Router, Wait
from dynamo_plan.engine.tables import NOBODY
from dynamo_plan.parallel import cores
from dynamo_plan.replay.control import Control
from dynamo_plan.replay.execution import Execution
from dynamo_plan.replay.lanes import NO_CLOCKS, Clocks, Engines, Lanes, lanes_of
from dynamo_plan.replay.queues import QueueManager, larger_lanes
from dynamo_plan.replay.schedule import Schedule
from dynamo_plan.replay.steering import Steering
from dynamo_plan.replay.subclusters import Subcluster, joined, subclusters_of
from dynamo_plan.replay.traffic import Arrivals, Arriving, Predictor, Traffic, traffic_of
from dynamo_plan.schema.bucket import Bucket
from dynamo_plan.units import MS_PER_SECOND, SECONDS_PER_MINUTE

STEP_S = SECONDS_PER_MINUTE
"""Longest step over which power is a mean: what a site's meter shows."""

PER_CORE = 2
"""Subclusters per core at most: requests of some take twice as long as those of others, and a core that is done goes on to the next."""

LEAST_REQUESTS = 500
"""Mean requests to a subcluster in an epoch below which it does not pay: its orders and the change of threads take 50 us, a tenth of what
serving these takes."""

type OnShare = Callable[[float], None]
"""Told how much of the work is done [1]."""


@dataclass(frozen=True, slots=True)
class Promise:
    """P99 limits of a bucket [ms]."""

    ttft_ms: float
    tbt_ms: float


type Promises = Mapping[tuple[str, str], Promise]
"""By service and bucket; buckets without a promise have no entry."""


@dataclass(frozen=True, slots=True, eq=False)
class Ran:
    """What became of the requests, and what the instances drew.

    Attributes
    ----------
    outcome : Outcome
        Of the engine; its pools are lanes, its last energy bin is what came after the last epoch.
    clock_mhz : array, shape (epoch, lane)
        Clock of a lane's instances, mean over instances and time; 0 where none runs.
    raised_s : float
        Instance time above the schedule's clocks.
    subclusters : int
        How many were served side by side; nothing else depends on it.
    """

    schedule: Schedule
    lanes: Lanes
    traffic: Traffic
    outcome: Outcome
    clock_mhz: NDArray[np.float64]
    raised_s: float
    subclusters: int


def run_schedule(
    schedule: Schedule,
    arrivals: Mapping[str, Arrivals],
    buckets: Mapping[str, tuple[Bucket, ...]],
    engines: Engines,
    promises: Promises,
    *,
    predictor: Predictor = Predictor(),  # noqa: B008 (frozen)
    router: Router = Router.LEAST_UNPREFILLED,
    control: Control | None = None,
    queues: QueueManager | None = None,
    clocks_mhz: Clocks = NO_CLOCKS,
    subclusters: int | None = None,
    on_share: OnShare = lambda share: None,
) -> Ran:
    """Serve requests by a schedule until all that an instance opens for have ended.

    Lanes that nothing couples are served side by side on all cores; what comes of them does not depend on it. A control couples all: it
    sees them together, and may have tables by their numbers.

    Parameters
    ----------
    arrivals, buckets : mapping by service
        Requests, and the grid of their buckets, input class outermost.
    engines : mapping of (service, Kind) to EngineEntry
    promises : mapping of (service, bucket) to Promise
        What the control watches, above which gaps between tokens are counted, and by when requests that wait are due.
    clocks_mhz : mapping of (service, Kind) to tuple of float
        Clocks that the control may set besides the schedule's and the highest [MHz].
    subclusters : int, optional
        In how many the lanes are cut at most; by default as many as pay.

    Raises
    ------
    KeyError, ValueError
        A kind has no engine, or not at a clock of the schedule.
    """
    lanes = lanes_of(schedule, engines, clocks_mhz)
    traffic = traffic_of(arrivals, buckets, schedule, lanes, predictor)
    pools = _pools(schedule, lanes, promises, router)
    waits = tuple[Wait, ...]()
    if queues is not None:
        larger = larger_lanes(schedule, lanes, buckets)
        pools = tuple(replace(one, is_tended=True, move_to=lane) for one, lane in zip(pools, larger, strict=True))
        waits = _waits(queues, traffic, promises)
    most = 1 if control is not None else subclusters or _paying(len(traffic.requests), len(schedule.groups))
    parts = subclusters_of(lanes, pools, traffic, most)
    steering = None if control is None else _steering(control, schedule, lanes, promises, traffic)
    outcome, clocks = _served(schedule, traffic, parts, waits, steering, on_share)
    clock_mhz = np.zeros((len(schedule.groups), len(lanes.lanes)))
    for own, (mean_mhz, _) in zip(parts, clocks, strict=True):
        clock_mhz[:, own.lane_places] = mean_mhz
    raised_s = sum(raised_s for _, raised_s in clocks)
    return Ran(schedule, lanes, traffic, outcome, clock_mhz, raised_s, len(parts))


def step_of(schedule: Schedule) -> float:
    """Longest step up to `STEP_S` of which every epoch has a whole number [s]."""
    lengths = np.rint(np.diff(schedule.edges_s) * MS_PER_SECOND).astype(np.int64)
    common = int(np.gcd.reduce(lengths))
    return common / MS_PER_SECOND / -(-common // round(STEP_S * MS_PER_SECOND))


def strictest(schedule: Schedule, pool: int, promises: Promises) -> Promise:
    """The shortest limits of a pool's buckets; infinite without any."""
    own = schedule.pools[pool]
    found = [promises[own.service, name] for name in own.buckets if (own.service, name) in promises]
    return Promise(
        min((one.ttft_ms for one in found), default=np.inf), min((one.tbt_ms for one in found), default=np.inf)
    )


def _paying(requests: int, epochs: int) -> int:
    """How many subclusters there may be before they take longer than they spare."""
    count = cores()
    return 1 if count == 1 else max(min(PER_CORE * count, requests // (epochs * LEAST_REQUESTS)), 1)


def _pools(schedule: Schedule, lanes: Lanes, promises: Promises, router: Router) -> tuple[PoolPlan, ...]:
    """A pool of the engine per lane; a pool's lanes spill to each other, round and round."""
    found = []
    for place, lane in enumerate(lanes.lanes):
        others = [*range(place + 1, len(lanes.lanes)), *range(place)]
        following = next((one for one in others if lanes.lanes[one].pool == lane.pool), NOBODY)
        limit_s = strictest(schedule, lane.pool, promises).tbt_ms / MS_PER_SECOND
        rows = tuple(lanes.highest[lane.begin : lane.stop].tolist())
        chunk = lanes.settings[rows[0]].serving.chunk_tokens
        found.append(PoolPlan(rows, 0, router, limit_s, following, chunk))
    return tuple(found)


def _waits(queues: QueueManager, traffic: Traffic, promises: Promises) -> tuple[Wait, ...]:
    """How long requests of each bucket may wait."""
    promised = (promises.get((service, bucket.name)) for service, bucket in traffic.buckets)
    return tuple(queues.wait(None if one is None else one.ttft_ms) for one in promised)


def _steering(control: Control, schedule: Schedule, lanes: Lanes, promises: Promises, traffic: Traffic) -> Steering:
    """A control, with what it is told of all lanes."""
    limits = [strictest(schedule, one.pool, promises) for one in lanes.lanes]
    ttft_slo_s = np.array([one.ttft_ms for one in limits]) / MS_PER_SECOND
    tbt_slo_s = np.array([one.tbt_ms for one in limits]) / MS_PER_SECOND
    return Steering(control, lanes, ttft_slo_s, tbt_slo_s, Arriving(traffic, len(lanes.lanes)))


def _served(
    schedule: Schedule,
    traffic: Traffic,
    parts: Sequence[Subcluster],
    waits: tuple[Wait, ...],
    steering: Steering | None,
    on_share: OnShare,
) -> tuple[Outcome, list[tuple[NDArray[np.float64], float]]]:
    """What became of the requests, and the clocks of each subcluster; the engine's loops leave the interpreter to other threads."""
    step_s, epochs = step_of(schedule), len(schedule.groups)
    bins = round(schedule.edges_s[-1] / step_s) + 1

    def begun(own: Subcluster) -> Execution:
        cluster = Cluster(own.lanes.settings, own.pools, *own.sent(traffic), waits=waits, bin_s=step_s, bins=bins)
        return Execution(schedule, own.lanes, cluster, steering)

    with ThreadPoolExecutor(min(len(parts), cores())) as threads:
        executions = list(threads.map(begun, parts))
        for epoch in range(epochs):
            # All wait for the last at every edge, which costs little, so that progress is told and a fault ends the run.
            list(threads.map(Execution.carry_out, executions, repeat(epoch)))
            on_share((epoch + 1) / epochs)
        # An instance that is still on idles until the last request of all has ended, wherever that is.
        ended_s = max(threads.map(Execution.serve, executions))
    clocks = [one.clocks() for one in executions]
    return joined(parts, (executions.pop(0).close(ended_s) for _ in parts), traffic.requests), clocks
