"""`dynamo-plan forecast import`: forecasts that other libraries made, as the table that `solve` reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dynamo_plan.cli.console import say
from dynamo_plan.cli.forecast.options import ReplaceOption, check_table
from dynamo_plan.errors import Fault, UsageError


def import_forecast(
    source: Annotated[Path, typer.Argument(metavar="FORECAST", help="Table of Prophet or of Nixtla's libraries.")],
    service: Annotated[str, typer.Option("--service", help="Service of the scenario that the load goes to.")],
    file: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="Forecast to write, .csv or .parquet.")
    ] = Path("load.csv"),
    shares: Annotated[
        Path | None,
        typer.Option("--shares", metavar="HISTORY", help="Divide a single series by this history's bucket shares."),
    ] = None,
    interval: Annotated[
        float, typer.Option("--interval", metavar="P", help="Prophet's interval_width: how much the interval holds.")
    ] = 0.8,
    model: Annotated[str | None, typer.Option("--model", help="Which model's columns to take (Nixtla).")] = None,
    utc: Annotated[bool, typer.Option("--utc", help="Times without a zone are UTC.")] = False,
    counts: Annotated[bool, typer.Option("--counts", help="Values are requests per window, not per second.")] = False,
    force: ReplaceOption = False,
) -> None:
    """Write a forecast made elsewhere as a canonical table; series are buckets.

    A central interval gives one quantile: the upper end of 80 % is P90, of 90 % P95. Values below 0 become 0.
    """
    from dynamo_plan.emit.forecast_table import Stated, write_forecast
    from dynamo_plan.ingest.forecasts import Told, read_foreign

    check_table(file, force=force)
    if not 0.0 < interval < 1.0:
        fault = Fault(
            "forecast-quantiles",
            "--interval",
            f"{interval:g} is no probability",
            "It lies between 0 and 1",
            "Write e.g. 0.8",
        )
        raise UsageError(fault)
    found = read_foreign(source, Told(interval, model, utc, counts))
    forecast = found.forecast
    if shares is not None:
        from dynamo_plan.cli.forecast.options import read_histories
        from dynamo_plan.forecast.shares import by_usual_shares

        histories = {one.service: one for one in read_histories(shares, None, fill_gaps=False)}
        if service not in histories or len(forecast.buckets) > 1:
            what = (
                f"{shares} has no service {service}" if service not in histories else "the forecast has several series"
            )
            allowed = "One series is divided by the shares of the service's own history"
            raise UsageError(Fault("forecast-shares", "--shares", what, allowed, "Leave --shares out, or correct it"))
        forecast = by_usual_shares(forecast, histories[service])
    write_forecast(file, [Stated(service, forecast, found.format)], force=force)
    if found.below_zero:
        say(f"{found.below_zero} values below 0 were set to 0.")
    say(f"Wrote {file}: {len(forecast.windows)} windows, buckets {', '.join(forecast.buckets)}, from {found.format}.")
