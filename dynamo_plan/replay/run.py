"""A schedule carried out by the engine: starts, drains and clocks at the edges of epochs, clocks in between by a control."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.engine import Action, Cluster, Order, Outcome, PoolPlan, Router
from dynamo_plan.engine.tables import NOBODY, Limit, Slot, Status, Time
from dynamo_plan.replay.control import OBSERVED_S, PERIOD_S, Control, Watch
from dynamo_plan.replay.lanes import NO_CLOCKS, OFF, Clocks, Engines, Lanes, lanes_of
from dynamo_plan.replay.schedule import Schedule
from dynamo_plan.replay.traffic import Arrivals, Arriving, Predictor, Traffic, traffic_of
from dynamo_plan.schema.bucket import Bucket
from dynamo_plan.units import MS_PER_SECOND, SECONDS_PER_MINUTE, SECONDS_PER_PICOSECOND

CLOCK_SWITCH_S = 0.08
"""From a clock being set to its being in force: 50 to 80 ms through nvidia-smi. Source: readings of DynamoLLM, section V."""

STEP_S = SECONDS_PER_MINUTE
"""Longest step over which power is a mean: what a site's meter shows."""

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
    """

    schedule: Schedule
    lanes: Lanes
    traffic: Traffic
    outcome: Outcome
    clock_mhz: NDArray[np.float64]
    raised_s: float


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
    clocks_mhz: Clocks = NO_CLOCKS,
    on_share: OnShare = lambda share: None,
) -> Ran:
    """Serve requests by a schedule until all that an instance opens for have ended.

    Parameters
    ----------
    arrivals, buckets : mapping by service
        Requests, and the grid of their buckets, input class outermost.
    engines : mapping of (service, Kind) to EngineEntry
    promises : mapping of (service, bucket) to Promise
        What the control watches, and above which gaps between tokens are counted.
    clocks_mhz : mapping of (service, Kind) to tuple of float
        Clocks that the control may set besides the schedule's and the highest [MHz].

    Raises
    ------
    KeyError, ValueError
        A kind has no engine, or not at a clock of the schedule.
    """
    lanes = lanes_of(schedule, engines, clocks_mhz)
    traffic = traffic_of(arrivals, buckets, schedule, lanes, predictor)
    step_s = step_of(schedule)
    cluster = Cluster(
        lanes.settings,
        _pools(schedule, lanes, promises, router),
        traffic.requests,
        traffic.lane,
        bin_s=step_s,
        bins=round(schedule.edges_s[-1] / step_s) + 1,
    )
    tower = _Tower(schedule, lanes, cluster, promises, control, Arriving(traffic, len(lanes.lanes)))
    for epoch in range(len(schedule.groups)):
        tower.begin(epoch)
        tower.watch_until(schedule.edges_s[epoch + 1])
        on_share((epoch + 1) / len(schedule.groups))
    outcome = tower.end()
    return Ran(schedule, lanes, traffic, outcome, *tower.clocks())


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


def _pools(schedule: Schedule, lanes: Lanes, promises: Promises, router: Router) -> list[PoolPlan]:
    """A pool of the engine per lane; a pool's lanes spill to each other, round and round."""
    found = []
    for place, lane in enumerate(lanes.lanes):
        others = [*range(place + 1, len(lanes.lanes)), *range(place)]
        following = next((one for one in others if lanes.lanes[one].pool == lane.pool), NOBODY)
        limit_s = strictest(schedule, lane.pool, promises).tbt_ms / MS_PER_SECOND
        rows = tuple(lanes.highest[lane.begin : lane.stop].tolist())
        chunk = lanes.settings[rows[0]].serving.chunk_tokens
        found.append(PoolPlan(rows, 0, router, limit_s, following, chunk))
    return found


class _Tower:
    """Orders to the instances of a cluster, and what it is known to have been told."""

    def __init__(
        self,
        schedule: Schedule,
        lanes: Lanes,
        cluster: Cluster,
        promises: Promises,
        control: Control | None,
        arriving: Arriving,
    ) -> None:
        self._arriving = arriving
        self._schedule, self._lanes, self._cluster, self._control = schedule, lanes, cluster, control
        lane = lanes.lane_of_slot
        self._lane = lane
        limits = [strictest(schedule, one.pool, promises) for one in lanes.lanes]
        self._ttft_slo_s = np.array([one.ttft_ms for one in limits])[lane] / MS_PER_SECOND
        self._tbt_slo_s = np.array([one.tbt_ms for one in limits])[lane] / MS_PER_SECOND
        self._row_of = {
            (int(lanes.highest[one.begin]), clock): row
            for one in lanes.lanes
            for row, clock in enumerate(lanes.clocks_mhz.tolist())
            if lanes.settings[row].model is lanes.settings[int(lanes.highest[one.begin])].model
        }
        self._epoch, self._orders = 0, list[Order]()
        self._closing: set[int] = set()
        self._set = np.full(lane.size, OFF, dtype=np.int64)
        self._since_s = 0.0
        shape = (len(schedule.groups), len(lanes.lanes))
        self._clock_s, self._on_s = np.zeros(shape), np.zeros(shape)
        self._raised_s = 0.0

    def begin(self, epoch: int) -> None:
        """Orders at the edge: instances that end drain, others change clocks, new ones open at once, having been started ahead."""
        self._book(self._schedule.edges_s[epoch])
        self._epoch, now = epoch, self._schedule.edges_s[epoch]
        wanted = self._lanes.rows[epoch]
        pool = np.array([one.pool for one in self._lanes.lanes], dtype=np.int64)[self._lane]
        # Where a pool ends altogether nobody could take over its queue: its instances drain once they have begun all requests.
        stays = np.bincount(pool, wanted != OFF, len(self._schedule.pools))[pool] > 0
        self._closing -= set(np.flatnonzero(wanted != OFF).tolist())
        for slot in np.flatnonzero(wanted != self._set).tolist():
            before, row = int(self._set[slot]), int(wanted[slot])
            if row == OFF and not stays[slot]:
                self._closing.add(slot)
            elif row == OFF:
                self._orders.append(Order(now, Action.DRAIN, slot))
            elif before == OFF:
                self._orders += [Order(now, Action.SET, slot, row), Order(now, Action.SWITCH_ON, slot)]
                self._orders.append(Order(now, Action.OPEN, slot))
            else:
                self._orders.append(Order(now + CLOCK_SWITCH_S, Action.SET, slot, row))
        self._set = wanted.copy()

    def watch_until(self, end_s: float) -> None:
        """Run to the end of the epoch, with looks in between where clocks are controlled."""
        now = self._schedule.edges_s[self._epoch]
        while now < end_s:
            if self._control is None and not self._closing:
                self._advance(end_s)
                return
            now = min(now + (PERIOD_S if self._control is None else self._control.period_s), end_s)
            self._advance(now)
            self._close(now)
            if now < end_s:
                self._steer(now)

    def end(self) -> Outcome:
        """Serve what has come, with the instances of the last epoch, and close the books no sooner than that ends."""
        last_s = self._schedule.edges_s[-1]
        self._book(last_s)
        self._cluster.advance()
        ended_s = float(self._cluster.state.times[:, Time.END].max(initial=0)) * SECONDS_PER_PICOSECOND
        return self._cluster.finish(max(last_s, ended_s))

    def clocks(self) -> tuple[NDArray[np.float64], float]:
        """Mean clock by epoch and lane [MHz], and instance time above the schedule's clocks [s]."""
        mean = np.divide(self._clock_s, self._on_s, out=np.zeros_like(self._clock_s), where=self._on_s > 0)
        return mean, self._raised_s

    def _advance(self, until_s: float) -> None:
        self._cluster.advance(until_s, self._orders)
        self._orders = []

    def _close(self, now_s: float) -> None:
        """Drain instances of pools that end, as soon as none of their requests waits."""
        slots = self._cluster.state.slots
        for slot in sorted(self._closing):
            if slots[slot, Slot.UNPREFILLED] == 0:
                self._orders.append(Order(now_s, Action.DRAIN, slot))
                self._closing.remove(slot)

    def _steer(self, now_s: float) -> None:
        """Ask the control for clocks, and set those that differ."""
        if self._control is None:
            return
        self._book(now_s)
        wanted = self._control.clocks(self._watch(now_s))
        running = self._set != OFF
        current = self._lanes.clocks_mhz[self._set]
        for slot in np.flatnonzero(running & (wanted != current)).tolist():
            row = self._row_of[int(self._lanes.highest[slot]), float(wanted[slot])]
            self._orders.append(Order(now_s + CLOCK_SWITCH_S, Action.SET, slot, row))
            self._set[slot] = row

    def _watch(self, now_s: float) -> Watch:
        slots, settings = self._cluster.state.slots, self._cluster.settings
        running, planned = self._set != OFF, self._lanes.rows[self._epoch]
        row = np.where(planned != OFF, planned, 0)
        batch, unprefilled = slots[:, Slot.RUNNING], slots[:, Slot.UNPREFILLED]
        decode_ps = settings.decode[row, batch, 0] + settings.decode[row, batch, 1] * slots[:, Slot.CONTEXT]
        chunk = np.minimum(settings.limits[row, Limit.CHUNK], settings.prefill.shape[1] - 1)
        whole, rest = unprefilled // chunk, unprefilled % chunk
        last_ps = np.where(rest > 0, decode_ps + settings.prefill[row, rest], 0)
        ttft_ps = whole * (decode_ps + settings.prefill[row, chunk]) + last_ps
        clocks = self._lanes.clocks_mhz
        return Watch(
            now_s=now_s,
            epoch=self._epoch,
            is_open=slots[:, Slot.STATUS] == Status.OPEN,
            lane=self._lane,
            requests=slots[:, Slot.REQUESTS].copy(),
            unprefilled_tokens=unprefilled.copy(),
            ttft_s=np.where(running, ttft_ps, 0) * SECONDS_PER_PICOSECOND,
            iteration_s=np.where(running & (batch > 0), decode_ps, 0) * SECONDS_PER_PICOSECOND,
            ttft_slo_s=self._ttft_slo_s,
            tbt_slo_s=self._tbt_slo_s,
            frequency_mhz=np.where(running, clocks[self._set], 0.0),
            planned_mhz=np.where(planned != OFF, clocks[np.maximum(planned, 0)], 0.0),
            highest_mhz=np.where(planned != OFF, clocks[self._lanes.highest], 0.0),
            rate_rps=self._arriving.rate_rps(now_s, OBSERVED_S),
        )

    def _book(self, now_s: float) -> None:
        """Enter the clocks set since the last booking."""
        passed = now_s - self._since_s
        running = self._set != OFF
        clocks = np.where(running, self._lanes.clocks_mhz[np.maximum(self._set, 0)], 0.0)
        planned = self._lanes.rows[self._epoch]
        size = len(self._lanes.lanes)
        self._clock_s[self._epoch] += passed * np.bincount(self._lane, clocks, size)
        self._on_s[self._epoch] += passed * np.bincount(self._lane, running, size)
        is_raised = running & (planned != OFF) & (clocks > self._lanes.clocks_mhz[np.maximum(planned, 0)])
        self._raised_s += passed * float(is_raised.sum())
        self._since_s = now_s
