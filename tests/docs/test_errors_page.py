"""Every error code that the program can show has an entry in the manual, and no entry is dead."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dynamo_plan.cli import run
from dynamo_plan.ingest.measurements import find_readers
from dynamo_plan.ingest.telemetry import telemetry_formats
from dynamo_plan.verify.rules import load_rules
from hatch_build import ShippedData

PAGE = "docs/reference/errors.md"
ENTRY = re.compile(r"^### `(?P<code>[^`]+)`\n\n(?P<text>.+?)\n*(?=^#|\Z)", flags=re.MULTILINE | re.DOTALL)
CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")
VARIABLE = re.compile(r"\{[^}]*\}")

# Strings of the readers that are shaped like codes.
NO_CODES = {"utf-8", "utf-8-sig", "gzip-compressed"} | set(find_readers()) | {one.NAME for one in telemetry_formats()}
# Codes that are put together, by how the source writes them.
COMPOSED = {
    "f'{family}-gap'": {"forecast-gap", "grid-gap"},
    "f'{family}-overlap'": {"forecast-overlap", "grid-overlap"},
    "f'verify-{finding.rule}'": {"verify-RULE"},
}
NOTES_FAULTS = {"Fault", "add", "add_rows"}


def codes_of(path: Path, *, is_reader: bool) -> Iterator[str]:
    """Codes in a source file: what `Fault` is called with, and in the readers, which hand codes on, every such string."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if is_reader and isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
            yield node.value
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in NOTES_FAULTS:
            given = [*node.args[:1], *(keyword.value for keyword in node.keywords if keyword.arg == "code")]
            for code in given:
                if isinstance(code, ast.Constant) and CODE.fullmatch(str(code.value)):
                    yield str(code.value)
                elif isinstance(code, ast.JoinedStr) and CODE.fullmatch(VARIABLE.sub("x", ast.unparse(code)[2:-1])):
                    yield ast.unparse(code)


def raised_codes(root: Path) -> set[str]:
    """Every code of the package, composed ones spelled out."""
    found: set[str] = set()
    for path in sorted((root / "dynamo_plan").rglob("*.py")):
        found |= set(codes_of(path, is_reader="ingest" in path.parts))
    composed = {code for code in found if not CODE.fullmatch(code)}
    assert composed == set(COMPOSED), "a code is composed in a new way; say here which codes come of it"
    return (found - composed - NO_CODES) | {code for source in composed for code in COMPOSED[source]}


@pytest.fixture(scope="module")
def entries(root: Path) -> dict[str, str]:
    """Text of each entry of the page."""
    found = ENTRY.findall((root / PAGE).read_text(encoding="utf-8"))
    assert len(dict(found)) == len(found), "a code has two entries"
    return dict(found)


def test_every_code_has_an_entry_and_none_is_dead(root: Path, entries: dict[str, str]) -> None:
    codes = raised_codes(root)
    assert len(codes) > 80
    assert sorted(codes - set(entries)) == []
    assert sorted(set(entries) - codes) == []


def test_entries_are_short_sentences(entries: dict[str, str]) -> None:
    odd = {code: text for code, text in entries.items() if not text.endswith(".") or not 20 < len(text) < 500}
    assert odd == {}


def test_codes_are_found_however_they_are_given(tmp_path: Path) -> None:
    source = tmp_path / "source.py"
    source.write_text(
        "Fault('a-b', 'x-y')\nerrors.Fault(code='c-d')\nfaults.add(f'{x}-e', 'here')\nnames.add(f'{a} word')\ncheck('r-s')\n",
        encoding="utf-8",
    )
    assert sorted(codes_of(source, is_reader=False)) == ["a-b", "c-d", "f'{x}-e'"]
    assert {"r-s", "x-y"} <= set(codes_of(source, is_reader=True))


def test_explain_prints_the_entry(entries: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    for code, text in entries.items():
        assert run(["explain", code]) == 0
        assert capsys.readouterr().out == f"{code} (error)\n\n{text}\n"


def test_explain_adds_the_rule_to_a_failed_verification(
    entries: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    for rule in load_rules():
        assert run(["explain", f"verify-{rule.NAME}"]) == 0
        assert f"{rule.NAME} (verifier rule)" in capsys.readouterr().out.removeprefix(
            f"verify-{rule.NAME} (error)\n\n{entries['verify-RULE']}\n\n"
        )


def test_a_wheel_carries_the_page(root: Path) -> None:
    included: dict[str, str] = {}
    ShippedData.initialize(cast(Any, SimpleNamespace(root=str(root))), "standard", {"force_include": included})
    assert included[str(root / PAGE)] == f"dynamo_plan/_shipped/{PAGE}"
