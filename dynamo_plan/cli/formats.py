"""`dynamo-plan formats`: what can be read and written."""

from __future__ import annotations

from dynamo_plan.cli.console import Output, OutputOption, print_rows

READ = {
    "scenario": "YAML: services, sites, objective; `dynamo-plan schema scenario`",
    "profile": "CSV or Parquet: measured operating points, one row each",
    "mixing": "CSV: capacity lost by serving several input classes together",
    "forecast": "CSV or Parquet: arrival rate per window, service and bucket, with quantiles",
    "grid": "CSV or Parquet: electricity price and carbon intensity",
    "melange": "JSON: a case of Mélange, GPU types by request size; `dynamo-plan import melange`",
}
WRITTEN = {
    "run folder": "plan.json, schedule.csv, schedule.parquet, summary.json, ...; `dynamo-plan solve`",
}


def formats(output: OutputOption = Output.TABLE) -> None:
    """List what can be read and written."""
    from dynamo_plan.emit.targets import find_targets

    rows = [{"direction": "read", "name": name, "what": what} for name, what in READ.items()]
    rows += [{"direction": "write", "name": name, "what": what} for name, what in WRITTEN.items()]
    rows += [
        {"direction": "emit --target", "name": name, "what": target.DESCRIPTION}
        for name, target in find_targets().items()
    ]
    print_rows(rows, output)
