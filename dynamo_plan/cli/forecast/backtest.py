"""`dynamo-plan forecast backtest`: forecasting methods on load that is held back, and what plans on them would have cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dynamo_plan.cli.console import Output, OutputOption, Row, print_rows, say
from dynamo_plan.cli.forecast.options import (
    QUANTILES,
    FillOption,
    HistoryArgument,
    HolidaysOption,
    HorizonOption,
    QuantilesOption,
    ReplaceOption,
    by_service,
    check_table,
    levels_in,
    read_histories,
    windows_in,
)
from dynamo_plan.cli.progress import phases
from dynamo_plan.errors import Fault, InputError
from dynamo_plan.units import PERCENT_PER_ONE

if TYPE_CHECKING:
    from dynamo_plan.decision_score import DecisionScore
    from dynamo_plan.forecast.backtest import HeldBack
    from dynamo_plan.forecast.methods import Method
    from dynamo_plan.forecast.rolling import Progress
    from dynamo_plan.schema.history import History

    type Tried = dict[str, dict[str, HeldBack]]


def backtest(
    history: HistoryArgument,
    methods: Annotated[
        str | None,
        typer.Option("--methods", metavar="NAME,...", help="Methods to score. [default: all that need no extra]"),
    ] = None,
    train_days: Annotated[
        float | None,
        typer.Option("--train-days", metavar="D", help="Days before the first score. [default: 70 %, whole days]"),
    ] = None,
    horizon: HorizonOption = "24h",
    scenario: Annotated[
        Path | None,
        typer.Option("--scenario", metavar="SCENARIO", help="Score by the plans that follow for this scenario too."),
    ] = None,
    quantiles: QuantilesOption = QUANTILES,
    save: Annotated[
        Path | None, typer.Option("--save", metavar="FILE", help="Write the forecasts of the best method, for `show`.")
    ] = None,
    holidays: HolidaysOption = None,
    fill_gaps: FillOption = False,
    output: OutputOption = Output.TABLE,
    force: ReplaceOption = False,
) -> None:
    """Score forecasting methods by rolling origin: every forecast from what was known when it was due.

    All scores are shares: lower is better, and coverage_pNN should be near NN %. With --scenario: extra energy against perfect foresight,
    and the requests that the planned instances could not have served. With -o csv, json or yaml: pinball losses as well.
    """
    if save is not None:
        check_table(save, force=force)
    histories = {one.service: one for one in read_histories(history, holidays, fill_gaps=fill_gaps)}
    levels = levels_in(quantiles)
    with phases() as on_progress:
        inputs = None
        if scenario is not None:
            from dynamo_plan.decision_score import check_fits, decision_scores, reserved_levels
            from dynamo_plan.ingest import read_inputs

            inputs = read_inputs(scenario)
            check_fits(inputs, histories)
            histories = {name: histories[name] for name in inputs.forecasts}
            levels = tuple(sorted({*levels, *reserved_levels(inputs)}))
        tried = _tried(histories, _methods(methods), horizon, train_days, levels, on_progress)
        decisions = decision_scores(inputs, histories, tried, on_progress) if inputs is not None else []
    by_method = {one.method: one for one in decisions}
    by_service({one.method: (one.note,) for one in decisions if one.note})
    best = min(tried, key=lambda name: _mean_wape(tried[name]))
    rows = [
        _row(name, service, one, by_method.get(name), with_pinball=output is not Output.TABLE)
        for name in sorted(tried, key=lambda name: _mean_wape(tried[name]))
        for service, one in tried[name].items()
    ]
    print_rows(rows, output)
    if save is not None:
        _save(save, best, histories, tried[best], force=force)
        say(f"Wrote {save}: held-back forecasts of {best}.")


def _methods(names: str | None) -> list[Method]:
    from dynamo_plan.forecast.methods import find_methods, method_named

    if names is not None:
        return [method_named(name.strip()) for name in names.split(",")]
    return [method for method in find_methods().values() if method.EXTRA is None]


def _tried(
    histories: dict[str, History],
    methods: list[Method],
    horizon: str,
    train_days: float | None,
    levels: tuple[float, ...],
    on_progress: Progress,
) -> Tried:
    """Every method that has enough history in all services; the others are named with the reason."""
    from dynamo_plan.forecast.backtest import held_back_from, hold_back

    found: Tried = {}
    reasons: dict[str, tuple[str, ...]] = {}
    for method in methods:
        results = {
            name: hold_back(one, method, windows_in(horizon, one), held_back_from(one, train_days), levels, on_progress)
            for name, one in histories.items()
        }
        scored = {name: one for name, one in results.items() if not isinstance(one, str)}
        if len(scored) == len(results):
            found[method.NAME] = scored
        else:
            reasons[method.NAME] = tuple(f"not scored: {one}" for one in results.values() if isinstance(one, str))[:1]
    by_service(reasons)
    if not found:
        raise InputError(
            Fault(
                "history-too-short",
                next(iter(histories.values())).path,
                "no method has enough history before the first score",
                "",
                "Give a longer history, a larger --train-days, a shorter --horizon, or simpler --methods",
            )
        )
    return found


def _mean_wape(services: dict[str, HeldBack]) -> float:
    from dynamo_plan.forecast.scores import mean_known

    return mean_known([one.scores.wape for one in services.values()])


def _row(name: str, service: str, held_back: HeldBack, decision: DecisionScore | None, *, with_pinball: bool) -> Row:
    """Scores of a method; the pinball losses are for programs, a table has no room for them."""
    scores = held_back.scores
    row: dict[str, str | int | float | None] = {
        "method": name,
        "service": service,
        "wape": _shown(scores.wape),
        "daily_wape": _shown(scores.daily_wape),
        "peak_hour_error": _shown(scores.peak_hour_error),
    }
    for level in scores.coverage:
        percent = f"{level * PERCENT_PER_ONE:.10g}"
        row[f"coverage_p{percent}"] = _shown(scores.coverage[level])
        if with_pinball:
            row[f"pinball_p{percent}"] = _shown(scores.pinball[level])
    if decision is not None:
        row |= {
            "extra_energy": _shown(decision.extra_energy),
            "beyond_capacity": _shown(decision.beyond_share),
            "windows_beyond": None if decision.note else decision.windows_beyond,
        }
    return row


def _shown(value: float) -> float | None:
    """To a tenth of a per cent, and a tenth of that; nothing where there is no number."""
    return None if value != value else round(value, 4)  # noqa: PLR0124  NaN


def _save(path: Path, method: str, histories: dict[str, History], results: dict[str, HeldBack], *, force: bool) -> None:
    from dynamo_plan.emit.forecast_table import Stated, write_forecast
    from dynamo_plan.forecast.backtest import as_forecast

    stated = [Stated(name, as_forecast(histories[name], one), method) for name, one in results.items()]
    write_forecast(path, stated, force=force)
