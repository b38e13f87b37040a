"""What is printed: numbers people can read, JSON that programs can, rows that cannot lie about a promise."""

from __future__ import annotations

import dataclasses
import io
import json
import math
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import groups
from benchmarks.__main__ import parse
from benchmarks.cases import Case
from benchmarks.methods import Measurement
from benchmarks.search import read_cbc
from benchmarks.tables import Row, Table, as_json, render, seconds, share


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (math.inf, "-"), (0.01234, "0.012"), (1.234, "1.23"), (123.4, "123.4")]
)
def test_seconds(value: float | None, text: str) -> None:
    assert seconds(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.0, "0"), (math.inf, "-"), (5.4e-5, "0.0054%"), (0.0123, "1.23%")])
def test_share(value: float, text: str) -> None:
    assert share(value) == text


def test_json_knows_no_infinity() -> None:
    table = Table("title", "notes", [Row({"case": "a"}, None, {"bound": -math.inf, "by": [math.nan, 1.0]})])
    assert json.loads(json.dumps(as_json(table), allow_nan=False)) == {
        "title": "title",
        "rows": [{"bound": None, "by": [None, 1.0], "kept": None}],
    }


def test_a_broken_promise_is_seen() -> None:
    table = Table("title", "wall time [s]", [Row({"case": "a", "free [kW]": "1"}, False, {})])
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(render(table))
    shown = console.export_text()
    assert "NO" in shown
    assert "wall time [s]" in shown
    assert "free [kW]" in shown


GOOD = Measurement("c", "ours", phases_s={"build": 0.1, "solve": 0.5}, objective=1.0, bound=1.0, gap=0.0)


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({}, True),
        ({"phases_s": {"build": 0.6, "solve": 0.5}}, False),
        ({"gap": 1e-6}, False),
        ({"status": "no plan within the limit"}, False),
        ({"broken_windows": 1}, False),
        ({"phases_s": {}}, False),
    ],
)
def test_a_promise_is_kept_in_every_part(change: dict[str, object], kept: bool) -> None:
    found = dataclasses.replace(GOOD, **change)  # type: ignore[arg-type]
    case = Case(24, 3600, 30.0, seconds=1.0, mib=100.0)
    assert groups._fleet_row("c", case, found, 50.0).kept is kept
    assert groups._fleet_row("c", case, found, 200.0).kept is False
    assert groups._fleet_row("c", Case(24, 3600, 30.0), found, 50.0).kept is None


def test_unknown_groups_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["fleets"])
    assert "there are promises, fleet, methods" in capsys.readouterr().err


def cbc_log(result: str, *lines: str) -> str:
    return "\n".join(["Welcome", "", f"Result - {result}", *lines, "Enumerated nodes:               0", ""])


def test_what_cbc_says_is_read(tmp_path: Path) -> None:
    solution = tmp_path / "solution.txt"
    solution.write_text("Stopped on time - objective value 12.5\n      0 c0    3    0\n**    2 c2    0.5    0\n")
    log = cbc_log("Stopped on time limit", "Objective value:                12.5", "Lower bound:   12.4", "Gap: 0.01")
    found = read_cbc(log, solution, 7.0, 4)
    assert (found.incumbent, found.bound, found.seconds) == (12.5, 12.4, 7.0)
    assert found.values.tolist() == [3.0, 0.0, 0.5, 0.0]
    assert found.reached_s == {0.1: 7.0, 0.01: 7.0}


def test_an_optimum_of_cbc_is_its_own_bound(tmp_path: Path) -> None:
    solution = tmp_path / "solution.txt"
    solution.write_text("Optimal - objective value 12.5\n")
    found = read_cbc(cbc_log("Optimal solution found", "Objective value:     12.5"), solution, 1.0, 1)
    assert (found.bound, found.gap) == (12.5, 0.0)


@pytest.mark.parametrize("log", ["", "Problem is infeasible - 0.007 seconds\n", cbc_log("Stopped on time limit")])
def test_no_solution_of_cbc_is_none(log: str, tmp_path: Path) -> None:
    found = read_cbc(log, tmp_path / "absent.txt", 1.0, 4)
    assert math.isinf(found.incumbent)
    assert found.values.size == 0
    assert found.reached_s == {}
