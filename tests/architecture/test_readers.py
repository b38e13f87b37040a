"""To read another tool's files is to add one reader; this test asks for what belongs to it."""

from __future__ import annotations

import re
from pathlib import Path

from dynamo_plan.ingest.measurements import Reader, find_readers

PAGE = "docs/reference/measurements.md"
TESTS = "tests/ingest/measurements"


def faults_of(root: Path, names: list[str]) -> list[str]:
    """What is missing for each reader: its line in the manual, a small file of its format, a test of what is read of it."""
    page = (root / PAGE).read_text(encoding="utf-8")
    samples = (root / TESTS / "samples.py").read_text(encoding="utf-8")
    tests = (root / TESTS / "test_readers.py").read_text(encoding="utf-8")
    faults = []
    for name in names:
        if not re.search(rf"^\| `{name}` \|", page, flags=re.MULTILINE):
            faults.append(f"{name}: no line in {PAGE}")
        if f'    "{name}": (' not in samples:
            faults.append(f"{name}: no small file in {TESTS}/samples.py")
        if not re.search(rf"def test_{name.replace('-', '_')}\b|def test_{name.replace('-', '_')}_", tests):
            faults.append(f"{name}: no test in {TESTS}/test_readers.py")
    return faults


def test_every_reader_is_complete(root: Path) -> None:
    names = list(find_readers())
    assert len(names) >= 14
    assert faults_of(root, names) == []


def test_a_missing_piece_is_seen(root: Path) -> None:
    assert faults_of(root, ["unheard-of"]) == [
        f"unheard-of: no line in {PAGE}",
        f"unheard-of: no small file in {TESTS}/samples.py",
        f"unheard-of: no test in {TESTS}/test_readers.py",
    ]


def test_every_reader_offers_what_is_asked() -> None:
    for name, reader in find_readers().items():
        module: Reader = reader
        assert name == module.NAME
        assert 10 < len(module.DESCRIPTION) < 100
        assert not module.sniff(b"", "file"), "nothing is no file of any format"
