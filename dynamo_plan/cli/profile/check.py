"""`dynamo-plan profile check`: the faults of a profile, or what it covers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dynamo_plan.cli.console import Output, OutputOption, print_rows, say

if TYPE_CHECKING:
    from dynamo_plan.schema.profile import ProfileTable

ProfileArgument = Annotated[Path, typer.Argument(metavar="PROFILE", help="Canonical profile, CSV or Parquet.")]


def check(
    profile: ProfileArgument,
    scenario: Annotated[
        Path | None, typer.Option("--scenario", help="Judge kinds by the model and the hardware of this scenario.")
    ] = None,
    service: Annotated[str | None, typer.Option("--service", help="Its service; by default the first.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Name every fault of a profile, or show what it covers and what speaks against kinds that were not measured."""
    from dynamo_plan.ingest import read_profile

    table = read_profile(profile)
    print_rows(_coverage(table), output)
    for line in _judged(table) if scenario is None else _judged_by(table, scenario, service):
        say(line)
    say(f"{profile}: {len(table)} rows, no faults.")


def _judged(table: ProfileTable) -> list[str]:
    """What speaks against kinds by their names alone."""
    from dynamo_plan.profile.admissible import judged

    return [
        f"{'refused' if one.refuses else 'note'}: {model} {kind}: {one.reason}"
        for model in table.models()
        for kind in table.kinds()
        if table.rows_of(model, kind).any()
        for one in judged(table, model, kind)
    ]


def _judged_by(table: ProfileTable, scenario: Path, service: str | None) -> list[str]:
    """What speaks against kinds of a scenario's service, and which are left out."""
    from dynamo_plan.cli.profile.show import service_of
    from dynamo_plan.ingest import read_scenario
    from dynamo_plan.profile.admissible import admissible_kinds, kind_flags

    whole = read_scenario(scenario)
    spec = service_of(whole.services, service)
    lines = []
    for site in whole.homes(spec):
        kept, dropped = admissible_kinds(table, spec.model, spec.memory, site.gpus)
        lines += [f"refused: {one.piece} at {site.name}: {one.reason}" for one in dropped]
        lines += [f"note: {flag}" for flag in kind_flags(table, spec, kept, site.gpus)]
    return lines


def _coverage(table: ProfileTable) -> list[dict[str, str | int | float | None]]:
    """One row per model and kind: clocks, lengths and rows."""
    rows: list[dict[str, str | int | float | None]] = []
    for model in table.models():
        for kind in table.kinds():
            here = table.rows_of(model, kind)
            if not here.any():
                continue
            clocks = table.frequency_mhz[here]
            lengths = set(zip(table.input_tokens[here].tolist(), table.output_tokens[here].tolist(), strict=True))
            rows.append(
                {
                    "model": model,
                    "kind": str(kind),
                    "rows": int(here.sum()),
                    "clocks": len(set(clocks.tolist())),
                    "from_mhz": float(clocks.min()) or None,
                    "to_mhz": float(clocks.max()) or None,
                    "length_pairs": len(lengths),
                    "provenance": ", ".join(sorted({str(name) for name in table.provenance[here].tolist()})),
                }
            )
    return rows
