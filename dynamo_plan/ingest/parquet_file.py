"""Parquet files."""

from __future__ import annotations

import io

import numpy as np
import pyarrow.parquet

from dynamo_plan.ingest.arrow_column import READ_ERRORS, as_column, first_line
from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.source import Source
from dynamo_plan.ingest.table import Table

PARQUET_MAGIC = b"PAR1"


def read_parquet(source: Source, faults: Faults) -> Table | None:
    """Read Parquet; note a fault and return None where that cannot be done."""
    try:
        # Reading ahead leaves a thread behind, which with pyarrow 26 aborted one program in eight that ended soon after.
        content = pyarrow.parquet.read_table(io.BytesIO(source.data), use_threads=False, pre_buffer=False)
        content.validate(full=True)
        columns = {name: as_column(content.column(name)) for name in content.column_names}
    except READ_ERRORS as error:
        faults.add(
            "table-not-a-table",
            source.shown,
            f"the file begins like Parquet but cannot be read: {first_line(error)}",
            "A whole Parquet file is needed",
            "Write or copy it again",
        )
        return None
    return Table(source.shown, np.arange(1, content.num_rows + 1, dtype=np.int64), False, columns)
