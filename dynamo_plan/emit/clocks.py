"""Clocks that a GPU can be locked to.

A driver takes a lock at any number and runs at the nearest clock it supports. So that the plan's promises hold, a clock moves up to the
next supported one, never down: latencies stay within what was planned, power grows by what one step takes.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import replace

from dynamo_plan.schema.plan import Plan
from dynamo_plan.schema.profile import NOT_LOCKED_MHZ

STEPS_MHZ = {"h100": (210, 1980, 15)}
"""Lowest and highest clock and step of GPU types [MHz]. H100 SXM: `nvidia-smi -q -d SUPPORTED_CLOCKS`."""


def supported_clocks(gpu: str, listed_mhz: Sequence[float]) -> tuple[float, ...]:
    """Supported clocks of a GPU type in ascending order [MHz]: those listed, else those known of it, else none."""
    if listed_mhz:
        return tuple(sorted(listed_mhz))
    if gpu.lower() not in STEPS_MHZ:
        return ()
    lowest, highest, step = STEPS_MHZ[gpu.lower()]
    return tuple(float(clock) for clock in range(lowest, highest + 1, step))


def on_supported_clocks(plan: Plan, listed_mhz: Sequence[float]) -> tuple[Plan, list[str]]:
    """The plan with every clock moved to one that its GPUs support, and what was moved, in sentences.

    Clocks of a GPU type of which no list is known stay: the profile was measured at them.
    """
    moved: dict[tuple[str, float], float] = {}
    groups = []
    for group in plan.groups:
        clock = group.frequency_mhz
        if clock != NOT_LOCKED_MHZ:
            clock = _next(clock, supported_clocks(group.kind.gpu, listed_mhz))
        if clock != group.frequency_mhz:
            moved[group.kind.gpu, group.frequency_mhz] = clock
        groups.append(replace(group, frequency_mhz=clock))
    notes = [
        f"{gpu}: the clock {planned:g} MHz is not supported, {taken:g} MHz is taken"
        for (gpu, planned), taken in sorted(moved.items())
    ]
    return replace(plan, groups=tuple(groups)), notes


def _next(clock_mhz: float, supported_mhz: tuple[float, ...]) -> float:
    if not supported_mhz:
        return clock_mhz
    return supported_mhz[min(bisect.bisect_left(supported_mhz, clock_mhz), len(supported_mhz) - 1)]
