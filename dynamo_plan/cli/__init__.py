"""The command line: one file per command, no arithmetic, data on stdout and everything else on stderr.

Command modules import only typer and light modules at the top; heavy libraries load inside the command that needs them, so that
`dynamo-plan --help` answers at once. No exception reaches the user as a traceback unless `--debug` asks for it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import cache
from typing import Annotated, TextIO

import typer

from dynamo_plan.cli import (
    approve,
    compare,
    diff,
    doctor,
    emit,
    explain,
    forecast,
    formats,
    import_case,
    init,
    profile,
    replay,
    report,
    schema,
    solve,
    verify,
    whatif,
)
from dynamo_plan.cli.console import SETTINGS, say_error
from dynamo_plan.errors import ExitCode, PlanError

EVERYWHERE = ("--quiet", "--debug")
"""Options that may stand anywhere on the line."""

INTERRUPTED = 130
"""128 + SIGINT, what a shell expects after Ctrl-C."""

app = typer.Typer(
    name="dynamo-plan",
    help="Plan LLM inference clusters offline: instances, tensor parallelism and GPU clocks per time window.",
    epilog="--quiet and --debug may stand anywhere. NO_COLOR is respected. No network, but to addresses that you name.",
    no_args_is_help=True,
    rich_markup_mode=None,  # rich takes 0.1 s to import, which --help would pay for
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(init.init)
app.add_typer(import_case.app, name="import")
app.command()(solve.solve)
app.command()(verify.verify)
app.command()(explain.explain)
app.command()(whatif.whatif)
app.command()(replay.replay)
app.command()(compare.compare)
app.command()(report.report)
app.command()(diff.diff)
app.command()(approve.approve)
app.command()(emit.emit)
app.add_typer(profile.app, name="profile")
app.add_typer(forecast.app, name="forecast")
app.command()(schema.schema)
app.command()(doctor.doctor)
app.command()(formats.formats)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"dynamo-plan {version('dynamo-plan')}")
        raise typer.Exit


@app.callback()
def _everywhere(
    quiet: Annotated[bool, typer.Option("--quiet", help="Print data and errors only.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an unexpected error.")] = False,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    SETTINGS.quiet, SETTINGS.debug = quiet, debug


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code."""
    SETTINGS.quiet, SETTINGS.debug = False, "--debug" in arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIO) or hasattr(stream, "reconfigure"):
            # A terminal that cannot show a block or a minus sign gets a question mark, not an exception.
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        _command()(args=_options_first(arguments), prog_name="dynamo-plan")
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        if code == INTERRUPTED:
            say_error("Interrupted. Nothing was written: a run folder is whole or absent.")
        return code
    except PlanError as error:
        return _report(error)
    except Exception as error:
        return _report_unexpected(error)
    return ExitCode.OK


@cache
def _command() -> Callable[..., object]:
    """The commands with all their options; typer itself would read them from the signatures again at every call."""
    return typer.main.get_command(app)


def main() -> None:
    """Entry point of the `dynamo-plan` command."""
    sys.exit(run(sys.argv[1:]))


def _options_first(arguments: list[str]) -> list[str]:
    end = arguments.index("--") if "--" in arguments else len(arguments)
    first = [argument for argument in arguments[:end] if argument in EVERYWHERE]
    rest = [argument for argument in arguments[:end] if argument not in EVERYWHERE]
    return [*dict.fromkeys(first), *rest, *arguments[end:]]


def _report(error: PlanError) -> int:
    for fault in error.faults:
        say_error(f"{fault} [{fault.code}]")
    if len(error.faults) > 1:
        say_error(f"{len(error.faults)} faults.")
    _show_traceback_if_asked()
    return error.exit_code


def _report_unexpected(error: Exception) -> int:
    if isinstance(error, BrokenPipeError):
        # The reader of our output has gone; leave without a word, as other tools do.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.INTERNAL
    first_line = (str(error).splitlines() or [""])[0]
    say_error(f"Internal error: {type(error).__name__}: {first_line}")
    if not SETTINGS.debug:
        say_error("This is a defect of dynamo-plan. Run again with --debug for the traceback, and please report it.")
    _show_traceback_if_asked()
    return ExitCode.INTERNAL


def _show_traceback_if_asked() -> None:
    if SETTINGS.debug:
        import traceback

        traceback.print_exc()
