"""A list of supported clocks, as nvidia-smi prints it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dynamo_plan.ingest.clock_list import parse_clocks
from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.source import Source


def parsed(data: bytes) -> tuple[tuple[float, ...], list[str]]:
    faults = Faults()
    clocks = parse_clocks(Source("clocks.csv", Path("clocks.csv"), data), faults)
    return clocks, [str(fault) for fault in faults]


@pytest.mark.parametrize(
    "text", ["1980\n1965\n210\n", "graphics [MHz]\n1980 MHz\n1965 MHz\n\n210 MHz\n", "210\r\n1965\r\n1980\r\n1980\r\n"]
)
def test_clocks_of_any_form(text: str) -> None:
    assert parsed(text.encode()) == ((210.0, 1965.0, 1980.0), [])


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"1980\nfast\n", "clocks.csv:2: 'fast' is no clock"),
        (b"1980\n-5\n0\n1.5\n", "clocks.csv:2: '-5' is no clock"),
        (b"", "clocks.csv: holds no clock"),
        (b"graphics [MHz]\n", "clocks.csv: holds no clock"),
        (b"\xff\xfe1\x00", "clocks.csv: is not text in UTF-8"),
    ],
)
def test_other_lines_are_faults(data: bytes, fault: str) -> None:
    _, faults = parsed(data)
    assert faults[0].startswith(fault)


def test_every_faulty_line_is_named() -> None:
    assert len(parsed(b"a\n1980\nb\n")[1]) == 2
