"""Pages of the manual that stand beside the code: docstrings, read from the source without importing it."""

from __future__ import annotations

import ast
from pathlib import Path

from dynamo_plan.cli.formulas import plain

PACKAGE = Path(__file__).resolve().parents[1]
PIECES = {"constraint": "model/constraints", "cost": "model/costs", "verifier rule": "verify/rules"}
"""Folders in which every module is a page, by what its pages are about."""


def piece_names() -> dict[str, list[str]]:
    """Names of all pages by sort."""
    return {
        sort: sorted(path.stem for path in (PACKAGE / folder).glob("*.py") if not path.stem.startswith("_"))
        for sort, folder in PIECES.items()
    }


def piece_page(name: str) -> str | None:
    """Pages of everything that is called `name` (a constraint and its rule share it); None if nothing is."""
    found = [(sort, PACKAGE / folder / f"{name}.py") for sort, folder in PIECES.items()]
    pages = [f"{name} ({sort})\n\n{_docstring(path)}" for sort, path in found if path.is_file()]
    return "\n\n".join(pages) or None


def _docstring(path: Path) -> str:
    return plain(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "")
