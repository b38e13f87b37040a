"""`dynamo-plan profile fit`: a profile at other clocks and lengths than those measured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dynamo_plan.cli.console import say
from dynamo_plan.cli.profile.check import ProfileArgument
from dynamo_plan.errors import Fault, UsageError

if TYPE_CHECKING:
    from dynamo_plan.profile.fit.tabulate import Target
    from dynamo_plan.schema.profile import ProfileTable

TargetFile = Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="Profile to write, CSV or Parquet.")]
ReplaceOption = Annotated[bool, typer.Option("--force", help="Replace an existing file.")]


def fit(
    profile: ProfileArgument,
    output: TargetFile,
    clocks: Annotated[
        str | None,
        typer.Option("--clocks", metavar="MHZ,...", help="SM clocks to have rows at; by default those measured."),
    ] = None,
    lengths: Annotated[
        list[str] | None,
        typer.Option(
            "--lengths", metavar="INxOUT", help="Mean input and output tokens to have rows at, e.g. 1024x350."
        ),
    ] = None,
    scenario: Annotated[
        Path | None, typer.Option("--scenario", help="Have rows for every bucket of this scenario, at its clocks.")
    ] = None,
    service: Annotated[str | None, typer.Option("--service", help="Its service; by default the first.")] = None,
    guard: Annotated[
        float | None,
        typer.Option(
            "--guard", metavar="Q", help="Lower every rate by this quantile of the profile's own error, e.g. 0.9."
        ),
    ] = None,
    force: ReplaceOption = False,
) -> None:
    """Write a profile with rows at the clocks and lengths asked for, and with its prediction errors.

    Measured rows stay as they are. Others are interpolated and tagged; clocks beyond those measured are tagged modelled.
    """
    from dynamo_plan.emit.profile_table import write_profile
    from dynamo_plan.ingest import read_profile
    from dynamo_plan.profile.fit.fitted import fitted_profile

    if guard is not None and not 0.0 < guard < 1.0:
        raise UsageError(
            _option("--guard", f"{guard:g} is no quantile", "A quantile lies between 0 and 1", "Write e.g. 0.9")
        )
    table = read_profile(profile)
    found = fitted_profile(table, _target(table, clocks, lengths, scenario, service), guard)
    for note in found.notes:
        say(f"note: {note}")
    write_profile(found.table, output, force=force)
    say(f"{output}: {len(found.table)} rows, {found.predicted} of them predicted.")


def _target(
    table: ProfileTable, clocks: str | None, lengths: list[str] | None, scenario: Path | None, service: str | None
) -> Target:
    from dynamo_plan.cli.profile.show import service_of
    from dynamo_plan.ingest import read_scenario
    from dynamo_plan.profile.fit.tabulate import Target
    from dynamo_plan.profile.fit.targets import bucket_lengths
    from dynamo_plan.schema.bucket import bucket_grid

    wanted_clocks = None if clocks is None else tuple(numbers_of("--clocks", clocks, ","))
    wanted = None if lengths is None else tuple(_pair(entry) for entry in lengths)
    if scenario is None:
        return Target(wanted, wanted_clocks)
    spec = service_of(read_scenario(scenario).services, service)
    measured = sorted(set(zip(table.input_tokens.tolist(), table.output_tokens.tolist(), strict=True)))
    buckets = bucket_grid(tuple(spec.buckets.input), tuple(spec.buckets.output))
    if wanted_clocks is None and spec.frequencies_mhz is not None:
        wanted_clocks = tuple(spec.frequencies_mhz)
    return Target(bucket_lengths(buckets, measured) if wanted is None else wanted, wanted_clocks)


def _pair(entry: str) -> tuple[float, float]:
    found = numbers_of("--lengths", entry, "x")
    if len(found) != 2:
        raise UsageError(_option("--lengths", f"{entry!r} is no pair", "A pair is INPUTxOUTPUT", "Write e.g. 1024x350"))
    return found[0], found[1]


def numbers_of(option: str, text: str, separator: str) -> list[float]:
    """Positive numbers of an option, joined by a separator."""
    from dynamo_plan.ingest.table import MOST, NUMBER

    found = [part.strip() for part in text.split(separator)]
    wrong = [part for part in found if not NUMBER.fullmatch(part) or not 0.0 < float(part) <= MOST]
    if wrong:
        allowed = (
            "Clocks are numbers in MHz, joined by commas" if separator == "," else "Lengths are tokens, joined by x"
        )
        raise UsageError(_option(option, f"{wrong[0]!r} is no positive number", allowed, "Correct it"))
    return [float(part) for part in found]


def _option(option: str, what: str, allowed: str, mend: str) -> Fault:
    return Fault("option-value", option, what, allowed, mend)
