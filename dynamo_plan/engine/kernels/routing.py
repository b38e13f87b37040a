"""From a request to an instance: the pool's router, spill to another pool, waiting until an instance opens, rejection."""

from __future__ import annotations

from dynamo_plan.compiled import Integers, compiled_into_caller, compiled_part
from dynamo_plan.engine.kernels.calendar import schedule
from dynamo_plan.engine.kernels.iteration import cut
from dynamo_plan.engine.kernels.pages import pages
from dynamo_plan.engine.kernels.queue import append, prompt
from dynamo_plan.engine.tables import (
    NOBODY,
    Cursor,
    Limit,
    Mark,
    Pool,
    Router,
    Settings,
    Slot,
    State,
    Status,
    Time,
)


@compiled_part
def is_better(router: int, one: Integers, other: Integers) -> bool:
    """Whether an instance has less to do than another."""
    if router == Router.LEAST_UNPREFILLED and one[Slot.UNPREFILLED] != other[Slot.UNPREFILLED]:
        return bool(one[Slot.UNPREFILLED] < other[Slot.UNPREFILLED])
    return bool(one[Slot.REQUESTS] < other[Slot.REQUESTS])


@compiled_part
def can_hold(settings: Settings, state: State, i: int, request: int) -> bool:
    """Whether an instance's cache can ever hold a request to its end."""
    marks = state.marks[request]
    most = marks[Mark.INPUT] + max(marks[Mark.OUTPUT], 1) - 1
    return bool(pages(most) <= settings.limits[state.slots[i, Slot.NEXT_ROW], Limit.BLOCKS])


@compiled_into_caller
def choose(settings: Settings, state: State, number: int, request: int) -> tuple[int, int]:
    """The instance of a pool that a request should go to, or nobody; and how many are open."""
    pool = state.pools[number]
    begin, stop, router = pool[Pool.BEGIN], pool[Pool.STOP], pool[Pool.ROUTER]
    best, opened = NOBODY, 0
    turn = pool[Pool.TURN] if router == Router.ROUND_ROBIN else begin
    for step in range(stop - begin):
        i = turn + step if turn + step < stop else turn + step - stop + begin
        if state.slots[i, Slot.STATUS] != Status.OPEN:
            continue
        opened += 1
        if best != NOBODY and (
            router == Router.ROUND_ROBIN or not is_better(router, state.slots[i], state.slots[best])
        ):
            continue
        if can_hold(settings, state, i, request):
            best = i
    return best, opened


@compiled_part
def enqueue(settings: Settings, state: State, i: int, request: int, now: int) -> None:
    """Give a request to an instance; it begins at the next boundary, at once where it is idle."""
    slot = state.slots[i]
    append(state, slot, Slot.HEAD, Slot.TAIL, request)
    slot[Slot.REQUESTS] += 1
    slot[Slot.UNPREFILLED] += prompt(state, request)
    state.marks[request, Mark.INSTANCE] = i
    if slot[Slot.LENGTH] == 0:
        schedule(state, i, now)
    elif slot[Slot.HEAD] == request and slot[Slot.RUNNING] < settings.limits[slot[Slot.ROW], Limit.SEQUENCES]:
        cut(settings, state, i, now)


@compiled_part
def dispatch(settings: Settings, state: State, request: int, now: int) -> None:
    """Send a request to its pool, or where that one spills to.

    It waits where no instance is open, and is rejected where those that are cannot hold it.
    """
    first = state.marks[request, Mark.POOL]
    number, kept, opened, tries = first, NOBODY, 0, 0
    while number != NOBODY and tries < state.pools.shape[0]:
        pool = state.pools[number]
        best, count = choose(settings, state, number, request)
        opened += count
        if best != NOBODY:
            if kept == NOBODY or state.slots[best, Slot.UNPREFILLED] <= pool[Pool.SPILL_ABOVE]:
                kept = best
            if state.slots[best, Slot.UNPREFILLED] <= pool[Pool.SPILL_ABOVE]:
                break
        number = pool[Pool.SPILL_TO]
        tries += 1
    if kept != NOBODY:
        own = state.pools[state.slots[kept, Slot.POOL]]
        own[Pool.TURN] = kept + 1 if kept + 1 < own[Pool.STOP] else own[Pool.BEGIN]
        enqueue(settings, state, kept, request, now)
    elif opened == 0:
        append(state, state.pools[first], Pool.HEAD, Pool.TAIL, request)
    else:
        state.times[request, Time.END] = NOBODY
        state.cursors[Cursor.REJECTED] += 1


@compiled_part
def dispatch_waiting(settings: Settings, state: State, now: int) -> None:
    """Send all requests that wait for an instance to open once more, pool by pool."""
    for number in range(state.pools.shape[0]):
        pool = state.pools[number]
        request = pool[Pool.HEAD]
        pool[Pool.HEAD] = NOBODY
        while request != NOBODY:
            following = state.marks[request, Mark.NEXT]
            dispatch(settings, state, request, now)
            request = following


@compiled_part
def hand_over(settings: Settings, state: State, i: int, now: int) -> None:
    """Send the requests that wait at an instance elsewhere, in their order."""
    slot = state.slots[i]
    request = slot[Slot.HEAD]
    slot[Slot.HEAD] = NOBODY
    while request != NOBODY:
        following = state.marks[request, Mark.NEXT]
        slot[Slot.REQUESTS] -= 1
        slot[Slot.UNPREFILLED] -= prompt(state, request)
        dispatch(settings, state, request, now)
        request = following
