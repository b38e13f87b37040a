"""Requests that wait: lists through `Mark.NEXT`, and how a request enters and leaves an instance's."""

from __future__ import annotations

from dynamo_plan.compiled import Integers, compiled_part
from dynamo_plan.engine.tables import NOBODY, Mark, Slot, State


@compiled_part
def append(state: State, lists: Integers, head: int, tail: int, request: int) -> None:
    """Put a request at the end of the list whose ends stand in these columns."""
    state.marks[request, Mark.NEXT] = NOBODY
    if lists[head] == NOBODY:
        lists[head] = request
    else:
        state.marks[lists[tail], Mark.NEXT] = request
    lists[tail] = request


@compiled_part
def take(state: State, lists: Integers, head: int) -> int:
    """Take the first request of a list, or nobody."""
    request = int(lists[head])
    if request != NOBODY:
        lists[head] = state.marks[request, Mark.NEXT]
    return request


@compiled_part
def prompt(state: State, request: int) -> int:
    """Tokens to be prefilled: the input, and after a preemption what was generated before."""
    return int(state.marks[request, Mark.INPUT] + state.marks[request, Mark.GENERATED])


@compiled_part
def put_first(state: State, slot: Integers, request: int) -> None:
    """Put a preempted request at the head of the instance's queue."""
    state.marks[request, Mark.NEXT] = slot[Slot.HEAD]
    if slot[Slot.HEAD] == NOBODY:
        slot[Slot.TAIL] = request
    slot[Slot.HEAD] = request
    slot[Slot.UNPREFILLED] += prompt(state, request)


@compiled_part
def detach(state: State, slot: Integers, request: int) -> bool:
    """Take a request out of those that had no gap yet; whether it was among them."""
    before, one = NOBODY, slot[Slot.FRESH]
    while one != NOBODY and one != request:
        before, one = one, state.marks[one, Mark.NEXT]
    if one == NOBODY:
        return False
    if before == NOBODY:
        slot[Slot.FRESH] = state.marks[one, Mark.NEXT]
    else:
        state.marks[before, Mark.NEXT] = state.marks[one, Mark.NEXT]
    return True
