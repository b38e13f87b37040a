"""Text graphics of one line: sparklines over the horizon and bars for shares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

LEVELS = " ▁▂▃▄▅▆▇█"
EIGHTHS = " ▏▎▍▌▋▊▉█"


def sparkline(values: Sequence[float], width: int) -> str:
    """Values as a row of blocks from 0 (blank) to their maximum (full), at most `width` characters.

    Where there are more values than characters, each character shows the largest of its values, so that no peak is hidden.
    """
    columns = min(width, len(values))
    edges = [round(column * len(values) / columns) for column in range(columns + 1)]
    peaks = [max(values[low:high]) for low, high in pairwise(edges)]
    top = max(peaks, default=0.0)
    if top <= 0:
        return LEVELS[0] * columns
    # Rounded up: only a true zero is blank.
    return "".join(LEVELS[max(0, math.ceil(peak / top * (len(LEVELS) - 1)))] for peak in peaks)


def bar(share: float, width: int) -> str:
    """A share from 0 to 1 as a bar of `width` characters, to an eighth of a character."""
    eighths = round(share * width * 8)
    full, rest = divmod(eighths, 8)
    return (EIGHTHS[-1] * full + (EIGHTHS[rest] if rest else "")).ljust(width)
