"""nvidia-smi's CSV in all the ways in which it is recorded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dynamo_plan.errors import Fault
from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.telemetry import read_telemetry
from dynamo_plan.ingest.telemetry.csv_block import REPEATED_HEADERS, UNNAMED_ROWS
from dynamo_plan.ingest.telemetry.csv_stream import CUT_OFF
from dynamo_plan.ingest.telemetry.samples import REPEATS
from dynamo_plan.schema.telemetry import NO_MASK, Telemetry

HEADER = "timestamp, index, power.draw [W], clocks.current.sm [MHz], temperature.gpu, utilization.gpu [%], clocks_event_reasons.active\n"
ROWS = (
    "2026/04/19 02:24:28.159, 0, 312.45 W, 1590 MHz, 61, 98 %, 0x0000000000000002\n"
    "2026/04/19 02:24:28.161, 1, 298.10 W, 1575 MHz, 58, [N/A], 0x0000000000000004\n"
    "2026/04/19 02:24:29.159, 0, [N/A], 1590 MHz, 62, 97 %, 0x0000000000000001\n"
    "2026/04/19 02:24:29.161, 1, 301.00 W, 1590 MHz, 59, 100 %, [N/A]\n"
)
STAMPS = ["2026-04-19T02:24:28.159", "2026-04-19T02:24:29.159", "2026-04-19T02:24:28.161", "2026-04-19T02:24:29.161"]


def write(folder: Path, text: str, name: str = "smi.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def read(path: Path, **options: object) -> Telemetry:
    faults = Faults()
    telemetry = read_telemetry([path], faults, **{"zone": "UTC", **options})  # type: ignore[arg-type]
    assert [str(fault) for fault in faults] == []
    assert telemetry is not None
    return telemetry


def faults_of(path: Path, **options: object) -> list[Fault]:
    faults = Faults()
    assert read_telemetry([path], faults, **{"zone": "UTC", **options}) is None  # type: ignore[arg-type]
    assert len(faults)
    return list(faults)


def check_hand_case(telemetry: Telemetry) -> None:
    assert telemetry.gpus == ("0", "1")
    order = np.lexsort((telemetry.time, telemetry.gpu))
    expected = {
        "gpu": [0, 0, 1, 1],
        "time": np.array(STAMPS, dtype="datetime64[us]"),
        "power_w": [312.45, np.nan, 298.10, 301.0],
        "sm_clock_mhz": [1590, 1590, 1575, 1590],
        "temperature_c": [61, 62, 58, 59],
        "utilisation": np.array([98, 97, np.nan, 100]) / 100,
        "throttle": [2, 1, 4, NO_MASK],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(
            getattr(telemetry, name)[order].astype(float), np.array(values).astype(float), rtol=1e-15
        )
    assert telemetry.energy_j is None
    for gpu in range(2):
        assert (np.diff(telemetry.time[telemetry.rows_of(gpu)]) > np.timedelta64(0, "us")).all()


def test_units_in_cells(tmp_path: Path) -> None:
    telemetry = read(write(tmp_path, HEADER + ROWS))
    check_hand_case(telemetry)
    assert telemetry.dropped == ()


def test_without_units(tmp_path: Path) -> None:
    check_hand_case(read(write(tmp_path, HEADER + ROWS.replace(" W", "").replace(" MHz", "").replace(" %", ""))))


def test_cells_in_quotation_marks(tmp_path: Path) -> None:
    lines = [[f'"{cell.strip()}"' for cell in line.split(",")] for line in (HEADER + ROWS).splitlines()]
    check_hand_case(read(write(tmp_path, "".join(", ".join(line) + "\n" for line in lines))))


def test_a_byte_order_mark_crlf_and_empty_lines(tmp_path: Path) -> None:
    check_hand_case(read(write(tmp_path, "\ufeff" + (HEADER + "\n" + ROWS).replace("\n", "\r\n"))))


def test_without_a_header(tmp_path: Path) -> None:
    path = write(tmp_path, ROWS)
    names = [name.partition("[")[0] for name in HEADER.split(",")]
    check_hand_case(read(path, columns=names))
    (fault,) = faults_of(path)
    assert fault.code == "telemetry-without-header"
    assert "--columns" in str(fault)


def test_a_log_that_was_begun_again_and_then_cut_off(tmp_path: Path) -> None:
    telemetry = read(write(tmp_path, HEADER + ROWS + HEADER + "2026/04/19 02:24:30.159, 0, 3"))
    check_hand_case(telemetry)
    assert dict(telemetry.dropped) == {REPEATED_HEADERS: 1, CUT_OFF: 1}


def test_order_and_repeats_do_not_matter(tmp_path: Path) -> None:
    lines = ROWS.splitlines(keepends=True)
    telemetry = read(write(tmp_path, HEADER + "".join([lines[3], lines[1], *lines[::-1]])))
    check_hand_case(telemetry)
    assert dict(telemetry.dropped) == {REPEATS: 2}


def test_one_file_after_another(tmp_path: Path) -> None:
    lines = ROWS.splitlines(keepends=True)
    paths = [
        write(tmp_path, HEADER + "".join(part), f"{name}.csv") for name, part in (("b", lines[2:]), ("a", lines[:2]))
    ]
    telemetry = read_telemetry(paths, Faults(), zone="UTC")
    assert telemetry is not None
    check_hand_case(telemetry)


def test_the_zone_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + ROWS)
    (fault,) = faults_of(path, zone=None)
    assert fault.code == "telemetry-without-zone"
    assert fault.where == f"{path}:2 timestamp"
    berlin = read(path, zone="Europe/Berlin")
    assert berlin.time[0] == np.datetime64("2026-04-19T00:24:28.159")
    assert [fault.code for fault in faults_of(path, zone="Berlin")] == ["telemetry-zone"]


@pytest.mark.parametrize("stamp", ["2026/10/25 02:30:00.000", "2026/03/29 02:30:00.000"])
def test_times_that_come_twice_or_never(tmp_path: Path, stamp: str) -> None:
    path = write(tmp_path, HEADER + ROWS.replace("2026/04/19 02:24:29.159", stamp))
    (fault,) = faults_of(path, zone="Europe/Berlin")
    assert (fault.code, fault.where) == ("telemetry-time", f"{path}:4 timestamp")
    assert "twice or never" in fault.what


@pytest.mark.parametrize(
    ("stamp", "utc"),
    [
        ("2026-04-19T02:24:28.159Z", "2026-04-19T02:24:28.159"),
        ("2026-04-19 02:24:28.159123+02:00", "2026-04-19T00:24:28.159123"),
        ("2026-04-19 02:24:28 -0730", "2026-04-19T09:54:28"),
        ("1776565468.159", "2026-04-19T02:24:28.159"),
        ("1776565468159", "2026-04-19T02:24:28.159"),
    ],
)
def test_other_ways_to_write_a_time(tmp_path: Path, stamp: str, utc: str) -> None:
    telemetry = read(write(tmp_path, f"timestamp, index, power.draw [W]\n{stamp}, 0, 100 W\n"), zone=None)
    assert telemetry.time[0] == np.datetime64(utc)


def test_reasons_in_single_columns(tmp_path: Path) -> None:
    text = "timestamp, index, clocks_throttle_reasons.sw_power_cap, clocks_throttle_reasons.hw_thermal_slowdown\n"
    text += "2026/04/19 02:24:28.159, 0, Active, Not Active\n2026/04/19 02:24:29.159, 0, Active, Active\n"
    telemetry = read(write(tmp_path, text))
    np.testing.assert_array_equal(telemetry.throttle, [0x4, 0x44])


def test_only_the_gpus_of_the_instance(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        HEADER.replace("index", "uuid, index") + ROWS.replace(", 0,", ", GPU-a, 0,").replace(", 1,", ", GPU-b, 1,"),
    )
    assert read(path).gpus == ("GPU-a", "GPU-b")
    for asked in ("1", "GPU-b"):
        telemetry = read(path, gpus=[asked])
        assert telemetry.gpus == ("GPU-b",)
        np.testing.assert_array_equal(telemetry.power_w, [298.10, 301.0])
    assert [fault.code for fault in faults_of(path, gpus=["0", "7"])] == ["telemetry-gpu-unknown"]
    assert [fault.code for fault in faults_of(path, gpus=["7"])] == ["telemetry-nothing"]


def test_rows_must_name_their_gpu(tmp_path: Path) -> None:
    path = write(tmp_path, "timestamp, power.draw [W]\n2026/04/19 02:24:28.159, 100 W\n")
    assert [fault.code for fault in faults_of(path)] == ["telemetry-gpu-unnamed"]
    assert read(path, gpus=["3"]).gpus == ("3",)
    path = write(tmp_path, HEADER + ROWS + "2026/04/19 02:24:30.159, [N/A], 3 W, 1590 MHz, 62, 97 %, 0x0\n")
    assert dict(read(path).dropped) == {UNNAMED_ROWS: 1}


@pytest.mark.parametrize(
    ("old", "new", "code", "where", "what"),
    [
        ("298.10 W", "298,10 W", "table-row-width", ":3", "8 cells, not 7"),
        ("298.10 W", '"298,10 W"', "table-decimal-comma", ":3 power.draw [W]", "'298,10 W' has a decimal comma"),
        ("298.10 W", "298.10 kW", "table-not-a-number", ":3 power.draw [W]", "'298.10 kW' is not a number"),
        ("298.10 W", "high", "table-not-a-number", ":3 power.draw [W]", "'high' is not a number"),
        ("298.10 W", "298100 W", "telemetry-range", ":3 power.draw [W]", "298100 W is not possible"),
        ("100 %", "101 %", "telemetry-range", ":5 utilization.gpu [%]", "1.01 of the time"),
        ("0x0000000000000004", "hot", "telemetry-throttle", ":3 clocks_event_reasons.active", "'hot'"),
        ("2026/04/19 02:24:29.159", "2026/02/30 02:24:29.159", "telemetry-time", ":4 timestamp", "is no time"),
        (", 58, [N/A]", ", 58", "table-row-width", ":3", "6 cells, not 7"),
    ],
)
def test_a_faulty_cell_is_named(tmp_path: Path, old: str, new: str, code: str, where: str, what: str) -> None:
    path = write(tmp_path, HEADER + ROWS.replace(old, new))
    (fault,) = faults_of(path)
    assert (fault.code, fault.where) == (code, f"{path}{where}")
    assert what in fault.what


def test_a_header_in_another_unit(tmp_path: Path) -> None:
    path = write(tmp_path, (HEADER + ROWS).replace("[W]", "[mW]"))
    (fault,) = faults_of(path)
    assert fault.code == "telemetry-unit"
    assert "mW" in fault.what


def test_semicolons(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER.replace(",", ";") + ROWS.replace(",", ";").replace(".", ","))
    assert [fault.code for fault in faults_of(path)] == ["table-separator"]
    path = write(tmp_path, (HEADER + ROWS).replace(",", ";"))
    assert [fault.code for fault in faults_of(path)] == ["table-separator"]


def test_no_time_column(tmp_path: Path) -> None:
    path = write(tmp_path, "timestamp, index, power.draw [W]\n")
    assert [fault.code for fault in faults_of(path)] == ["telemetry-nothing"]
    path = write(tmp_path, ROWS)
    assert [fault.code for fault in faults_of(path, columns=["index", "power.draw"])] == ["telemetry-without-times"]


def test_faults_of_many_rows_are_listed_up_to_a_limit(tmp_path: Path) -> None:
    faults = faults_of(write(tmp_path, HEADER + ROWS.replace("312.45 W", "x") * 50))
    assert len(faults) == 20
    assert {fault.code for fault in faults} == {"table-not-a-number"}


def test_blocks_do_not_change_what_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        f"2026/04/19 02:{minute:02}:{second:02}.{gpu:03}, {gpu}, {100 + second + gpu / 8:.3f} W, "
        f"1590 MHz, 61, 98 %, 0x{2 << (second % 3):016x}\n"
        for minute in range(20)
        for second in range(60)
        for gpu in range(4)
    ]
    path = write(tmp_path, HEADER + "".join(lines))
    whole = read(path)
    monkeypatch.setattr("dynamo_plan.ingest.telemetry.csv_stream.BLOCK_BYTES", 1000)
    monkeypatch.setattr("dynamo_plan.ingest.telemetry.csv_stream._likely_rows", lambda file, header_lines: 1)
    pieces = read(path)
    assert len(whole) == len(lines)
    assert whole.gpus == pieces.gpus == ("0", "1", "2", "3")
    for name in ("gpu", "time", "power_w", "sm_clock_mhz", "temperature_c", "utilisation", "throttle"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(pieces, name))
    assert whole.power_w is not None
    np.testing.assert_array_equal(whole.power_w[whole.rows_of(1)][:3], [100.125, 101.125, 102.125])


def test_gpus_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    names = ["10", "9", "GPU-b", "9" * 5000, "GPU-a"]
    rows = "".join(f"2026/04/19 02:24:28.159, {name}, {rank}\n" for rank, name in enumerate(names))
    telemetry = read(write(tmp_path, "timestamp, index, power.draw [W]\n" + rows))
    assert telemetry.gpus == ("9", "10", "9" * 5000, "GPU-a", "GPU-b")
    assert telemetry.power_w is not None
    assert telemetry.power_w[np.argsort(telemetry.gpu)].tolist() == [1, 0, 3, 4, 2]


@pytest.mark.parametrize("cell", ["9" * 200_000, "x" * 200_000, "," * 200_000])
def test_lines_of_any_length(tmp_path: Path, cell: str) -> None:
    assert faults_of(write(tmp_path, HEADER + ROWS.replace("312.45 W", cell)))


def test_a_line_that_no_block_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dynamo_plan.ingest.telemetry.csv_stream.BLOCK_BYTES", 1000)
    path = write(tmp_path, HEADER + ROWS + ROWS[:60] + "9" * 5000 + "\n" + ROWS)
    assert faults_of(path)[0].where.startswith(f"{path}:6")
    check_hand_case(read(write(tmp_path, HEADER + ROWS + "9" * 300)))  # cut off at the end, and dropped
