"""Compile a function of plain arrays with numba: no Python objects inside, the lock released, the result cached on disk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@cache
def _own_cache() -> None:
    """Let the cache follow all kernel sources together; numba alone would not notice a change in a function that is called.

    Where this package cannot be written to, numba's cache of the user is used: installed sources do not change.
    """
    from numba import config

    here = Path(__file__).parent
    sources = sorted([*(here / "kernels").glob("*.py"), here / "compiled.py", here / "tables.py"])
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    # numba makes these attributes at run time, out of the type checker's sight.
    if os.access(here, os.W_OK) and not config.CACHE_DIR:  # type: ignore[attr-defined]
        config.CACHE_DIR = str(here / "__pycache__" / f"kernels-{digest}")  # type: ignore[attr-defined]


def compiled[Function: Callable[..., object]](function: Function) -> Function:
    """The function, compiled at its first call; division by zero gives infinity as in NumPy, sums keep their order."""
    from numba import njit

    _own_cache()
    return cast("Function", njit(cache=True, nogil=True, error_model="numpy")(function))
