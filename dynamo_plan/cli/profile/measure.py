"""`dynamo-plan profile measure`: one operating point of a running endpoint as a row of a profile."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dynamo_plan.cli.console import SETTINGS, Output, console, print_rows, say
from dynamo_plan.errors import Fault, InputError, UsageError

if TYPE_CHECKING:
    from dynamo_plan.emit.profile_table import ProfileRow
    from dynamo_plan.profile.measure.driver import OnProgress
    from dynamo_plan.profile.measure.load import Load
    from dynamo_plan.profile.measure.point import Measured, Subject

REJECTED = "rejected"
LATE_S = 0.01
"""Requests that this machine sends later than by so much are no longer at the times that were drawn [s]."""


def measure(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="OpenAI-compatible endpoint, e.g. http://127.0.0.1:8000/v1.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="PROFILE.csv", help="Profile to write, or to append the row to.")
    ],
    model: Annotated[str, typer.Option("--model", help="Model, as the scenario names it.")],
    gpu: Annotated[str, typer.Option("--gpu", help="GPU type, as the scenario names it, e.g. h100.")],
    dtype: Annotated[str, typer.Option("--dtype", help="Number format of the weights.")],
    tp: Annotated[int, typer.Option("--tp", min=1, help="Tensor parallelism of the instance.")],
    input_tokens: Annotated[int, typer.Option("--input-tokens", min=1, help="Length of every prompt.")],
    output_tokens: Annotated[int, typer.Option("--output-tokens", min=1, help="Length of every answer.")],
    rate: Annotated[float, typer.Option("--rate", min=0, help="Mean rate of Poisson arrivals [1/s]; 0: idle.")],
    pp: Annotated[int, typer.Option("--pp", min=1, help="Pipeline parallelism.")] = 1,
    duration: Annotated[float, typer.Option("--duration", min=1, help="Length of the measurement [s].")] = 120.0,
    warmup: Annotated[float, typer.Option("--warmup", min=0, help="Load before it [s].")] = 20.0,
    drain: Annotated[float, typer.Option("--drain", min=0, help="Longest wait for its last answers [s].")] = 60.0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of arrivals and prompts.")] = 0,
    served_name: Annotated[
        str | None, typer.Option("--served-name", help="Name of the model at the endpoint. [default: --model]")
    ] = None,
    chat: Annotated[bool, typer.Option("--chat", help="Send messages to /chat/completions, not tokens.")] = False,
    ignore_eos: Annotated[
        bool, typer.Option("--ignore-eos/--no-ignore-eos", help="Ask for answers of exactly the length (vLLM, SGLang).")
    ] = True,
    key_variable: Annotated[
        str | None, typer.Option("--api-key-env", metavar="NAME", help="Environment variable with the API key.")
    ] = None,
    gpu_ids: Annotated[
        list[int] | None,
        typer.Option("--gpu-id", metavar="INDEX", help="NVML index of a GPU of the instance. [default: all]"),
    ] = None,
    no_power: Annotated[bool, typer.Option("--no-power", help="Measure latencies only, without NVML.")] = False,
    lock_clocks: Annotated[
        float | None,
        typer.Option("--lock-clocks", metavar="MHZ", min=1, help="Lock the SM clock, and reset it at the end (root)."),
    ] = None,
    locked_at: Annotated[
        float | None, typer.Option("--locked-at", metavar="MHZ", min=1, help="SM clock that is locked already.")
    ] = None,
    keep_rejected: Annotated[
        bool, typer.Option("--keep-rejected", help="Write the row though its evidence is bad.")
    ] = False,
) -> None:
    """Measure one operating point: send requests at a rate to an endpoint, and read power and clocks of its GPUs by NVML.

    Only URL is contacted. Clocks are left alone unless --lock-clocks asks; they are reset however the run ends, kill -9 apart.
    """
    from dynamo_plan.profile.measure.endpoint import Endpoint
    from dynamo_plan.profile.measure.gpus import open_gpus
    from dynamo_plan.profile.measure.load import Load
    from dynamo_plan.profile.measure.point import Subject
    from dynamo_plan.profile.measure.point import measure as measured_by
    from dynamo_plan.schema.kind import Kind

    _check_options(output, dtype, lock_clocks, locked_at, no_power=no_power)
    subject = Subject(model, Kind(gpu, tp, pp, dtype), lock_clocks, locked_at)
    load = Load(rate, input_tokens, output_tokens, warmup, duration, drain, seed)
    key = "" if key_variable is None else _key(key_variable)
    endpoint = Endpoint(url, served_name or model, chat=chat, ignore_eos=ignore_eos, key=key)
    content = output.read_bytes() if output.is_file() else None
    _check_place(output, content, subject, load, has_power=not no_power)
    with (
        nullcontext() if no_power else open_gpus(gpu_ids or None, tp * pp) as gpus,
        _progress(warmup + duration) as on_progress,
    ):
        found = measured_by(subject, endpoint, load, gpus, on_progress)
    _report(found)
    _write(output, content, found, keep_rejected=keep_rejected)


def _check_options(
    output: Path, dtype: str, lock_clocks: float | None, locked_at: float | None, *, no_power: bool
) -> None:
    from dynamo_plan.ingest.gathered import did_you_mean
    from dynamo_plan.schema.kind import NumberFormat

    wrong: list[tuple[str, str, str]] = []
    if dtype not in list(NumberFormat):
        mend = did_you_mean(dtype, tuple(NumberFormat)) or f"Take one of {', '.join(NumberFormat)}"
        wrong.append(("--dtype", f"{dtype} is not known", mend))
    if output.suffix != ".csv":
        wrong.append(
            ("--output", f"{output} is no CSV, to which rows can be appended", "Name a file that ends in .csv")
        )
    if lock_clocks is not None and locked_at is not None:
        wrong.append(("--lock-clocks", "the clock is to be locked, and is locked already", "Give one of the two"))
    if lock_clocks is not None and no_power:
        wrong.append(("--lock-clocks", "clocks are locked by NVML, and --no-power does without", "Drop one of the two"))
    if wrong:
        raise UsageError(Fault("measure-option", option, what, "", mend) for option, what, mend in wrong)


def _key(variable: str) -> str:
    key = os.environ.get(variable, "")
    if not key:
        mend = f"export {variable}=..., or leave --api-key-env out"
        raise UsageError(Fault("measure-option", "--api-key-env", f"{variable} is not set", "", mend))
    return key


def _check_place(output: Path, content: bytes | None, subject: Subject, load: Load, *, has_power: bool) -> None:
    """Raise what would keep the row out of the profile before minutes are spent on it, judged by a row of likely figures."""
    from dynamo_plan.emit.profile_table import ProfileRow
    from dynamo_plan.schema.measurement import Latency, Measurement

    latency = Latency(10.0, 10.0, 10.0, 10.0, 10.0) if load.rate_rps else Latency()
    kind = subject.kind
    likely = Measurement(
        where=str(output),
        format="",
        model=subject.model,
        gpu=kind.gpu,
        tp=kind.tp,
        pp=kind.pp,
        dtype=kind.dtype,
        frequency_mhz=subject.lock_mhz or subject.locked_at_mhz,
        input_tokens=float(load.input_tokens),
        output_tokens=float(load.output_tokens),
        offered_rps=load.rate_rps,
        throughput_rps=load.rate_rps,
        ttft=latency,
        tbt=latency,
        power_w=100.0 * kind.tp * kind.pp if has_power else None,
        duration_s=load.duration_s,
        source="to be measured",
    )
    _checked(output, content, ProfileRow(likely))


def _checked(output: Path, content: bytes | None, row: ProfileRow) -> bytes:
    """The profile with a row more, which passes the checks of every profile."""
    from dynamo_plan.emit.profile_append import appended
    from dynamo_plan.ingest.gathered import Faults
    from dynamo_plan.ingest.profile_table import parse_profile
    from dynamo_plan.ingest.source import Source

    faults = Faults()
    if content is not None:
        parse_profile(Source(str(output), output, content), faults)
        faults.raise_if_any()
    new = appended(output, content, row)
    parse_profile(Source(f"{output} (with the new row)", output, new), faults)
    faults.raise_if_any()
    return new


@contextmanager
def _progress(expected_s: float) -> Iterator[OnProgress]:
    """A bar on stderr where that is a terminal."""
    terminal = console(stderr=True)
    if SETTINGS.quiet or not terminal.is_terminal:
        say(f"Measuring for {expected_s:g} s and until the last answer ...")
        yield lambda elapsed_s: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=terminal, transient=True) as shown:
        task = shown.add_task("measuring", total=expected_s)
        yield lambda elapsed_s: shown.update(task, completed=min(elapsed_s, expected_s))


def _report(found: Measured) -> None:
    """What the evidence says to stdout, what else is worth knowing to stderr."""
    verdicts = found.verdicts
    print_rows(
        [{"check": one.check, "outcome": one.outcome.value, "reason": one.reason} for one in verdicts], Output.TABLE
    )
    for failure, count in found.failures.most_common():
        say(f"{count} requests failed: {failure}")
    if found.late_s > LATE_S:
        say(f"This machine sent 1 % of the requests {found.late_s:.3g} s late or later: send from a quieter one.")
    if not found.counts_tokens:
        say("The endpoint does not count tokens: every event of its answers was taken for one.")


def _write(output: Path, content: bytes | None, found: Measured, *, keep_rejected: bool) -> None:
    from dynamo_plan.emit.atomic import write_whole_file
    from dynamo_plan.emit.profile_append import left_out
    from dynamo_plan.emit.profile_table import ProfileRow
    from dynamo_plan.profile.evidence import overall

    verdict = overall(found.verdicts).value
    row = ProfileRow(found.measurement, verdict, _reasons(found))
    measured = found.measurement
    figures = f"{measured.throughput_rps:.4g} requests/s"
    if measured.ttft.p99_ms is not None and measured.tbt.p99_ms is not None:
        figures += f", P99 TTFT {measured.ttft.p99_ms:.4g} ms, P99 TBT {measured.tbt.p99_ms:.4g} ms"
    if measured.power_w is not None:
        figures += f", {measured.power_w:.4g} W"
    say(f"{verdict}: {figures}")
    if verdict == REJECTED and not keep_rejected:
        mend = "Mend what the checks name and measure again, or keep the row, marked, with --keep-rejected"
        raise InputError(
            Fault("measure-rejected", str(output), "the measurement is not clean: no row was written", "", mend)
        )
    new = _checked(output, content, row)
    output.parent.mkdir(parents=True, exist_ok=True)
    write_whole_file(output, new)
    missing = left_out(content)
    if missing:
        say(f"{output} has no column for {', '.join(missing)}")
    say(f"{'Wrote' if content is None else 'Appended a row to'} {output}. Next: dynamo-plan profile check {output}")


def _reasons(found: Measured) -> str:
    """What speaks against the row."""
    against: Sequence[str] = [str(one) for one in found.verdicts if one.outcome.value in (REJECTED, "suspect")]
    return "; ".join(against)
