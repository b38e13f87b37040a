"""Forecasting methods on public load, each forecast from what was known when it was due."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from benchmarks.candidates import CANDIDATES
from benchmarks.load_data import azure, servegen
from benchmarks.tables import Bench, Row, Table, seconds
from dynamo_plan.forecast.backtest import HeldBack, hold_back
from dynamo_plan.forecast.methods import Method, find_methods
from dynamo_plan.forecast.scores import Scores
from dynamo_plan.schema.history import History
from tests.raw_data import data_set

LEVEL = 0.95
COVERED = (0.90, 0.98)
"""Promised: share of windows that stay below P95."""


@dataclass(frozen=True, slots=True)
class Question:
    """A history, how far ahead, from which day on, and which score is asked for; the most it may be, by method."""

    title: str
    folder: str
    read: Callable[[Path], History]
    horizon: int
    train_days: int
    score: str
    most: dict[str, float]


QUESTIONS = (
    Question(
        "ServeGen m-large by client, day ahead",
        "servegen-m-large",
        lambda folder: servegen(folder, by_client=True),
        144,
        10,
        "daily_wape",
        {"daily-profile": 0.34},
    ),
    Question(
        "the same, its first 10 days alone",
        "servegen-m-large",
        lambda folder: _first_days(servegen(folder, by_client=True), 10),
        144,
        4,
        "daily_wape",
        {},
    ),
    Question(
        "ServeGen m-large in total, day ahead",
        "servegen-m-large",
        lambda folder: servegen(folder, by_client=False),
        144,
        10,
        "daily_wape",
        {},
    ),
    Question(
        "Azure conversation, next 30 min",
        "azure-llm-2024",
        lambda folder: azure(folder, "conversation"),
        1,
        2,
        "wape",
        {"regression": 0.045},
    ),
    Question("Azure coding, next 30 min", "azure-llm-2024", lambda folder: azure(folder, "coding"), 1, 2, "wape", {}),
)


def forecast(bench: Bench) -> Table:
    """Methods that need no extra, and candidates that were not taken, on load that is held back."""
    table = Table(
        "Forecasts of held-back load",
        "WAPE: absolute errors over the load; daily: mean of the days' WAPE. P95: share of windows that stay below it. Promised are the "
        f"score that is named, and of ServeGen P95 within {COVERED[0]:.0%} to {COVERED[1]:.0%}.",
    )
    for question in QUESTIONS:
        bench.say(f"forecast {question.title}")
        folder = data_set(question.folder)
        if folder is None:
            note = f"raw data set {question.folder} is not here"
            table.rows.append(Row({"case": question.title, "note": note}, None, {"case": question.title, "note": note}))
            continue
        history = question.read(folder)
        methods = [method for method in find_methods().values() if method.EXTRA is None]
        table.rows += [_row(question, history, method) for method in (*methods, *CANDIDATES)]
    return table


def _row(question: Question, history: History, method: Method) -> Row:
    start = perf_counter()
    found = hold_back(history, method, question.horizon, question.train_days * history.day, (LEVEL,))
    taken_s = perf_counter() - start
    if isinstance(found, str):
        return Row({"case": question.title, "method": method.NAME, "note": found}, None, {"note": found})
    most = question.most.get(method.NAME)
    cells = {
        "case": question.title,
        "method": method.NAME,
        "WAPE": f"{found.scores.wape:.1%}",
        "daily": f"{found.scores.daily_wape:.1%}",
        "P95": f"{found.scores.coverage[LEVEL]:.1%}",
        "all": seconds(taken_s),
        "promise": "" if most is None else f"{question.score} <= {most:.1%}",
    }
    data = {"case": question.title, "method": method.NAME, **_data(found.scores), "seconds": taken_s}
    return Row(cells, None if most is None else _kept(question, found, most), data)


def _kept(question: Question, found: HeldBack, most: float) -> bool:
    covered = COVERED[0] <= found.scores.coverage[LEVEL] <= COVERED[1]
    return bool(getattr(found.scores, question.score) <= most) and (covered or question.horizon == 1)


def _first_days(history: History, days: int) -> History:
    """What methods may be chosen on: days that are never held back elsewhere."""
    return history.until(days * history.day)


def _data(scores: Scores) -> dict[str, float | None]:
    values = {"wape": scores.wape, "daily_wape": scores.daily_wape, "coverage_p95": scores.coverage[LEVEL]}
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
