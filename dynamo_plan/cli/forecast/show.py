"""`dynamo-plan forecast show`: a load or a forecast at a glance, or as a page with charts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dynamo_plan.cli.console import Output, OutputOption, Row, print_rows, say
from dynamo_plan.cli.forecast.options import ReplaceOption
from dynamo_plan.units import PERCENT_PER_ONE

if TYPE_CHECKING:
    from dynamo_plan.schema.load import Forecast

COURSE_COLUMNS = 24
"""Width of the course over time, in characters."""


def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A history or a forecast, CSV or Parquet.")],
    actual: Annotated[
        Path | None, typer.Option("--actual", metavar="LOAD", help="What came on the same windows, beside it.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page with charts as well (extra `report`).")
    ] = None,
    output: OutputOption = Output.TABLE,
    force: ReplaceOption = False,
) -> None:
    """Show the load of each bucket: mean, peak, quantiles, its course over time.

    The page has the load by bucket, the fan of the quantiles and, with --actual, what came and the residuals.
    """
    from dynamo_plan.emit.atomic import refuse_existing_file, write_new_file
    from dynamo_plan.ingest.load_table import read_load

    if html is not None:
        refuse_existing_file(html, force=force)
    loads = read_load(file)
    came = read_load(actual) if actual is not None else {}
    if html is not None:
        write_new_file(html, _page(file, loads, came).encode(), force=force)
    print_rows([row for name, load in loads.items() for row in _rows(name, load, output)], output)
    if html is not None:
        say(f"Wrote {html}")


def _rows(service: str, load: Forecast, output: Output) -> list[Row]:
    from dynamo_plan.report.bars import sparkline

    shares = load.rate_rps.sum(axis=0) / (float(load.rate_rps.sum()) or 1.0)
    rows: list[Row] = []
    for bucket, name in enumerate(load.buckets):
        rates = load.rate_rps[:, bucket]
        row: dict[str, str | int | float | None] = {
            "service": service,
            "bucket": name,
            "share": round(float(shares[bucket]), 4),
            "mean_rps": float(rates.mean()),
            "peak_rps": float(rates.max()),
            "peak_window": load.windows.label(int(rates.argmax())),
        }
        if output is Output.TABLE:
            row["course"] = sparkline(rates.tolist(), COURSE_COLUMNS)
        for level, quantile in load.quantile_rate_rps.items():
            row[f"peak_p{level * PERCENT_PER_ONE:.10g}"] = float(quantile[:, bucket].max())
        rows.append(row)
    return rows


def _page(file: Path, loads: dict[str, Forecast], came: dict[str, Forecast]) -> str:
    from importlib.metadata import version

    from dynamo_plan.report.load_page import Shown, actual_beside, load_page
    from dynamo_plan.report.page import page_html

    services = {name: Shown(load, actual_beside(load, came.get(name))) for name, load in loads.items()}
    unmatched = [name for name, shown in services.items() if came and shown.actual_rps is None]
    for name in unmatched:
        say(f"{name}: nothing to compare, the actual load has other windows or buckets.")
    return page_html(load_page(f"Load: {file.name}", services, f"dynamo-plan {version('dynamo-plan')}"))
