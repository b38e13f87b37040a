"""`dynamo-plan profile design`: what to measure next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dynamo_plan.cli.console import say
from dynamo_plan.cli.profile.fit import ReplaceOption
from dynamo_plan.errors import Fault, UsageError

SCRIPT, LIST = ".sh", (".yaml", ".yml")


def design(
    scenario: Annotated[Path, typer.Argument(metavar="SCENARIO.yaml", help="What is to be planned.")],
    measurements: Annotated[int, typer.Option("-n", "--measurements", min=3, help="Runs that can be afforded.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="Commands as .sh, or points as .yaml.")
    ],
    run: Annotated[
        Path | None, typer.Option("--run", metavar="RUN/", help="Weigh points by the energy of this plan.")
    ] = None,
    clocks: Annotated[
        str | None,
        typer.Option("--clocks", metavar="MHZ,...", help="SM clocks that can be locked; by default those known."),
    ] = None,
    service: Annotated[
        str | None, typer.Option("--service", help="Service of the scenario; by default the first.")
    ] = None,
    force: ReplaceOption = False,
) -> None:
    """Choose the operating points whose measurement takes most of the plan's uncertainty away, and write the commands.

    Every point is a kind, a clock and a pair of lengths, measured at three rates.
    """
    from dynamo_plan.cli.profile.fit import numbers_of
    from dynamo_plan.cli.profile.show import service_of
    from dynamo_plan.emit.atomic import write_new_file
    from dynamo_plan.emit.measurement_script import measurement_script, measurement_yaml
    from dynamo_plan.emit.run_folder import read_plan
    from dynamo_plan.ingest import read_inputs
    from dynamo_plan.profile.design.points import LOADS, ServiceDesign

    if output.suffix not in (SCRIPT, *LIST):
        what = f"a design is written as {SCRIPT} or {LIST[0]}, not as {output.suffix or 'a file without suffix'}"
        raise UsageError(Fault("output-suffix", str(output), what, "", "Choose one of the suffixes"))
    inputs = read_inputs(scenario)
    asked = None if clocks is None else tuple(numbers_of("--clocks", clocks, ","))
    chosen = ServiceDesign(inputs, service_of(inputs.scenario.services, service), asked)
    found = chosen.design(measurements, None if run is None else read_plan(run))
    text = measurement_script(found) if output.suffix == SCRIPT else measurement_yaml(found)
    write_new_file(output, text.encode(), force=force)
    kinds = len({point.kind for point in found.points})
    say(
        f"{output}: {len(found.points)} points of {len(LOADS)} rates in {kinds} server launches; expected error of what the plan "
        f"rests on {found.error_before:.1%} now, {found.error_after:.1%} with them."
    )
