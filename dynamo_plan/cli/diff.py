"""`dynamo-plan diff`: what changes from one plan to another."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dynamo_plan.cli.console import Cell, Output, OutputOption, Row, print_record, print_rows, say
from dynamo_plan.errors import ExitCode

if TYPE_CHECKING:
    from dynamo_plan.report.difference import Difference

MOST_SHOWN = 40
"""Changes of single windows that the table lists; a week at half an hour has thousands, which `-o csv` prints all."""


def diff(
    run_a: Annotated[Path, typer.Argument(metavar="RUN_A", help="Run folder of the earlier plan.")],
    run_b: Annotated[Path, typer.Argument(metavar="RUN_B", help="Run folder of the later plan.")],
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what changes between two plans of the same windows. Exit code 10: something does; 0: nothing."""
    from dynamo_plan.emit.run_folder import read_plan
    from dynamo_plan.report.difference import difference

    found = difference(read_plan(run_a), read_plan(run_b), (str(run_a), str(run_b)))
    if output in (Output.JSON, Output.YAML):
        print_record(
            {"version": 1, "differs": not found.is_none, "windows_changed": found.windows_changed, **asdict(found)},
            output,
        )
    elif output is Output.CSV:
        print_rows(_rows(found), output)
    else:
        _print_tables(found)
    if found.is_none:
        say("The plans are the same.")
        return
    say(f"{found.windows_changed} of {found.windows} windows differ.")
    raise typer.Exit(ExitCode.DIFFERENCES)


def _rows(found: Difference) -> list[Row]:
    """Every comparison as a row: totals, pools, windows."""
    empty: dict[str, Cell] = {"window_start": None, "pool": None, "kind": None, "frequency_mhz": None}
    rows: list[Row] = [
        {"what": total.name, **empty, "unit": total.unit, "before": total.before, "after": total.after}
        for total in found.totals
    ]
    rows += [
        {
            "what": "instance_hours",
            **empty,
            "pool": pool.pool,
            "unit": "h",
            "before": pool.before_h,
            "after": pool.after_h,
        }
        for pool in found.pools
    ]
    for change in found.changes:
        place: dict[str, Cell] = {
            "window_start": change.window_start,
            "pool": change.pool,
            "kind": change.kind,
            "frequency_mhz": change.frequency_mhz,
        }
        if change.before != change.after:
            rows.append({"what": "instances", **place, "unit": "1", "before": change.before, "after": change.after})
        if change.before_rps != change.after_rps:
            rows.append(
                {"what": "rate", **place, "unit": "1/s", "before": change.before_rps, "after": change.after_rps}
            )
    return rows


def _print_tables(found: Difference) -> None:
    from dynamo_plan.report.wording import change, number

    if found.status[0] != found.status[1]:
        print(f"status: {found.status[0]} before, {found.status[1]} after\n")
    totals = [
        {
            "total": total.name,
            "unit": total.unit,
            "before": number(total.before),
            "after": number(total.after),
            "change": change(total.before, total.after),
        }
        for total in found.totals
    ]
    pools: list[Row] = [
        {
            "pool": pool.pool,
            "before, instance-h": pool.before_h,
            "after, instance-h": pool.after_h,
            "windows that differ": pool.windows,
        }
        for pool in found.pools
        if pool.windows or pool.before_h != pool.after_h
    ]
    windows = [asdict(one) for one in found.changes if one.before != one.after]
    print_rows(totals, Output.TABLE)
    for rows in (pools, [{key: row[key] for key in _SHOWN} for row in windows[:MOST_SHOWN]]):
        if rows:
            print()
            print_rows(rows, Output.TABLE)
    if len(windows) > MOST_SHOWN:
        print(f"... and {len(windows) - MOST_SHOWN:,} more; `-o csv` prints all.")


_SHOWN = ("window_start", "pool", "kind", "frequency_mhz", "before", "after")
