"""A library that is missing is advice, the same for every extra that the package knows and declares."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from dynamo_plan.errors import UsageError
from dynamo_plan.extras import NEEDED_BY, extra


def test_a_missing_library_is_named_with_its_extra() -> None:
    with pytest.raises(UsageError) as caught, extra("excel"):
        raise ModuleNotFoundError("No module named 'xlsxwriter'", name="xlsxwriter")
    assert str(caught.value) == (
        "extra excel: No module named 'xlsxwriter'. Excel files need it. "
        "Install it with pip install 'dynamo-plan[excel]', or write .csv."
    )
    assert caught.value.faults[0].code == "extra-missing"


def test_what_is_installed_passes_and_other_errors_stay() -> None:
    with extra("report"):
        found = 1
    assert found == 1
    with pytest.raises(ValueError, match="another"), extra("report"):
        raise ValueError("another")


def test_every_extra_is_declared(root: Path) -> None:
    declared = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert sorted(set(NEEDED_BY) - set(declared)) == []
