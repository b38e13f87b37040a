"""`dynamo-plan emit`: configuration files for a runtime, from a plan that holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dynamo_plan.cli.console import ForceOption, say


def emit(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder of a solve.")],
    folder: Annotated[Path, typer.Option("-d", "--dir", metavar="DIR", help="Folder to write.")],
    target: Annotated[str, typer.Option("--target", help="Output target; `dynamo-plan formats` lists them.")] = "files",
    force: ForceOption = False,
) -> None:
    """Write configuration files for a runtime."""
    from dynamo_plan.emit.run_folder import read_trusted_plan
    from dynamo_plan.emit.targets import write_target
    from dynamo_plan.schema.plan import PlanStatus

    plan = read_trusted_plan(run_folder)
    if plan.status is PlanStatus.INFEASIBLE:
        say(
            f"{run_folder}: this plan is a best effort and breaks {len(plan.violations)} promises; see dynamo-plan explain."
        )
    count = write_target(target, plan, folder, force=force)
    say(f"Wrote {count} files of target {target} to {folder}")
