"""The running requests of an instance: a binary heap by the decode iteration in which each ends, then by number."""

from __future__ import annotations

from dynamo_plan.compiled import Integers, compiled_part


@compiled_part
def before(heap: Integers, one: int, other: int) -> bool:
    """Whether an entry comes before another."""
    if heap[one, 0] != heap[other, 0]:
        return bool(heap[one, 0] < heap[other, 0])
    return bool(heap[one, 1] < heap[other, 1])


@compiled_part
def swap(heap: Integers, one: int, other: int) -> None:
    """Exchange two entries."""
    for column in range(2):
        heap[one, column], heap[other, column] = heap[other, column], heap[one, column]


@compiled_part
def rise(heap: Integers, place: int) -> None:
    """Move an entry up to where it belongs."""
    while place > 0:
        above = (place - 1) // 2
        if not before(heap, place, above):
            break
        swap(heap, place, above)
        place = above


@compiled_part
def push(heap: Integers, size: int, key: int, request: int) -> None:
    """Add an entry to a heap of so many."""
    heap[size, 0], heap[size, 1] = key, request
    rise(heap, size)


@compiled_part
def remove(heap: Integers, size: int, place: int) -> None:
    """Take the entry at a place out of a heap of so many."""
    last = size - 1
    if place == last:
        return
    swap(heap, place, last)
    rise(heap, place)
    while True:
        below = 2 * place + 1
        if below >= last:
            break
        if below + 1 < last and before(heap, below + 1, below):
            below += 1
        if not before(heap, below, place):
            break
        swap(heap, below, place)
        place = below
