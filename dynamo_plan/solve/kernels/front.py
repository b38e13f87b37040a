"""Least power within a budget of GPUs of two types: prefix minima in a binary indexed tree, swept over the second type.

Source: Fenwick, Software: Practice and Experience 24, 1994.
"""

from __future__ import annotations

import numpy as np

from dynamo_plan.compiled import Floats, Integers, compiled


@compiled
def least_up_to(tree: Floats, place: int) -> float:
    """Least value noted at this place or before."""
    least, at = np.inf, place + 1
    while at > 0:
        least = min(least, tree[at])
        at -= at & -at
    return least


@compiled
def note(tree: Floats, place: int, value: float) -> None:
    """Note a value at a place."""
    at = place + 1
    while at < tree.size:
        tree[at] = min(tree[at], value)
        at += at & -at


@compiled
def undominated(use: Integers, power: Floats, order: Integers) -> Integers:
    """Points, in this order, that none before them matches in GPUs and power.

    Parameters
    ----------
    use : array of int, shape (point, 2)
        GPUs of either type.
    power : array, shape (point,)
        [W]
    order : array of int, shape (point,)
        By GPUs of the second type, then of the first, then by power, least first.
    """
    tree = np.full(use[:, 0].max() + 2, np.inf)
    kept, count = np.empty(order.size, dtype=np.int64), 0
    for number in range(order.size):
        point = order[number]
        if least_up_to(tree, use[point, 0]) > power[point]:
            note(tree, use[point, 0], power[point])
            kept[count] = point
            count += 1
    return kept[:count].copy()


@compiled
def least_within(use: Integers, power: Floats, order: Integers, asked: Integers, asked_order: Integers) -> Floats:
    """Least power [W] of the points that take no more GPUs of either type than asked (query,); infinite where none does.

    Parameters
    ----------
    use, power
        Of the points, as in `undominated`.
    asked : array of int, shape (query, 2)
        GPUs of either type.
    order, asked_order : array of int
        Points and queries by GPUs of the second type, least first.
    """
    tree = np.full(max(use[:, 0].max(), asked[:, 0].max()) + 2, np.inf)
    least, at = np.empty(asked_order.size), 0
    for number in range(asked_order.size):
        query = asked_order[number]
        while at < order.size and use[order[at], 1] <= asked[query, 1]:
            note(tree, use[order[at], 0], power[order[at]])
            at += 1
        least[query] = least_up_to(tree, asked[query, 0])
    return least
