"""Rows of an engine table that do not make an engine: cells that are not of their part, clocks that do not fit together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.ingest.gathered import Faults, listed
from dynamo_plan.ingest.table import Table
from dynamo_plan.schema.engine_table import Part
from dynamo_plan.schema.profile import clock_name

SIZE = {Part.DECODE: "batch", Part.PREFILL: "prompt_tokens"}
"""Column that tells the rows of a part at one clock apart."""


def check_cells(table: Table, part: NDArray[np.str_], of_part: Mapping[Part, Sequence[str]], faults: Faults) -> None:
    """Every row fills in the columns of its part and leaves those of the others empty."""
    known = np.isin(part, list(Part))
    for own, columns in of_part.items():
        mine = part == own
        for column in columns:
            empty = table.is_empty(column)
            faults.add_rows(
                "engine-cell-missing",
                table,
                column,
                np.flatnonzero(mine & empty),
                lambda row: "the cell is empty",
                f"A row of part {own} needs {', '.join(columns)}",
                "Fill it in",
            )
            faults.add_rows(
                "engine-cell-foreign",
                table,
                column,
                np.flatnonzero(known & ~mine & ~empty),
                lambda row: f"a row of part {part[row]} has no such number",
                f"{column} is of part {own}",
                "Empty the cell, or correct the part",
            )


def check_grid(
    table: Table,
    rows: NDArray[np.int64],
    part: NDArray[np.str_],
    size: NDArray[np.float64],
    frequency_mhz: NDArray[np.float64],
    faults: Faults,
) -> None:
    """Every clock of a kind has an instance row, and the same batches and prompt tokens; batches begin at 0.

    Parameters
    ----------
    rows : array of int
        Rows of one kind, sorted by clock.
    size : array, shape (row of the table,)
        Batch or prompt tokens.
    """
    clocks = np.unique(frequency_mhz[rows])
    of_clock = [rows[frequency_mhz[rows] == clock] for clock in clocks]
    for own in Part:
        sizes = [set(size[at[part[at] == own]].tolist()) for at in of_clock]
        # A row that most clocks have is missing at the others; one that most lack is spare.
        counts = Counter(one for found in sizes for one in found)
        usual = {one for one, count in counts.items() if 2 * count >= clocks.size}
        for clock, at, found in zip(clocks.tolist(), of_clock, sizes, strict=True):
            place = table.where(int(at[0]), SIZE.get(own, "part"))
            if not found:
                faults.add(
                    "engine-part-missing",
                    table.where(int(at[0]), "part"),
                    f"this kind has no row of part {own} at {clock_name(clock)}",
                    "Every clock has one row of part instance, and rows of parts decode and prefill",
                    "Add the rows",
                )
            elif found != usual:
                missing, spare = (listed(f"{one:g}" for one in sorted(few)) for few in (usual - found, found - usual))
                what = [f"lacks {missing}"] * bool(missing) + [f"alone has {spare}"] * bool(spare)
                faults.add(
                    "engine-sizes-differ",
                    place,
                    f"{clock_name(clock)} {' and '.join(what)}",
                    f"{SIZE[own]} are the same at every clock of a kind",
                    "Interpolate the rows that are missing, or drop the others",
                )
    decode = rows[part[rows] == Part.DECODE]
    if decode.size and size[decode].min() > 0:
        faults.add(
            "engine-batch-zero",
            table.where(int(decode[0]), "batch"),
            f"batches begin at {size[decode].min():g}",
            "The row of batch 0 has the time of an iteration with prefill only, without what its prompt tokens add",
            "Add it at every clock",
        )


def check_same(
    table: Table, rows: NDArray[np.int64], columns: Mapping[str, NDArray[np.float64]], faults: Faults
) -> None:
    """Columns that are a kind's, not a clock's, say the same in each of its rows."""
    for column, values in columns.items():
        stated = rows[~np.isnan(values[rows])]
        faults.add_rows(
            "engine-kind-differs",
            table,
            column,
            stated[values[stated] != values[stated[:1]]].tolist(),
            lambda row, stated=stated, values=values: (  # type: ignore[misc]
                f"{values[row]:g} is not what {table.line_name(int(stated[0]))} says, {values[stated[0]]:g}"
            ),
            f"{column} is the same at every clock of a kind",
            "Correct one of them",
        )
