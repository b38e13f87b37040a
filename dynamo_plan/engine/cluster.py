"""A cluster in time: pools of instances behind routers, and the commands that change them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dynamo_plan.compiled import Floats, Integers
from dynamo_plan.engine.kernels.cluster import advance, close
from dynamo_plan.engine.kernels.rescue import first_tokens
from dynamo_plan.engine.outcome import Outcome
from dynamo_plan.engine.settings import Setting, settings_of
from dynamo_plan.engine.tables import (
    BINS,
    NEVER,
    NOBODY,
    PAGE_TOKENS,
    Action,
    Command,
    Cursor,
    Mark,
    Patience,
    Pool,
    Router,
    Slot,
    State,
    Status,
    Time,
)
from dynamo_plan.schema.requests import Column, Requests
from dynamo_plan.units import PICOSECONDS_PER_SECOND, SECONDS_PER_PICOSECOND

SKIPPING, STEPPING = 1 << 31, 1
"""Iterations of a segment at most: as many as nothing happens in, or one."""


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """A pool at the begin of a run.

    Attributes
    ----------
    slots : tuple of int
        Row of settings of each instance that the pool may ever have at once.
    opened : int
        The first so many are open from the begin; the others are off.
    router : Router
    gap_limit_s : float
        Gaps between tokens above this are counted [s].
    spill_to : int
        Pool that takes requests that no open instance here can take; `NOBODY` is none.
    spill_above_tokens : int
        Un-prefilled tokens on the least loaded instance above which requests go there as well, if that has fewer than its own limit.
    is_tended : bool
        When a request comes that would be late, the queue of its instance is looked after: urgent requests go first, those that would be
        late where they are not, or less so, and those that have timed out are given up.
    move_to : int
        Pool for longer requests that they may then go to; `NOBODY` is none.
    """

    slots: tuple[int, ...]
    opened: int
    router: Router = Router.LEAST_UNPREFILLED
    gap_limit_s: float = 0.1
    spill_to: int = NOBODY
    spill_above_tokens: int = NEVER
    is_tended: bool = False
    move_to: int = NOBODY


@dataclass(frozen=True, slots=True)
class Wait:
    """How long after its arrival a request may wait for its first token [s]: as promised, and before it may be given up."""

    due_s: float = math.inf
    timeout_s: float = math.inf


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done to an instance at a time [s]; `row` for `Action.SET` only.

    How long a start or a re-shard takes is the caller's: switch on at the one time, open at the other.
    """

    time_s: float
    action: Action
    slot: int
    row: int = 0


def command_table(orders: Sequence[Order]) -> Integers:
    """Orders by time, those of one time as given, as `advance` reads them."""
    table = np.zeros((len(orders), len(Command)), dtype=np.int64)
    for number, order in enumerate(sorted(orders, key=lambda one: one.time_s)):
        table[number] = picoseconds(order.time_s), order.action, order.slot, order.row
    return table


def picoseconds(seconds: float) -> int:
    """Seconds in whole picoseconds; what is beyond the range of time is `NEVER`."""
    return NEVER if seconds >= NEVER / PICOSECONDS_PER_SECOND else round(seconds * PICOSECONDS_PER_SECOND)


class Cluster:
    """Instances of several pools, run from event to event.

    Slots are numbered pool by pool. A run may be advanced in pieces, with looks at `state` and more orders between them; the pieces
    do not change what happens.

    Parameters
    ----------
    settings : sequence of Setting
        Kinds of instances and clocks; rows of `Order` and of `PoolPlan.slots`.
    pools : sequence of PoolPlan
    requests : Requests
    pool : array of int, shape (request,), optional
        Pool of each request; all go to the first.
    waits : sequence of Wait, (bucket,)
        What pools that are tended go by; buckets beyond wait for ever.
    bin_s, bins
        Length [s] and number of the time bins of energy; the last holds all that is later.
    stepping : bool
        Simulate every iteration by itself: the same, slower.
    loop : int
        Above 0 a closed loop: that many requests arrive as stated, each further one when one ends.

    Raises
    ------
    ValueError
        A pool is tended in a closed loop.
    """

    def __init__(
        self,
        settings: Sequence[Setting],
        pools: Sequence[PoolPlan],
        requests: Requests,
        pool: Column | None = None,
        *,
        waits: Sequence[Wait] = (),
        bin_s: float = 3600.0,
        bins: int = 1,
        stepping: bool = False,
        loop: int = 0,
    ) -> None:
        self._rows, self._pools, self._requests = tuple(settings), tuple(pools), requests
        if loop and any(pool.is_tended for pool in pools):
            raise ValueError("in a closed loop nobody gives up: its pools are not tended")
        tokens = requests.input_tokens + requests.output_tokens
        self.settings = settings_of(settings, int(tokens.max(initial=1)), max(int(tokens.sum()), 1))
        self.state = _state(self._rows, self._pools, requests, pool, waits, bins)
        cursors = self.state.cursors
        cursors[Cursor.BIN] = picoseconds(bin_s)
        cursors[Cursor.LONGEST] = STEPPING if stepping else SKIPPING
        cursors[Cursor.RELEASED] = NOBODY
        if loop:
            self.state.times[loop:, Time.ARRIVAL] = NEVER
            cursors[Cursor.RELEASED] = loop
        self._orders: list[Order] = []

    def advance(self, until_s: float | None = None, orders: Sequence[Order] = ()) -> None:
        """Run to a time [s], its events included, or until all requests have ended; orders lie after the time reached so far.

        Raises
        ------
        ValueError
            An order is for a slot or a row that is not there.
        """
        for order in orders:
            if not (0 <= order.slot < self.state.slots.shape[0] and 0 <= order.row < len(self._rows)):
                raise ValueError(f"order for slot {order.slot}, row {order.row}: there is no such one")
        self.state.cursors[Cursor.COMMAND] = 0
        table = command_table([*self._orders, *orders])
        advance(self.settings, self.state, table, NEVER if until_s is None else picoseconds(until_s))
        done = int(self.state.cursors[Cursor.COMMAND])
        self._orders = sorted([*self._orders, *orders], key=lambda one: one.time_s)[done:]

    def first_token_s(self, row: Integers, now_s: float) -> Floats:
        """In how long a request that comes now would have its first token at each instance (slot,) [s].

        Were its settings those of a row (slot,), and without its own prompt and what may come meanwhile. Now is the time reached.
        """
        found = np.zeros(self.state.slots.shape[0], dtype=np.int64)
        first_tokens(self.settings, self.state, row, picoseconds(now_s), found)
        return found.astype(np.float64) * SECONDS_PER_PICOSECOND

    def finish(self, at_s: float | None = None) -> Outcome:
        """Close the books at a time [s], or at the last end of a request; the cluster gives its memory back and goes no further."""
        state, requests = self.state, self._requests
        last = max(int(state.times[:, Time.END].max(initial=0)), 0)
        now = last if at_s is None else picoseconds(at_s)
        close(self.settings, state, now)
        if state.cursors[Cursor.RELEASED] != NOBODY:  # in a closed loop times of arrival are results
            requests = replace(requests, arrival_ps=np.minimum(state.times[:, Time.ARRIVAL], NEVER))
        on_s = state.on_ps.astype(np.float64) * SECONDS_PER_PICOSECOND
        host_w = np.array([[self._rows[one.slots[0]].model.host_power_w] for one in self._pools])
        late_gaps = np.where(state.times[:, Time.END] >= 0, state.marks[:, Mark.LATE], np.int32(0))
        preemptions, instance = (state.marks[:, column].copy() for column in (Mark.PREEMPTED, Mark.INSTANCE))
        # Of millions of requests the marks are most of the memory: they go before more is taken.
        self.state = state = state._replace(marks=state.marks[:0].copy())
        return Outcome(
            requests=requests,
            first_token_ps=state.times[:, Time.FIRST_TOKEN].copy(),
            end_ps=state.times[:, Time.END].copy(),
            late_gaps=late_gaps,
            preemptions=preemptions,
            instance=instance,
            gaps=state.histogram.copy(),
            energy_j=state.energy_j.sum(axis=2),
            host_energy_j=on_s * host_w,
            on_s=on_s,
            bin_s=float(state.cursors[Cursor.BIN]) * SECONDS_PER_PICOSECOND,
            end_s=now * SECONDS_PER_PICOSECOND,
            rejected=int(state.cursors[Cursor.REJECTED]),
            moved=int(state.cursors[Cursor.MOVED]),
            squashed=int(state.cursors[Cursor.SQUASHED]),
            events=int(state.cursors[Cursor.EVENTS]),
            iterations=int(state.cursors[Cursor.ITERATIONS]),
        )


def _state(
    rows: tuple[Setting, ...],
    pools: tuple[PoolPlan, ...],
    requests: Requests,
    pool: Column | None,
    waits: Sequence[Wait],
    bins: int,
) -> State:
    """The state before anything has happened."""
    count, classes = len(requests), int(requests.bucket.max(initial=0)) + 1
    patience = np.full((classes, len(Patience)), NEVER, dtype=np.int64)
    for number, wait in enumerate(waits[:classes]):
        patience[number] = picoseconds(wait.due_s), picoseconds(wait.timeout_s)
    slots = _slots(pools)
    times = np.full((count, len(Time)), NOBODY, dtype=np.int64)
    times[:, Time.ARRIVAL] = requests.arrival_ps
    marks = np.zeros((count, len(Mark)), dtype=np.int32)
    marks[:, Mark.INPUT], marks[:, Mark.OUTPUT] = requests.input_tokens, requests.output_tokens
    marks[:, Mark.CLASS], marks[:, Mark.POOL] = requests.bucket, 0 if pool is None else pool
    marks[:, Mark.INSTANCE] = NOBODY
    batch = max(row.serving.max_batch for row in rows)
    leaves = 1 << (len(slots) - 1).bit_length()
    calendar = np.full(2 * leaves, NOBODY, dtype=np.int64)
    calendar[leaves : leaves + len(slots)] = np.arange(len(slots))
    for place in range(leaves - 1, 0, -1):
        calendar[place] = calendar[2 * place]  # all idle: the lowest slot is first
    return State(
        cursors=np.zeros(len(Cursor), dtype=np.int64),
        pools=_pools(pools),
        patience=patience,
        slots=slots,
        residues=np.zeros((len(slots), PAGE_TOKENS), dtype=np.int64),
        steady=np.zeros((len(slots), classes), dtype=np.int64),
        heaps=np.zeros((len(slots), batch, 2), dtype=np.int64),
        calendar=calendar,
        times=times,
        marks=marks,
        histogram=np.zeros((classes, BINS), dtype=np.int64),
        energy_j=np.zeros((len(pools), bins, 2)),
        on_ps=np.zeros((len(pools), bins), dtype=np.int64),
    )


def _slots(pools: tuple[PoolPlan, ...]) -> Integers:
    """Instances, idle or off."""
    slots = np.zeros((sum(len(one.slots) for one in pools), len(Slot)), dtype=np.int64)
    slots[:, [Slot.HEAD, Slot.TAIL, Slot.PARTIAL, Slot.FIRST, Slot.LAST, Slot.FRESH]] = NOBODY
    slots[:, Slot.END] = NEVER
    begin = 0
    for number, one in enumerate(pools):
        own = slots[begin : begin + len(one.slots)]
        own[:, Slot.POOL] = number
        own[:, Slot.ROW] = own[:, Slot.NEXT_ROW] = one.slots
        own[: one.opened, Slot.STATUS] = Status.OPEN
        begin += len(one.slots)
    return slots


def _pools(pools: tuple[PoolPlan, ...]) -> Integers:
    """Pools, with the slots they own."""
    table = np.full((len(pools), len(Pool)), NOBODY, dtype=np.int64)
    begin = 0
    for number, one in enumerate(pools):
        table[number, Pool.BEGIN], table[number, Pool.STOP] = begin, begin + len(one.slots)
        table[number, Pool.ROUTER], table[number, Pool.TURN] = one.router, begin
        table[number, Pool.SPILL_TO], table[number, Pool.SPILL_ABOVE] = one.spill_to, one.spill_above_tokens
        table[number, Pool.GAP_LIMIT] = picoseconds(one.gap_limit_s)
        table[number, Pool.TENDED], table[number, Pool.MOVE_TO] = one.is_tended, one.move_to
        begin += len(one.slots)
    return table
