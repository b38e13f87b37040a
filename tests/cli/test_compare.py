"""`dynamo-plan compare` as a user calls it."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from dynamo_plan.compare import SYSTEMS
from dynamo_plan.schema.comparison import Comparison
from tests.cli.conftest import Answer, Call
from tests.replay.conftest import RATES_RPS, Made, made, poisson, write_csv, write_trace
from tests.report.comparisons import comparison

__all__ = ["made"]  # the fixture

FEW_RPS = (6.0, 6.0, 2.0, 6.0)
"""A tenth of what the scenario expects, which is enough to see what the command does with it [1/s]."""

SOME = ("--system", "single-pool", "--system", "planner")
"""Two systems say as much of the command as all of them."""


@pytest.fixture(scope="session")
def short(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The scenario with a trace of few requests. Read only."""
    trace = write_trace(tmp_path_factory.mktemp("short") / "trace.csv", poisson(FEW_RPS, 7))
    return Made(made.folder, made.run, trace)


def compare(call: Call, short: Made, *options: object) -> Answer:
    """Compare two systems."""
    return call("compare", short.folder / "scenario.yaml", "--trace", short.trace, *SOME, *options)


def test_the_card_says_what_each_system_takes(call: Call, short: Made) -> None:
    done = compare(call, short)
    assert done.code == 0
    for text in ("invented: 2 systems compared", "single-pool", "planner", "base", "SLO kept", "Lower bound"):
        assert text in done.out
    assert [line.split()[0] for line in done.err.splitlines()] == ["single-pool", "planner"]


def test_every_form_says_the_same(call: Call, short: Made, tmp_path: Path) -> None:
    file = tmp_path / "new" / "compared.json"
    options = ("--json", file, "--predictor-accuracy", 0.8, "--router", "round-robin", "--seed", 5)
    printed = json.loads(compare(call, short, *options, "-o", "json", "--quiet").out)
    assert printed == json.loads(file.read_text(encoding="utf-8"))
    found = TypeAdapter(Comparison).validate_python(printed)
    assert (found.router, found.predictor_accuracy, found.seed, found.windows) == ("round-robin", 0.8, 5, 4)
    rows = list(csv.DictReader(io.StringIO(compare(call, short, *options[2:], "-o", "csv").out)))
    assert [row["system"] for row in rows] == [run.name for run in found.systems]
    assert [float(row["energy_kwh"]) for row in rows] == [run.account.energy_kwh for run in found.systems]
    buckets = list(csv.DictReader(io.StringIO(compare(call, short, *options[2:], "--by", "bucket", "-o", "csv").out)))
    assert [(row["system"], row["bucket"]) for row in buckets] == [("single-pool", "AA"), ("planner", "AA")]
    assert {int(row["requests"]) for row in buckets} == {found.requests}
    before = file.read_bytes()
    refused = compare(call, short, "--json", file)
    assert (refused.code, file.read_bytes()) == (5, before)
    assert "output-exists" in refused.err
    assert compare(call, short, *options, "--force", "--quiet").code == 0
    assert file.read_bytes() == before


def test_the_scenario_can_be_changed(call: Call, short: Made) -> None:
    base, changed = (
        json.loads(compare(call, short, *options, "-o", "json").out)["systems"][0]["account"]["energy_kwh"]
        for options in ((), ("--set", "sites.site.pue=2.4"))
    )
    assert changed == pytest.approx(2 * base)
    wrong = compare(call, short, "--set", "pue")
    assert (wrong.code, "set-syntax" in wrong.err) == (2, True)


def test_a_trace_is_moved_to_the_scenario(call: Call, short: Made, tmp_path: Path) -> None:
    far = write_trace(tmp_path / "far.csv", poisson(RATES_RPS, 3)[:3000] + 1e7)
    scenario = short.folder / "scenario.yaml"
    refused = call("compare", scenario, "--trace", far, *SOME)
    assert refused.code == 5
    assert "trace-outside-horizon" in refused.err
    moved = call("compare", scenario, "--trace", far, *SOME, "--at", "2024-05-14T00:10:00Z", "-o", "json")
    assert json.loads(moved.out)["first_window_start"] == "2024-05-14T00:10:00Z"


def test_what_is_wrong_is_said(call: Call, short: Made, tmp_path: Path) -> None:
    scenario = short.folder / "scenario.yaml"
    for code, text, options in (
        (2, "system-unknown", ("--trace", short.trace, "--system", "triple-pool")),
        (2, "service-unknown", ("--trace", short.trace, "--service", "nobody")),
        (2, "replay-at", ("--trace", short.trace, "--at", "tomorrow")),
        (2, "compare-cannot", ("--trace", short.trace, "--set", "services.chat.routing=free")),
        (5, "file-not-found", ("--trace", short.trace, "--engine", tmp_path / "none.csv")),
        (5, "file-not-found", ("--trace", tmp_path / "none.csv")),
    ):
        done = call("compare", scenario, *options)
        assert (done.code, done.out) == (code, ""), done.err
        assert text in done.err


def test_requests_of_other_services_are_told(call: Call, short: Made, tmp_path: Path) -> None:
    rows = [(f"2024-05-14T00:0{minute}:00Z", 200, 20, name) for minute, name in enumerate(("chat", "m", "other"))]
    log = write_csv(tmp_path / "named.csv", [("at", "in", "out", "who"), *rows])
    columns = [text for pair in ("arrival=at", "input=in", "output=out", "service=who") for text in ("--column", pair)]
    done = call("compare", short.folder / "scenario.yaml", "--trace", log, *columns, *SOME, "-o", "json")
    assert json.loads(done.out)["requests"] == 2
    assert "Left out: 1 request of no service of the scenario." in done.err


def test_nothing_that_can_be_run_is_no_comparison(
    call: Call, short: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    none = replace(comparison(), systems=())
    monkeypatch.setattr("dynamo_plan.compare.compare_systems", lambda *_: none)
    done = compare(call, short, "--json", tmp_path / "compared.json")
    assert (done.code, done.out) == (5, "")
    assert "single-pool-strict cannot be run: the mixing table has no derate." in done.err
    assert "compare-nothing" in done.err
    assert not (tmp_path / "compared.json").exists()


@pytest.mark.slow
def test_all_systems_and_their_page(call: Call, short: Made, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    scenario = short.folder / "scenario.yaml"
    done = call("compare", scenario, "--trace", short.trace, "--html", page, "-o", "json")
    assert done.code == 0
    found = json.loads(done.out)
    names = {run["name"] for run in found["systems"]} | {left["piece"] for left in found["omitted"]}
    assert names == {system.NAME for system in SYSTEMS}
    assert f"Wrote {page}" in done.err
    assert "invented: systems compared" in page.read_text(encoding="utf-8")


def test_the_manual_names_every_system(root: Path) -> None:
    page = (root / "docs/how-to/compare-systems.md").read_text(encoding="utf-8")
    assert [system.NAME for system in SYSTEMS if f"\n| `{system.NAME}` |" not in page] == []
