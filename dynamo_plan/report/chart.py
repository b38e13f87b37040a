"""What pages are made of: tables of cells, and charts, each with the table of the numbers that it shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

type Cell = str | int | float | datetime | None


@dataclass(frozen=True, slots=True)
class Table:
    """Named columns and rows of cells; times are UTC, units stand in the columns' names.

    Attributes
    ----------
    title : str
    columns : tuple of str
    rows : tuple of tuple of Cell
        Each as long as `columns`.
    note : str
        A sentence on how to read it; may be empty.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        odd = [row for row in self.rows if len(row) != len(self.columns)]
        if odd:
            raise ValueError(f"table {self.title!r}: a row has {len(odd[0])} cells, the head {len(self.columns)}")


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing and what it says.

    Attributes
    ----------
    title : str
    text : str
        What there is to see, in a sentence or two; also read out to who cannot see it.
    svg : str
        The drawing, for a page with the variables of `page.css`; references inside it begin with `charts.canvas.REFERENCE`.
    table : Table
        The numbers drawn.
    """

    title: str
    text: str
    svg: str
    table: Table
