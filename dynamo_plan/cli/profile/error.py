"""`dynamo-plan profile error`: how well the rows of a profile predict each other."""

from __future__ import annotations

from typing import Annotated

import typer

from dynamo_plan.cli.console import Output, OutputOption, print_rows, say
from dynamo_plan.cli.profile.check import ProfileArgument

DIGITS = 3
"""Digits of per cents; an error of an error is not known better."""


def error(
    profile: ProfileArgument,
    concurrency: Annotated[
        float | None,
        typer.Option("--concurrency", metavar="N", help="Compare only closed-loop rows with N requests in flight."),
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show the prediction error: loads, clocks and lengths left out, and predicted from the others.

    Relative errors in per cent at equal requests in flight; the worst row by its line. Rows that nothing else in the profile speaks of are
    counted as not predicted.
    """
    from dynamo_plan.ingest import read_profile
    from dynamo_plan.profile.fit.accuracy import accuracies

    table = read_profile(profile)
    found = accuracies(table, concurrency)
    print_rows(
        [
            {
                "model": one.model,
                "kind": str(one.kind),
                "left_out": one.left_out.value,
                "quantity": one.quantity,
                "rows": one.rows,
                "not_predicted": one.not_predicted,
                "mape_percent": _percent(one.mean),
                "median_percent": _percent(one.median),
                "p90_percent": _percent(one.p90),
                "worst_percent": _percent(one.worst),
                "worst_line": int(table.line[one.worst_row]),
            }
            for one in found
        ],
        output,
    )
    if not table.states_latency:
        say("The table states no 99th percentiles: TTFT and TBT are not predicted.")
    if not found:
        say(
            "nothing can be left out: that takes three loads at a clock, three clocks of a kind, or lengths around others"
        )


def _percent(share: float) -> float:
    return float(f"{100.0 * share:.{DIGITS}g}")
