"""DCGM's metrics as Prometheus text, as the answer to a range query, and as CSV; blanks, joins, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.telemetry import read_telemetry, telemetry_formats
from dynamo_plan.ingest.telemetry.samples import BLANKS
from dynamo_plan.schema.telemetry import NO_MASK, Telemetry

START_S = 1776565468
BLANK = "9223372036854775792"
SERIES: dict[str, dict[str, list[str]]] = {
    "DCGM_FI_DEV_POWER_USAGE": {"0": ["300.5", "310.5"], "1": ["290", BLANK]},
    "DCGM_FI_DEV_SM_CLOCK": {"0": ["1590", "1590"], "1": ["1590", "2147483632"]},
    "DCGM_FI_DEV_GPU_TEMP": {"0": ["61", "62"], "1": ["58", "59"]},
    "DCGM_FI_DEV_GPU_UTIL": {"0": ["98", "97"], "1": ["99", "100"]},
    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": {"0": ["2147483640", "2147794140"], "1": ["1000", "291000"]},
    "DCGM_FI_DEV_CLOCK_THROTTLE_REASONS": {"0": ["2", "6"], "1": ["1", BLANK]},
    "DCGM_FI_DEV_FB_USED": {"0": ["70000", "70000"], "1": ["70000", "70000"]},
}


def as_text() -> str:
    lines = ["# HELP DCGM_FI_DEV_SM_CLOCK SM clock frequency (in MHz).", "# TYPE DCGM_FI_DEV_SM_CLOCK gauge"]
    for name, gpus in SERIES.items():
        for gpu, values in gpus.items():
            for second, value in enumerate(values):
                labels = f'gpu="{gpu}",UUID="GPU-{gpu}",modelName="NVIDIA H100, 80GB",pod="a\\"b"'
                lines.append(f"{name}{{{labels}}} {value} {(START_S + second) * 1000}")
    return "\n".join(lines) + "\n"


def as_answer() -> dict[str, Any]:
    result = [
        {
            "metric": {"__name__": name, "gpu": gpu, "UUID": f"GPU-{gpu}"},
            "values": [[START_S + second, value] for second, value in enumerate(values)],
        }
        for name, gpus in SERIES.items()
        for gpu, values in gpus.items()
    ]
    return {"status": "success", "data": {"resultType": "matrix", "result": result}}


def as_csv() -> str:
    lines = ["timestamp,gpu,UUID," + ",".join(SERIES)]
    for second in range(2):
        for gpu in "01":
            stamp = f"2026-04-19T02:24:{28 + second}Z"
            lines.append(f"{stamp},{gpu},GPU-{gpu}," + ",".join(values[gpu][second] for values in SERIES.values()))
    return "\n".join(lines) + "\n"


def write(folder: Path, content: str | dict[str, Any], name: str = "telemetry") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def codes(path: Path, **options: Any) -> list[str]:
    faults = Faults()
    assert read_telemetry([path], faults, **options) is None
    return [fault.code for fault in faults]


def check_hand_case(telemetry: Telemetry | None, blanks: int) -> None:
    assert telemetry is not None
    assert telemetry.gpus == ("GPU-0", "GPU-1")
    order = np.lexsort((telemetry.time, telemetry.gpu))
    # A counter of millijoules may hold what is a blank elsewhere.
    expected = {
        "gpu": [0, 0, 1, 1],
        "time": np.array([START_S, START_S + 1] * 2) * 1_000_000,
        "power_w": [300.5, 310.5, 290, np.nan],
        "sm_clock_mhz": [1590, 1590, 1590, np.nan],
        "utilisation": [0.98, 0.97, 0.99, 1.0],
        "energy_j": [2147483.640, 2147794.140, 1.0, 291.0],
        "throttle": [2, 6, 1, NO_MASK],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(
            getattr(telemetry, name)[order].astype(float), np.array(values).astype(float), rtol=1e-15
        )
    assert dict(telemetry.dropped) == {BLANKS: blanks}


@pytest.mark.parametrize(("content", "blanks"), [(as_text(), 3), (as_answer(), 3), (as_csv(), 3)])
def test_the_same_samples_in_every_format(tmp_path: Path, content: str | dict[str, Any], blanks: int) -> None:
    faults = Faults()
    telemetry = read_telemetry([write(tmp_path, content)], faults)
    assert [str(fault) for fault in faults] == []
    check_hand_case(telemetry, blanks)


def test_one_file_per_metric(tmp_path: Path) -> None:
    answer = as_answer()
    paths = []
    for position in range(0, len(answer["data"]["result"]), 2):
        part = {
            "status": "success",
            "data": {"resultType": "matrix", "result": answer["data"]["result"][position:][:2]},
        }
        paths.append(write(tmp_path, part, f"{position}.json"))
    faults = Faults()
    assert read_telemetry(paths, faults) is None  # one file holds nothing that is used
    assert [(fault.code, fault.where) for fault in faults] == [("telemetry-nothing", str(paths[-1]))]
    check_hand_case(read_telemetry(paths[:-1], Faults()), 3)


def test_only_the_gpus_of_the_instance(tmp_path: Path) -> None:
    for content in (as_text(), as_answer(), as_csv()):
        for asked in ("1", "GPU-1"):
            telemetry = read_telemetry([write(tmp_path, content)], Faults(), gpus=[asked])
            assert telemetry is not None
            assert telemetry.gpus == ("GPU-1",)


def test_text_without_times(tmp_path: Path) -> None:
    text = "\n".join(line.rpartition(" ")[0] if line[0] == "D" else line for line in as_text().splitlines())
    assert codes(write(tmp_path, text)) == ["telemetry-without-times"]


def test_lines_that_are_no_samples(tmp_path: Path) -> None:
    assert codes(write(tmp_path, as_text() + 'DCGM_FI_DEV_SM_CLOCK{gpu="0"\n')) == ["telemetry-line"]
    assert codes(write(tmp_path, as_text().replace(" 300.5 ", " 300,5 "))) == ["table-not-a-number"]
    assert codes(write(tmp_path, as_text().replace(" 300.5 ", " -3 "))) == ["telemetry-range"]
    assert codes(write(tmp_path, as_text().replace(f"300.5 {START_S}000", f"300.5 {START_S}000" + "0" * 400))) == [
        "telemetry-time"
    ]
    assert codes(write(tmp_path, as_text().replace(" 6 ", " 2147794140 "))) == ["telemetry-range"]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda answer: answer["data"].update(resultType="vector"), " data.resultType"),
        (lambda answer: answer["data"]["result"].insert(1, 7), " data.result[1]"),
        (lambda answer: answer["data"]["result"][2]["metric"].pop("__name__"), " data.result[2]"),
        (lambda answer: answer["data"]["result"][0]["values"].insert(1, [1]), " data.result[0].values[1]"),
    ],
)
def test_json_of_another_shape(tmp_path: Path, change: Any, where: str) -> None:
    answer = as_answer()
    change(answer)
    path, faults = write(tmp_path, answer), Faults()
    assert read_telemetry([path], faults) is None
    assert [(fault.code, fault.where) for fault in faults] == [("telemetry-json", f"{path}{where}")]


def test_json_whose_times_are_none(tmp_path: Path) -> None:
    for time in ("1e999", "1" * 400, "NaN", "-5"):
        text = json.dumps(as_answer()).replace(str(START_S), time, 1)
        assert codes(write(tmp_path, text)) == ["telemetry-time"]


def test_json_that_is_cut_off(tmp_path: Path) -> None:
    assert codes(write(tmp_path, json.dumps(as_answer())[:-20])) == ["telemetry-json"]


@pytest.mark.parametrize(
    "content", ["", "a,b\n1,2\n", "\x1f\x8b\x08", '{"data": 1}', "PK\x03\x04", "power\n1\n", "\x00\x01"]
)
def test_files_that_are_something_else(tmp_path: Path, content: str) -> None:
    assert codes(write(tmp_path, content)) == ["telemetry-format"]


def test_files_that_are_not_there(tmp_path: Path) -> None:
    assert codes(tmp_path / "power.csv") == ["file-not-found"]
    assert codes(tmp_path) == ["file-is-folder"]


def test_every_format_has_a_name_and_says_what_it_is() -> None:
    names = [one.NAME for one in telemetry_formats()]
    assert names == ["dcgm-csv", "dcgm-text", "nvidia-smi", "prometheus"]
    assert all(one.DESCRIPTION for one in telemetry_formats())
