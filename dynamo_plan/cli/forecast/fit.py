"""`dynamo-plan forecast fit`: the load to expect, with quantiles, from the load that arrived."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dynamo_plan.cli.console import Output, Row, print_rows, say
from dynamo_plan.cli.forecast.options import (
    QUANTILES,
    FillOption,
    HistoryArgument,
    HolidaysOption,
    HorizonOption,
    QuantilesOption,
    RecordOption,
    ReplaceOption,
    by_service,
    check_table,
    levels_in,
    read_histories,
    windows_in,
)
from dynamo_plan.cli.progress import phases

if TYPE_CHECKING:
    from dynamo_plan.forecast.fit import Fitted


def fit(
    history: HistoryArgument,
    file: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="Forecast to write, .csv or .parquet.")
    ] = Path("load.csv"),
    method: Annotated[
        str, typer.Option("--method", help="Forecasting method; `dynamo-plan formats` lists them.")
    ] = "auto",
    horizon: HorizonOption = "24h",
    quantiles: QuantilesOption = QUANTILES,
    holidays: HolidaysOption = None,
    fill_gaps: FillOption = False,
    record: RecordOption = Output.TABLE,
    force: ReplaceOption = False,
) -> None:
    """Forecast the windows after a history and write them as a table that `solve` reads.

    `auto` takes the method with the least error (WAPE) on forecasts of the history itself, each made from what was known before.
    Stdout: which methods were compared, by service, and which was taken.
    """
    from dynamo_plan.emit.forecast_table import Stated, write_forecast
    from dynamo_plan.forecast.fit import fit as fitted

    check_table(file, force=force)
    histories = read_histories(history, holidays, fill_gaps=fill_gaps)
    levels = levels_in(quantiles)
    with phases() as on_progress:
        found = {one.service: fitted(one, method, windows_in(horizon, one), levels, on_progress) for one in histories}
    write_forecast(file, [Stated(name, one.forecast, one.method) for name, one in found.items()], force=force)
    print_rows([row for name, one in found.items() for row in _record(name, one)], record)
    by_service({name: one.notes for name, one in found.items()})
    windows = max(len(one.forecast.windows) for one in found.values())
    say(f"Wrote {file}: {windows} windows from {next(iter(found.values())).forecast.windows.label(0)}.")


def _record(service: str, fitted: Fitted) -> list[Row]:
    """The methods compared, the one taken marked; where one was asked for, that alone."""
    tried = [(one.method, one.wape, one.forecasts, one.note) for one in fitted.tried]
    tried = tried or [(fitted.method, None, fitted.past_forecasts, "; ".join(fitted.notes))]
    return [
        {
            "service": service,
            "method": name,
            "taken": "yes" if name == fitted.method else "no",
            "asked_for": fitted.asked,
            "wape": wape,
            "past_forecasts": count,
            "note": note,
        }
        for name, wape, count, note in tried
    ]
