"""`dynamo-plan profile ingest`: what measuring tools wrote, as one canonical profile."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dynamo_plan.cli.console import Output, print_rows, say
from dynamo_plan.errors import Fault, InputError, UsageError

if TYPE_CHECKING:
    from dynamo_plan.emit.profile_table import ProfileRow
    from dynamo_plan.ingest.measurements import Measurements, Omitted
    from dynamo_plan.schema.measurement import Measurement
    from dynamo_plan.schema.telemetry import Telemetry, Verdict

MOST_SHOWN = 5
"""Rows with bad evidence on the terminal; the rest is counted. `--keep-rejected` writes the reason of each into the profile."""

AVERAGE = "Average the runs at one operating point with --average-repeats, or leave out what repeats"
REJECTED = "rejected"
SPEAKS_AGAINST = (REJECTED, "suspect")


def ingest(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILES...", help="Files of measuring tools, or folders of them; .gz too.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="PROFILE", help="Profile to write, .csv or .parquet.")
    ],
    format: Annotated[
        str | None, typer.Option("--format", help="Format of the files; by default their content tells.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="What the files do not say, e.g. tp=4.")
    ] = None,
    telemetry: Annotated[
        list[Path] | None,
        typer.Option("--telemetry", metavar="FILE", help="Power and clocks recorded meanwhile; joined by time."),
    ] = None,
    zone: Annotated[
        str | None, typer.Option("--zone", help="Zone of local times in the files, e.g. Europe/Berlin.")
    ] = None,
    gpus: Annotated[
        list[str] | None, typer.Option("--gpu-id", help="Index or UUID of a GPU of the instance in the telemetry.")
    ] = None,
    columns: Annotated[
        str | None, typer.Option("--columns", metavar="NAME,...", help="Columns of telemetry without a header.")
    ] = None,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Leave faulty rows and files out, and list them.")
    ] = False,
    keep_rejected: Annotated[
        bool, typer.Option("--keep-rejected", help="Keep rows whose evidence is bad, with the verdict.")
    ] = False,
    average_repeats: Annotated[
        bool, typer.Option("--average-repeats", help="Write the mean of runs at one operating point as one row.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier file.")] = False,
) -> None:
    """Read measurements of any supported tool, judge them, and write one canonical profile.

    The format is told by content. What the files do not say and a profile needs comes from --set, or from a file that says it.
    """
    from dynamo_plan.emit.atomic import write_new_file
    from dynamo_plan.emit.profile_table import profile_bytes
    from dynamo_plan.ingest.measurements import read_measurements
    from dynamo_plan.ingest.measurements.complete import states_p99
    from dynamo_plan.profile.energy_windows import with_window_energy

    read = read_measurements(files, format=format, given=_pairs(settings or []), zone=zone, keep_going=keep_going)
    runs, windows = with_window_energy(read.rows)
    judged = _judged(runs, _read_telemetry(telemetry or [], zone, gpus or [], columns))
    kept = [row for row in judged if keep_rejected or row.verdict != REJECTED]
    for window, run in windows.items():
        say(f"power of {run}: {window}")
    rejected = [] if keep_rejected else [row for row in judged if row.verdict == REJECTED]
    _say_what_is_out(_without(read, telemetry or []), rejected)
    rows = _complete(_averaged(kept) if average_repeats else kept, keep_going=keep_going)
    _refuse_repeats([row.measurement for row in rows], averaged=average_repeats)
    has_p99 = states_p99([row.measurement for row in rows])
    content = profile_bytes(output, rows, with_p99=has_p99)
    _check(output, content)
    write_new_file(output, content, force=force)
    print_rows(_card(read, judged, rows), Output.TABLE)
    _say_what_is_missing(rows, has_p99=has_p99)
    say(f"Wrote {output}: {len(rows)} rows. Next: dynamo-plan profile check {output}")


def _pairs(settings: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in settings:
        key, equals, value = text.partition("=")
        if not equals or key.strip() in found:
            what = f"{key.strip()} is set twice" if equals else f"{text!r} has no ="
            raise UsageError(
                Fault("measurement-set", "--set", what, "Once per key, KEY=VALUE", "Write e.g. --set tp=4")
            )
        found[key.strip()] = value.strip()
    return found


def _read_telemetry(
    files: Sequence[Path], zone: str | None, gpus: Sequence[str], columns: str | None
) -> Telemetry | None:
    from dynamo_plan.ingest.gathered import Faults
    from dynamo_plan.ingest.telemetry import read_telemetry

    if not files:
        return None
    faults = Faults()
    found = read_telemetry(files, faults, zone=zone, gpus=gpus, columns=columns.split(",") if columns else ())
    faults.raise_if_any()
    return found


def _judged(rows: Sequence[Measurement], telemetry: Telemetry | None) -> list[ProfileRow]:
    """Rows with power where the telemetry has it, and with what the evidence says."""
    from dynamo_plan.emit.profile_table import ProfileRow
    from dynamo_plan.profile.evidence import judge, overall, with_power
    from dynamo_plan.profile.repeats import by_point

    powered = [with_power(row, telemetry) for row in rows]
    judged: dict[int, ProfileRow] = {}
    for group in by_point(powered):
        for row in group:
            verdicts = judge(row, telemetry, [other for other in group if other is not row])
            judged[id(row)] = ProfileRow(row, overall(verdicts).value, _reason(verdicts))
    return [judged[id(row)] for row in powered]


def _reason(verdicts: Sequence[Verdict]) -> str:
    """What speaks against a row; where nothing does, what speaks for it."""
    against = [verdict for verdict in verdicts if verdict.outcome in SPEAKS_AGAINST]
    told = against or [verdict for verdict in verdicts if verdict.outcome == "clean"]
    return "; ".join(f"{verdict.check}: {verdict.reason}" for verdict in told)


def _averaged(rows: Sequence[ProfileRow]) -> list[ProfileRow]:
    """One row per operating point and verdict."""
    from dynamo_plan.emit.profile_table import ProfileRow
    from dynamo_plan.profile.repeats import with_repeats_averaged

    groups: dict[str, list[ProfileRow]] = {}
    for row in rows:
        groups.setdefault(row.verdict, []).append(row)
    return [
        ProfileRow(found, verdict, next(row.reason for row in group if row.measurement.where == found.where))
        for verdict, group in groups.items()
        for found in with_repeats_averaged([row.measurement for row in group])
    ]


def _complete(rows: Sequence[ProfileRow], *, keep_going: bool) -> list[ProfileRow]:
    """Rows that are a profile together; what others lack is a fault, or with `keep_going` a message."""
    from dynamo_plan.ingest.measurements.complete import lacks_of

    left = list(rows)
    while left and (lacks := lacks_of([row.measurement for row in left])):
        if not keep_going:
            raise InputError(lack.fault() for lack in lacks)
        for lack in lacks:
            say(f"left out, {len(lack.rows)} of {len(left)} rows: {lack.fault()}")
        out = {id(row) for lack in lacks for row in lack.rows}
        left = [row for row in left if id(row.measurement) not in out]
    if not left:
        raise InputError(
            Fault(
                "measurement-none",
                "FILES",
                "no row is left that a profile could hold",
                "At least one is needed",
                "See above what the rows lack, or keep rejected ones with --keep-rejected",
            )
        )
    return left


def _refuse_repeats(rows: Sequence[Measurement], *, averaged: bool) -> None:
    """An operating point stands in a profile once; all that repeat one are a fault together."""
    from dynamo_plan.ingest.measurements.complete import repeated

    found = repeated(rows)
    if not found:
        return
    earlier, row = found[0]
    others = len(found) - 1
    more = f"; so it is with {others} more row{'s' if others > 1 else ''}" if others else ""
    what = f"the row is of the same operating point as {earlier.where}{more}"
    mend = "They differ in tool or engine: ingest them into profiles of their own" if averaged else AVERAGE
    raise InputError(Fault("profile-duplicate", row.where, what, "A profile has one row per operating point", mend))


def _check(output: Path, content: bytes) -> None:
    """What is about to be written passes the checks of every profile."""
    from dynamo_plan.ingest.gathered import Faults
    from dynamo_plan.ingest.profile_table import parse_profile
    from dynamo_plan.ingest.source import Source

    faults = Faults()
    parse_profile(Source(f"{output} (not written)", output, content), faults)
    faults.raise_if_any()


def _card(read: Measurements, judged: Sequence[ProfileRow], rows: Sequence[ProfileRow]) -> list[dict[str, str | int]]:
    """Per format: rows read, by verdict, and rows written."""
    verdicts = sorted({row.verdict for row in judged})
    names = sorted({row.format for row in read.rows})
    return [
        {
            "format": name,
            "read": sum(row.format == name for row in read.rows),
            **{
                verdict: sum(row.measurement.format == name and row.verdict == verdict for row in judged)
                for verdict in verdicts
            },
            "written": sum(row.measurement.format == name for row in rows),
        }
        for name in names
    ]


def _without(read: Measurements, telemetry: Sequence[Path]) -> Measurements:
    """Telemetry that lies in a folder of measurements is read, though not as a measurement."""
    used = {path.resolve() for path in telemetry}
    return replace(read, omitted=tuple(one for one in read.omitted if Path(one.where).resolve() not in used))


def _say_what_is_out(read: Measurements, rejected: Sequence[ProfileRow]) -> None:
    from dynamo_plan.ingest.measurements import listed_faults

    for reason, entries in _by_reason(read.omitted).items():
        more = f" and {len(entries) - 1} more" if len(entries) > 1 else ""
        say(f"left out: {entries[0]}{more}: {reason}")
    if read.rejected:
        say(f"left out: {len(read.rejected)} faulty rows or files:")
        for fault in listed_faults(read.rejected):
            say(f"  {fault} [{fault.code}]")
    for row in rejected[:MOST_SHOWN]:
        say(f"left out for its evidence: {row.measurement.where}: {row.reason}")
    if len(rejected) > MOST_SHOWN:
        say(f"left out for their evidence: ... and {len(rejected) - MOST_SHOWN} more rows; --keep-rejected keeps them")


def _by_reason(omitted: Sequence[Omitted]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for entry in omitted:
        found.setdefault(entry.reason, []).append(entry.where)
    return found


def _say_what_is_missing(rows: Sequence[ProfileRow], *, has_p99: bool) -> None:
    found = [row.measurement for row in rows]
    if not has_p99:
        say("No row states 99th percentiles of both TTFT and TBT: the table states means only, and holds no SLO.")
    if all(row.power_w is None for row in found):
        say("No row states power_w: name what recorded it with --telemetry, or plan without energy.")
    if all(row.frequency_mhz is None for row in found):
        say("No row states a locked clock: --set frequency_mhz=MHZ if it was locked.")
