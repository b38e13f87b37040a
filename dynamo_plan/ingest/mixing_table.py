"""The mixing table: what an instance loses when it serves several input classes together (docs/reference/files.md)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.ingest.checks.duplicates import check_duplicates
from dynamo_plan.ingest.checks.names import check_known
from dynamo_plan.ingest.checks.ranges import check_count, check_not_negative, check_positive
from dynamo_plan.ingest.checks.units import check_frequency
from dynamo_plan.ingest.gathered import Faults, clipped
from dynamo_plan.ingest.source import Source
from dynamo_plan.ingest.table import Labels, Table
from dynamo_plan.ingest.table_file import read_table
from dynamo_plan.schema.bucket import CLASS_NAMES
from dynamo_plan.schema.kind import Kind, NumberFormat
from dynamo_plan.schema.profile import NOT_LOCKED_MHZ, MixingRow, MixingTable, Provenance

REQUIRED = (
    "model",
    "gpu",
    "tp",
    "pp",
    "dtype",
    "frequency_mhz",
    "input_classes",
    "derate",
    "provenance",
    "source",
)
LETTERS = frozenset(letter for letters in CLASS_NAMES.values() for letter in letters)


def parse_mixing(source: Source, faults: Faults) -> MixingTable | None:
    """Read and check a mixing table; None if it cannot be used, with the reasons noted."""
    known_faults = len(faults)
    table = read_table(source, faults)
    if table is None or not table.require(REQUIRED, faults):
        return None
    text = {name: table.labels(name, faults) for name in ("model", "gpu", "dtype", "provenance", "source")}
    provenances = tuple(Provenance)
    mend = "Say how the row came about"
    check_known("mixing-provenance", table, "provenance", text["provenance"], provenances, mend, faults)
    mend = "Write the format of the weights, as in the profile"
    check_known("mixing-dtype", table, "dtype", text["dtype"], tuple(NumberFormat), mend, faults)
    tp, pp, derate = (table.numbers(name, faults) for name in ("tp", "pp", "derate"))
    is_locked = not bool(table.is_empty("frequency_mhz").all())
    clock = table.numbers("frequency_mhz", faults, required=is_locked)
    for column, count in (("tp", tp), ("pp", pp)):
        check_count("mixing-parallelism", table, column, count, faults)
    check_positive("mixing-frequency", table, "frequency_mhz", clock, " MHz", "Write the SM clock in MHz", faults)
    check_frequency(table, clock, faults)
    clock = clock if is_locked else np.full(len(table), NOT_LOCKED_MHZ)
    _check_derate(table, derate, faults)
    labels = table.labels("input_classes", faults)
    classes = _classes(table, labels, faults)
    order = {found: number for number, found in enumerate(dict.fromkeys(classes))}
    key: dict[str, NDArray[Any]] = {name: text[name].codes for name in ("model", "gpu", "dtype")}
    key |= {"tp": tp, "pp": pp, "frequency_mhz": clock}
    key["input_classes"] = np.array([order[found] for found in classes], dtype=np.int64)[labels.codes]
    check_duplicates("mixing-duplicate", table, "input_classes", key, faults)
    if len(faults) > known_faults:
        return None
    spelled = {name: labels.array().tolist() for name, labels in text.items()}
    rows = tuple(
        MixingRow(
            model=spelled["model"][row],
            kind=Kind(spelled["gpu"][row], int(tp[row]), int(pp[row]), spelled["dtype"][row]),
            frequency_mhz=float(clock[row]),
            input_classes=classes[labels.codes[row]],
            derate=float(derate[row]),
            provenance=Provenance(spelled["provenance"][row]),
            source=spelled["source"][row],
        )
        for row in range(len(table))
    )
    return MixingTable(table.shown, rows)


def _check_derate(table: Table, derate: NDArray[np.float64], faults: Faults) -> None:
    mend = "Write the share of capacity that mixing costs, e.g. 0.27"
    check_not_negative("mixing-derate", table, "derate", derate, "", mend, faults)
    faults.add_rows(
        "mixing-derate",
        table,
        "derate",
        np.flatnonzero(derate > 1),
        lambda row: f"{derate[row]:g} is above 1",
        "derate is between 0 (mixing costs nothing) and 1",
        "If it is in per cent, divide the column by 100",
    )


def _classes(table: Table, labels: Labels, faults: Faults) -> list[frozenset[str]]:
    """Sets of letters of the distinct texts, and one empty set for empty cells."""
    found = [frozenset(part.strip() for part in text.split("+")) for text in labels.values]
    for text, letters in zip(labels.values, found, strict=True):
        if len(letters) < 2 or len(letters) != text.count("+") + 1 or not letters <= LETTERS:
            faults.add_rows(
                "mixing-classes",
                table,
                "input_classes",
                labels.rows_of(text),
                lambda row, text=text: f"{clipped(text)} is not a set of input classes",  # type: ignore[misc]
                f"Two or more different letters of {', '.join(sorted(LETTERS))}, joined by +",
                "Write e.g. S+M+L",
            )
    return [*found, frozenset()]
