"""What every test may ask for: the checkout, the raw data sets where there are any, and repeatable random examples."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from tests.raw_data import DATA_VARIABLE, ROOT, data_set

# The same examples on every run (a red build can be repeated), and no deadline: a busy machine is no fault of ours.
settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("repeatable")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that reads raw data, so that `-m data` and `-m "not data"` select by what a test really does."""
    for item in items:
        if "raw_data" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.data)


@pytest.fixture(scope="session")
def root() -> Path:
    """The top folder of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def raw_data() -> Callable[[str], Path]:
    """Find a raw data set by its folder name, or skip the test with the reason.

    Returns
    -------
    callable
        Takes the folder's name, e.g. ``azure-llm-2024``; returns its path.
    """

    def find(name: str) -> Path:
        folder = data_set(name)
        if folder is None:
            pytest.skip(f"raw data set {name} is not here; set {DATA_VARIABLE} to the folder that holds it")
        return folder

    return find
