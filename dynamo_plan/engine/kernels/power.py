"""Power integrated over time: energy per pool and time bin, summed with compensation so that rounding does not grow with events."""

from __future__ import annotations

import math

from dynamo_plan.compiled import Integers, compiled_part
from dynamo_plan.engine.tables import Cursor, Limit, Settings, Slot, State, Status
from dynamo_plan.units import SECONDS_PER_PICOSECOND


@compiled_part
def draw(state: State, pool: int, begin: int, end: int, power_w: float) -> None:
    """Book a constant power over a time; what is beyond the last bin goes into it."""
    width, last = state.cursors[Cursor.BIN], state.energy_j.shape[1] - 1
    while begin < end:
        number = min(begin // width, last)
        stop = end if number == last else min(end, (number + 1) * width)
        more = power_w * float(stop - begin) * SECONDS_PER_PICOSECOND
        total = state.energy_j[pool, number, 0]
        moved = total + more
        # Neumaier's summation: what a sum loses is known exactly.
        lost = total - moved + more if math.fabs(total) >= math.fabs(more) else more - moved + total
        state.energy_j[pool, number, 0] = moved
        state.energy_j[pool, number, 1] += lost
        begin = stop


@compiled_part
def book_on(state: State, slot: Integers, now: int) -> None:
    """Book the time since an instance was switched on, or since the last booking."""
    width, last = state.cursors[Cursor.BIN], state.on_ps.shape[1] - 1
    begin = slot[Slot.ON_SINCE]
    while begin < now:
        number = min(begin // width, last)
        stop = now if number == last else min(now, (number + 1) * width)
        state.on_ps[slot[Slot.POOL], number] += stop - begin
        begin = stop
    slot[Slot.ON_SINCE] = now


@compiled_part
def segment_power(settings: Settings, slot: Integers) -> float:
    """Mean power over the segment under way [W]: prompt tokens at the power of prefill, the rest at that of decode."""
    row, taken, decoding = slot[Slot.ROW], slot[Slot.TAKEN], slot[Slot.DECODING]
    if taken == 0:
        return float(settings.decode_w[row, decoding])
    if decoding == 0:
        return float(settings.prefill_w[row, taken])
    share = float(slot[Slot.COST]) / float(slot[Slot.END] - slot[Slot.BEGIN])
    return float(share * settings.prefill_w[row, taken] + (1.0 - share) * settings.decode_w[row, decoding])


@compiled_part
def book(settings: Settings, state: State, i: int, now: int) -> None:
    """Book what an instance drew from the begin of its segment, or of its idleness, until now."""
    slot = state.slots[i]
    if slot[Slot.STATUS] == Status.OFF:
        return
    power_w = settings.idle_w[slot[Slot.ROW]] if slot[Slot.LENGTH] == 0 else segment_power(settings, slot)
    draw(state, slot[Slot.POOL], slot[Slot.BEGIN], now, power_w)


@compiled_part
def segment_length(settings: Settings, slot: Integers, count: int) -> int:
    """Time of the first so many iterations of the segment under way [ps]; `CONTEXT` is that at its begin."""
    row, batch = slot[Slot.ROW], slot[Slot.DECODING]
    growth = settings.decode[row, batch, 1]
    first = settings.decode[row, batch, 0] + growth * slot[Slot.CONTEXT]
    return int(count * first + growth * batch * (count * (count - 1) // 2) + slot[Slot.COST])


@compiled_part
def is_prefill_first(settings: Settings, slot: Integers) -> bool:
    """Whether decodes wait while prompts can be prefilled."""
    return bool(settings.limits[slot[Slot.ROW], Limit.PREFILL_FIRST] == 1)
