"""A table as read: columns of numbers or of texts, whose rows can be pointed at in the file they came from."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.ingest.gathered import Faults, clipped, did_you_mean, listed

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)", re.IGNORECASE | re.ASCII)
MOST = 1e12
"""No quantity of a plan, in its unit here, comes near; beyond it, sums would lose their digits."""
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")


@dataclass(frozen=True, slots=True)
class Labels:
    """A column of texts: its distinct values and, per row, the index of the row's value; -1 where the cell is empty."""

    values: tuple[str, ...]
    codes: NDArray[np.int64]

    def array(self) -> NDArray[np.str_]:
        """Spell the column out, shape (row,); empty cells are empty texts."""
        return np.array([*self.values, ""], dtype=np.str_)[self.codes]

    def rows_of(self, value: str) -> NDArray[np.int64]:
        """Rows that hold this value."""
        if value not in self.values:
            return np.empty(0, dtype=np.int64)
        return np.flatnonzero(self.codes == self.values.index(value))


@dataclass(frozen=True, slots=True)
class Numbers:
    """A column of numbers, as a typed file holds it; `empty` marks cells without value. Shapes (row,)."""

    values: NDArray[np.float64]
    empty: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of one file.

    Attributes
    ----------
    shown : str
        Path as shown to the user.
    line : array of int, shape (row,)
        Line in a CSV file (1 is the first), row number from 1 in Parquet.
    is_csv : bool
    columns : dict of str to Labels or Numbers
    header_line : int
    """

    shown: str
    line: NDArray[np.int64]
    is_csv: bool
    columns: dict[str, Labels | Numbers]
    header_line: int = 1

    def __len__(self) -> int:
        return int(self.line.size)

    def where(self, row: int, column: str) -> str:
        """File, line and column, e.g. `load.csv:12 rate_rps`."""
        return f"{self.shown}{':' if self.is_csv else ' row '}{self.line[row]} {column}"

    def line_name(self, row: int) -> str:
        """`line 12`, or `row 11` in a file without lines."""
        return f"{'line' if self.is_csv else 'row'} {self.line[row]}"

    def require(self, names: tuple[str, ...], faults: Faults) -> bool:
        """Note every column of `names` that is missing; True if none is."""
        spare = [name for name in self.columns if name not in names]
        missing = [name for name in names if name not in self.columns]
        for name in missing:
            faults.add(
                "table-missing-column",
                f"{self.shown}:{self.header_line}" if self.is_csv else self.shown,
                f"column {name} is missing; found are {listed(self.columns)}",
                f"Required are {', '.join(names)}",
                did_you_mean(name, spare) or f"Add the column {name}",
            )
        return not missing

    def labels(self, column: str, faults: Faults) -> Labels:
        """Return a column of texts; every empty cell is a fault."""
        found = self.columns[column]
        if isinstance(found, Numbers):
            found = _spelled(found)
        self._note_empty(column, found.codes < 0, faults)
        return found

    def numbers(self, column: str, faults: Faults, *, required: bool = True) -> NDArray[np.float64]:
        """Return a column of numbers; NaN where a cell is empty or faulty. Empty cells are faults if `required`."""
        found = self.columns[column]
        if isinstance(found, Labels):
            found = self._parsed(column, found, faults)
        else:
            self._note_typed(column, found, faults, required=required)
        if required:
            self._note_empty(column, found.empty, faults)
        return np.where(np.isfinite(found.values) & ~found.empty, found.values, np.nan)

    def is_empty(self, column: str) -> NDArray[np.bool_]:
        """Tell which cells of a column are empty, shape (row,); in a typed file NaN is empty too."""
        found = self.columns[column]
        return found.empty | np.isnan(found.values) if isinstance(found, Numbers) else found.codes < 0

    def _note_empty(self, column: str, empty: NDArray[np.bool_], faults: Faults) -> None:
        faults.add_rows(
            "table-empty-cell",
            self,
            column,
            np.flatnonzero(empty),
            lambda row: "the cell is empty",
            f"Every row needs {column}",
            "Fill it in, or drop the row",
        )

    def _note_typed(self, column: str, found: Numbers, faults: Faults, *, required: bool) -> None:
        """Cells of a typed column that hold no number of use."""
        values = found.values
        infinite = np.isinf(values) | (np.isnan(values) & required)
        for code, wrong in (("table-not-finite", infinite), ("table-too-large", ~infinite & (abs(values) > MOST))):
            faults.add_rows(
                code,
                self,
                column,
                np.flatnonzero(wrong & ~found.empty),
                lambda row, code=code: f"{values[row]:g} {NUMBER_FAULT_WORDS[code]}",  # type: ignore[misc]
                *NUMBER_FAULTS[code],
            )

    def _parsed(self, column: str, labels: Labels, faults: Faults) -> Numbers:
        """Texts to numbers; cells that hold no finite number are noted and NaN."""
        texts = labels.array()
        wrong = np.array([number_fault(value) for value in (*labels.values, "")], dtype=np.str_)[labels.codes]
        for code, (allowed, mend) in NUMBER_FAULTS.items():
            faults.add_rows(
                code,
                self,
                column,
                np.flatnonzero(wrong == code),
                lambda row, code=code: f"{clipped(str(texts[row]))} {NUMBER_FAULT_WORDS[code]}",  # type: ignore[misc]
                allowed,
                mend,
            )
        parsed = [np.nan if number_fault(value) else float(value) for value in labels.values]
        return Numbers(np.array([*parsed, np.nan])[labels.codes], labels.codes < 0)


NUMBER_FAULTS = {
    "table-decimal-comma": ("Decimals are written with a point", "Write the table with decimal points"),
    "table-not-a-number": ("A plain number, without unit or thousands separator, is needed", "Correct the cell"),
    "table-not-finite": ("A finite number is needed", "Drop the row, or measure it again"),
    "table-too-large": (f"Numbers lie within {MOST:g} of 0", "Check the cell and its unit"),
}
NUMBER_FAULT_WORDS = {
    "table-decimal-comma": "has a decimal comma",
    "table-not-a-number": "is not a number",
    "table-not-finite": "is not finite",
    "table-too-large": "is beyond every quantity of a plan",
}


def number_fault(text: str) -> str:
    """Code of what keeps a cell from being a finite number; empty if nothing does."""
    if DECIMAL_COMMA.fullmatch(text):
        return "table-decimal-comma"
    if text and not NUMBER.fullmatch(text):
        return "table-not-a-number"
    if text and not np.isfinite(float(text)):
        return "table-not-finite"
    return "table-too-large" if text and abs(float(text)) > MOST else ""


def _spelled(numbers: Numbers) -> Labels:
    """Numbers as texts, for a column that should hold names and may well be named 7."""
    values, codes = np.unique(numbers.values, return_inverse=True)
    return Labels(tuple(f"{value:.15g}" for value in values), np.where(numbers.empty, -1, codes))
