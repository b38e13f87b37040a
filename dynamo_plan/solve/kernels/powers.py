"""Powers of states, computed once each: an open-addressed table from window and state to watts."""

from __future__ import annotations

import numpy as np

from dynamo_plan.compiled import Floats, Integers, compiled
from dynamo_plan.solve.kernels.dispatch import state_power
from dynamo_plan.solve.tables import PoolLimits, PoolTables

Memory = tuple[Integers, Floats]
"""Keys, -1 where a slot is empty, and watts; as many slots as a power of two."""

MIXER = 0x9E3779B97F4A7C1
"""An odd constant that spreads neighbouring keys over the table."""


@compiled
def slot_of(memory: Memory, key: int) -> int:
    """Slot of a key, or the empty one where it belongs."""
    keys = memory[0]
    mask = keys.size - 1
    slot = ((key * MIXER) >> 17) & mask
    while keys[slot] != -1 and keys[slot] != key:
        slot = (slot + 1) & mask
    return slot


@compiled
def doubled(memory: Memory) -> Memory:
    """The table with twice as many slots."""
    wider = (np.full(2 * memory[0].size, -1, dtype=np.int64), np.empty(2 * memory[0].size))
    for slot in range(memory[0].size):
        if memory[0][slot] != -1:
            new = slot_of(wider, memory[0][slot])
            wider[0][new] = memory[0][slot]
            wider[1][new] = memory[1][slot]
    return wider


@compiled
def known_power(
    tables: PoolTables,
    limits: PoolLimits,
    t: int,
    counts: Integers,
    memory: Memory,
    used: int,
    scratch: tuple[Floats, Floats],
) -> tuple[float, Memory, int]:
    """Power of a state in a window [W]; the table and how many of its slots are used."""
    key = t
    for kind in range(counts.size):
        key = key * (limits.kinds[0, kind] + 1) + counts[kind]
    slot = slot_of(memory, key)
    if memory[0][slot] == key:
        return memory[1][slot], memory, used
    power = state_power(tables, limits.mix[t], counts, limits.loads[t, 0], scratch[0], scratch[1])
    memory[0][slot] = key
    memory[1][slot] = power
    used += 1
    if 2 * used > memory[0].size:
        memory = doubled(memory)
    return power, memory, used


@compiled
def known_powers(
    tables: PoolTables, limits: PoolLimits, window: Integers, counts: Integers, memory: Memory, used: int
) -> tuple[Floats, Memory, int]:
    """The same for pairs of window (pair,) and state (pair, kind)."""
    power = np.empty(window.size)
    scratch = (np.empty(counts.shape[1]), np.empty(counts.shape[1]))
    for pair in range(window.size):
        power[pair], memory, used = known_power(tables, limits, window[pair], counts[pair], memory, used, scratch)
    return power, memory, used
