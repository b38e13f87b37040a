"""The project stands alone, and its files stay small enough to hold one concept each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.source_tree import text_files

LONGEST_FILE = 400
# File: why it is longer than LONGEST_FILE lines.
LONGER_WITH_REASON = {
    "tests/solve/test_trouble.py": "every kind of trouble on one page, so that one sees what is missing"
}

# What a file may not say, as patterns that do not match their own source here.
FORBIDDEN = {
    "an absolute path of one machine": re.compile(r"(?<![\w.~-])/(?:work|tmp|home|root|Users)(?![\w-])"),
    "a folder outside the checkout": re.compile(r"\.\./(?:\.\./)*[s]hared\b"),
    "a package registry's host": re.compile(
        r"pypi\.[o]rg|python[h]osted|registry\.[n]pmjs|conda\.[a]naconda|deb\.[d]ebian"
    ),
}
# Where raw public data may lie beside a checkout is looked up in one place.
EXCEPTIONS = {("tests/raw_data.py", "a folder outside the checkout")}


def faults_of(name: str, text: str) -> list[str]:
    """What a file says that it may not, with the line."""
    return [
        f"{name}:{number}: {what}: {line.strip()}"
        for number, line in enumerate(text.splitlines(), start=1)
        for what, pattern in FORBIDDEN.items()
        if (name, what) not in EXCEPTIONS and pattern.search(line)
    ]


def test_no_file_depends_on_a_place(root: Path) -> None:
    faults = []
    for path in text_files(root):
        faults += faults_of(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))
    assert faults == []


@pytest.mark.parametrize(
    "line",
    [
        "cd /" + "work/main",
        "open('/" + "tmp/x')",
        "in /" + "tmp",
        "../" + "shared/data",
        "https://pypi" + ".org/simple",
    ],
)
def test_a_place_is_seen(line: str) -> None:
    assert len(faults_of("docs/page.md", line)) == 1


@pytest.mark.parametrize(
    "line", ["profiles/work/a.csv", "../work/x", "frame/work", "a shared folder", "energy/temporary"]
)
def test_a_relative_path_is_no_fault(line: str) -> None:
    assert faults_of("docs/page.md", line) == []


def test_long_files_have_a_reason(root: Path) -> None:
    lengths = {
        path.relative_to(root).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in text_files(root)
        if path.suffix == ".py"
    }
    too_long = {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE}
    assert sorted(too_long) == sorted(LONGER_WITH_REASON), f"lines per file: {too_long}"
