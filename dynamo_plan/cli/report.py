"""`dynamo-plan report`: one self-contained page on a plan, or the same numbers as CSV, Excel or Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dynamo_plan.cli.console import ForceOption, say
from dynamo_plan.errors import Fault, UsageError

if TYPE_CHECKING:
    from dynamo_plan.report.page import Page
    from dynamo_plan.report.reported import ReportedRun

FORMS = (".html", ".csv", ".xlsx", ".md")


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders of equal horizon.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="File to write: .html, .csv, .xlsx or .md.")
    ] = Path("report.html"),
    accounts: Annotated[
        Path | None,
        typer.Option("--accounts", metavar="FILE", help="What owning costs, embodied and marginal carbon (YAML)."),
    ] = None,
    force: ForceOption = False,
) -> None:
    """Report on a plan, or compare several: what runs when, energy, carbon, cost, what binds, what it rests on.

    Exit code 5: a run folder is broken, or the runs have different horizons.
    """
    if output.suffix.lower() not in FORMS:
        raise UsageError(
            Fault(
                "report-form",
                "--output",
                f"{output} has no known ending",
                f"The file's ending says its form: {', '.join(FORMS)}",
                "Name the file, e.g. report.html",
            )
        )
    from dynamo_plan.cli.reported import reported_runs
    from dynamo_plan.emit.atomic import refuse_existing_file, write_new_file

    refuse_existing_file(output, force=force)  # before the work, not after it
    write_new_file(output, _content(_page(reported_runs(runs, accounts)), output.suffix.lower()), force=force)
    say(f"Wrote {output}")


def _page(runs: list[ReportedRun]) -> Page:
    from importlib.metadata import version

    from dynamo_plan.report.report import report as page_of

    return page_of(runs, f"dynamo-plan {version('dynamo-plan')}")


def _content(page: Page, form: str) -> bytes:
    from dynamo_plan.report.exports import page_csv, page_excel, page_markdown
    from dynamo_plan.report.page import page_html

    if form == ".xlsx":
        return page_excel(page)
    text = {".html": page_html, ".csv": page_csv, ".md": page_markdown}[form](page)
    return text.encode("utf-8", errors="replace")
