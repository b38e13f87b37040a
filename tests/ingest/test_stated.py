"""Profiles that leave latencies, powers or clocks out: what may be done with them, and what not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dynamo_plan.ingest import read_inputs, read_profile
from dynamo_plan.planner import plan_scenario
from dynamo_plan.schema.profile import NOT_LOCKED_MHZ
from tests.ingest.builders import SCENARIO, Row, profile_rows, write_csv, write_parquet, write_tiny_scenario
from tests.ingest.faultcase import check, faults_of, only_fault

LATENCIES = ("ttft_p99_ms", "tbt_p99_ms")
NO_SLO = SCENARIO.replace("    slo: {ttft_p99_ms: {S: 400, L: 900}, tbt_p99_ms: 100}\n", "")
FOR_COST = "objective: {cost: 1.0}"


def rows_without(*columns: str) -> list[Row]:
    """A profile without these columns' values; without clocks, the rows of one clock only."""
    rows = profile_rows()
    if "frequency_mhz" in columns:
        rows = [row for row in rows if row["frequency_mhz"] == 1980.0]
    return [row | dict.fromkeys(columns, "") for row in rows]


def scenario_without(folder: Path, text: str, *columns: str) -> Path:
    path = write_tiny_scenario(folder, text)
    write_csv(folder / "profile.csv", rows_without(*columns))
    return path


@pytest.mark.parametrize("column", ["power_w", "frequency_mhz"])
def test_a_column_is_stated_in_every_row_or_in_none(tmp_path: Path, column: str) -> None:
    table = read_profile(write_csv(tmp_path / "p.csv", rows_without(column)))
    assert (table.states_power, table.states_clock) == (column != "power_w", column != "frequency_mhz")
    partly = rows_without(column)
    partly[3][column] = 1500.0
    faults = faults_of(lambda: read_profile(write_csv(tmp_path / "p.csv", partly)))
    assert {fault.code for fault in faults} == {"table-empty-cell"}


def test_parquet_says_the_same(tmp_path: Path) -> None:
    rows = [row | {column: float("nan") for column in (*LATENCIES, "power_w")} for row in profile_rows()]
    table = read_profile(write_parquet(tmp_path / "p.parquet", rows))
    assert (table.states_latency, table.states_power, table.states_clock) == (False, False, True)


def test_one_latency_without_the_other_is_a_fault(tmp_path: Path) -> None:
    faults = faults_of(lambda: read_profile(write_csv(tmp_path / "p.csv", rows_without("tbt_p99_ms"))))
    assert {fault.code for fault in faults} == {"profile-latency-missing"}


def test_an_slo_needs_latencies(tmp_path: Path) -> None:
    path = scenario_without(tmp_path, SCENARIO, *LATENCIES)
    only_fault(lambda: read_inputs(path), "coverage-latency", "services[0].slo", "profile.csv has no latencies")


def test_latencies_need_an_slo(tmp_path: Path) -> None:
    path = write_tiny_scenario(tmp_path, NO_SLO)
    only_fault(lambda: read_inputs(path), "scenario-missing-key", "services[0].slo", "key slo is missing", "Add `slo:`")


@pytest.mark.parametrize(
    ("objective", "needs"),
    [
        ("objective: {energy: 1.0}", ["objective energy"]),
        ("objective: {carbon: 1.0, energy: 0.0, cost: 0.0}", ["objective carbon"]),
        (FOR_COST, ["the electricity price"]),
        ("objective: {carbon: 1.0, cost: 0.1}", ["objective carbon", "the electricity price"]),
    ],
)
def test_what_depends_on_power_needs_powers(tmp_path: Path, objective: str, needs: list[str]) -> None:
    path = scenario_without(tmp_path, SCENARIO.replace("objective: {energy: 1.0}", objective), "power_w")
    faults = faults_of(lambda: read_inputs(path))
    assert len(faults) == len(needs)
    for fault, need in zip(faults, needs, strict=True):
        check(fault, "coverage-power", "services[0].profile", "profile.csv has no powers", need)


def test_a_power_cap_needs_powers(tmp_path: Path) -> None:
    text = SCENARIO.replace("objective: {energy: 1.0}", FOR_COST).replace("pue: 1.2", "pue: 1.2\n    power_cap_kw: 100")
    path = scenario_without(tmp_path, text, "power_w")
    free_electricity(tmp_path)
    only_fault(lambda: read_inputs(path), "coverage-power", "services[0].profile", "power_cap_kw of site site-a")


def test_clocks_that_were_not_locked_cannot_be_chosen(tmp_path: Path) -> None:
    text = SCENARIO.replace("pools: per-bucket", "pools: per-bucket\n    frequencies_mhz: [1400]")
    path = scenario_without(tmp_path, text, "frequency_mhz")
    faults = faults_of(lambda: read_inputs(path))
    assert "coverage-clocks" in {fault.code for fault in faults}
    assert any("were not locked" in fault.what for fault in faults)


def free_electricity(folder: Path) -> None:
    """Set every electricity price of the tiny scenario to 0."""
    path = folder / "grid.csv"
    head, *lines = path.read_text().splitlines()
    where = head.split(",").index("price_usd_per_mwh")
    cells = [line.split(",") for line in lines]
    for row in cells:
        row[where] = "0"
    path.write_text("\n".join([head, *(",".join(row) for row in cells), ""]))


def test_a_plan_without_any_of_them_says_so(tmp_path: Path) -> None:
    path = scenario_without(
        tmp_path,
        NO_SLO.replace("objective: {energy: 1.0}", FOR_COST).replace("    mixing: mixing.csv\n", ""),
        *LATENCIES,
        "power_w",
        "frequency_mhz",
    )
    free_electricity(tmp_path)
    run = plan_scenario(read_inputs(path))
    assert run.findings == ()
    assert all(group.frequency_mhz == NOT_LOCKED_MHZ and group.power_w == 0.0 for group in run.plan.groups)
    assert run.plan.provenance == ()
    said = " ".join(run.plan.assumptions)
    assert [word for word in ("no powers", "no latencies", "no locked clocks") if word not in said] == []
    table = read_profile(tmp_path / "profile.csv")
    assert np.isnan(table.ttft_p99_ms).all()
