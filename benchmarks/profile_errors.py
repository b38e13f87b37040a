"""How well profiles predict themselves: the V100 clock sweep, whose errors are promised, and the shipped tables, whose are not."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path

from benchmarks.tables import Bench, Row, Table, share
from benchmarks.v100 import v100_profile
from dynamo_plan.ingest import read_profile
from dynamo_plan.profile.fit.accuracy import Accuracy, accuracies
from dynamo_plan.schema.profile import ProfileTable
from tests.raw_data import data_set

SWEEP = "dvfs-v100-mistral7b"
PROMISED = {"power": 0.03, "rate": 0.03, "tbt": 0.05}
"""Mean errors at concurrency 16, each clock predicted from the others [1]."""

PROMISED_AT = 16.0
SHIPPED = ("mistral-7b-v100", "llama-2-70b-h100")
PROFILES = Path(__file__).resolve().parents[1] / "profiles"


def profile(bench: Bench) -> Table:
    """Errors of every profile, quantity and thing left out."""
    table = Table(
        "profile: rows predicted from the others",
        "A load, a clock or a pair of lengths is left out and predicted from the rest, at equal requests in flight. Relative errors. "
        "The shipped tables are composed: their errors say how smooth they are, not how true.",
    )
    folder = data_set(SWEEP)
    if folder is None:
        bench.say(f"{SWEEP}: the raw data are not here")
    else:
        sweep = v100_profile(folder)
        for concurrency in (1.0, PROMISED_AT):
            table.rows += _rows(f"V100 sweep, concurrency {concurrency:g}", sweep, concurrency)
    for name in SHIPPED:
        bench.say(name)
        table.rows += _rows(name, read_profile(PROFILES / f"{name}.parquet"), None)
    return table


def _rows(case: str, table: ProfileTable, concurrency: float | None) -> list[Row]:
    return [_row(case, one, concurrency) for one in accuracies(table, concurrency)]


def _row(case: str, one: Accuracy, concurrency: float | None) -> Row:
    is_promised = concurrency == PROMISED_AT and one.left_out.value == "clock"
    most = PROMISED.get(one.quantity, math.nan) if is_promised else math.nan
    cells = {
        "case": case,
        "note": str(one.kind),
        "left out": one.left_out.value,
        "quantity": one.quantity,
        "rows": str(one.rows),
        "not predicted": str(one.not_predicted),
        "mean": share(one.mean),
        "median": share(one.median),
        "P90": share(one.p90),
        "worst": share(one.worst),
        "promise": "" if math.isnan(most) else f"mean <= {most:.0%}",
    }
    data = {**asdict(one), "case": case, "kind": str(one.kind), "left_out": one.left_out.value}
    return Row(cells, None if math.isnan(most) else one.mean <= most, data)
