"""Tables as CSV or Parquet, by the suffix of their path."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from dynamo_plan.errors import Fault, UsageError

TEXT, COUNT, NUMBER = pa.string(), pa.int64(), pa.float64()
"""Types of columns."""

SUFFIXES = (".csv", ".parquet")


def table_bytes(path: Path, table: pa.Table) -> bytes:
    """Content of a file in the format that the path's suffix names.

    Raises
    ------
    UsageError
        The suffix names no format.
    """
    check_suffix(path)
    content = io.BytesIO()
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(table, content)
    else:
        pyarrow.csv.write_csv(table, content)
    return content.getvalue()


def check_suffix(path: Path) -> None:
    """Raise unless the path's suffix names a format of tables.

    Raises
    ------
    UsageError
        It does not.
    """
    if path.suffix not in SUFFIXES:
        what = f"a table is written as {' or '.join(SUFFIXES)}, not as {path.suffix or 'a file without suffix'}"
        raise UsageError(Fault("output-suffix", str(path), what, "", "Choose one of the suffixes"))
