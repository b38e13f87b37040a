"""`dynamo-plan profile show`: what a profile makes of an SLO."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dynamo_plan.cli.console import Output, OutputOption, console, print_rows, say
from dynamo_plan.cli.profile.check import ProfileArgument
from dynamo_plan.errors import Fault, UsageError

if TYPE_CHECKING:
    from dynamo_plan.schema.bucket import Bucket
    from dynamo_plan.schema.profile import ProfileTable
    from dynamo_plan.schema.scenario import ServiceSpec, SloSpec

    type Question = tuple[str, tuple[Bucket, ...], SloSpec | None, tuple[float, ...] | None]

CELLS_DRAWN = 3
"""Buckets of a kind that a page draws over load unless some are named; each takes three charts."""

INPUT_EDGES = (256, 1024, 8192)
OUTPUT_EDGES = (100, 350, None)
"""Edges of the nine buckets SS to LL [tokens]; source: DynamoLLM, table IV."""


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
    bucket: Annotated[
        list[str] | None, typer.Option("--bucket", metavar="NAME", help="Only this bucket, e.g. SM (repeatable).")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page with charts as well (extra `report`).")
    ] = None,
    output: OutputOption = Output.TABLE,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing page.")] = False,
) -> None:
    """Show the capacity at the SLO and the power there, per bucket, kind and clock.

    A clock is dominated if another clock of the kind serves more at less energy per request. What the profile does not state stays
    empty. The page draws three buckets of each kind over load, or all that are asked for.
    """
    from dynamo_plan.emit.atomic import refuse_existing_file, write_new_file
    from dynamo_plan.ingest import read_profile
    from dynamo_plan.profile.cells import bucket_curves
    from dynamo_plan.profile.dominance import worth_running

    if html is not None:
        refuse_existing_file(html, force=force)
    table = read_profile(profile)
    wanted = _from_scenario(scenario, service) if scenario is not None else _from_options(table, ttft or [], tbt)
    wanted = [_only(question, bucket or []) for question in wanted]
    if not table.states_latency:
        say("The table states no 99th percentiles: its capacities are the highest rates measured, whatever the SLO.")
        wanted = [(model, buckets, None, clocks) for model, buckets, _, clocks in wanted]
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
    if html is not None:
        most_cells = None if bucket else CELLS_DRAWN
        write_new_file(html, _page(profile, table, wanted, most_cells).encode(), force=force)
        say(f"Wrote {html}")
    print_rows(rows, output)


def _page(profile: Path, table: ProfileTable, wanted: list[Question], most_cells: int | None) -> str:
    """Power, latency and capacity as charts, with the measured points."""
    from importlib.metadata import version

    from dynamo_plan.profile.fit.accuracy import accuracies
    from dynamo_plan.profile.fit.held_out import LeftOut
    from dynamo_plan.profile.picture import kind_pictures
    from dynamo_plan.report.page import page_html
    from dynamo_plan.report.profile_page import profile_page

    with console(stderr=True).status("drawing"):
        errors = accuracies(table, left_out=[LeftOut.CLOCK])
        kinds = [
            one
            for model, buckets, slo, _ in wanted
            for one in kind_pictures(table, model, buckets, slo, errors, most_cells)
        ]
        return page_html(profile_page(f"Profile: {profile.name}", kinds, f"dynamo-plan {version('dynamo-plan')}"))


def _only(question: Question, names: list[str]) -> Question:
    """The question for these buckets; for all where none is named."""
    model, buckets, slo, clocks = question
    known = [bucket.name for bucket in buckets]
    unknown = [name for name in names if name not in known]
    if unknown:
        what, mend = f"{unknown[0]} is no bucket", "Take one of these"
        raise UsageError(Fault("bucket-unknown", "--bucket", what, f"Known: {', '.join(known)}", mend))
    return model, tuple(bucket for bucket in buckets if not names or bucket.name in names), slo, clocks


def _from_scenario(scenario: Path, name: str | None) -> list[Question]:
    from dynamo_plan.ingest import read_inputs
    from dynamo_plan.schema.bucket import bucket_grid

    spec = service_of(read_inputs(scenario).scenario.services, name)
    buckets = bucket_grid(tuple(spec.buckets.input), tuple(spec.buckets.output))
    clocks = None if spec.frequencies_mhz is None else tuple(spec.frequencies_mhz)
    return [(spec.model, buckets, spec.slo, clocks)]


def _from_options(table: ProfileTable, ttft: list[str], tbt: float | None) -> list[Question]:
    """Every model of the profile under one SLO, in the nine buckets of the default edges; a table without latencies needs none."""
    from dynamo_plan.schema.bucket import bucket_grid
    from dynamo_plan.schema.scenario import SloSpec

    buckets = bucket_grid(INPUT_EDGES, OUTPUT_EDGES)
    classes = {bucket.input_class for bucket in buckets}
    models = sorted({str(name) for name in table.model.tolist()})
    if not table.states_latency and not ttft and tbt is None:
        return [(model, buckets, None, None) for model in models]
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
    return [(model, buckets, slo, None) for model in models]


def service_of(services: list[ServiceSpec], name: str | None) -> ServiceSpec:
    """The service of this name, or the first."""
    for spec in services:
        if name in (None, spec.name):
            return spec
    known = ", ".join(spec.name for spec in services)
    raise UsageError(
        Fault("service-unknown", "--service", f"{name} is no service", f"Known: {known}", "Take one of these")
    )
