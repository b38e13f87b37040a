"""The manual says what the code says, and its links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.build import markdown
from tests.architecture.source_tree import text_files

LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:|#)(?P<target>[^)#\s]+)[^)]*\)")
MAKE = re.compile(r"\bmake ([a-z]+)")


def dead_links(page: Path) -> list[str]:
    """Relative links of a page that lead to no file."""
    text = page.read_text(encoding="utf-8")
    return [found["target"] for found in LINK.finditer(text) if not (page.parent / found["target"]).exists()]


def test_generated_pages_are_fresh(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "docs/build.py", "--check"], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_links_lead_somewhere(root: Path) -> None:
    pages = [path for path in text_files(root) if path.suffix == ".md"]
    dead = {path.relative_to(root).as_posix(): dead_links(path) for path in pages}
    assert {page: links for page, links in dead.items() if links} == {}


def test_a_dead_link_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("[a](page.md#top) [b](gone.md) [c](https://example.org/x) [d](#here)", encoding="utf-8")
    assert dead_links(page) == ["gone.md"]


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/tutorial/first-plan.md"])
def test_make_targets_that_a_page_names_exist(root: Path, page: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (root / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    commands = re.findall(r"^make [a-z]+|`make [a-z]+", (root / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    named = {MAKE.search(command).group(1) for command in commands}  # type: ignore[union-attr]
    assert named
    assert named <= targets


def test_a_docstring_becomes_markdown() -> None:
    docstring = """Power stays below the cap.

.. math:: P_{s,t} \\le \\bar P_s

with :math:`P` the draw.

.. math::

    a = b
      + c

Source
------
Ours.
"""
    assert markdown(docstring) == (
        "Power stays below the cap.\n\n$$\nP_{s,t} \\le \\bar P_s\n$$\n\nwith $P$ the draw.\n\n"
        "$$\na = b\n  + c\n$$\n\n#### Source\n\nOurs."
    )
