"""Pages of the manual that stand beside the code: docstrings, read from the source without importing it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
PIECES = {"constraint": "model/constraints", "cost": "model/costs", "verifier rule": "verify/rules"}
"""Folders in which every module is a page, by what its pages are about."""

ERROR_CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")


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


def error_page(code: str) -> str | None:
    """What an error code stands for: its messages or its checks, and the page of the module that finds it."""
    if not ERROR_CODE.fullmatch(code):
        return None
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
    checks = {
        node.name: ast.get_docstring(node) or ""
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    }
    sections = []
    for path, tree in trees.items():
        if any(isinstance(node, ast.Constant) and node.value == code for node in ast.walk(tree)):
            messages = dict.fromkeys(_message(call, checks) for call in _calls_with(tree, code))
            listed = "".join(f"  {message}\n" for message in messages if message)
            page = path.parent if path.stem == "__init__" else path
            found_by = f"Found by {page.stem}: {_docstring(path)}"
            sections.append("\n".join(part for part in (f"{code} (error)\n", listed, found_by) if part))
    return "\n\n".join(sections) or None


def _docstring(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").strip()


def _calls_with(tree: ast.Module, code: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and code in [_text(argument) for argument in node.args]:
            yield node


def _message(call: ast.Call, checks: dict[str, str]) -> str:
    """The texts that go along with an error code, ``...`` for what varies; else what the check that is called says it does."""
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
    texts = [text.strip().rstrip(".") for argument in arguments if (text := _text(argument))]
    sentences = [f"{text}." for text in texts if " " in text]
    called = call.func.id if isinstance(call.func, ast.Name) else ""
    return " ".join([checks.get(called, "").split("\n\n")[0].replace("\n", " "), *sentences]).strip()


def _text(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or "[...]" for part in node.values)
    return None
