"""`dynamo-plan profile`: measured tables, from a measuring tool's files to what the planner makes of them."""

from __future__ import annotations

import typer

from dynamo_plan.cli.profile import check, compose, design, error, fit, ingest, measure, show

app = typer.Typer(help="Read, check and show measured tables.", no_args_is_help=True, rich_markup_mode=None)
app.command()(ingest.ingest)
app.command()(check.check)
app.command()(show.show)
app.command()(error.error)
app.command()(fit.fit)
app.command()(compose.compose)
app.command()(design.design)
app.command()(measure.measure)
