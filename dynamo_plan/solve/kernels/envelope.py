"""The least of several piecewise linear curves that end at different loads, and lower convex hulls, knot by knot."""

from __future__ import annotations

import math

import numpy as np

from dynamo_plan.compiled import Floats, Integers, compiled


@compiled
def least_of(edge: Integers, rate: Floats, power: Floats) -> Floats:
    """Knots (knot, 2) of the least power of curves that all begin at load 0; a jump is two neighbouring floats.

    Between two neighbouring knots of any curve all of them are lines: the least is followed from crossing to crossing. Knots of
    curves that are not the least there are left out.

    Parameters
    ----------
    edge : array, shape (curve + 1,)
        Where each curve begins in `rate` [1/s] and `power` [W].
    """
    end = rate[edge[1:] - 1]
    grid = np.sort(np.concatenate((rate, np.nextafter(end[end < end.max()], np.inf))))
    at = edge[:-1].copy()
    found = np.empty((2 * grid.size + 2, 2))
    count, winner = 0, -1
    for index in range(grid.size - 1):
        start, stop = grid[index], grid[index + 1]
        if stop <= start:
            continue
        left, here, value, slope = math.inf, -1, math.inf, math.inf
        for curve in range(end.size):
            if end[curve] < start:
                continue
            while at[curve] < edge[curve + 1] - 2 and rate[at[curve] + 1] <= start:
                at[curve] += 1
            own = rise(rate, power, at[curve])
            level = power[at[curve]] + own * (start - rate[at[curve]])
            if end[curve] == start:
                level = power[edge[curve + 1] - 1]
            left = min(left, level)
            if end[curve] >= stop and (level < value or (level == value and own < slope)):
                here, value, slope = curve, level, own
        if here != winner or rate[at[here]] == start or left < value:
            found, count = noted(found, count, start, left)
        jumps = left < value
        place = start
        while True:
            turn, after, flatter = stop, -1, slope
            for curve in range(end.size):
                own = rise(rate, power, at[curve])
                if end[curve] < stop or own >= slope:
                    continue
                level = power[at[curve]] + own * (place - rate[at[curve]])
                crossing = max(place + (level - value) / (slope - own), place)
                if crossing < turn or (crossing == turn and after >= 0 and own < flatter):
                    turn, after, flatter = crossing, curve, own
            if after < 0:
                break
            value += slope * (turn - place)
            if turn > place:
                found, count = noted(found, count, turn, value)
            place, here, slope = turn, after, flatter
        winner = -1 if jumps else here
    last = math.inf
    for curve in range(end.size):
        if end[curve] == grid[-1]:
            last = min(last, power[edge[curve + 1] - 1])
    found, count = noted(found, count, grid[-1], last)
    return found[:count].copy()


@compiled
def rise(rate: Floats, power: Floats, knot: int) -> float:
    """Slope of the piece that begins at a knot [W per request/s]."""
    return float((power[knot + 1] - power[knot]) / (rate[knot + 1] - rate[knot]))


@compiled
def noted(found: Floats, count: int, rate: float, power: float) -> tuple[Floats, int]:
    """One knot more, in twice the room where there is none left."""
    if count == found.shape[0]:
        found = np.concatenate((found, np.empty_like(found)))
    found[count, 0] = rate
    found[count, 1] = power
    return found, count + 1


@compiled
def lower_hull(x: Floats, y: Floats) -> Integers:
    """Indices of the lower convex hull of points in ascending order of x (Andrew's monotone chain)."""
    kept = np.empty(x.size, dtype=np.int64)
    count = 0
    for index in range(x.size):
        while count > 1:
            a, b = kept[count - 2], kept[count - 1]
            if (y[b] - y[a]) * (x[index] - x[a]) < (y[index] - y[a]) * (x[b] - x[a]):
                break
            count -= 1
        kept[count] = index
        count += 1
    return kept[:count].copy()
