"""Several instances of several pools in one time: ends of segments, commands and arrivals in order, in this order at equal times."""

from __future__ import annotations

from dynamo_plan.compiled import Integers, compiled_in_place, compiled_into_caller, compiled_part
from dynamo_plan.engine.kernels.calendar import schedule
from dynamo_plan.engine.kernels.iteration import cut, plan, settle
from dynamo_plan.engine.kernels.power import book, book_on
from dynamo_plan.engine.kernels.preemption import preempt_partial, preempt_running
from dynamo_plan.engine.kernels.rescue import tend
from dynamo_plan.engine.kernels.routing import dispatch, dispatch_waiting, hand_over
from dynamo_plan.engine.tables import (
    NEVER,
    NOBODY,
    Action,
    Command,
    Cursor,
    Settings,
    Slot,
    State,
    Status,
    Time,
)


@compiled_part
def switch_off(state: State, i: int, now: int) -> None:
    """End of an instance's draw."""
    slot = state.slots[i]
    book_on(state, slot, now)
    slot[Slot.STATUS], slot[Slot.LENGTH] = Status.OFF, 0
    schedule(state, i, NEVER)


@compiled_into_caller
def boundary(settings: Settings, state: State, i: int, now: int) -> None:
    """What ends at an instance, then what begins."""
    slot = state.slots[i]
    if slot[Slot.LENGTH] > 0:
        settle(settings, state, i)
    else:
        book(settings, state, i, now)
    if slot[Slot.STATUS] == Status.STOPPING:
        if slot[Slot.PARTIAL] != NOBODY:
            preempt_partial(state, i)
        while slot[Slot.RUNNING] > 0:
            preempt_running(state, i)
        hand_over(settings, state, i, now)
        switch_off(state, i, now)
        return
    plan(settings, state, i, now)
    if slot[Slot.STATUS] in (Status.DRAINING, Status.CLOSING) and slot[Slot.REQUESTS] == 0:
        switch_off(state, i, now)


@compiled_part
def obey(settings: Settings, state: State, command: Integers) -> None:
    """Carry out a command; what it does to requests under way happens at the instance's next boundary."""
    now, i, action = command[Command.TIME], command[Command.SLOT], command[Command.ACTION]
    slot = state.slots[i]
    status = slot[Slot.STATUS]
    if action == Action.SET:
        slot[Slot.NEXT_ROW] = command[Command.ROW]
        cut(settings, state, i, now)
    elif action == Action.SWITCH_ON and status == Status.OFF:
        slot[Slot.STATUS], slot[Slot.ROW], slot[Slot.BEGIN] = Status.ON, slot[Slot.NEXT_ROW], now
        slot[Slot.ON_SINCE] = now
    elif action == Action.OPEN and status != Status.OFF:
        slot[Slot.STATUS] = Status.OPEN
        dispatch_waiting(settings, state, now)
    elif action == Action.DRAIN and status != Status.OFF:
        slot[Slot.STATUS] = Status.DRAINING
        hand_over(settings, state, i, now)
    elif action == Action.CLOSE and status == Status.OPEN:
        slot[Slot.STATUS] = Status.CLOSING
    elif action == Action.STOP and status != Status.OFF:
        slot[Slot.STATUS] = Status.STOPPING
        cut(settings, state, i, now)
    if slot[Slot.LENGTH] == 0 and status != Status.OFF:
        schedule(state, i, now)


@compiled_in_place
def advance(settings: Settings, state: State, commands: Integers, until: int) -> None:
    """Run to a time, its events included.

    Parameters
    ----------
    commands : array of int, shape (command, `Command`)
        By time; those already carried out stay in the table.
    until : int
        Time [ps]; `NEVER`: until all requests have ended.
    """
    cursors, requests = state.cursors, state.times.shape[0]
    while True:
        i = state.calendar[1]
        end = state.slots[i, Slot.END]
        at = cursors[Cursor.ARRIVAL]
        arrival = state.times[at, Time.ARRIVAL] if at < requests else NEVER
        order = cursors[Cursor.COMMAND]
        due = commands[order, Command.TIME] if order < commands.shape[0] else NEVER
        now = min(end, due, arrival)
        if now > until or now == NEVER:
            break
        if end == now:
            boundary(settings, state, i, now)
        elif due == now:
            obey(settings, state, commands[order])
            cursors[Cursor.COMMAND] += 1
        else:
            # All that arrive together are there before an idle instance begins.
            while at < requests and state.times[at, Time.ARRIVAL] == now:
                dispatch(settings, state, at, now)
                tend(settings, state, at, now)
                at += 1
            cursors[Cursor.ARRIVAL] = at


@compiled_in_place
def close(settings: Settings, state: State, now: int) -> None:
    """Book what instances drew until now, iterations under way included; nothing may follow."""
    for i in range(state.slots.shape[0]):
        if state.slots[i, Slot.STATUS] != Status.OFF:
            book(settings, state, i, now)
            state.slots[i, Slot.BEGIN] = now
            book_on(state, state.slots[i], now)
