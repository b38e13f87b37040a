"""Tables for people: nothing is cut, however narrow the screen."""

from __future__ import annotations

import pytest

from dynamo_plan.cli import console
from dynamo_plan.cli.console import Output, print_rows


def test_long_names_are_folded(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(console, "PIPE_COLUMNS", 24)
    print_rows([{"coverage_p50": 0.5, "coverage_p95": 0.95}], Output.TABLE)
    head, tail, cells = (line.split() for line in capsys.readouterr().out.splitlines())
    assert [first + second for first, second in zip(head, tail, strict=True)] == ["coverage_p50", "coverage_p95"]
    assert cells == ["0.5", "0.95"]
