"""Servers that boot, from the schedule: each server by itself, as intervals of time in which it is on.

The n-th server of a GPU type is needed in the windows that hold at least n. Each such interval begins one boot time earlier;
intervals that then meet are one: the server stayed on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

type Interval = tuple[float, float]
"""From, to [s], counted from the first window's left edge."""

ALWAYS = float("-inf")


@dataclass(frozen=True, slots=True, eq=False)
class Boots:
    """Servers of one site and GPU type that boot; arrays have shape (window,).

    Attributes
    ----------
    started : array
        Servers that begin to boot so as to be on at the window's left edge.
    extra_s : array
        Server-seconds powered beyond the servers on.
    """

    started: NDArray[np.int64]
    extra_s: NDArray[np.float64]


def boots(servers_on: NDArray[np.int64], boot_s: float, window_s: int, before: int | None) -> Boots:
    """What booting adds. Without `before` the servers of the first window were on before it, and nothing earlier is charged."""
    count = servers_on.size
    found = Boots(np.zeros(count, dtype=np.int64), np.zeros(count))
    earlier = int(servers_on[0]) if before is None else before
    for rank in range(1, max([earlier, *servers_on.tolist()]) + 1):
        needed = [t for t in range(count) if servers_on[t] >= rank]
        intervals: list[Interval] = [(ALWAYS, 0.0)] if rank <= earlier else []
        for t in needed:
            begin, end = t * window_s - boot_s, (t + 1.0) * window_s
            if intervals and intervals[-1][1] >= begin:
                intervals[-1] = (intervals[-1][0], end)
            else:
                found.started[t] += 1
                intervals.append((begin, end))
        for t in range(count):
            on_s = sum(max(0.0, min(end, (t + 1.0) * window_s) - max(begin, t * window_s)) for begin, end in intervals)
            found.extra_s[t] += on_s - (window_s if t in needed else 0.0)
        if before is not None and rank > earlier:
            found.extra_s[0] += sum(max(0.0, -begin) for begin, _ in intervals)
    return found
