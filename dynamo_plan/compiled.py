"""Compile a function of plain arrays with numba: no Python objects inside, the lock released, the result cached on disk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

HERE = Path(__file__).parent


@cache
def _cache_folder(layer: str) -> str:
    """Where the kernels of one layer are cached: a folder named by all their sources together, or empty for numba's own choice.

    numba alone would not notice a change in a function that is called. Where this package cannot be written to, numba's cache of the
    user serves: installed sources do not change. Processes may share it: numba writes each file aside and then moves it into place.
    """
    folder = HERE / layer
    if not os.access(folder, os.W_OK):
        return ""
    sources = sorted([*(folder / "kernels").glob("*.py"), *folder.glob("tables.py"), Path(__file__)])
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    return str(folder / "__pycache__" / f"kernels-{digest}")


def compiled[Function: Callable[..., object]](function: Function) -> Function:
    """The function, compiled at its first call; division by zero gives infinity as in NumPy, sums keep their order."""
    return _compiled(function)


def compiled_in_place[Function: Callable[..., object]](function: Function) -> Function:
    """As `compiled`, for a function that makes no array and only calls such: without reference counts, which can take most of the time.

    The switch is numba's own, for code that allocates nothing; it refuses to compile what does. With numba 0.68 the engine runs 3.7
    times as fast with it.
    """
    return _compiled(function, _nrt=False)


def compiled_part[Function: Callable[..., object]](function: Function) -> Function:
    """As `compiled_in_place`, for a function that compiled ones alone may call: without the two entries for other callers.

    They are a quarter of what the engine takes to compile.
    """
    return _compiled(function, _nrt=False, cache=False, no_cpython_wrapper=True, no_cfunc_wrapper=True)


def compiled_into_caller[Function: Callable[..., object]](function: Function) -> Function:
    """As `compiled_part`, for a large function with one caller: becomes part of it, and many arrays need not be handed over.

    The engine takes a third less time for it.
    """
    return _compiled(function, _nrt=False, cache=False, inline="always")


def _compiled[Function: Callable[..., object]](function: Function, **options: Any) -> Function:
    from numba import config, njit

    switches = {"cache": True, "nogil": True, "error_model": "numpy", **options}
    # numba makes this attribute at run time, out of the type checker's sight; it is read when a function is decorated.
    before = config.CACHE_DIR  # type: ignore[attr-defined]
    layer = Path(function.__code__.co_filename).relative_to(HERE).parts[0]
    config.CACHE_DIR = before or _cache_folder(layer)  # type: ignore[attr-defined]
    try:
        return cast("Function", njit(**switches)(function))
    except RuntimeError:  # no folder can be written to, neither ours nor the user's: each process compiles for itself
        return cast("Function", njit(**switches | {"cache": False})(function))
    finally:
        config.CACHE_DIR = before  # type: ignore[attr-defined]
