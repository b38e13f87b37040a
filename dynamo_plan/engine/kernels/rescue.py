"""What is done about requests that wait too long: the urgent ones first, elsewhere, given up.

Only requests without a first token are touched. Each measure takes effect at an instance's next boundary, as an arrival does. Source: the
measures and their order are those of DynamoLLM (arXiv 2408.00741) for mispredicted load; when, and for which requests, is ours.
"""

from __future__ import annotations

from dynamo_plan.compiled import Integers, compiled_in_place, compiled_part
from dynamo_plan.engine.kernels.iteration import cut, passed
from dynamo_plan.engine.kernels.patience import due, give_up, has_timed_out, waits
from dynamo_plan.engine.kernels.queue import append, prompt
from dynamo_plan.engine.kernels.routing import can_hold, enqueue
from dynamo_plan.engine.tables import (
    NEVER,
    NOBODY,
    Cursor,
    Limit,
    Mark,
    Pool,
    Settings,
    Slot,
    State,
    Status,
)


@compiled_part
def processed_in(settings: Settings, slot: Integers, row: int, tokens: int, now: int) -> int:
    """In how long an instance has processed so many prompt tokens, beside what decodes now [ps]."""
    batch, first = slot[Slot.RUNNING], settings.limits[row, Limit.PREFILL_FIRST] == 1
    context = slot[Slot.CONTEXT] + batch * passed(settings, slot, now)
    decode = 0 if first else settings.decode[row, batch, 0] + settings.decode[row, batch, 1] * context
    chunk = max(settings.limits[row, Limit.CHUNK] - (0 if first else batch), 1)
    chunk = min(chunk, settings.prefill.shape[1] - 1)
    time = (tokens // chunk) * (decode + settings.prefill[row, chunk])
    if tokens % chunk > 0:
        time += decode + settings.prefill[row, tokens % chunk]
    return int(time)


@compiled_in_place
def first_tokens(settings: Settings, state: State, row: Integers, now: int, found: Integers) -> None:
    """In how long all that waits at each instance would be processed, were its settings those of a row [ps]."""
    for i in range(found.size):
        found[i] = processed_in(settings, state.slots[i], row[i], state.slots[i, Slot.UNPREFILLED], now)


@compiled_part
def is_before(state: State, one: int, other: int, now: int) -> bool:
    """Whether a request goes before another: preempted ones, then those still in time by when they are due, then the late ones."""
    is_begun, is_other_begun = not waits(state, one), not waits(state, other)
    if is_begun or is_other_begun:
        return is_begun and not is_other_begun
    own, others = due(state, one), due(state, other)
    return own >= now and (others < now or own < others)


@compiled_part
def after_run(state: State, request: int, now: int) -> int:
    """The first request behind this one that is not in order, or nobody."""
    following = int(state.marks[request, Mark.NEXT])
    while following != NOBODY and not is_before(state, following, request, now):
        request, following = following, int(state.marks[following, Mark.NEXT])
    return following


@compiled_part
def sort(state: State, slot: Integers, now: int) -> None:
    """Put the urgent first by merging the runs that are in order, of which there are few; equals stay in their order."""
    runs = 2
    while runs > 1:
        rest, runs = slot[Slot.HEAD], 0
        slot[Slot.HEAD] = NOBODY
        while rest != NOBODY:
            runs += 1
            left, middle = rest, after_run(state, rest, now)
            right, rest = middle, NOBODY if middle == NOBODY else after_run(state, middle, now)
            while left != middle or right != rest:
                is_right = left == middle or (right != rest and is_before(state, right, left, now))
                request = right if is_right else left
                if is_right:
                    right = state.marks[right, Mark.NEXT]
                else:
                    left = state.marks[left, Mark.NEXT]
                append(state, slot, Slot.HEAD, Slot.TAIL, request)


@compiled_part
def soonest(settings: Settings, state: State, number: int, i: int, request: int, now: int) -> tuple[int, int]:
    """The open instance of a pool, or of those it spills to, but this one, that processes a request soonest, and in how long [ps].

    Without a request, `NOBODY`: what each has already, which none can be faster than.
    """
    more = 0 if request == NOBODY else prompt(state, request)
    best, least, pool = NOBODY, NEVER, number
    for _ in range(state.pools.shape[0]):
        for j in range(state.pools[pool, Pool.BEGIN], state.pools[pool, Pool.STOP]):
            slot = state.slots[j]
            if j == i or slot[Slot.STATUS] != Status.OPEN:
                continue
            if request != NOBODY and not can_hold(settings, state, j, request):
                continue
            time = processed_in(settings, slot, slot[Slot.NEXT_ROW], slot[Slot.UNPREFILLED] + more, now)
            if time < least:
                best, least = j, time
        pool = state.pools[pool, Pool.SPILL_TO]
        if pool in (NOBODY, number):
            break
    return best, least


@compiled_part
def place_for(settings: Settings, state: State, i: int, request: int, time: int, now: int) -> int:
    """Where a request is to go that this instance would have processed after so long [ps], or nobody where it stays.

    In its own pool if it is in time there; in the nearest pool for longer requests where it is; else where it is less late in its own.
    """
    best, least = soonest(settings, state, state.slots[i, Slot.POOL], i, request, now)
    if best != NOBODY and now + least <= due(state, request):
        return best
    number = state.pools[state.slots[i, Slot.POOL], Pool.MOVE_TO]
    for _ in range(state.pools.shape[0]):
        if number == NOBODY:
            break
        larger, after = soonest(settings, state, number, i, request, now)
        if larger != NOBODY and now + after <= due(state, request):
            return larger
        number = state.pools[number, Pool.MOVE_TO]
    return best if least < time else NOBODY


@compiled_part
def move(settings: Settings, state: State, i: int, now: int) -> None:
    """Send requests that would be late to where they are not, or less so."""
    slot = state.slots[i]
    row, request = slot[Slot.NEXT_ROW], slot[Slot.HEAD]
    ahead, following = slot[Slot.UNPREFILLED], request
    while following != NOBODY:
        ahead -= prompt(state, following)
        following = state.marks[following, Mark.NEXT]
    slot[Slot.HEAD] = NOBODY
    own = soonest(settings, state, slot[Slot.POOL], i, NOBODY, now)[1]
    larger, number = NEVER, state.pools[slot[Slot.POOL], Pool.MOVE_TO]
    for _ in range(state.pools.shape[0]):
        if number == NOBODY:
            break
        larger = min(larger, soonest(settings, state, number, i, NOBODY, now)[1])
        number = state.pools[number, Pool.MOVE_TO]
    while request != NOBODY:
        following = state.marks[request, Mark.NEXT]
        tokens = prompt(state, request)
        time, place = processed_in(settings, slot, row, ahead + tokens, now), NOBODY
        limit = due(state, request)
        # Others only get more to do meanwhile: where nobody was soon enough, nobody need be looked for.
        if waits(state, request) and now + time > limit and (own < time or now + larger <= limit):
            place = place_for(settings, state, i, request, time, now)
        if place == NOBODY:
            append(state, slot, Slot.HEAD, Slot.TAIL, request)
            ahead += tokens
        else:
            slot[Slot.REQUESTS] -= 1
            slot[Slot.UNPREFILLED] -= tokens
            state.cursors[Cursor.MOVED] += 1
            enqueue(settings, state, place, request, now)
        request = following


@compiled_part
def squash(state: State, slot: Integers, now: int) -> None:
    """Give up the requests that have waited for longer than anyone would."""
    request = slot[Slot.HEAD]
    slot[Slot.HEAD] = NOBODY
    while request != NOBODY:
        following = state.marks[request, Mark.NEXT]
        if has_timed_out(state, request, now):
            give_up(state, slot, request)
        else:
            append(state, slot, Slot.HEAD, Slot.TAIL, request)
        request = following


@compiled_part
def tend(settings: Settings, state: State, request: int, now: int) -> None:
    """Look after the queue that a request has just joined, if its pool is tended and it would be late."""
    i = state.marks[request, Mark.INSTANCE]
    if i == NOBODY or state.pools[state.slots[i, Slot.POOL], Pool.TENDED] == 0:
        return
    slot = state.slots[i]
    if now + processed_in(settings, slot, slot[Slot.NEXT_ROW], slot[Slot.UNPREFILLED], now) > due(state, request):
        sort(state, slot, now)
        move(settings, state, i, now)
        squash(state, slot, now)
        cut(settings, state, i, now)  # others may now be first
