"""A cluster cut into subclusters that nothing couples, so that each may have a core to itself.

Requests move between lanes only where a pool names another one to spill to. Lanes that are so linked stay together; of the others none
sees what the others do: times are whole picoseconds and energy is summed lane by lane, so what comes of them is the same bit for bit,
in however many subclusters they are served.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.engine import Outcome, PoolPlan
from dynamo_plan.engine.tables import NOBODY
from dynamo_plan.replay.lanes import Lane, Lanes
from dynamo_plan.replay.traffic import Traffic
from dynamo_plan.schema.requests import Requests

LINKS = ("spill_to", "move_to")
"""Fields of a `PoolPlan` that name another pool: requests may move there."""

type Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Subcluster:
    """Some lanes, their slots, and the requests that are sent to them, all numbered anew.

    Attributes
    ----------
    lanes : Lanes
        Rows of settings are numbered as before.
    pools : tuple of PoolPlan
        Of the engine, one per lane.
    lane_places, slot_places : array of int, shape (lane,), (slot,)
    request_places : array of int, shape (request,), or None
        Numbers that they have in the cluster; None: it is the whole cluster, and its requests need not be copied.
    """

    lanes: Lanes
    pools: tuple[PoolPlan, ...]
    lane_places: Places
    slot_places: Places
    request_places: Places | None

    def sent(self, traffic: Traffic) -> tuple[Requests, NDArray[np.int32]]:
        """Its requests, and the lane of each."""
        every, rows = traffic.requests, self.request_places
        if rows is None:
            return every, traffic.lane
        lengths = (column[rows] for column in (every.input_tokens, every.output_tokens, every.bucket))
        return Requests(every.arrival_ps[rows], *lengths), _anew(self.lane_places)[traffic.lane[rows]]


def components(pools: Sequence[PoolPlan]) -> Places:
    """Number of the connected component of each pool, shape (pool,): that of one of its pools."""
    found = np.arange(len(pools))
    for number, pool in enumerate(pools):
        for other in (getattr(pool, name) for name in LINKS):
            if other != NOBODY:
                found[found == found[other]] = found[number]
    return found


def packed(component: Places, requests: Places, most: int) -> Places:
    """Number of the subcluster of each pool, shape (pool,): components with most requests first, each to where there are fewest so far.

    Parameters
    ----------
    component, requests : array of int, shape (pool,)
    most : int
        Subclusters at most; there are no more than components that have requests.
    """
    weight = {one: int(requests[component == one].sum()) for one in component.tolist()}
    load = [0] * max(min(most, sum(own > 0 for own in weight.values())), 1)
    found = np.zeros(component.size, dtype=np.int64)
    for one in sorted(weight, key=lambda one: (-weight[one], one)):
        place = load.index(min(load))
        load[place] += weight[one]
        found[component == one] = place
    return found


def subclusters_of(lanes: Lanes, pools: tuple[PoolPlan, ...], traffic: Traffic, most: int) -> tuple[Subcluster, ...]:
    """Cut a cluster into at most so many subclusters, with about as many requests each; one is the whole cluster.

    Parameters
    ----------
    pools : tuple of PoolPlan
        Of the engine, one per lane.
    """
    number = packed(components(pools), np.bincount(traffic.lane, minlength=len(pools)), most)
    if not number.any():
        return (Subcluster(lanes, pools, np.arange(len(pools)), np.arange(lanes.highest.size), None),)
    of_request = number.astype(np.int32)[traffic.lane]
    return tuple(
        _only(lanes, pools, np.flatnonzero(number == one), np.flatnonzero(of_request == one))
        for one in range(int(number.max()) + 1)
    )


def _only(lanes: Lanes, pools: tuple[PoolPlan, ...], own: Places, rows: Places) -> Subcluster:
    """Some of the lanes, linked to no others, with the requests in these rows."""
    slots = np.flatnonzero(np.isin(lanes.lane_of_slot, own))
    kept = list[Lane]()
    for one in (lanes.lanes[place] for place in own.tolist()):
        begin = kept[-1].stop if kept else 0
        kept.append(replace(one, begin=begin, stop=begin + one.stop - one.begin))
    anew = _anew(own)
    return Subcluster(
        lanes=replace(
            lanes,
            lanes=tuple(kept),
            rows=lanes.rows[:, slots],
            highest=lanes.highest[slots],
            rates=tuple(tuple(epoch[place] for place in own.tolist()) for epoch in lanes.rates),
        ),
        pools=tuple(_relinked(pools[place], anew) for place in own.tolist()),
        lane_places=own,
        slot_places=slots,
        request_places=rows,
    )


def _relinked(pool: PoolPlan, anew: NDArray[np.int32]) -> PoolPlan:
    links: dict[str, Any] = {name: int(anew[getattr(pool, name)]) for name in LINKS}
    return replace(pool, **links)


def _anew(places: Places) -> NDArray[np.int32]:
    """New numbers by old ones; `NOBODY`, as an index the last, keeps its own."""
    found = np.full(int(places.max(initial=NOBODY)) + 2, NOBODY, dtype=np.int32)
    found[places] = np.arange(places.size)
    return found


def joined(subclusters: Sequence[Subcluster], outcomes: Iterable[Outcome], requests: Requests) -> Outcome:
    """What became of all requests and lanes, in the order of the cluster.

    Parameters
    ----------
    outcomes : iterable of Outcome
        In the order of the subclusters, all closed at one time; one after the other is taken and let go of, as they are large.
    requests : Requests
        Of the cluster.
    """
    taken = iter(outcomes)
    first = next(taken)
    if len(subclusters) == 1:
        return first
    whole = _blank(first, requests, sum(one.lane_places.size for one in subclusters))
    for own, outcome in zip(subclusters, chain((first,), taken), strict=True):
        rows, lanes = own.request_places, own.lane_places
        whole.first_token_ps[rows], whole.end_ps[rows] = outcome.first_token_ps, outcome.end_ps
        whole.late_gaps[rows], whole.preemptions[rows] = outcome.late_gaps, outcome.preemptions
        whole.instance[rows] = np.append(own.slot_places, NOBODY)[outcome.instance]
        whole.gaps[: outcome.gaps.shape[0]] += outcome.gaps
        whole.energy_j[lanes], whole.host_energy_j[lanes] = outcome.energy_j, outcome.host_energy_j
        whole.on_s[lanes] = outcome.on_s
        whole = replace(
            whole,
            rejected=whole.rejected + outcome.rejected,
            moved=whole.moved + outcome.moved,
            squashed=whole.squashed + outcome.squashed,
            events=whole.events + outcome.events,
            iterations=whole.iterations + outcome.iterations,
        )
    return whole


def _blank(like: Outcome, requests: Requests, lanes: int) -> Outcome:
    """An outcome of nothing yet, at the times and with the bins of another."""
    count, table = len(requests), (lanes, like.on_s.shape[1])
    return replace(
        like,
        requests=requests,
        first_token_ps=np.full(count, NOBODY, dtype=np.int64),
        end_ps=np.full(count, NOBODY, dtype=np.int64),
        late_gaps=np.zeros(count, dtype=np.int32),
        preemptions=np.zeros(count, dtype=np.int32),
        instance=np.full(count, NOBODY, dtype=np.int32),
        gaps=np.zeros((int(requests.bucket.max(initial=0)) + 1, like.gaps.shape[1]), dtype=np.int64),
        energy_j=np.zeros(table),
        host_energy_j=np.zeros(table),
        on_s=np.zeros(table),
        rejected=0,
        moved=0,
        squashed=0,
        events=0,
        iterations=0,
    )
