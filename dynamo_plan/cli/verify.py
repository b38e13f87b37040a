"""`dynamo-plan verify`: an independent check of everything a run folder claims."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dynamo_plan.cli.console import Output, OutputOption, print_record, print_rows, say
from dynamo_plan.errors import ExitCode

if TYPE_CHECKING:
    from dynamo_plan.schema.inputs import Inputs
    from dynamo_plan.schema.plan import Plan
    from dynamo_plan.verify import Finding

RUN_FILES_RULE = "run_files"
"""Name of the check that the run folder's own files are the ones that the solve wrote; the other rules stand in `verify.rules`."""


def verify(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder of a solve.")],
    output: OutputOption = Output.TABLE,
) -> None:
    """Check a plan independently against its inputs, rule by rule."""
    from dynamo_plan.emit.run_folder import SCENARIO_FILE, read_plan, write_verification
    from dynamo_plan.ingest import read_inputs
    from dynamo_plan.verify import verify as verify_plan

    plan = read_plan(run_folder)
    inputs = as_planned(read_inputs(run_folder / SCENARIO_FILE), plan)
    findings = (*_run_files(run_folder), *verify_plan(plan, inputs))
    records = [asdict(finding) for finding in findings]
    write_verification(run_folder, records)
    if output in (Output.JSON, Output.YAML):
        print_record({"version": 1, "verified": not findings, "findings": records}, output)
    else:
        print_rows(_rule_rows(findings), output)
    for finding in findings:
        say(str(finding))
    if findings:
        say(f"{run_folder}: not verified, {len(findings)} findings.")
        raise typer.Exit(ExitCode.VERIFICATION_FAILED)
    say(f"{run_folder}: verified.")


def as_planned(inputs: Inputs, plan: Plan) -> Inputs:
    """Inputs read through a run folder's scenario, with the files named as the plan names them: as seen from its own scenario.

    The scenario's entry is the plan's own: its content reached the run folder resolved, and `run_files` vouches for that file.
    """
    planned = {file.role: file for file in plan.inputs}
    files = tuple(
        planned[file.role]
        if file.role == "scenario" and file.role in planned
        else replace(file, path=planned[file.role].path)
        if file.role in planned
        else file
        for file in inputs.files
    )
    return replace(inputs, files=files)


def _run_files(run_folder: Path) -> tuple[Finding, ...]:
    from dynamo_plan.emit.run_folder import changed_files
    from dynamo_plan.verify import Finding

    return tuple(Finding(RUN_FILES_RULE, name, "sha256", then, now) for name, then, now in changed_files(run_folder))


def _rule_rows(findings: tuple[Finding, ...]) -> list[dict[str, str | int | float | None]]:
    from dynamo_plan.verify.rules import load_rules

    names = [RUN_FILES_RULE, *(rule.NAME for rule in load_rules())]
    counts = {name: sum(finding.rule == name for finding in findings) for name in names}
    return [
        {"rule": name, "result": "broken" if count else "holds", "findings": count} for name, count in counts.items()
    ]
