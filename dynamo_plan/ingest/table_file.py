"""Tell CSV from Parquet by content, not by name, and read either."""

from __future__ import annotations

from dynamo_plan.ingest.csv_file import read_csv
from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.parquet_file import PARQUET_MAGIC, read_parquet
from dynamo_plan.ingest.source import Source
from dynamo_plan.ingest.table import Table


def read_table(source: Source, faults: Faults) -> Table | None:
    """Read a table; note faults and return None where that cannot be done."""
    if not source.data.strip():
        faults.add("table-empty", source.shown, "the file is empty", "A header and at least one row are needed")
        return None
    is_parquet = source.data.startswith(PARQUET_MAGIC)
    known = len(faults)
    table = read_parquet(source, faults) if is_parquet else read_csv(source, faults)
    if table is not None and not len(table):
        if len(faults) == known:  # else the rows there were are reported already
            faults.add("table-empty", source.shown, "there is a header but no row", "At least one row is needed")
        return None
    return table
