"""CSV whose rows keep the line numbers that an editor shows.

A byte order mark, CRLF line ends, blank lines, lines that begin with `#` and spaces around values are accepted. Cells end on
the line they begin on, so that every row is one line.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.csv

from dynamo_plan.ingest.arrow_column import READ_ERRORS, as_column, first_line
from dynamo_plan.ingest.gathered import MOST_LISTED, Faults, clipped, listed
from dynamo_plan.ingest.source import Source, foreign_sort
from dynamo_plan.ingest.table import Table

COMMA_BETWEEN_DIGITS = re.compile(r"\d,\d")
MEND_TABLE = "Save it as CSV in UTF-8 with commas between columns, or as Parquet"

type NumberedLine = tuple[int, bytes]


def read_csv(source: Source, faults: Faults) -> Table | None:
    """Read CSV; note faults and return None where that cannot be done."""
    text = source.data.removeprefix(b"\xef\xbb\xbf")
    if not _is_text(source.shown, text, faults):
        return None
    lines = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if _holds_data(line)]
    if not lines:
        faults.add("table-empty", source.shown, "there is nothing but comments", "A header and a row are needed")
        return None
    if not _has_commas(source.shown, lines, faults) or not _has_closed_quotes(source.shown, lines, faults):
        return None
    names = [name.strip() for name in next(csv.reader([lines[0][1].decode()]))]
    if len(names) == 1:
        faults.add(
            "table-not-a-table",
            f"{source.shown}:{lines[0][0]}",
            f"the first line, {clipped(names[0])}, is no header of a table: it has no commas",
            "CSV or Parquet is needed",
            "Check that this is the file you mean",
        )
        return None
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        faults.add(
            "table-column-twice",
            f"{source.shown}:{lines[0][0]}",
            f"the header names {listed(repr(name) for name in twice)} more than once",
            "Every column has its own name",
            "Rename or drop one of them",
        )
        return None
    return _rows(source.shown, names, lines, faults)


def _is_text(shown: str, data: bytes, faults: Faults) -> bool:
    wrong = foreign_sort(data)
    try:
        data.decode("utf-8")
        wrong = wrong or ("binary" if b"\x00" in data else "")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        wrong = wrong or f"neither Parquet nor UTF-8 text (line {line} holds byte 0x{data[error.start]:02x})"
    if wrong:
        faults.add("table-not-a-table", shown, f"the file is {wrong}", "CSV or Parquet is needed", MEND_TABLE)
    return not wrong


def _holds_data(line: bytes) -> bool:
    stripped = line.strip()
    return bool(stripped) and not stripped.startswith(b"#")


def _has_commas(shown: str, lines: list[NumberedLine], faults: Faults) -> bool:
    first, header = lines[0]
    for separator, name in ((b";", "semicolons"), (b"\t", "tabs")):
        if separator in header and b"," not in header:
            comma = next((number for number, line in lines if COMMA_BETWEEN_DIGITS.search(line.decode())), None)
            also = f", and line {comma} has a decimal comma" if comma else ""
            faults.add(
                "table-separator",
                f"{shown}:{first}",
                f"the columns are separated by {name}{also}",
                "Columns are separated by commas, decimals written with a point",
                "Save the table as CSV with commas and decimal points",
            )
            return False
    return True


def _has_closed_quotes(shown: str, lines: list[NumberedLine], faults: Faults) -> bool:
    unclosed = [number for number, line in lines if line.count(b'"') % 2]
    for number in unclosed[:MOST_LISTED]:
        faults.add(
            "table-quotes",
            f"{shown}:{number}",
            "a quotation mark is not closed on its line",
            "A cell must end on the line it begins on",
            "Close the quotation mark, or remove the line break",
        )
    return not unclosed


def _rows(shown: str, names: list[str], lines: list[NumberedLine], faults: Faults) -> Table | None:
    """Rows below the header, every cell a text."""
    odd: dict[int, int] = {}

    def skip(row: pyarrow.csv.InvalidRow) -> str:
        odd[int(row.number or 0) - 1] = int(row.actual_columns)
        return "skip"

    keys = [str(index) for index in range(len(names))]
    # The header stands first, as a row: Arrow refuses data without a row.
    data = b"\n".join(line for _, line in lines) + b"\n"
    try:
        content = pyarrow.csv.read_csv(
            io.BytesIO(data),
            # One block: Arrow refuses a line that spans blocks. One thread: it counts rows only then.
            read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=keys),
            parse_options=pyarrow.csv.ParseOptions(invalid_row_handler=skip, ignore_empty_lines=False),  # type: ignore[arg-type]
            convert_options=pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(keys, pa.string())),
        ).slice(1)
    except READ_ERRORS as error:
        faults.add("table-not-a-table", shown, f"not readable as CSV: {first_line(error)}", "", MEND_TABLE)
        return None
    numbers = [number for index, (number, _) in enumerate(lines) if index and index not in odd]
    if len(numbers) != content.num_rows:
        faults.add("table-not-a-table", shown, "quotation marks stand inside a cell", "", MEND_TABLE)
        return None
    _note_odd_rows(shown, names, lines, odd, faults)
    columns = {name: as_column(content.column(key)) for name, key in zip(names, keys, strict=True)}
    return Table(shown, np.array(numbers, dtype=np.int64), True, columns, header_line=lines[0][0])


def _note_odd_rows(
    shown: str, names: list[str], lines: list[NumberedLine], odd: dict[int, int], faults: Faults
) -> None:
    for index in list(odd)[:MOST_LISTED]:
        number, text = lines[index]
        too_wide = odd[index] > len(names) and COMMA_BETWEEN_DIGITS.search(text.decode())
        faults.add(
            "table-row-width",
            f"{shown}:{number}",
            f"the row has {odd[index]} cells, the header {len(names)} columns",
            "Every row has as many cells as the header",
            "Correct the row; if it has decimal commas, write decimal points" if too_wide else "Correct the row",
        )
    if len(odd) > MOST_LISTED:
        faults.add("table-row-width", shown, f"... and {len(odd) - MOST_LISTED} more of these")
