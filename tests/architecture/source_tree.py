"""Reading the project's own source: which module imports what, and which text files there are."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "dynamo_plan"
NOT_SOURCE = {".git", ".venv", "runs", "dist", "build", "__pycache__"}
NOT_SOURCE |= {".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis"}


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module, by its full dotted name, and where it stands."""

    place: str
    module: str


def modules(package: Path) -> list[Path]:
    """Every Python file of the package, sorted; an empty answer is an error, not a pass."""
    found = sorted(package.rglob("*.py"))
    if not found:
        raise FileNotFoundError(f"{package} holds no Python file")
    return found


def layer_of(module: str) -> str:
    """The part directly below the package: ``dynamo_plan.schema.plan`` is in layer ``schema``; the package itself in ``""``."""
    return module.split(".")[1] if "." in module else ""


def module_name(path: Path, package: Path) -> str:
    """The dotted name of a file of the package."""
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, package: Path) -> Iterator[Import]:
    """Every import of a file: at the top, inside functions and for type checking only, relative ones resolved."""
    here = module_name(path, package)
    inside = here if path.name == "__init__.py" else here.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = inside.split(".")[: len(inside.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            # `from dynamo_plan import schema` names a layer in the alias, not in the module.
            names = [f"{base}.{alias.name}" for alias in node.names] if base == PACKAGE else [base]
        else:
            continue
        for name in names:
            yield Import(f"{path.relative_to(package.parent)}:{node.lineno}", name)


def text_files(root: Path) -> list[Path]:
    """Every text file of the project, sorted; what git ignores is left out."""
    found = []
    for folder, folders, names in root.walk():
        folders[:] = sorted(name for name in folders if name not in NOT_SOURCE)
        for name in sorted(names):
            path = folder / name
            if b"\0" not in path.read_bytes()[:8192]:
                found.append(path)
    return found
