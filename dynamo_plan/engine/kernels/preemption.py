"""Recompute preemption: where the next decode iteration lacks KV blocks, the request admitted last gives all of its own back.

It goes to the head of the queue and is prefilled anew with its input and what it generated. Source: vLLM's scheduler.
"""

from __future__ import annotations

from dynamo_plan.compiled import compiled_part
from dynamo_plan.engine.kernels.pages import growth, pages
from dynamo_plan.engine.kernels.queue import detach, prompt, put_first
from dynamo_plan.engine.kernels.running import remove
from dynamo_plan.engine.tables import NOBODY, PAGE_TOKENS, Limit, Mark, Settings, Slot, State, Time


@compiled_part
def cached(state: State, i: int, request: int) -> int:
    """Tokens of a running request in the cache: all but the one generated last."""
    marks = state.marks[request]
    return int(marks[Mark.INPUT] + marks[Mark.GENERATED] + state.slots[i, Slot.ITERATION] - marks[Mark.JOINED] - 1)


@compiled_part
def leave(state: State, i: int, request: int) -> None:
    """Take a running request out of the counts of its instance."""
    slot, tokens = state.slots[i], cached(state, i, request)
    slot[Slot.RUNNING] -= 1
    slot[Slot.CONTEXT] -= tokens
    slot[Slot.BLOCKS] -= pages(tokens)
    state.residues[i, (tokens - slot[Slot.ITERATION]) % PAGE_TOKENS] -= 1


@compiled_part
def preempt_partial(state: State, i: int) -> None:
    """Preempt the request whose prompt is processed in part."""
    slot = state.slots[i]
    request = slot[Slot.PARTIAL]
    tokens = prompt(state, request)
    slot[Slot.PARTIAL] = NOBODY
    slot[Slot.BLOCKS] -= pages(tokens)
    slot[Slot.UNPREFILLED] -= tokens - state.marks[request, Mark.DONE]
    state.marks[request, Mark.DONE] = 0
    state.marks[request, Mark.PREEMPTED] += 1
    put_first(state, slot, request)


@compiled_part
def preempt_running(state: State, i: int) -> None:
    """Preempt the running request that was admitted last."""
    slot, heap, marks = state.slots[i], state.heaps[i], state.marks
    place = 0
    for one in range(1, slot[Slot.RUNNING]):
        if marks[heap[one, 1], Mark.ORDER] > marks[heap[place, 1], Mark.ORDER]:
            place = one
    request = heap[place, 1]
    remove(heap, slot[Slot.RUNNING], place)
    leave(state, i, request)
    if not detach(state, slot, request):
        state.steady[i, marks[request, Mark.CLASS]] -= 1
        state.times[request, Time.TOKEN] = slot[Slot.LAST_TOKEN]
        marks[request, Mark.LATE] += slot[Slot.LATE]
    marks[request, Mark.GENERATED] += slot[Slot.ITERATION] - marks[request, Mark.JOINED]
    marks[request, Mark.DONE] = 0
    marks[request, Mark.PREEMPTED] += 1
    put_first(state, slot, request)


@compiled_part
def make_room(settings: Settings, state: State, i: int) -> None:
    """Preempt until the next decode iteration has its blocks; the last request left always has."""
    slot = state.slots[i]
    blocks = settings.limits[slot[Slot.ROW], Limit.BLOCKS]
    while slot[Slot.BLOCKS] + growth(state.residues[i], slot[Slot.RUNNING], slot[Slot.ITERATION], 1) > blocks:
        if slot[Slot.PARTIAL] != NOBODY:
            preempt_partial(state, i)
        else:
            preempt_running(state, i)
