"""A comparison as JSON."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import TypeAdapter

from dynamo_plan.emit.comparison_file import comparison_json, write_comparison
from dynamo_plan.errors import InputError
from dynamo_plan.schema.comparison import Comparison
from tests.report.comparisons import comparison


def test_what_is_written_is_what_was_found(tmp_path: Path) -> None:
    file = tmp_path / "compared.json"
    write_comparison(file, comparison())
    assert TypeAdapter(Comparison).validate_json(file.read_bytes()) == comparison()
    assert file.read_bytes() == comparison_json(comparison())


def test_an_earlier_file_is_kept_unless_forced(tmp_path: Path) -> None:
    file = tmp_path / "compared.json"
    file.write_text("mine", encoding="utf-8")
    with pytest.raises(InputError) as error:
        write_comparison(file, comparison())
    assert [fault.code for fault in error.value.faults] == ["output-exists"]
    assert file.read_text(encoding="utf-8") == "mine"
    write_comparison(file, comparison(), force=True)
    assert file.read_bytes() == comparison_json(comparison())
