"""`dynamo-plan profile`: check a profile, show what it makes of an SLO."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dynamo_plan.cli.console import Output, OutputOption, print_rows, say
from dynamo_plan.errors import Fault, UsageError

if TYPE_CHECKING:
    from dynamo_plan.schema.bucket import Bucket
    from dynamo_plan.schema.profile import ProfileTable
    from dynamo_plan.schema.scenario import ServiceSpec, SloSpec

    type Question = tuple[str, tuple[Bucket, ...], SloSpec | None, tuple[float, ...] | None]

INPUT_EDGES = (256, 1024, 8192)
OUTPUT_EDGES = (100, 350, None)
"""Edges of the nine buckets SS to LL [tokens]; source: DynamoLLM, table IV."""

app = typer.Typer(help="Check and show measured tables.", no_args_is_help=True, rich_markup_mode=None)
ProfileArgument = Annotated[Path, typer.Argument(metavar="PROFILE", help="Canonical profile, CSV or Parquet.")]


@app.command()
def check(profile: ProfileArgument, output: OutputOption = Output.TABLE) -> None:
    """Name every fault of a profile, or show what it covers."""
    table = _read(profile)
    print_rows(_coverage(table), output)
    say(f"{profile}: {len(table)} rows, no faults.")


@app.command()
def show(
    profile: ProfileArgument,
    scenario: Annotated[
        Path | None, typer.Option("--scenario", help="Take buckets and SLO from this scenario.")
    ] = None,
    service: Annotated[str | None, typer.Option("--service", help="Its service; by default the first.")] = None,
    ttft: Annotated[
        list[str] | None, typer.Option("--ttft", metavar="CLASS=MS", help="P99 TTFT SLO of an input class, e.g. S=250.")
    ] = None,
    tbt: Annotated[float | None, typer.Option("--tbt", metavar="MS", help="P99 TBT SLO.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show the capacity at the SLO and the power there, per bucket, kind and clock.

    A clock is dominated if another clock of the kind serves more at less energy per request. What the profile does not state stays
    empty.
    """
    from dynamo_plan.profile.cells import bucket_curves
    from dynamo_plan.profile.dominance import worth_running

    table = _read(profile)
    wanted = _from_scenario(scenario, service) if scenario is not None else _from_options(table, ttft or [], tbt)
    rows: list[dict[str, str | int | float | None]] = []
    for model, buckets, slo, clocks in wanted:
        found = bucket_curves(table, model, table.kinds(), buckets, slo, clocks)
        rows += [
            {
                "model": model,
                "bucket": bucket,
                "kind": str(kind),
                "frequency_mhz": curve.frequency_mhz or None,
                "capacity_rps": curve.capacity_rps,
                "power_w": float(curve.power_w[-1]) or None,
                "idle_w": float(curve.power_w[0]) or None,
                "energy_per_request_j": float(curve.power_w[-1]) / curve.capacity_rps or None,
                "dominated": "no" if any(curve is kept for kept in worth_running(curves)) else "yes",
                "provenance": curve.provenance.value,
            }
            for (bucket, kind), curves in found.curves.items()
            for curve in curves
        ]
        for omission in found.omissions:
            say(f"left out: {omission.piece}: {omission.reason}")
    print_rows(rows, output)


def _from_scenario(scenario: Path, name: str | None) -> list[Question]:
    from dynamo_plan.ingest import read_inputs
    from dynamo_plan.schema.bucket import bucket_grid

    spec = _service(read_inputs(scenario).scenario.services, name)
    buckets = bucket_grid(tuple(spec.buckets.input), tuple(spec.buckets.output))
    clocks = None if spec.frequencies_mhz is None else tuple(spec.frequencies_mhz)
    return [(spec.model, buckets, spec.slo, clocks)]


def _from_options(table: ProfileTable, ttft: list[str], tbt: float | None) -> list[Question]:
    """Every model of the profile under one SLO, in the nine buckets of the default edges."""
    from dynamo_plan.schema.bucket import bucket_grid
    from dynamo_plan.schema.scenario import SloSpec

    buckets = bucket_grid(INPUT_EDGES, OUTPUT_EDGES)
    classes = {bucket.input_class for bucket in buckets}
    try:
        limits = {name: float(value) for name, _, value in (entry.partition("=") for entry in ttft)}
        if set(limits) != classes or tbt is None:
            raise ValueError("incomplete")
        slo = SloSpec(ttft_p99_ms=limits, tbt_p99_ms=tbt)
    except ValueError as error:
        raise UsageError(
            Fault(
                "slo-options",
                "profile show",
                "the SLO is missing or not usable",
                "It needs a positive limit for every input class and for TBT",
                "Add --ttft S=250 --ttft M=400 --ttft L=2000 --tbt 100, or --scenario SCENARIO.yaml",
            )
        ) from error
    return [(model, buckets, slo, None) for model in sorted({str(name) for name in table.model.tolist()})]


def _read(path: Path) -> ProfileTable:
    from dynamo_plan.ingest import read_profile

    return read_profile(path)


def _service(services: list[ServiceSpec], name: str | None) -> ServiceSpec:
    for spec in services:
        if name in (None, spec.name):
            return spec
    known = ", ".join(spec.name for spec in services)
    raise UsageError(
        Fault("service-unknown", "--service", f"{name} is no service", f"Known: {known}", "Take one of these")
    )


def _coverage(table: ProfileTable) -> list[dict[str, str | int | float | None]]:
    """One row per model and kind: clocks, lengths and rows."""
    rows: list[dict[str, str | int | float | None]] = []
    for model in sorted({str(name) for name in table.model.tolist()}):
        for kind in table.kinds():
            here = (table.model == model) & (table.gpu == kind.gpu) & (table.tp == kind.tp)
            here &= (table.pp == kind.pp) & (table.dtype == kind.dtype)
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
