"""A scenario with all its files: what is read, and whether the files fit each other."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from dynamo_plan.ingest import read_inputs
from tests.ingest.builders import (
    SCENARIO,
    changed,
    forecast_rows,
    grid_rows,
    mixing_rows,
    profile_rows,
    write_csv,
    write_parquet,
    write_tiny_scenario,
)
from tests.ingest.faultcase import check, faults_of, only_fault

SECOND_SERVICE = """\
  - name: coding
    model: llama-2-70b
    profile: profile.csv
    forecast: coding.csv
    buckets: {input: [256, 1024], output: [null]}
    slo: {ttft_p99_ms: {S: 400, L: 900}, tbt_p99_ms: 100}
sites:
"""


def test_everything_is_read(tmp_path: Path) -> None:
    inputs = read_inputs(write_tiny_scenario(tmp_path))
    assert len(inputs.windows) == 6
    assert inputs.windows.window_s == 3600
    assert len(inputs.profiles["chat"]) == 60
    assert len(inputs.mixing["chat"].rows) == 6
    assert inputs.forecasts["chat"].rate_rps.shape == (6, 2)
    assert inputs.grid["site-a"].price_usd_per_mwh.shape == (6,)


def test_files_are_identified(tmp_path: Path) -> None:
    path = write_tiny_scenario(tmp_path / "here")
    (tmp_path / "data").mkdir()
    (tmp_path / "here" / "grid.csv").rename(tmp_path / "data" / "grid.csv")
    path.write_text(SCENARIO.replace("grid: grid.csv", "grid: ../data/grid.csv"))
    files = read_inputs(path).files
    assert [(file.role, file.path) for file in files] == [
        ("scenario", "scenario.yaml"),
        ("profile:chat", "profile.csv"),
        ("mixing:chat", "mixing.csv"),
        ("forecast:chat", "load.csv"),
        ("grid:site-a", "../data/grid.csv"),
    ]
    for file in files:
        data = (path.parent / file.path).read_bytes()
        assert (file.size_bytes, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_paths_resolve_against_the_scenario_not_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tiny_scenario(tmp_path / "here")
    monkeypatch.chdir(tmp_path)
    inputs = read_inputs(Path("here/scenario.yaml"))
    assert inputs.profiles["chat"].path == "here/profile.csv"
    assert inputs.files[1].path == "profile.csv"


def test_two_services_may_share_files(tmp_path: Path) -> None:
    path = write_tiny_scenario(tmp_path, SCENARIO.replace("sites:\n", SECOND_SERVICE))
    write_csv(tmp_path / "coding.csv", forecast_rows("coding"))
    inputs = read_inputs(path)
    assert inputs.profiles["coding"] is inputs.profiles["chat"]
    assert list(inputs.mixing) == ["chat"]
    np.testing.assert_array_equal(inputs.forecasts["coding"].rate_rps, inputs.forecasts["chat"].rate_rps)


def test_a_shared_files_fault_is_told_once(tmp_path: Path) -> None:
    path = write_tiny_scenario(tmp_path, SCENARIO.replace("sites:\n", SECOND_SERVICE))
    write_csv(tmp_path / "coding.csv", forecast_rows("coding"))
    write_csv(tmp_path / "profile.csv", changed(profile_rows(), 1, power_w=-1))
    only_fault(lambda: read_inputs(path), "profile-power", "profile.csv:3 power_w")


def test_forecasts_of_different_windows(tmp_path: Path) -> None:
    path = write_tiny_scenario(tmp_path, SCENARIO.replace("sites:\n", SECOND_SERVICE))
    write_csv(tmp_path / "coding.csv", forecast_rows("coding", 5))
    only_fault(
        lambda: read_inputs(path), "coverage-windows", "coding.csv", "has 5 windows", "has 6 windows", "same windows"
    )


def test_scenario_that_does_not_exist(tmp_path: Path) -> None:
    write_tiny_scenario(tmp_path)
    path = tmp_path / "scenario.yml"
    only_fault(lambda: read_inputs(path), "file-not-found", "scenario.yml", "Did you mean scenario.yaml?")


def test_file_that_does_not_exist_is_told_where_it_is_named(tmp_path: Path) -> None:
    path = write_tiny_scenario(tmp_path, SCENARIO.replace("mixing.csv", "mixin.csv"))
    only_fault(
        lambda: read_inputs(path),
        "file-not-found",
        "scenario.yaml:8:5 services[0].mixing",
        "mixin.csv does not exist",
        "Did you mean mixing.csv?",
    )


@pytest.mark.parametrize(
    ("old", "new", "code", "where", "parts"),
    [
        (
            "model: llama-2-70b",
            "model: llama2-70b",
            "coverage-model",
            "scenario.yaml:6:5 services[0].model",
            ["no row for model 'llama2-70b'", "Did you mean llama-2-70b?"],
        ),
        (
            "h100:",
            "H100:",
            "coverage-gpu",
            "scenario.yaml:7:5 services[0].profile",
            ["for GPUs h100, site site-a has H100", "Did you mean h100?"],
        ),
        (
            "reserve_quantile: 0.95",
            "reserve_quantile: 0.99",
            "coverage-quantile",
            "scenario.yaml:12:5 services[0].reserve_quantile",
            ["no column rate_p99_rps", "Its quantiles are 0.95", "null"],
        ),
        (
            "{S: 400, L: 900}",
            "{S: 400}",
            "scenario-slo-class",
            "scenario.yaml:11:11 services[0].slo.ttft_p99_ms",
            ["input class L has no TTFT SLO", "Add `L:`"],
        ),
        (
            "{S: 400, L: 900}",
            "{S: 400, L: 900, M: 3}",
            "scenario-slo-class",
            "scenario.yaml:11:41 services[0].slo.ttft_p99_ms.M",
            ["'M' is no input class", "S, L"],
        ),
        (
            "pools: per-bucket",
            "pools: [[SA, LB, LA]]",
            "scenario-pools",
            "scenario.yaml:13:18 services[0].pools[0][1]",
            ["'LB' is no bucket", "Buckets are SA, LA"],
        ),
        (
            "pools: per-bucket",
            "pools: [[SA, LA], [SA]]",
            "scenario-pools",
            "scenario.yaml:13:24 services[0].pools[1][0]",
            ["bucket SA stands twice"],
        ),
        (
            "pools: per-bucket",
            "pools: [[SA]]",
            "scenario-pools",
            "scenario.yaml:13:5 services[0].pools",
            ["no pool holds LA"],
        ),
        (
            "pools: per-bucket",
            "pools: [[SA, LA], []]",
            "scenario-pools",
            "scenario.yaml:13:23 services[0].pools[1]",
            ["holds no bucket"],
        ),
        (
            "input: [256, 1024]",
            "input: [128, 1024]",
            "coverage-bucket-rows",
            "scenario.yaml:10:5 services[0].buckets",
            ["bucket SA of service chat has load (up to 10.08", "input from 0 to below 128 tokens"],
        ),
    ],
)
def test_files_that_do_not_fit(tmp_path: Path, old: str, new: str, code: str, where: str, parts: list[str]) -> None:
    path = write_tiny_scenario(tmp_path, SCENARIO.replace(old, new, 1))
    check(faults_of(lambda: read_inputs(path))[0], code, where, *parts)


def test_bucket_without_load_needs_no_rows(tmp_path: Path) -> None:
    path = write_tiny_scenario(tmp_path, SCENARIO.replace("[256, 1024]", "[128, 1024]"))
    rows = [row | {"rate_rps": 0, "rate_p95_rps": 0} if row["bucket"] == "SA" else row for row in forecast_rows()]
    write_csv(tmp_path / "load.csv", rows)
    assert read_inputs(path).forecasts["chat"].rate_rps[:, 0].sum() == 0


def test_forecast_of_the_mean_alone(tmp_path: Path) -> None:
    path = write_tiny_scenario(tmp_path)
    rows = [{name: cell for name, cell in row.items() if name != "rate_p95_rps"} for row in forecast_rows()]
    write_csv(tmp_path / "load.csv", rows)
    only_fault(
        lambda: read_inputs(path), "coverage-quantile", "reserve_quantile", "the mean only", "reserve_quantile: null"
    )
    assert read_inputs(path, [("services.chat.reserve_quantile", "null")]).forecasts["chat"].quantile_rate_rps == {}


def test_mixing_table_of_another_model(tmp_path: Path) -> None:
    path = write_tiny_scenario(tmp_path)
    write_csv(tmp_path / "mixing.csv", [row | {"model": "llama-3-70b"} for row in mixing_rows()])
    only_fault(
        lambda: read_inputs(path), "coverage-mixing-model", "scenario.yaml:8:5 services[0].mixing", "llama-3-70b"
    )


def test_faults_of_all_files_at_once(tmp_path: Path) -> None:
    path = write_tiny_scenario(tmp_path, SCENARIO.replace("pue: 1.2", "puh: 1.2").replace("[256, 1024]", "[1024, 256]"))
    write_parquet(tmp_path / "profile.csv", changed(profile_rows(), 1, power_w=-1.0))
    write_csv(tmp_path / "mixing.csv", changed(mixing_rows(), 1, derate=27))
    write_csv(tmp_path / "grid.csv", changed(grid_rows(), 1, carbon_g_per_kwh="many"))
    found = {(fault.code, fault.where.rsplit("/", 1)[-1]) for fault in faults_of(lambda: read_inputs(path))}
    assert found == {
        ("scenario-value", "scenario.yaml:10:5 services[0].buckets"),
        ("scenario-unknown-key", "scenario.yaml:18:5 sites[0].puh"),
        ("profile-power", "profile.csv row 2 power_w"),
        ("mixing-derate", "mixing.csv:3 derate"),
        ("table-not-a-number", "grid.csv:3 carbon_g_per_kwh"),
    }


def test_reading_twice_gives_the_same(tmp_path: Path) -> None:
    path = write_tiny_scenario(tmp_path)
    assert repr(read_inputs(path)) == repr(read_inputs(path))
