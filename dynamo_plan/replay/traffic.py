"""From requests as they came to lanes: bucket by length, predicted bucket, and which of the pool's lanes is next.

The output length is foreseen only by its class, and not always. Between the lanes of a pool each request is drawn by their shares, as
gateways with weights do: a part of Poisson arrivals is Poisson again, for which capacities are stated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.replay.lanes import Lanes
from dynamo_plan.replay.schedule import Schedule
from dynamo_plan.schema.bucket import Bucket
from dynamo_plan.schema.replay import LeftOut
from dynamo_plan.schema.requests import Requests
from dynamo_plan.units import PICOSECONDS_PER_SECOND

NOWHERE = -1

type Integers = NDArray[np.int64]
type Classes = NDArray[np.int16]
"""Length classes and buckets; of millions of requests, so in few bytes."""
type Column = NDArray[np.integer[Any]]
"""Something about every request, in whole numbers."""


@dataclass(frozen=True, slots=True, eq=False)
class Arrivals:
    """Requests to one service in the order of their arrival; every array has shape (request,).

    Attributes
    ----------
    arrival_ps : array of int
        After the begin of the schedule [ps].
    input_tokens, output_tokens : array of int32
        Lengths; an output of 0 is a request that failed.
    """

    arrival_ps: Integers
    input_tokens: NDArray[np.int32]
    output_tokens: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Predictor:
    """Foresees the output class of this share of the requests [1]; the others are taken for one of the other classes, all as likely."""

    accuracy: float = 1.0
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuse what is no share."""
        if not 0.0 <= self.accuracy <= 1.0:
            raise ValueError(f"a predictor is right in 0 to 1 of all cases, not {self.accuracy}")

    def foreseen(self, true: Classes, classes: int, service: int) -> Classes:
        """Output classes as they are foreseen."""
        if classes == 1 or self.accuracy == 1.0:
            return true
        random = np.random.default_rng([self.seed, service])
        is_wrong = random.random(true.size) >= self.accuracy
        other = (true + 1 + random.integers(0, classes - 1, true.size, dtype=np.int16)) % np.int16(classes)
        return np.where(is_wrong, other, true)


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """Requests of all services, merged, with the lane that each is sent to.

    Attributes
    ----------
    requests : Requests
        `bucket` numbers the buckets of all services.
    lane, foreseen : array of int, shape (request,)
        Where each goes, and of which bucket it is taken to be.
    buckets : tuple of (str, Bucket)
        Service and bucket by number.
    left_out : LeftOut
        Only what lengths say.
    mispredicted, elsewhere : int
        See `Replay`.
    """

    requests: Requests
    lane: NDArray[np.int32]
    foreseen: Classes
    buckets: tuple[tuple[str, Bucket], ...]
    left_out: LeftOut
    mispredicted: int
    elsewhere: int


def traffic_of(
    arrivals: Mapping[str, Arrivals],
    buckets: Mapping[str, Sequence[Bucket]],
    schedule: Schedule,
    lanes: Lanes,
    predictor: Predictor,
) -> Traffic:
    """Classify the requests of every service and send each to a lane.

    Parameters
    ----------
    buckets : mapping of str to sequence of Bucket
        Grid of each service, input class outermost.
    """
    sorting = _Sorting(schedule, lanes, predictor)
    parts: list[list[Column]] = []
    named: list[tuple[str, Bucket]] = []
    for number, service in enumerate(sorted(arrivals)):
        parts.append(sorting.of(service, number, arrivals[service], buckets[service], len(named)))
        named += [(service, bucket) for bucket in buckets[service]]
    columns = parts[0] if len(parts) == 1 else [np.concatenate(column) for column in zip(*parts, strict=True)]
    if len(parts) > 1:
        order = np.argsort(columns[0], kind="stable")
        columns = [column[order] for column in columns]
    requests = Requests(*columns[:4])
    left_out = LeftOut(outside_buckets=sorting.outside, without_output=sorting.without)
    lane, foreseen = columns[4].astype(np.int32, copy=False), columns[5].astype(np.int16, copy=False)
    return Traffic(requests, lane, foreseen, tuple(named), left_out, sorting.mispredicted, sorting.elsewhere)


def rates_of(came: Arrivals, grid: Sequence[Bucket], window_s: float, windows: int) -> NDArray[np.float64]:
    """Mean rate of the requests that would be sent to instances, shape (window, bucket) [1/s]."""
    held, inputs, outputs, classes = _classified(came, grid)
    kept = held & (came.output_tokens > 0)
    window = came.arrival_ps[kept] // round(window_s * PICOSECONDS_PER_SECOND)
    cell = window * len(grid) + inputs[kept].astype(np.int64) * classes + outputs[kept]
    return np.bincount(cell, minlength=windows * len(grid)).reshape(windows, len(grid)) / window_s


class Arriving:
    """Arrivals by lane and foreseen bucket over a while that ends at ascending moments."""

    def __init__(self, traffic: Traffic, lanes: int) -> None:
        self._arrival_ps = traffic.requests.arrival_ps
        self._shape = lanes, len(traffic.buckets)
        self._traffic = traffic
        self._begin, self._end = 0, 0
        self._count = np.zeros(lanes * len(traffic.buckets), dtype=np.int64)

    def rate_rps(self, now_s: float, over_s: float) -> NDArray[np.float64]:
        """Mean over the last `over_s`, or all the time so far where that is less, shape (lane, bucket) [1/s]."""
        since_s = max(now_s - over_s, 0.0)
        # Whole numbers, as arrivals are: numpy would turn all of those into floats at every look.
        moments = np.rint(np.array([since_s, now_s]) * PICOSECONDS_PER_SECOND).astype(np.int64)
        begin, end = (int(place) for place in np.searchsorted(self._arrival_ps, moments, side="left"))
        self._count += self._of(self._end, end) - self._of(self._begin, begin)
        self._begin, self._end = begin, end
        return self._count.reshape(self._shape) / (now_s - since_s)

    def _of(self, begin: int, end: int) -> Integers:
        lane, bucket = self._traffic.lane[begin:end], self._traffic.foreseen[begin:end]
        return np.bincount(lane * self._shape[1] + bucket, minlength=self._count.size)


class _Sorting:
    """Requests of one service after the other, and what there is to count about them."""

    def __init__(self, schedule: Schedule, lanes: Lanes, predictor: Predictor) -> None:
        self._schedule, self._lanes, self._predictor = schedule, lanes, predictor
        self._edges_ps = np.rint(np.array(schedule.edges_s) * PICOSECONDS_PER_SECOND).astype(np.int64)
        self.without, self.outside, self.mispredicted, self.elsewhere = 0, 0, 0, 0

    def of(self, service: str, number: int, came: Arrivals, grid: Sequence[Bucket], first: int) -> list[Column]:
        """Arrival, lengths, bucket (numbered from `first`), lane and foreseen bucket of the requests that are sent to instances."""
        held, inputs, outputs, classes = _classified(came, grid)
        answered = came.output_tokens > 0
        self.without += int((~answered).sum())
        self.outside += int((answered & ~held).sum())
        kept = answered & held
        part = slice(None) if kept.all() else kept  # millions of requests need not be copied
        inputs, outputs, arrival_ps = inputs[part], outputs[part], came.arrival_ps[part]
        foreseen = self._predictor.foreseen(outputs, classes, number)
        self.mispredicted += int((foreseen != outputs).sum())
        epoch = np.searchsorted(self._edges_ps[1:-1], arrival_ps, side="right").astype(np.int32)
        table, is_elsewhere = _shares(service, grid, classes, self._schedule, self._lanes)
        taken_for = inputs * np.int16(classes) + foreseen
        lane, moved = _spread(taken_for, epoch, table, is_elsewhere, self._predictor.seed)
        self.elsewhere += moved
        # Where no instance of the service runs, its requests wait for whichever opens first.
        lane[lane == NOWHERE] = next(
            place for place, one in enumerate(self._lanes.lanes) if self._schedule.pools[one.pool].service == service
        )
        bucket = np.int16(first) + inputs * np.int16(classes) + outputs
        return [
            arrival_ps,
            came.input_tokens[part],
            came.output_tokens[part],
            bucket,
            lane,
            taken_for + np.int16(first),
        ]


def _classified(came: Arrivals, grid: Sequence[Bucket]) -> tuple[NDArray[np.bool_], Classes, Classes, int]:
    """Which requests some bucket holds, their input and output classes, and how many output classes there are."""
    inputs = sorted({(bucket.input_min_tokens, bucket.input_max_tokens or 0) for bucket in grid})
    outputs = sorted({(bucket.output_min_tokens, bucket.output_max_tokens or 0) for bucket in grid})
    held = np.ones(came.arrival_ps.size, dtype=np.bool_)
    found = []
    for tokens, edges in ((came.input_tokens, inputs), (came.output_tokens, outputs)):
        above = np.array([low for low, _ in edges[1:]], dtype=np.int32)
        found.append(np.searchsorted(above, tokens, side="right").astype(np.int16))
        if edges[-1][1]:
            held &= tokens < edges[-1][1]
    return held, found[0], found[1], len(outputs)


def _shares(
    service: str, grid: Sequence[Bucket], classes: int, schedule: Schedule, lanes: Lanes
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """What of each bucket each lane takes in every epoch (epoch, bucket, lane) [1], and where that is none of its own pool's.

    A bucket whose pool has no instance goes to that of the next larger bucket that has, else to that of any: the paper merges the pool
    of a class without load with the next larger one's.
    """
    epochs, size = len(schedule.groups), len(lanes.lanes)
    table = np.zeros((epochs, len(grid), size))
    names = [bucket.name for bucket in grid]
    for epoch, rates in enumerate(lanes.rates):
        for place, lane in enumerate(lanes.lanes):
            pool = schedule.pools[lane.pool]
            if pool.service != service:
                continue
            share = pool.share[epoch] if pool.share else 1.0
            total = _of_pool(rates, lanes, lane.pool)
            even = rates[place].sum() / total.sum() if total.sum() > 0 else 0.0
            if schedule.spread is not None:
                table[epoch, :, place] = schedule.spread[pool.name][epoch] * even
                continue
            for column, name in enumerate(pool.buckets):
                part = rates[place][column] / total[column] if total[column] > 0 else even
                table[epoch, names.index(name), place] = share * part
    sums = table.sum(axis=2, keepdims=True)
    is_empty = sums[:, :, 0] <= 0
    table = np.divide(table, sums, out=np.zeros_like(table), where=sums > 0)
    for bucket in range(len(grid)):
        for larger in by_size(bucket, len(grid), classes):
            lacking = is_empty[:, bucket] & (table[:, bucket].sum(axis=1) <= 0) & ~is_empty[:, larger]
            table[lacking, bucket] = table[lacking, larger]
    return table, is_empty


def _of_pool(rates: tuple[NDArray[np.float64], ...], lanes: Lanes, pool: int) -> NDArray[np.float64]:
    """What all lanes of a pool take together, by bucket."""
    own = [rates[place] for place, lane in enumerate(lanes.lanes) if lane.pool == pool]
    return np.asarray(np.sum(own, axis=0))


def by_size(bucket: int, count: int, classes: int) -> list[int]:
    """The other buckets of a grid of so many, with so many output classes: those larger in both lengths first, the nearest first."""
    own = divmod(bucket, classes)

    def order(other: int) -> tuple[bool, int, int]:
        place = divmod(other, classes)
        steps = (place[0] - own[0], place[1] - own[1])
        return min(steps) < 0, abs(steps[0]) + abs(steps[1]), other

    return sorted((other for other in range(count) if other != bucket), key=order)


def larger_buckets(bucket: int, count: int, classes: int) -> list[int]:
    """Those of a grid that are larger than one in both lengths, the nearest first; arguments as of `by_size`."""
    own = divmod(bucket, classes)
    return [other for other in by_size(bucket, count, classes) if min(np.subtract(divmod(other, classes), own)) >= 0]


def _spread(
    bucket: Classes, epoch: NDArray[np.int32], table: NDArray[np.float64], is_elsewhere: NDArray[np.bool_], seed: int
) -> tuple[NDArray[np.int32], int]:
    """The lane of every request, and how many went elsewhere; `NOWHERE` where no instance of the service runs."""
    lane = np.full(bucket.size, NOWHERE, dtype=np.int32)
    upper = np.cumsum(table, axis=2)
    moved = 0
    for number in range(table.shape[1]):
        rows = np.flatnonzero(bucket == number)
        place = np.random.default_rng([seed, number]).random(rows.size)
        own = epoch[rows]
        last = np.full(rows.size, NOWHERE, dtype=np.int32)
        for one in np.flatnonzero(table[:, number].any(axis=0))[::-1].tolist():
            takes = (table[own, number, one] > 0) & ((last == NOWHERE) | (place < upper[own, number, one]))
            last[takes] = one
        lane[rows] = last
        moved += int(is_elsewhere[own, number].sum())
    return lane, moved
