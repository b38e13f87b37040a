"""CSV files: one record per row."""

from __future__ import annotations

from collections.abc import Iterator

from dynamo_plan.errors import InputError
from dynamo_plan.ingest.csv_file import read_csv
from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.measurements.fields import Fields
from dynamo_plan.ingest.measurements.notes import Notes
from dynamo_plan.ingest.measurements.opened import Opened
from dynamo_plan.ingest.table import Labels

HEADER_BYTES = 1 << 14


def has_columns(head: bytes, *names: str) -> bool:
    """Whether the first line that is no comment is a header with all these columns, whatever separates them."""
    lines = (line.strip() for line in head[:HEADER_BYTES].splitlines())
    header = next((line for line in lines if line and not line.startswith(b"#")), b"")
    found = {name.strip().strip(b'"') for name in header.replace(b";", b",").replace(b"\t", b",").split(b",")}
    return all(name.encode() in found for name in names)


def csv_rows(source: Opened, notes: Notes) -> Iterator[Fields]:
    """Rows of a table; a row that is no row is rejected alone.

    Raises
    ------
    InputError
        Where the file as a whole is no table.
    """
    faults = Faults()
    table = read_csv(source.whole(), faults)
    if table is None:
        raise InputError(faults)
    for fault in faults:
        notes.reject(fault.where, [fault])
    columns = {
        name: column.array().tolist() for name, column in table.columns.items() if name and isinstance(column, Labels)
    }
    for row, line in enumerate(table.line.tolist()):
        yield Fields(f"{source.shown}:{line}", {name: cells[row] for name, cells in columns.items()})
