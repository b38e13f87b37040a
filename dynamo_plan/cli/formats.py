"""`dynamo-plan formats`: what can be read and written."""

from __future__ import annotations

from dynamo_plan.cli.console import Output, OutputOption, print_rows

READ = {
    "scenario": "YAML: services, sites, objective; `dynamo-plan schema scenario`",
    "profile": "CSV or Parquet: measured operating points, one row each",
    "mixing": "CSV: capacity lost by serving several input classes together",
    "engine": "CSV or Parquet: what iterations of an instance cost in time and power, for the engine",
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
    from dynamo_plan.forecast.methods import find_methods
    from dynamo_plan.ingest.forecasts import find_forecasts
    from dynamo_plan.ingest.logs import find_readers as find_log_readers
    from dynamo_plan.ingest.logs.rates import find_rate_readers
    from dynamo_plan.ingest.measurements import find_readers
    from dynamo_plan.ingest.telemetry import telemetry_formats

    rows = [{"direction": "read", "name": name, "what": what} for name, what in READ.items()]
    rows += [
        {"direction": "profile ingest --format", "name": name, "what": reader.DESCRIPTION}
        for name, reader in find_readers().items()
    ]
    rows += [
        {"direction": "profile ingest --telemetry", "name": one.NAME, "what": one.DESCRIPTION}
        for one in telemetry_formats()
    ]
    rows += [
        {"direction": "forecast build --format", "name": name, "what": one.DESCRIPTION}
        for name, one in (find_log_readers() | find_rate_readers()).items()
    ]
    rows += [
        {"direction": "forecast import", "name": name, "what": one.DESCRIPTION}
        for name, one in find_forecasts().items()
    ]
    rows += [
        {"direction": "forecast fit --method", "name": name, "what": method.DESCRIPTION}
        for name, method in find_methods().items()
    ]
    rows += [{"direction": "write", "name": name, "what": what} for name, what in WRITTEN.items()]
    rows += [
        {"direction": "emit --target", "name": name, "what": target.DESCRIPTION}
        for name, target in find_targets().items()
    ]
    print_rows(rows, output)
