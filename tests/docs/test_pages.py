"""Links lead to headings that are there, every page can be reached, and the model speaks of code that exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:)(?P<file>[^)#\s]*)#(?P<anchor>[^)\s]+)\)")
PAGE_LINK = re.compile(r"\]\((?P<file>[^)#\s:]+\.md)")
FENCE = re.compile(r"^```.*?^```$", flags=re.MULTILINE | re.DOTALL)
NAME = re.compile(r"`([A-Za-z_][A-Za-z0-9_]*)`")
MODULE = re.compile(r"`([a-z_]+(?:/[a-z_]+)*\.py)`")
# Names in the model's page that a scenario's user writes as values, or that stand for any name.
NO_CODE = {"optimal", "feasible", "infeasible", "NAME", "measured", "cost", "energy", "carbon"}


def anchors(text: str) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dead_anchors(page: Path) -> list[str]:
    """Links of a page to a heading that is not there."""
    dead = []
    for link in LINK.finditer(page.read_text(encoding="utf-8")):
        target = page.parent / link["file"] if link["file"] else page
        if target.is_file() and link["anchor"] not in anchors(target.read_text(encoding="utf-8")):
            dead.append(f"{link['file']}#{link['anchor']}")
    return dead


def pages(root: Path) -> list[Path]:
    """Every page of the manual and the README, sorted."""
    return [root / "README.md", *sorted((root / "docs").rglob("*.md"))]


def test_links_to_headings_lead_somewhere(root: Path) -> None:
    dead = {page.relative_to(root).as_posix(): dead_anchors(page) for page in pages(root)}
    assert {page: links for page, links in dead.items() if links} == {}


def test_a_dead_anchor_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A `b_c`: d\n\n[x](#a-b_c-d) [y](#e) [z](page.md#f)\n\n```\n# e\n```\n", encoding="utf-8")
    assert dead_anchors(page) == ["#e", "page.md#f"]


def test_the_index_names_every_page(root: Path) -> None:
    index = root / "docs/index.md"
    named = {(index.parent / file).resolve() for file in PAGE_LINK.findall(index.read_text(encoding="utf-8"))}
    assert [page.name for page in pages(root)[1:] if page != index and page.resolve() not in named] == []


def test_decisions_are_numbered_without_gaps(root: Path) -> None:
    found = sorted((root / "docs/decisions").glob("*.md"))
    assert [int(page.name[:4]) for page in found] == list(range(1, len(found) + 1))
    for page in found:
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {page.name[:4]} ")
        assert [part for part in ("**Context.**", "**Decision.**", "**Consequences.**") if part not in text] == []


@pytest.mark.parametrize("page", ["docs/reference/model.md", "docs/how-to/add-a-constraint.md"])
def test_a_page_speaks_of_code_that_exists(root: Path, page: str) -> None:
    package = root / "dynamo_plan"
    source = "\n".join(path.read_text(encoding="utf-8") for path in sorted(package.rglob("*.py")))
    text = FENCE.sub("", (root / page).read_text(encoding="utf-8"))
    names = set(NAME.findall(text)) - NO_CODE
    files = [file for file in MODULE.findall(text) if not file.endswith("/my_limit.py")]
    assert names
    assert files
    assert sorted(name for name in names if not re.search(rf"\b{name}\b", source)) == sorted({"my_limit"} & names)
    assert [file for file in files if not (package / file).is_file() and not (root / file).is_file()] == []
