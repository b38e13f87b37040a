"""The engine table: what an iteration costs in time and power, by kind and clock (docs/reference/files.md)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.ingest.checks.duplicates import check_duplicates, first_of_each
from dynamo_plan.ingest.checks.engine_rows import check_cells, check_grid, check_same
from dynamo_plan.ingest.checks.names import check_known
from dynamo_plan.ingest.checks.ranges import check_count, check_not_negative, check_positive
from dynamo_plan.ingest.checks.units import check_frequency, check_power
from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.source import Source
from dynamo_plan.ingest.table import Table
from dynamo_plan.ingest.table_file import read_table
from dynamo_plan.schema.engine_model import EngineModel
from dynamo_plan.schema.engine_table import EngineEntry, EngineTable, Evidence, Part
from dynamo_plan.schema.kind import Kind, NumberFormat
from dynamo_plan.schema.profile import NOT_LOCKED_MHZ, Provenance

NAMES = ("model", "gpu", "dtype", "part", "provenance", "source")
KIND = ("model", "gpu", "dtype", "tp", "pp")
OF_PART = {
    Part.INSTANCE: (
        "overhead_s",
        "attention_s_per_pair",
        "host_power_w",
        "kv_tokens",
        "chunk_tokens",
        "max_batch",
        "prefill_first",
    ),
    Part.DECODE: ("batch", "iteration_s", "context_s_per_token"),
    Part.PREFILL: ("prompt_tokens", "prefill_s"),
}
"""Columns that rows of one part fill in, and the others leave empty."""

NOT_NEGATIVE = {
    "iteration_s": " s",
    "context_s_per_token": " s",
    "prefill_s": " s",
    "overhead_s": " s",
    "attention_s_per_pair": " s",
    "power_w": " W",
    "host_power_w": " W",
}
COUNTS = ("kv_tokens", "chunk_tokens", "max_batch", "prompt_tokens")
OF_KIND = ("host_power_w", "kv_tokens", "chunk_tokens", "max_batch", "prefill_first")
"""Columns that say the same at every clock of a kind."""

REQUIRED = (
    *("model", "gpu", "tp", "pp", "dtype", "frequency_mhz", "part", "power_w", "provenance", "source"),
    *(column for columns in OF_PART.values() for column in columns),
)
LONGEST_ITERATION_S = 5.0
"""No iteration of a batch that anybody waits for takes so long; times in ms lie above it."""

MEND = "Correct the cell, or fit the engine again"

type Texts = dict[str, NDArray[np.str_]]
type Numbers = dict[str, NDArray[np.float64]]


def parse_engine_table(source: Source, faults: Faults) -> EngineTable | None:
    """Read and check an engine table; None if it cannot be used, with the reasons noted."""
    known_faults = len(faults)
    table = read_table(source, faults)
    if table is None or not table.require(REQUIRED, faults):
        return None
    texts, numbers = _texts(table, faults), _numbers(table, faults)
    check_cells(table, texts["part"], OF_PART, faults)
    _check_numbers(table, numbers, faults)
    key: dict[str, NDArray[Any]] = {name: (texts | numbers)[name] for name in KIND}
    row: dict[str, NDArray[Any]] = {"frequency_mhz": numbers["frequency_mhz"], "part": texts["part"]}
    row["batch or prompt_tokens"] = _size(texts, numbers)
    check_duplicates("engine-duplicate", table, "part", key | row, faults)
    if len(faults) > known_faults:
        return None
    kinds = first_of_each(list(key.values()))
    entries = [_entry(table, np.flatnonzero(kinds == kind), texts, numbers, faults) for kind in np.unique(kinds)]
    if len(faults) > known_faults:
        return None
    found = (entry for entry in entries if entry is not None)
    return EngineTable(table.shown, tuple(sorted(found, key=lambda entry: (entry.model, entry.kind))))


def _texts(table: Table, faults: Faults) -> Texts:
    """Columns of texts, the words of closed sets checked."""
    labels = {name: table.labels(name, faults) for name in NAMES}
    mend = "Say how the row came about"
    check_known("engine-provenance", table, "provenance", labels["provenance"], tuple(Provenance), mend, faults)
    mend = "Write the format of the weights"
    check_known("engine-dtype", table, "dtype", labels["dtype"], tuple(NumberFormat), mend, faults)
    check_known("engine-part", table, "part", labels["part"], tuple(Part), "Say what the row speaks of", faults)
    return {name: one.array() for name, one in labels.items()}


def _numbers(table: Table, faults: Faults) -> Numbers:
    """Columns of numbers, NaN where a cell is empty; clocks may be empty throughout, and were then not locked."""
    found = {name: table.numbers(name, faults) for name in ("tp", "pp", "power_w")}
    is_locked = not bool(table.is_empty("frequency_mhz").all())
    clock = table.numbers("frequency_mhz", faults, required=is_locked)
    found["frequency_mhz"] = clock if is_locked else np.full(len(table), NOT_LOCKED_MHZ)
    own = (column for columns in OF_PART.values() for column in columns)
    return found | {column: table.numbers(column, faults, required=False) for column in own}


def _size(texts: Texts, numbers: Numbers) -> NDArray[np.float64]:
    """Batch of a decode row, prompt tokens of a prefill row, 0 of an instance's, shape (row,)."""
    size = np.where(texts["part"] == Part.DECODE, numbers["batch"], numbers["prompt_tokens"])
    return np.where(texts["part"] == Part.INSTANCE, 0.0, size)


def _check_numbers(table: Table, numbers: Numbers, faults: Faults) -> None:
    """What no number of its column can be; NaN has been reported where it matters."""
    for column in ("tp", "pp"):
        check_count("engine-parallelism", table, column, numbers[column], faults)
    for column in COUNTS:
        check_count("engine-count", table, column, numbers[column], faults)
    clock = numbers["frequency_mhz"]
    if clock.any():
        check_positive("engine-frequency", table, "frequency_mhz", clock, " MHz", "Write the SM clock in MHz", faults)
        check_frequency(table, clock, faults)
    for column, unit in NOT_NEGATIVE.items():
        check_not_negative("engine-negative", table, column, numbers[column], unit, MEND, faults)
    check_power(table, numbers["power_w"], numbers["tp"] * numbers["pp"], faults)
    batch, iteration_s, first = numbers["batch"], numbers["iteration_s"], numbers["prefill_first"]
    wrong = {
        "batch": (~np.isnan(batch) & ((batch < 0) | (batch != np.rint(batch))), "is no batch", "a whole number from 0"),
        "prefill_first": (~np.isnan(first) & ~np.isin(first, (0.0, 1.0)), "is neither 0 nor 1", "1 or 0"),
    }
    for column, (rows, what, allowed) in wrong.items():
        faults.add_rows(
            "engine-count",
            table,
            column,
            np.flatnonzero(rows),
            lambda row, column=column, what=what: f"{numbers[column][row]:g} {what}",  # type: ignore[misc]
            f"{column} must be {allowed}",
            "Correct the cell",
        )
    instant = np.where((batch > 0) & (iteration_s == 0), iteration_s, np.nan)
    check_positive("engine-iteration", table, "iteration_s", instant, " s", MEND, faults)
    faults.add_rows(
        "engine-iteration",
        table,
        "iteration_s",
        np.flatnonzero(iteration_s > LONGEST_ITERATION_S),
        lambda row: f"{iteration_s[row]:g} s is no time of an iteration; it looks like ms",
        f"iteration_s is in seconds, at most {LONGEST_ITERATION_S:g}",
        "Divide the column by 1000",
    )


def _entry(table: Table, rows: NDArray[np.int64], texts: Texts, numbers: Numbers, faults: Faults) -> EngineEntry | None:
    """The engine of the rows of one kind; None with the reasons noted."""
    part, size, clock = texts["part"], _size(texts, numbers), numbers["frequency_mhz"]
    order = np.array([list(Part).index(Part(one)) for one in part[rows]])
    rows = rows[np.lexsort((size[rows], order, clock[rows]))]
    known_faults = len(faults)
    check_grid(table, rows, part, size, clock, faults)
    check_same(table, rows, {column: numbers[column] for column in OF_KIND}, faults)
    if len(faults) > known_faults:
        return None
    grid = rows.reshape(np.unique(clock[rows]).size, -1)
    batches = int((part[grid[0]] == Part.DECODE).sum())
    one, decode, prefill = grid[:, 0], grid[:, 1 : 1 + batches], grid[:, 1 + batches :]
    spelled = {name: str(texts[name][rows[0]]) for name in ("model", "gpu", "dtype")}
    fixed = {name: int(numbers[name][rows[0]]) for name in ("tp", "pp", "kv_tokens", "chunk_tokens", "max_batch")}
    kind = Kind(spelled["gpu"], fixed["tp"], fixed["pp"], spelled["dtype"])
    costs = EngineModel(
        name=f"{spelled['model']} on {kind}",
        frequency_mhz=clock[one],
        batch=numbers["batch"][decode[0]],
        iteration_s=numbers["iteration_s"][decode],
        context_s=numbers["context_s_per_token"][decode],
        prefill_tokens=numbers["prompt_tokens"][prefill[0]],
        prefill_s=numbers["prefill_s"][prefill],
        overhead_s=numbers["overhead_s"][one],
        attention_s=numbers["attention_s_per_pair"][one],
        idle_power_w=numbers["power_w"][one],
        decode_power_w=numbers["power_w"][decode],
        prefill_power_w=numbers["power_w"][prefill],
        host_power_w=float(numbers["host_power_w"][rows[0]]),
        kv_tokens=fixed["kv_tokens"],
    )
    return EngineEntry(
        model=spelled["model"],
        kind=kind,
        costs=costs,
        chunk_tokens=fixed["chunk_tokens"],
        max_batch=fixed["max_batch"],
        prefill_first=bool(numbers["prefill_first"][rows[0]]),
        evidence=tuple(
            tuple(Evidence(Provenance(texts["provenance"][row]), str(texts["source"][row])) for row in at)
            for at in grid.tolist()
        ),
    )
