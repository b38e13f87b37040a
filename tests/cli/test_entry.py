"""The entry point: speed of a start, options that stand anywhere, and errors without a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from dynamo_plan import planner
from dynamo_plan.cli import run
from tests.cli.conftest import Call

COMMANDS = ("init", "solve", "verify", "explain", "emit", "schema", "doctor", "formats", "profile", "import")


def program(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dynamo_plan", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


def test_help_lists_every_command(call: Call) -> None:
    answer = call("--help")
    assert answer.code == 0
    for command in COMMANDS:
        assert f"\n  {command} " in answer.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(call: Call, command: str) -> None:
    answer = call(command, "--help")
    assert answer.code == 0
    assert "Usage: dynamo-plan" in answer.out


def test_help_of_no_command_loads_a_heavy_library() -> None:
    lines = [f"run([{command!r}, '--help'])" for command in COMMANDS]
    names = "sorted({name.split('.')[0] for name in sys.modules})"
    script = "\n".join(["import sys", "from dynamo_plan.cli import run", *lines, f"print(*{names}, file=sys.stderr)"])
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.count("Usage:") == len(COMMANDS)
    loaded = set(done.stderr.split())
    assert "typer" in loaded
    assert loaded & {"highspy", "numpy", "pulp", "pyarrow", "rich", "ruamel", "scipy"} == set()


def test_version(call: Call) -> None:
    assert call("--version").out == f"dynamo-plan {version('dynamo-plan')}\n"


@pytest.mark.parametrize("arguments", [("sovle",), ("--speed",), ("verify",), ("profile", "draw")])
def test_wrong_usage_is_2(call: Call, arguments: tuple[str, ...]) -> None:
    answer = call(*arguments)
    assert answer.code == 2
    assert "Usage: dynamo-plan" in answer.err


def break_planner(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setattr(planner, "plan_scenario", broken)


def test_a_defect_is_1_and_one_line(
    call: Call, scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_planner(monkeypatch)
    answer = call("solve", scenario, "-d", tmp_path / "run")
    assert answer.code == 1
    assert answer.err.splitlines() == [
        "Internal error: RuntimeError: first line",
        "This is a defect of dynamo-plan. Run again with --debug for the traceback, and please report it.",
    ]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_debug_shows_the_traceback_wherever_it_stands(
    capsys: pytest.CaptureFixture[str],
    scenario: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: int,
) -> None:
    break_planner(monkeypatch)
    arguments = ["solve", str(scenario), "-d", str(tmp_path / "run")]
    arguments.insert(place, "--debug")
    assert run(arguments) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_what_stands_behind_two_dashes_is_no_option(call: Call) -> None:
    answer = call("explain", "--", "--debug")
    assert answer.code == 2
    assert "--debug is neither a run folder nor a page" in answer.err


def test_an_error_shows_its_code(call: Call) -> None:
    answer = call("verify", "nowhere")
    assert answer.code == 5
    assert answer.err.rstrip().endswith("[run-folder-missing]")
    assert call("explain", "run-folder-missing").code == 0


@pytest.mark.slow
def test_a_terminal_without_the_signs_gets_question_marks(scenario: Path, tmp_path: Path) -> None:
    done = program("solve", str(scenario), "-d", str(tmp_path / "run"), PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "?" in done.stdout


def test_a_closed_pipe_is_no_traceback(root: Path) -> None:
    script = f"{sys.executable} -m dynamo_plan schema plan | head -n 1"
    done = subprocess.run(["sh", "-c", script], cwd=root, capture_output=True, text=True, check=False)
    assert done.stdout == "{\n"
    assert "Traceback" not in done.stderr
