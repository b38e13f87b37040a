"""One instance from boundary to boundary: which requests the next iterations hold, and what they bring about.

A segment is one iteration where prompts are prefilled, else as many decode iterations as pass until a request ends or blocks run out.
"""

from __future__ import annotations

import math

from dynamo_plan.compiled import Integers, compiled_into_caller, compiled_part
from dynamo_plan.engine.kernels.calendar import schedule
from dynamo_plan.engine.kernels.gaps import bin_of, enter, enter_ramp, over
from dynamo_plan.engine.kernels.pages import growth, lasting, pages
from dynamo_plan.engine.kernels.patience import give_up, has_timed_out
from dynamo_plan.engine.kernels.power import book, is_prefill_first, segment_length
from dynamo_plan.engine.kernels.preemption import leave, make_room
from dynamo_plan.engine.kernels.queue import append, prompt, take
from dynamo_plan.engine.kernels.running import push, remove
from dynamo_plan.engine.tables import (
    NEVER,
    NOBODY,
    PAGE_TOKENS,
    Cursor,
    Limit,
    Mark,
    Pool,
    Settings,
    Slot,
    State,
    Time,
)


@compiled_part
def admit(settings: Settings, state: State, i: int, whole: bool, now: int) -> None:
    """Fill the next iteration with prompt tokens, first come first served; `whole`: no prompt is cut, decodes wait.

    A whole prompt longer than an iteration holds goes alone. Where queues are tended, one that has timed out is given up in place of begun.
    """
    slot = state.slots[i]
    limits = settings.limits[slot[Slot.ROW]]
    sequences = slot[Slot.RUNNING]
    # Those that decode in the same iteration come first, with their tokens and the blocks that they are about to take.
    budget = limits[Limit.CHUNK] - (0 if whole else sequences)
    blocks = limits[Limit.BLOCKS]
    if not whole:
        blocks -= growth(state.residues[i], sequences, slot[Slot.ITERATION], 1)
    taken, pairs = 0, 0
    while taken < budget:
        is_begun = slot[Slot.PARTIAL] != NOBODY
        request = slot[Slot.PARTIAL] if is_begun else slot[Slot.HEAD]
        if request == NOBODY:
            break
        tokens = prompt(state, request)
        done = state.marks[request, Mark.DONE]
        piece = tokens - done
        if not is_begun:
            spare = limits[Limit.WATERMARK] if sequences > 0 else 0
            if sequences >= limits[Limit.SEQUENCES] or slot[Slot.BLOCKS] + pages(tokens) + spare > blocks:
                break
            if whole and taken > 0 and taken + piece > budget:
                break
            take(state, slot, Slot.HEAD)
            if state.pools[slot[Slot.POOL], Pool.TENDED] == 1 and has_timed_out(state, request, now):
                give_up(state, slot, request)
                continue
            slot[Slot.BLOCKS] += pages(tokens)
            state.marks[request, Mark.ORDER] = slot[Slot.ADMITTED]
            slot[Slot.ADMITTED] += 1
        if not whole:
            piece = min(piece, budget - taken)
        append(state, slot, Slot.FIRST, Slot.LAST, request)
        sequences += 1
        taken += piece
        pairs += piece * done
        state.marks[request, Mark.DONE] = done + piece
        slot[Slot.PARTIAL] = request if done + piece < tokens else NOBODY
    slot[Slot.TAKEN] = taken
    slot[Slot.COST] = 0
    if taken > 0:
        slot[Slot.COST] = settings.prefill[slot[Slot.ROW], taken] + limits[Limit.ATTENTION] * pairs


@compiled_into_caller
def plan(settings: Settings, state: State, i: int, now: int) -> None:
    """Begin the next segment of an instance, or its idleness."""
    slot = state.slots[i]
    slot[Slot.ROW] = slot[Slot.NEXT_ROW]
    limits = settings.limits[slot[Slot.ROW]]
    first = is_prefill_first(settings, slot)
    slot[Slot.TAKEN], slot[Slot.COST], slot[Slot.FIRST] = 0, 0, NOBODY
    if not first:
        make_room(settings, state, i)
    if slot[Slot.HEAD] != NOBODY or slot[Slot.PARTIAL] != NOBODY:
        admit(settings, state, i, first, now)
    if first and slot[Slot.TAKEN] == 0:
        make_room(settings, state, i)
    decoding = 0 if first and slot[Slot.TAKEN] > 0 else slot[Slot.RUNNING]
    slot[Slot.DECODING], slot[Slot.BEGIN], slot[Slot.LENGTH] = decoding, now, 0
    end = NEVER
    if decoding > 0 or slot[Slot.TAKEN] > 0:
        # Requests that are not admitted now, preempted ones too, will not be before a request ends: blocks only get fewer.
        longest = 1 if slot[Slot.TAKEN] > 0 else state.cursors[Cursor.LONGEST]
        if longest > 1:
            longest = min(longest, state.heaps[i, 0, 0] - slot[Slot.ITERATION])
            free = limits[Limit.BLOCKS] - slot[Slot.BLOCKS]
            longest = lasting(state.residues[i], decoding, slot[Slot.ITERATION], free, longest)
        slot[Slot.LENGTH] = longest
        end = now + segment_length(settings, slot, longest)
    schedule(state, i, end)


@compiled_part
def passed(settings: Settings, slot: Integers, now: int) -> int:
    """Iterations of the segment under way that have ended by now; it ends later."""
    if slot[Slot.LENGTH] <= 1:
        return 0
    past = now - slot[Slot.BEGIN]
    first = segment_length(settings, slot, 1)
    growing = settings.decode[slot[Slot.ROW], slot[Slot.DECODING], 1] * slot[Slot.DECODING]
    if growing > 0:
        half = float(first) / float(growing) - 0.5
        count = int(math.sqrt(half * half + 2.0 * float(past) / float(growing)) - half)
    else:
        count = past // first
    count = min(max(count, 0), slot[Slot.LENGTH] - 1)
    # The float is a guess; the integers decide.
    while count > 0 and segment_length(settings, slot, count) > past:
        count -= 1
    while count < slot[Slot.LENGTH] - 1 and segment_length(settings, slot, count + 1) <= past:
        count += 1
    return int(count)


@compiled_part
def cut(settings: Settings, state: State, i: int, now: int) -> None:
    """End a segment at its first boundary after now, where something new may begin."""
    slot = state.slots[i]
    count = passed(settings, slot, now) + 1
    if count < slot[Slot.LENGTH]:
        slot[Slot.LENGTH] = count
        schedule(state, i, slot[Slot.BEGIN] + segment_length(settings, slot, count))


@compiled_part
def complete(state: State, i: int, request: int, now: int) -> None:
    """Enter the end of a request; a closed loop sends its next one."""
    state.times[request, Time.END] = now
    state.slots[i, Slot.REQUESTS] -= 1
    released = state.cursors[Cursor.RELEASED]
    if released != NOBODY and released < state.times.shape[0]:
        state.times[released, Time.ARRIVAL] = now
        state.cursors[Cursor.RELEASED] += 1


@compiled_into_caller
def measure_gaps(settings: Settings, state: State, i: int) -> None:
    """Enter the gaps between tokens that end in the segment.

    The first iteration's may have waited for prefills: since the last token of the batch, or since a request's own first token.
    """
    slot, steady = state.slots[i], state.steady[i]
    limit, count = state.pools[slot[Slot.POOL], Pool.GAP_LIMIT], slot[Slot.LENGTH]
    end = slot[Slot.BEGIN] + segment_length(settings, slot, 1)
    gap = end - slot[Slot.LAST_TOKEN]
    enter(state.histogram, steady, gap, 1)
    slot[Slot.LATE] += gap > limit
    while slot[Slot.FRESH] != NOBODY:
        request = take(state, slot, Slot.FRESH)
        group, gap = state.marks[request, Mark.CLASS], end - state.times[request, Time.TOKEN]
        state.histogram[group, bin_of(gap)] += 1
        state.marks[request, Mark.LATE] += (gap > limit) - slot[Slot.LATE]
        steady[group] += 1
    if count > 1:
        step = settings.decode[slot[Slot.ROW], slot[Slot.DECODING], 1] * slot[Slot.DECODING]
        second = segment_length(settings, slot, 2) - segment_length(settings, slot, 1)
        enter_ramp(state.histogram, steady, second, step, count - 1)
        slot[Slot.LATE] += over(second, step, count - 1, limit)
    slot[Slot.LAST_TOKEN] = slot[Slot.END]


@compiled_part
def join(state: State, i: int, request: int, now: int) -> None:
    """A prompt is processed: the request has its next token and decodes from now on, or has ended."""
    slot, times, marks = state.slots[i], state.times[request], state.marks[request]
    tokens = prompt(state, request)
    if times[Time.FIRST_TOKEN] == NOBODY:
        times[Time.FIRST_TOKEN] = now
    else:
        gap = now - times[Time.TOKEN]
        state.histogram[marks[Mark.CLASS], bin_of(gap)] += 1
        marks[Mark.LATE] += gap > state.pools[slot[Slot.POOL], Pool.GAP_LIMIT]
    marks[Mark.GENERATED] += 1
    if marks[Mark.GENERATED] >= marks[Mark.OUTPUT]:
        slot[Slot.BLOCKS] -= pages(tokens)
        complete(state, i, request, now)
        return
    times[Time.TOKEN] = now
    marks[Mark.JOINED] = slot[Slot.ITERATION]
    marks[Mark.NEXT] = slot[Slot.FRESH]
    slot[Slot.FRESH] = request
    end = slot[Slot.ITERATION] + marks[Mark.OUTPUT] - marks[Mark.GENERATED]
    push(state.heaps[i], slot[Slot.RUNNING], end, request)
    slot[Slot.RUNNING] += 1
    slot[Slot.CONTEXT] += tokens
    state.residues[i, (tokens - slot[Slot.ITERATION]) % PAGE_TOKENS] += 1


@compiled_into_caller
def settle(settings: Settings, state: State, i: int) -> None:
    """Carry out the segment that ends now."""
    slot = state.slots[i]
    now, count, decoding = slot[Slot.END], slot[Slot.LENGTH], slot[Slot.DECODING]
    book(settings, state, i, now)
    if decoding > 0:
        measure_gaps(settings, state, i)
        slot[Slot.BLOCKS] += growth(state.residues[i], decoding, slot[Slot.ITERATION], count)
        slot[Slot.ITERATION] += count
        slot[Slot.CONTEXT] += decoding * count
    state.cursors[Cursor.EVENTS] += 1
    state.cursors[Cursor.ITERATIONS] += count
    slot[Slot.UNPREFILLED] -= slot[Slot.TAKEN]
    while slot[Slot.FIRST] != NOBODY:
        request = take(state, slot, Slot.FIRST)
        if request != slot[Slot.PARTIAL]:
            join(state, i, request, now)
    heap = state.heaps[i]
    while slot[Slot.RUNNING] > 0 and heap[0, 0] <= slot[Slot.ITERATION]:
        request = heap[0, 1]
        remove(heap, slot[Slot.RUNNING], 0)
        leave(state, i, request)
        state.steady[i, state.marks[request, Mark.CLASS]] -= 1
        state.marks[request, Mark.LATE] += slot[Slot.LATE]
        complete(state, i, request, now)
