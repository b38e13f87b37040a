"""Names that are not among those known."""

from __future__ import annotations

from collections.abc import Sequence

from dynamo_plan.ingest.gathered import Faults, clipped, did_you_mean, listed
from dynamo_plan.ingest.table import Labels, Table


def check_known(
    code: str, table: Table, column: str, labels: Labels, known: Sequence[str], mend: str, faults: Faults
) -> None:
    """Every label is one of `known`; each unknown one is noted where it stands first."""
    for value in labels.values:
        rows = labels.rows_of(value)
        if value in known or not rows.size:
            continue
        count = f" ({rows.size} rows)" if rows.size > 1 else ""
        faults.add(
            code,
            table.where(int(rows[0]), column),
            f"{clipped(value)} is not known{count}",
            f"{column} is one of {listed(known)}",
            did_you_mean(value, known) or mend,
        )
