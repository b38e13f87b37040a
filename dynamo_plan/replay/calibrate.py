"""What would mend a pool that breaks its SLO: how much of its load the same instances could have served.

A profile's capacity is measured at a steady rate and one pair of lengths; bursts, mixed lengths and the router take some of it. The part
that is left is found by thinning: requests of the pool, drawn at random, are taken away until its buckets keep their SLO. With capacities
lowered to that part, the planner gives each instance as much less. It may then choose other kinds and clocks, so a second round can be
needed; its shares multiply with the first one's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dynamo_plan.replay.latencies import QUANTILE, bucket_replays
from dynamo_plan.replay.replay import Carried
from dynamo_plan.replay.run import OnShare, Ran, run_schedule
from dynamo_plan.replay.schedule import Schedule
from dynamo_plan.replay.traffic import Arrivals, Predictor
from dynamo_plan.schema.replay import BucketReplay

KEPT = 0.99
"""Share of a pool's bucket-windows that must keep the SLO [1]."""

MARGIN = 0.95
"""Part of the load that would just do which is offered [1]: at the edge itself another draw of the requests would break the SLO again."""

CHANCE = 0.95
"""A window counts as broken, while less load is tried, when more requests are late than 1 % each would make with this probability [1]: of a
hundred requests four, not two. Else the bucket with fewest requests would decide, by luck."""

LEAST, STEP = 0.2, 0.02
"""Share of the load below which it is not the load that breaks the SLO [1]; and to what it is found, about what the seed leaves open."""


@dataclass(frozen=True, slots=True)
class Mended:
    """A pool that breaks its SLO, and what would mend it.

    Attributes
    ----------
    pool, service : str
    buckets : tuple of str
    kept : float
        Share of its bucket-windows that kept the SLO [1].
    share : float or None
        Share of its load to plan with so that they do [1]; None: not even `LEAST` would do, so that it is not the load.
    """

    pool: str
    service: str
    buckets: tuple[str, ...]
    kept: float
    share: float | None


def calibrate(carried: Carried, on_share: OnShare = lambda share: None) -> tuple[Mended, ...]:
    """The pools whose buckets kept their SLO in too few windows, each with the share of its load that mends it."""
    schedule = carried.ran.schedule
    found = []
    for number, pool in enumerate(schedule.pools):
        alone = _Alone(carried, number)
        kept = alone.kept(1.0) if len(alone.rows) else 1.0
        if kept < KEPT:
            found.append(Mended(pool.name, pool.service, pool.buckets, kept, alone.share()))
        on_share((number + 1) / len(schedule.pools))
    return tuple(found)


class _Alone:
    """One pool with the requests that it got, and nothing else."""

    def __init__(self, carried: Carried, number: int) -> None:
        self._carried = carried
        schedule, lanes, traffic = carried.ran.schedule, carried.ran.lanes, carried.ran.traffic
        pool = schedule.pools[number]
        self._service = pool.service
        self._schedule = Schedule(
            (replace(pool, share=()),),
            schedule.edges_s,
            tuple(tuple(group for group in groups if group.pool == pool.name) for groups in schedule.groups),
        )
        pools = np.array([lane.pool for lane in lanes.lanes], dtype=np.int64)
        self.rows = np.flatnonzero(pools[traffic.lane] == number)

    def share(self) -> float | None:
        """The highest share of the load that keeps the SLO, less the margin; by bisection: less load is taken to break it no sooner."""
        if not self.holds(LEAST):
            return None
        low, high = round(LEAST / STEP), round(1 / STEP) + 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.holds(middle * STEP) else (low, middle)
        return MARGIN * low * STEP

    def kept(self, share: float) -> float:
        """Share of the bucket-windows that keep the SLO under this share of the requests."""
        spans = [span for one in self._replayed(share) for span in one.spans]
        return sum(span.is_met for span in spans) / len(spans) if spans else 1.0

    def holds(self, share: float) -> bool:
        """Whether so many keep it as far as their numbers of requests can tell."""
        from scipy.stats import binom

        spans = [span for one in self._replayed(share) for span in one.spans]
        broken = sum(span.late > binom.ppf(CHANCE, span.requests, 1.0 - QUANTILE) for span in spans)
        return broken <= (1.0 - KEPT) * len(spans)

    def _replayed(self, share: float) -> tuple[BucketReplay, ...]:
        made, options = self._carried.made, self._carried.options
        # The same draw at every share: less load is the same load without some of its requests.
        rows = self.rows[np.random.default_rng(options.predictor.seed).random(self.rows.size) < share]
        asked = self._carried.ran.traffic.requests
        lengths = (one[rows].astype(np.int32) for one in (asked.input_tokens, asked.output_tokens))
        came = Arrivals(asked.arrival_ps[rows], *lengths)
        ran: Ran = run_schedule(
            self._schedule,
            {self._service: came},
            {self._service: made.buckets[self._service]},
            made.engines,
            made.promises,
            predictor=Predictor(seed=options.predictor.seed),
            router=options.router,
            control=options.control,
            queues=options.queues,
        )
        return bucket_replays(ran, made.promises, made.first)
