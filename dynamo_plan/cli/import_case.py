"""`dynamo-plan import`: another planner's input as a scenario folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dynamo_plan.cli.console import ForceOption, say
from dynamo_plan.errors import Fault, UsageError
from dynamo_plan.shipped import SCENARIO_NAME

app = typer.Typer(help="Turn another planner's input into a scenario.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _import() -> None:
    """Turn another planner's input into a scenario."""


@app.command()
def melange(
    case: Annotated[Path, typer.Argument(metavar="CASE", help="A case of Mélange, JSON.")],
    folder: Annotated[Path, typer.Option("-d", "--dir", metavar="DIR", help="Scenario folder to write.")],
    model: Annotated[str | None, typer.Option("--model", help="The served model. [default: the case's name]")] = None,
    dtype: Annotated[str, typer.Option("--dtype", help="Number format of its weights.")] = "fp16",
    provenance: Annotated[str, typer.Option("--provenance", help="How the throughputs came about.")] = "modelled",
    force: ForceOption = False,
) -> None:
    """Write a case of Mélange as a scenario: the least cost of GPUs that carry one load, every bucket on any GPU type.

    What a case does not say and a profile must: the options. Token lengths, latencies, powers and clocks stay unstated.
    """
    from dynamo_plan.emit.atomic import whole_folder
    from dynamo_plan.ingest.melange import Unstated, read_melange, scenario_files
    from dynamo_plan.schema.kind import NumberFormat
    from dynamo_plan.schema.profile import Provenance

    _check("--dtype", dtype, list(NumberFormat))
    _check("--provenance", provenance, list(Provenance))
    found = read_melange(case)
    files = scenario_files(found, Unstated(model or found.name, dtype, provenance))
    with whole_folder(folder, SCENARIO_NAME, force=force) as draft:
        for name, text in files.items():
            (draft / name).write_text(text, encoding="utf-8")
    for key in found.not_used:
        say(f"Not used: {key}")
    say(f"Not in the case, written as: model {model or found.name}, number format {dtype}, provenance {provenance}")
    say(f"Wrote {folder}. Next: dynamo-plan solve {folder / SCENARIO_NAME}")


def _check(option: str, value: str, known: list[str]) -> None:
    if value not in known:
        raise UsageError(
            Fault(
                "import-option", option, f"{value} is not known", f"Possible: {', '.join(known)}", "Take one of these"
            )
        )
