"""Whatever bytes a file holds, reading ends in telemetry or in faults, never in another error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.kernels.samples import read_decimal
from dynamo_plan.ingest.telemetry import read_telemetry

HEAD = "timestamp, index, power.draw [W], clocks_event_reasons.active\n"
ROW = "2026/04/19 02:24:28.159, 0, 312.45 W, 0x2\n"
TEXT = 'DCGM_FI_DEV_POWER_USAGE{gpu="0"} 300.5 1776565468000\n'
JSON = """{"data": {"resultType": "matrix", "result": [
{"metric": {"__name__": "DCGM_FI_DEV_POWER_USAGE", "gpu": "0"}, "values": [[1, "2"]]}
]}}"""
PIECES = [
    "",
    ",",
    '"',
    "\n",
    "\r",
    " ",
    "N/A",
    "[",
    "]",
    "-",
    "1e999",
    "9" * 30,
    "\x00",
    "é",
    "{",
    "}",
    "null",
    "#",
    "/",
    "0x",
]
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def survives(path: Path, data: bytes) -> None:
    """Read; without telemetry there must be faults that say something."""
    path.write_bytes(data)
    faults = Faults()
    telemetry = read_telemetry([path], faults, zone="Europe/Berlin")
    assert (telemetry is None) == bool(len(faults))
    assert all(fault.code and fault.where and fault.what for fault in faults)


@FUZZ
@example(data=b"\xef\xbb\xbf")
@example(data=b"timestamp,index,power.draw\n\xff\xfe")
@example(data=b"timestamp,index,power.draw\n,,\n")
@given(data=st.binary(max_size=200))
def test_any_bytes(tmp_path: Path, data: bytes) -> None:
    survives(tmp_path / "power", data)
    survives(tmp_path / "power", HEAD.encode() + data)


@FUZZ
@given(
    whole=st.sampled_from([HEAD + 3 * ROW, 3 * TEXT, JSON]),
    cuts=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 6), st.sampled_from(PIECES)), max_size=4),
)
def test_pieces_put_in(tmp_path: Path, whole: str, cuts: list[tuple[int, int, str]]) -> None:
    for place, length, piece in cuts:
        at = place % len(whole)
        whole = whole[:at] + piece + whole[at + length :]
    survives(tmp_path / "power", whole.encode())


@FUZZ
@given(number=st.floats(allow_nan=False, allow_infinity=False, width=32) | st.decimals(-(10**6), 10**6, places=3))
def test_numbers_are_read_as_python_reads_them(number: object) -> None:
    text = str(number)
    data = np.frombuffer(f"{text} W\n".encode(), dtype=np.uint8)
    found, at = read_decimal(data, np.uint64(0))
    assert at == len(text)
    assert np.isclose(found, float(text), rtol=1e-15, atol=0.0)
