"""Gaps between tokens: a histogram with `OCTAVE_BINS` bins per doubling, in integers, and counts over a limit.

A skipped segment has the gaps ``first + j x step``; all that fall into one bin are counted by one division, so that the histogram is the
same as if each had been entered by itself. Source: HDR histograms.
"""

from __future__ import annotations

import math

from dynamo_plan.compiled import Integers, compiled_in_place, compiled_part
from dynamo_plan.engine.tables import OCTAVE_BINS, OCTAVE_SHIFT


@compiled_in_place
def bin_of(gap: int) -> int:
    """Bin of a time [ps]."""
    if gap < OCTAVE_BINS:
        return gap
    shift = math.frexp(float(gap))[1] - 1 - OCTAVE_SHIFT
    if gap >> shift < OCTAVE_BINS:  # the conversion to a float rounded up to a power of two
        shift -= 1
    return shift * OCTAVE_BINS + (gap >> shift)


@compiled_in_place
def edge_of(number: int) -> int:
    """Least time of a bin [ps]."""
    if number < OCTAVE_BINS:
        return number
    shift = number // OCTAVE_BINS - 1
    return (number - shift * OCTAVE_BINS) << shift


@compiled_part
def enter(histogram: Integers, weights: Integers, gap: int, times: int) -> None:
    """Enter a gap so often for every request of every class."""
    number = bin_of(gap)
    for group in range(weights.size):
        histogram[group, number] += weights[group] * times


@compiled_in_place
def enter_ramp(histogram: Integers, weights: Integers, first: int, step: int, count: int) -> None:
    """Enter the gaps ``first + j x step`` for j = 0 ... count - 1."""
    done = 0
    while done < count:
        gap = first + done * step
        number = bin_of(gap)
        last = count
        if step > 0:
            last = min(count, done + (edge_of(number + 1) - 1 - gap) // step + 1)
        for group in range(weights.size):
            histogram[group, number] += weights[group] * (last - done)
        done = last


@compiled_in_place
def over(first: int, step: int, count: int, limit: int) -> int:
    """How many of the gaps ``first + j x step`` are above the limit."""
    if first > limit:
        return count
    if step == 0:
        return 0
    return max(count - ((limit - first) // step + 1), 0)
