"""Compiled functions keep their meaning where their compiled form cannot be kept."""

from __future__ import annotations

import numba
import pytest

from dynamo_plan.compiled import compiled
from dynamo_plan.engine.kernels import pages


def test_without_a_folder_to_write_to_each_process_compiles_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    # The one place that is left to numba is for notebooks.
    monkeypatch.setattr(numba.config, "CACHE_LOCATOR_CLASSES", "IPythonCacheLocator")
    function = pages.pages.py_func  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError, match="cannot cache"):
        numba.njit(cache=True)(function)
    assert [compiled(function)(tokens) for tokens in (0, 1, 16, 17)] == [0, 1, 1, 2]
