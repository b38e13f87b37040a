"""A small scenario made from a shipped example, and its solved run folder, made once."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from dynamo_plan.cli import run

WINDOWS = 3


@dataclass(frozen=True)
class Answer:
    """What a command line did."""

    code: int
    out: str
    err: str


type Call = Callable[..., Answer]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command line in this process."""

    def answer(*arguments: object) -> Answer:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return Answer(code, captured.out, captured.err)

    return answer


def shorten(path: Path) -> None:
    """Keep the first windows of a forecast."""
    with path.open() as file:
        rows = list(csv.reader(file))
    starts = sorted({row[0] for row in rows[1:]})[:WINDOWS]
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([rows[0], *(row for row in rows[1:] if row[0] in starts)])


@pytest.fixture(scope="session")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example first-plan, cut to three windows. Read only."""
    folder = tmp_path_factory.mktemp("scenario") / "small"
    assert run(["init", str(folder), "--quiet"]) == 0
    shorten(folder / "load-chat.csv")
    return folder / "scenario.yaml"


@pytest.fixture(scope="session")
def solved(scenario: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of that scenario. Read only."""
    folder = tmp_path_factory.mktemp("solved") / "run"
    assert run(["solve", str(scenario), "-d", str(folder), "--quiet"]) == 0
    return folder


@pytest.fixture
def run_copy(scenario: Path, solved: Path, tmp_path: Path) -> Path:
    """A run folder and its inputs to break, with the same relative places."""
    shutil.copytree(scenario.parent, tmp_path / scenario.parent.parent.name / scenario.parent.name)
    shutil.copytree(solved, tmp_path / solved.parent.name / solved.name)
    return tmp_path / solved.parent.name / solved.name
