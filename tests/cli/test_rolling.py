"""Rolling runs: a part of the forecast, continued from an earlier plan."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from dynamo_plan.emit.run_folder import read_plan
from dynamo_plan.schema.plan import Plan
from tests.cli.conftest import WINDOWS, Call

type Counts = Counter[tuple[str, str]]


def running(plan: Plan, window: int) -> Counts:
    """Instances by pool and kind in one window."""
    found: Counts = Counter()
    for group in plan.groups:
        if group.window == window:
            found[group.pool, str(group.kind)] += group.instances
    return found


SECOND = "2024-05-14T01:00:00Z"


def test_a_part_of_the_forecast(call: Call, scenario: Path, tmp_path: Path) -> None:
    assert call("solve", scenario, "-d", tmp_path / "run", "--from", SECOND).code == 0
    plan = read_plan(tmp_path / "run")
    assert (plan.first_window_start, plan.windows) == (SECOND, WINDOWS - 1)
    assert call("verify", tmp_path / "run").code == 0
    options = ("--from", SECOND, "--horizon", "60min")
    assert call("solve", scenario, "-d", tmp_path / "one", *options).code == 0
    assert read_plan(tmp_path / "one").windows == 1


def test_a_continued_plan_pays_for_what_it_starts_in_its_first_window(
    call: Call, scenario: Path, solved: Path, tmp_path: Path
) -> None:
    options = ("--from", SECOND, "--warm-start", solved)
    assert call("solve", scenario, "-d", tmp_path / "run", *options).code == 0
    before, plan = running(read_plan(solved), 0), read_plan(tmp_path / "run")
    rises = sum((running(plan, 0) - before).values(), 0) + sum((running(plan, 1) - running(plan, 0)).values(), 0)
    assert plan.totals.instance_starts == rises
    assert any("run just before the first window" in line for line in plan.assumptions)
    assert call("verify", tmp_path / "run").code == 0
    resolved = YAML(typ="safe", pure=True).load((tmp_path / "run/scenario.resolved.yaml").read_text())
    assert sum(one["instances"] for one in resolved["initial"]["instances"]) == sum(before.values())


def test_the_state_before_is_checked(call: Call, scenario: Path, solved: Path, tmp_path: Path) -> None:
    """Somebody who says that more ran before than did must be found out."""
    options = ("--from", SECOND, "--warm-start", solved)
    assert call("solve", scenario, "-d", tmp_path / "run", *options).code == 0
    resolved = tmp_path / "run/scenario.resolved.yaml"
    data = YAML(typ="safe", pure=True).load(resolved.read_text())
    for one in data["initial"]["instances"]:
        one["instances"] = 0
    with resolved.open("w") as file:
        YAML(typ="safe", pure=True).dump(data, file)
    answer = call("verify", tmp_path / "run", "-o", "csv")
    assert answer.code == 6
    assert "instance_starts,broken" in answer.out


def test_a_moment_that_the_earlier_plan_does_not_cover(
    call: Call, scenario: Path, solved: Path, tmp_path: Path
) -> None:
    answer = call("solve", scenario, "-d", tmp_path / "run", "--warm-start", solved)
    assert answer.code == 5
    assert "[warm-start-gap]" in answer.err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("wrong", ["24", "a day", "1w", "-1h"])
def test_a_duration_has_a_unit(call: Call, scenario: Path, tmp_path: Path, wrong: str) -> None:
    answer = call("solve", scenario, "-d", tmp_path / "run", f"--horizon={wrong}")
    assert answer.code == 2
    assert "[duration-syntax]" in answer.err
