"""Cases of which `make check` runs the first few and `make test` all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def quick_first(cases: Iterable[object], quick: int) -> list[Any]:
    """Cases to parametrize with; all but the first `quick` are marked slow."""
    return [case if n < quick else pytest.param(case, marks=pytest.mark.slow) for n, case in enumerate(cases)]
