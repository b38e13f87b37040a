"""Every fault that can be raised has a well-formed code and a test that names it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = re.compile(r"(file|table|time|unit|yaml|scenario|override|profile|mixing|forecast|grid|coverage)(-[a-z0-9]+)+")


def codes() -> set[str]:
    """String constants of the package that are shaped like codes; those of one family are made by `check_spacing`."""
    found = {f"{family}-{what}" for family in ("forecast", "grid") for what in ("gap", "overlap")}
    for path in sorted((ROOT / "dynamo_plan" / "ingest").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
                found.add(node.value)
    return found


def test_every_code_is_named_by_a_test() -> None:
    tests = "".join(path.read_text() for path in sorted(Path(__file__).parent.glob("test_*.py")))
    assert len(codes()) > 50
    assert [code for code in sorted(codes()) if f'"{code}"' not in tests] == []
