"""How long requests may wait for their first token, and giving up those that have waited for longer."""

from __future__ import annotations

from dynamo_plan.compiled import Integers, compiled_part
from dynamo_plan.engine.kernels.queue import prompt
from dynamo_plan.engine.tables import NOBODY, Cursor, Mark, Patience, Slot, State, Time


@compiled_part
def waits(state: State, request: int) -> bool:
    """Whether a request has no token yet; one with tokens was preempted."""
    return bool(state.times[request, Time.FIRST_TOKEN] == NOBODY)


@compiled_part
def due(state: State, request: int) -> int:
    """By when a request was promised its first token [ps]."""
    return int(state.times[request, Time.ARRIVAL] + state.patience[state.marks[request, Mark.CLASS], Patience.DUE])


@compiled_part
def has_timed_out(state: State, request: int, now: int) -> bool:
    """Whether a request has waited for longer than anyone would."""
    timeout = state.patience[state.marks[request, Mark.CLASS], Patience.TIMEOUT]
    return waits(state, request) and bool(state.times[request, Time.ARRIVAL] + timeout <= now)


@compiled_part
def give_up(state: State, slot: Integers, request: int) -> None:
    """Enter that a request, no longer in the queue, is given up."""
    slot[Slot.REQUESTS] -= 1
    slot[Slot.UNPREFILLED] -= prompt(state, request)
    state.marks[request, Mark.INSTANCE] = NOBODY
    state.cursors[Cursor.SQUASHED] += 1
