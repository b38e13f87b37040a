"""`dynamo-plan forecast`: request logs to load, load to forecast; one file per command."""

from __future__ import annotations

import typer

from dynamo_plan.cli.forecast import backtest, build, fit, import_forecast, show, synthesize

app = typer.Typer(help="Load from request logs, and its forecast.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _forecast() -> None:
    """Load from request logs, and its forecast."""


app.command()(build.build)
app.command()(fit.fit)
app.command()(backtest.backtest)
app.command()(show.show)
app.command(name="import")(import_forecast.import_forecast)
app.command()(synthesize.synthesize)
