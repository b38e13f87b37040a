"""Which instance has the next event: a winner tree over the slots by the end of their segments, ties to the lowest slot.

A tree of winners needs no table of places, as an indexed heap would, and ties come out right by themselves.
"""

from __future__ import annotations

from dynamo_plan.compiled import compiled_part
from dynamo_plan.engine.tables import NOBODY, Slot, State


@compiled_part
def schedule(state: State, slot: int, end: int) -> None:
    """Set the next event of a slot [ps]."""
    state.slots[slot, Slot.END] = end
    tree = state.calendar
    place = (tree.size // 2 + slot) // 2
    while place > 0:
        left, right = tree[2 * place], tree[2 * place + 1]
        if right == NOBODY or state.slots[left, Slot.END] <= state.slots[right, Slot.END]:
            tree[place] = left
        else:
            tree[place] = right
        place //= 2
