"""To add a constraint or a cost is to add one file; this test asks for what belongs to it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

MODEL = "dynamo_plan/model"
RULES = "dynamo_plan/verify/rules"
PAGE = "docs/reference/constraints.md"
FAMILIES = ("constraints", "costs")


def pieces(root: Path, folder: str) -> list[str]:
    """Names of the modules of a folder, sorted; a folder that is missing or empty is an error, not a pass."""
    names = sorted(path.stem for path in (root / folder).glob("*.py") if not path.stem.startswith("_"))
    if not names:
        raise FileNotFoundError(f"{folder} holds no module")
    return names


def faults_of(root: Path) -> list[str]:
    """What is missing for each constraint and cost term."""
    page = (root / PAGE).read_text(encoding="utf-8")
    tests = [path for path in sorted((root / "tests").rglob("test_*.py")) if path.parent.name != "architecture"]
    tested = "\n".join(path.read_text(encoding="utf-8") for path in tests)
    faults = []
    for family in FAMILIES:
        for name in pieces(root, f"{MODEL}/{family}"):
            if family == "constraints" and not (root / RULES / f"{name}.py").is_file():
                faults.append(f"{name}: no rule {RULES}/{name}.py")
            if not re.search(rf"\b{name}\b", tested):
                faults.append(f"{name}: no test mentions it")
            if not re.search(rf"^#+ `{name}`", page, flags=re.MULTILINE):
                faults.append(f"{name}: no section in {PAGE}; run `make docs`")
    return faults


def test_every_piece_is_complete(root: Path) -> None:
    assert faults_of(root) == []


def test_a_missing_piece_is_seen(tmp_path: Path) -> None:
    for file in (f"{MODEL}/constraints/reserve.py", f"{MODEL}/costs/energy.py", "tests/unit/test_model.py", PAGE):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("", encoding="utf-8")
    assert faults_of(tmp_path) == [
        f"reserve: no rule {RULES}/reserve.py",
        "reserve: no test mentions it",
        f"reserve: no section in {PAGE}; run `make docs`",
        "energy: no test mentions it",
        f"energy: no section in {PAGE}; run `make docs`",
    ]


def test_an_empty_folder_is_no_pass(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no module"):
        pieces(tmp_path, f"{MODEL}/constraints")
