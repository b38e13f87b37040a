"""The folder of a what-if study: one small file per run as soon as it is done, then one table over all of them.

``sweep.json`` says which runs the folder is for. A run's file is written whole or not at all, so a study that was killed goes on where
it was: what is there is not done again.
"""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet
from pydantic import JsonValue, TypeAdapter, ValidationError
from pydantic_core import to_json

from dynamo_plan.emit.atomic import refuse_occupied, unwritable, write_whole_file
from dynamo_plan.errors import Fault, InputError
from dynamo_plan.schema.sweep import Outcome, value_text
from dynamo_plan.spreadsheets import inert

SWEEP_FILE: Final = "sweep.json"
RUNS: Final = "runs"
SWEEP_VERSION: Final = 1
CHANGE: Final = "change."
"""Before the columns that say what was changed."""

type Cell = str | float | bool | None


def open_study(folder: Path, run_ids: Sequence[str], *, force: bool) -> dict[str, Outcome]:
    """Make the folder of a study, or go on in it: outcomes that are there already, by run id.

    Raises
    ------
    InputError
        The folder holds something else, or another study and `force` is not given.
    """
    path = folder / SWEEP_FILE
    said = json.dumps({"version": SWEEP_VERSION, "runs": list(run_ids)}, indent=1).encode() + b"\n"
    if not force and path.is_file() and path.read_bytes() == said:
        return {run_id: found for run_id in run_ids if (found := _outcome(folder, run_id)) is not None}
    if path.is_file() and not force:
        raise InputError(
            Fault(
                "output-exists",
                str(folder),
                "the folder holds another study, or this one with other inputs or another version",
                "A study goes on only where nothing has changed",
                "Choose another folder, or replace this one with --force",
            )
        )
    refuse_occupied(folder, SWEEP_FILE, force=force)
    try:
        shutil.rmtree(folder / RUNS, ignore_errors=True)
        (folder / RUNS).mkdir(parents=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    write_whole_file(path, said)
    return {}


def keep_outcome(folder: Path, outcome: Outcome) -> None:
    """Write what came of a run, whole or not at all."""
    write_whole_file(folder / RUNS / f"{outcome.run_id}.json", to_json(outcome, inf_nan_mode="strings") + b"\n")


def _outcome(folder: Path, run_id: str) -> Outcome | None:
    """What is kept of a run; None if it has to be done."""
    try:
        found = TypeAdapter(Outcome).validate_json((folder / RUNS / f"{run_id}.json").read_bytes())
    except (OSError, ValidationError):
        return None
    return found if found.run_id == run_id else None


def study_columns(outcomes: Sequence[Outcome], on_front: Mapping[str, bool]) -> dict[str, list[Cell]]:
    """The table: a row per run in the order of the study; no number is an empty cell.

    Parameters
    ----------
    on_front : mapping of str to bool
        Whether a run is on the Pareto front, by its id.
    """
    columns: dict[str, list[Cell]] = {
        "run_id": [one.run_id for one in outcomes],
        "name": [one.name for one in outcomes],
    }
    for key in dict.fromkeys(key for one in outcomes for key in one.change):
        columns[CHANGE + key] = _alike([one.change.get(key) for one in outcomes])
    for field in fields(Outcome):
        if field.name not in ("run_id", "change", "error"):
            columns[field.name] = [_cell(getattr(one, field.name)) for one in outcomes]
    columns["pareto"] = [on_front[one.run_id] for one in outcomes]
    columns["error"] = [one.error or None for one in outcomes]
    return columns


def _cell(value: str | float) -> Cell:
    return None if isinstance(value, float) and math.isnan(value) else value


def _alike(values: Sequence[JsonValue]) -> list[Cell]:
    """Values of one type: numbers if all are, else texts."""
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) == sum(value is not None for value in values):
        return [None if value is None else float(value) for value in values]  # type: ignore[arg-type]
    return [None if value is None else value_text(value) for value in values]


def write_study(folder: Path, columns: Mapping[str, list[Cell]], page: str | None) -> list[Path]:
    """Write the table as Parquet and CSV, and the page if there is one; the paths written."""
    parquet = pa.BufferOutputStream()
    pyarrow.parquet.write_table(pa.table(dict(columns)), parquet)
    contents = {"results.parquet": parquet.getvalue().to_pybytes(), "results.csv": _csv(columns).encode()}
    contents |= {} if page is None else {"whatif.html": page.encode("utf-8", errors="replace")}
    for name, content in contents.items():
        write_whole_file(folder / name, content)
    return [folder / name for name in contents]


def _csv(columns: Mapping[str, list[Cell]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow(inert(cell) if isinstance(cell, str) else cell for cell in row)
    return text.getvalue()
