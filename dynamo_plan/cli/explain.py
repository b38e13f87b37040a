"""`dynamo-plan explain`: why a plan is as it is, or the page of a constraint, a cost or an error code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dynamo_plan.cli.pages import piece_names, piece_page
from dynamo_plan.errors import Fault, UsageError
from dynamo_plan.shipped import shipped_folder

if TYPE_CHECKING:
    from dynamo_plan.schema.plan import Plan
    from dynamo_plan.schema.scenario import Scenario

ERRORS_PAGE = "docs/reference/errors.md"
"""The manual's page of error codes, which the wheel carries: one heading per code."""

VERIFY = "verify-"
"""Codes of this family end in the name of a rule of the verifier and share one entry."""


def explain(
    subject: Annotated[str, typer.Argument(metavar="RUN|NAME", help="A run folder, or the name of a page.")],
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="With RUN: the page of this piece as well.")
    ] = None,
) -> None:
    """Explain a plan, a constraint, a cost or an error code."""
    if not _is_run(subject):
        print(_page(subject))
        return
    from dynamo_plan.emit.run_folder import read_plan, read_run_scenario

    plan = read_plan(Path(subject))
    for title, lines in _sections(plan, read_run_scenario(Path(subject))):
        print(f"{title}\n" + "\n".join(f"  {line}" for line in lines) + "\n")
    if name is not None:
        print(_page(name))


def _is_run(subject: str) -> bool:
    return Path(subject).is_dir() or "/" in subject


def _page(name: str) -> str:
    page = piece_page(name) or _error_entry(name)
    if page is None:
        known = "; ".join(f"{sort}s: {', '.join(names)}" for sort, names in piece_names().items())
        raise UsageError(
            Fault(
                "page-unknown",
                "explain",
                f"{name} is neither a run folder nor a page",
                f"Known {known}; and every error code",
                "Take one of these",
            )
        )
    return page


def _error_entry(code: str) -> str | None:
    """The entry of an error code in the manual; None if it has none."""
    rule = code.removeprefix(VERIFY)
    is_of_rule = code.startswith(VERIFY) and rule in piece_names()["verifier rule"]
    heading = f"{VERIFY}RULE" if is_of_rule else code
    manual = (shipped_folder() / ERRORS_PAGE).read_text(encoding="utf-8")
    entry = re.search(rf"^### `{re.escape(heading)}`\n\n(.+?)\n*(?=^#|\Z)", manual, flags=re.MULTILINE | re.DOTALL)
    if entry is None:
        return None
    page = f"{code} (error)\n\n{entry[1]}"
    return f"{page}\n\n{piece_page(rule)}" if is_of_rule else page


def _sections(plan: Plan, scenario: Scenario) -> list[tuple[str, list[str]]]:
    from dynamo_plan.report.binding import binding_limits, energy_at_capacity, window_ranges

    proof = plan.certificate
    sections = [
        (
            f"{plan.name}: {plan.status.value}",
            [f"objective {proof.objective:.6g}, bound {proof.best_bound:.6g}, gap {proof.gap:.3g}", proof.proof],
        )
    ]
    if plan.violations:
        broken = [
            f"{found.constraint} at {found.where}, windows {window_ranges(found.windows)}:"
            f" short by up to {max(found.shortfall):g} {found.unit}; {found.mend}"
            for found in plan.violations
        ]
        sections.append(("Broken promises", broken))
    binding = [
        f"{limit.constraint} at {limit.where}: {limit.limit} reached in windows {window_ranges(limit.windows)}"
        for limit in binding_limits(plan, scenario)
    ]
    binding.append(f"{energy_at_capacity(plan):.1%} of the instances' energy is used at the capacity at the SLO")
    sections.append(("What binds (windows count from 0)", binding))
    sections.append(("Assumed", list(plan.assumptions) or ["nothing"]))
    sections.append(("Left out", [f"{left.piece}: {left.reason}" for left in plan.omissions] or ["nothing"]))
    sections.append(("Compared with", [f"{base.name}: {base.description}" for base in plan.baselines] or ["nothing"]))
    return sections
