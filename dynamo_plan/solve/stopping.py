"""Work in threads that ends at a deadline or an interrupt: a flag that compiled loops look at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import TIMEOUT_MAX, Timer
from time import monotonic

import numpy as np
from numpy.typing import NDArray


@contextmanager
def stopping(deadline: float) -> Iterator[NDArray[np.int64]]:
    """A flag, shape (1,), that becomes 1 at the deadline (by `time.monotonic`) or when the work inside ends, however it ends."""
    stop = np.full(1, int(monotonic() >= deadline), dtype=np.int64)
    timer = Timer(min(max(deadline - monotonic(), 0.0), TIMEOUT_MAX), stop.fill, [1])
    timer.start()
    try:
        yield stop
    finally:
        timer.cancel()
        stop[0] = 1
