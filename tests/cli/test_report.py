"""`dynamo-plan report` as a user calls it."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from dynamo_plan.cli import run
from tests.cli.conftest import Call

ACCOUNTS = "version: 1\nowned: {h100: {embodied_kg: 3000}}\nmarginal_carbon: {caiso: grid.csv}\n"


def write_accounts(scenario: Path, text: str, folder: Path) -> Path:
    """Accounts beside a copy of the scenario's grid."""
    shutil.copy(scenario.parent / "grid.csv", folder / "grid.csv")
    path = folder / "accounts.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.slow
@pytest.mark.parametrize("form", ["html", "csv", "xlsx"])
def test_every_form_is_written_and_kept(call: Call, solved: Path, tmp_path: Path, form: str) -> None:
    file = tmp_path / "new" / f"report.{form}"
    done = call("report", solved, "-o", file)
    assert (done.code, done.out) == (0, "")
    assert f"Wrote {file}" in done.err
    first = file.read_bytes()
    again = call("report", solved, "-o", file)
    assert again.code == 5
    assert "output-exists" in again.err
    assert file.read_bytes() == first
    assert call("report", solved, "-o", file, "--force").code == 0
    assert file.read_bytes() == first


def test_a_page_says_what_the_plan_is(call: Call, solved: Path, tmp_path: Path) -> None:
    assert call("report", solved, "-o", tmp_path / "r.html").code == 0
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    for title in (
        "Summary",
        "What to run when",
        "Energy",
        "Carbon",
        "Cost",
        "What binds",
        "What it rests on",
        "Inputs",
    ):
        assert f">{title}</h2>" in page
    assert "against single pool" in page
    assert "following the load alone: at most −" in page
    assert "Single pool: static single pool per service" in page


@pytest.mark.slow
def test_accounts_add_owning_and_carbon(call: Call, scenario: Path, solved: Path, tmp_path: Path) -> None:
    accounts = write_accounts(scenario, ACCOUNTS, tmp_path)
    assert call("report", solved, "-o", tmp_path / "r.csv", "--accounts", accounts).code == 0
    with (tmp_path / "r.csv").open(encoding="utf-8") as file:
        rows = {(row["table"], row["row"]): row["value"] for row in csv.DictReader(file)}
    # 12 servers of 216,000 USD over five years, for 3 of 8,760 h.
    assert float(rows["Cost of owning, by term", "server"]) == pytest.approx(12 * 216_000 / 5 * 3 / 8760)
    assert rows["key figures", "at the marginal intensity"] == rows["key figures", "operational carbon"]
    assert rows["key figures", "embodied carbon"].startswith("2.47 kg")
    assert "SCI per request" in {row for _, row in rows}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("version: 1\n", "scenario-value"),
        ("version: 1\nowned: {h200: {}}\n", "accounts-gpu-missing"),
        ("version: 1\nowned: {h100: {}, h10: {}}\n", "accounts-unknown-name"),
        ("version: 1\nowned: {h100: {prize: 1}}\n", "scenario-unknown-key"),
        ("version: 1\nmarginal_carbon: {caiso: gone.csv}\n", "file-not-found"),
    ],
)
def test_faulty_accounts_are_5(call: Call, scenario: Path, solved: Path, tmp_path: Path, text: str, code: str) -> None:
    done = call("report", solved, "-o", tmp_path / "r.md", "--accounts", write_accounts(scenario, text, tmp_path))
    assert done.code == 5
    assert f"[{code}]" in done.err
    assert not (tmp_path / "r.md").exists()


@pytest.mark.slow
def test_runs_of_one_horizon_are_compared(call: Call, solved: Path, run_copy: Path, tmp_path: Path) -> None:
    assert call("report", solved, run_copy, "-o", tmp_path / "r.md").code == 0
    text = (tmp_path / "r.md").read_text(encoding="utf-8")
    assert text.startswith("# run (1) and run (2)\n")
    assert "## Comparison" in text
    assert "## run (2): Inputs" in text


def test_runs_of_different_horizons_are_5(call: Call, scenario: Path, solved: Path, tmp_path: Path) -> None:
    shorter = tmp_path / "shorter"
    assert run(["solve", str(scenario), "-d", str(shorter), "--horizon", "2h", "--quiet"]) == 0
    done = call("report", solved, shorter, "-o", tmp_path / "r.html")
    assert done.code == 5
    assert "2 windows of 3600 s" in done.err
    assert "[runs-differ-in-horizon]" in done.err
    assert not (tmp_path / "r.html").exists()


@pytest.mark.parametrize(
    ("file", "code", "fault"),
    [("schedule.csv", 5, "run-folder-incomplete"), ("plan.json", 5, "run-folder-missing")],
)
def test_a_half_copied_folder_is_5(
    call: Call, run_copy: Path, tmp_path: Path, file: str, code: int, fault: str
) -> None:
    (run_copy / file).unlink()
    done = call("report", run_copy, "-o", tmp_path / "r.html")
    assert done.code == code
    assert f"[{fault}]" in done.err


def test_an_edited_plan_is_not_reported(call: Call, run_copy: Path, tmp_path: Path) -> None:
    plan = run_copy / "plan.json"
    plan.write_text(plan.read_text(encoding="utf-8").replace("optimal", "feasible"), encoding="utf-8")
    assert call("report", run_copy, "-o", tmp_path / "r.html").code == 6


@pytest.mark.slow
def test_without_its_inputs_a_report_says_what_it_does_not_know(call: Call, run_copy: Path, tmp_path: Path) -> None:
    shutil.rmtree(run_copy.parent.parent / "scenario0", ignore_errors=True)
    for grid in tmp_path.rglob("grid.csv"):
        grid.unlink()
    assert call("report", run_copy, "-o", tmp_path / "r.md").code == 0
    text = (tmp_path / "r.md").read_text(encoding="utf-8")
    assert "By term: not known, because an input cannot be read again" in text


def test_an_unknown_ending_is_2(call: Call, solved: Path, tmp_path: Path) -> None:
    done = call("report", solved, "-o", tmp_path / "r.docx")
    assert done.code == 2
    assert "[report-form]" in done.err
