"""Schemas of the runtimes' own projects, where there are any; plans of several shapes, each emitted once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dynamo_plan.emit.targets import write_target
from tests.emit.plans import PLANS
from tests.raw_data import DATA_VARIABLE, data_set

SCHEMAS = "../schemas"
"""Where schemas lie, seen from the folder of raw data."""


@pytest.fixture(scope="session")
def schema_file() -> Callable[[str], Path]:
    """Find a schema or list of flags by its file name beside the raw data, or skip the test with the reason."""

    def find(name: str) -> Path:
        folder = data_set(SCHEMAS)
        if folder is None or not (folder / name).is_file():
            pytest.skip(f"schema {name} is not here; {DATA_VARIABLE} names the folder of raw data that it lies beside")
        return folder / name

    return find


@pytest.fixture(scope="session")
def emitted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """Folder that a target wrote from one of `PLANS`. Read only."""
    folder = tmp_path_factory.mktemp("emitted")

    def of(target: str, plan: str) -> Path:
        place = folder / f"{target}-{plan}"
        if not place.exists():
            write_target(target, PLANS[plan](), place)
        return place

    return of
