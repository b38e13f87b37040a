"""Whatever bytes a file holds, reading ends in a table or in InputError, never in another error."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dynamo_plan.errors import Fault, InputError
from dynamo_plan.ingest import read_forecast, read_grid, read_inputs, read_mixing, read_profile
from dynamo_plan.schema.load import Windows
from tests.ingest.builders import (
    BUCKETS,
    SCENARIO,
    Row,
    forecast_rows,
    grid_rows,
    mixing_rows,
    profile_rows,
    write_parquet,
    write_tiny_scenario,
)

WINDOWS = Windows(np.datetime64("2024-05-14T00:00:00", "s") + np.arange(6) * np.timedelta64(1, "h"), 3600)
READERS: dict[str, tuple[Callable[[Path], object], Callable[[], list[Row]]]] = {
    "profile": (read_profile, profile_rows),
    "mixing": (read_mixing, mixing_rows),
    "forecast": (lambda path: read_forecast(path, "chat", BUCKETS, 60), forecast_rows),
    "grid": (lambda path: read_grid(path, WINDOWS), grid_rows),
}
FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

ODD_CELLS = st.one_of(
    st.sampled_from(
        ["", "nan", "-1", "1e999", "1,5", '"', '""', "٣", "0x1", "\x00", "#", "é", "1e-320", "True", "9" * 400]
    ),
    st.sampled_from(["0000-01-01T00:00:00Z", "9999-12-31T23:59:59+00:01", "0001-01-01T00:00:00+23:59"]),
    st.text(max_size=8),
    st.floats().map(str),
)


def survives(read: Callable[[Path], object], path: Path) -> None:
    """Read; an InputError must say something, any other error fails the test."""
    faults: tuple[Fault, ...] | None = None
    try:
        read(path)
    except InputError as error:
        faults = error.faults
    assert faults is None or (faults and all(fault.code and fault.where and fault.what for fault in faults))


@pytest.mark.parametrize("name", READERS)
@FUZZ
@example(data=b"\xef\xbb\xbf")
@example(data=b"PAR1PAR1")
@example(data=b'"\n')
@example(data=b",\n,\n")
@example(data=b"a\n\n\n1")
@given(data=st.binary(max_size=200) | st.text(alphabet=',;"\n\r#ab1.', max_size=60).map(str.encode))
def test_any_bytes(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / "table"
    path.write_bytes(data)
    survives(READERS[name][0], path)


@pytest.mark.parametrize("name", READERS)
@FUZZ
@given(
    picks=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6), ODD_CELLS), max_size=5), quote=st.booleans()
)
def test_odd_cells_in_csv(tmp_path: Path, name: str, picks: list[tuple[int, int, str]], quote: bool) -> None:
    read, build = READERS[name]
    rows = build()
    header = list(rows[0])
    lines = [header] + [[str(cell) for cell in row.values()] for row in rows]
    for at, column, cell in picks:
        lines[at % len(lines)][column % len(header)] = f'"{cell}"' if quote else cell
    path = tmp_path / "table"
    path.write_bytes("\n".join(",".join(line) for line in lines).encode("utf-8", "surrogatepass"))
    survives(read, path)


@pytest.mark.parametrize("name", READERS)
def test_parquet_with_flipped_bytes(tmp_path: Path, name: str) -> None:
    read, build = READERS[name]
    path = write_parquet(tmp_path / "table", build())
    whole, dice = path.read_bytes(), random.Random(20240514)
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(dice.randint(1, 4)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        path.write_bytes(data)
        survives(read, path)


@FUZZ
@given(
    kinds=st.lists(
        st.sampled_from(["int8", "bool", "string", "date", "list", "null", "binary", "decimal", "time"]),
        min_size=3,
        max_size=3,
    )
)
def test_parquet_columns_of_any_type(tmp_path: Path, kinds: list[str]) -> None:
    import datetime as dt
    from decimal import Decimal

    import pyarrow as pa
    import pyarrow.parquet

    cells: dict[str, list[object]] = {
        "int8": [1, None],
        "bool": [True, None],
        "string": ["2024-05-14T00:00:00Z", "x"],
        "date": [dt.date(2024, 5, 14), None],
        "list": [[1, 2], None],
        "null": [None, None],
        "binary": [b"\xff", b"a"],
        "decimal": [Decimal("1.5"), None],
        "time": [dt.datetime(2024, 5, 14), None],
    }
    columns = {column: cells[kind] for column, kind in zip(grid_rows()[0], kinds, strict=True)}
    pyarrow.parquet.write_table(pa.table(columns), tmp_path / "table")
    survives(READERS["grid"][0], tmp_path / "table")


@FUZZ
@given(text=st.text(max_size=60) | st.text(alphabet="{}[]:,&*!|>'\"%@#-? \n\tab1", max_size=40))
def test_any_yaml(tmp_path: Path, text: str) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    survives(read_inputs, path)


@settings(FUZZ, max_examples=100)
@given(
    data=st.data(),
    piece=st.sampled_from(
        [
            "",
            "x",
            "-1",
            "null",
            "[",
            "{",
            "}",
            ": ",
            "\n",
            "  ",
            "'",
            "1e400",
            ".nan",
            "&a ",
            "*a",
            "!!int ",
            "- ",
            "..",
            "/",
            "\t",
        ]
    ),
)
def test_scenario_with_a_piece_put_in(tmp_path: Path, data: st.DataObject, piece: str) -> None:
    at = data.draw(st.integers(0, len(SCENARIO)))
    cut = data.draw(st.integers(0, 6))
    path = tmp_path / "scenario.yaml" if (tmp_path / "grid.csv").exists() else write_tiny_scenario(tmp_path)
    path.write_text(SCENARIO[:at] + piece + SCENARIO[at + cut :])
    survives(read_inputs, path)


@FUZZ
@given(key=st.text(alphabet="servicschat.0solvgp[]", max_size=12), value=st.text(max_size=8))
def test_any_override(tmp_path: Path, key: str, value: str) -> None:
    path = tmp_path / "scenario.yaml" if (tmp_path / "grid.csv").exists() else write_tiny_scenario(tmp_path)
    survives(lambda path: read_inputs(path, [(key, value)]), path)
