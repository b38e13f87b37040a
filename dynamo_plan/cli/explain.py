"""`dynamo-plan explain`: why a plan is as it is, or the page of a constraint, a cost or an error code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dynamo_plan.cli.pages import piece_names, piece_page
from dynamo_plan.errors import Fault, InputError, UsageError
from dynamo_plan.shipped import shipped_folder

if TYPE_CHECKING:
    from dynamo_plan.schema.plan import Plan
    from dynamo_plan.schema.scenario import Scenario
    from dynamo_plan.verify.evidence import Evidence

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

    run_folder = Path(subject)
    plan = read_plan(run_folder)
    for title, lines in _sections(run_folder, plan, read_run_scenario(run_folder)):
        print(f"{title}\n" + "\n".join(f"  {line}" for line in lines) + "\n")
    if name is not None:
        print(_page(name))


def _is_run(subject: str) -> bool:
    return Path(subject).is_dir() or "/" in subject


def _page(name: str) -> str:
    page = piece_page(name) or _error_entry(name)
    if page is None:
        from dynamo_plan.ingest.gathered import did_you_mean

        known = "; ".join(f"{sort}s: {', '.join(names)}" for sort, names in piece_names().items())
        raise UsageError(
            Fault(
                "page-unknown",
                "explain",
                f"{name} is neither a run folder nor a page",
                f"Known {known}; and every error code",
                did_you_mean(name, [page for names in piece_names().values() for page in names]) or "Take one of these",
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


def _sections(run_folder: Path, plan: Plan, scenario: Scenario) -> list[tuple[str, list[str]]]:
    from dynamo_plan.report.wording import breach, standing

    sections = [
        (
            f"{plan.name}: {plan.status.value}",
            [standing(plan, scenario.objective), f"Where the bound comes from: {plan.certificate.proof}"],
        )
    ]
    if plan.violations:
        sections.append(("Broken promises (times in UTC)", [breach(plan, broken) for broken in plan.violations]))
    sections.append(("What binds (times in UTC)", _binding(run_folder, plan, scenario)))
    sections.append(("Assumed", list(plan.assumptions) or ["nothing"]))
    sections.append(("Left out", [f"{left.piece}: {left.reason}" for left in plan.omissions] or ["nothing"]))
    sections.append(("Compared with", [f"{base.name}: {base.description}" for base in plan.baselines] or ["nothing"]))
    return sections


def _binding(run_folder: Path, plan: Plan, scenario: Scenario) -> list[str]:
    """Limits at which the plan stands; that of the reserve follows from the inputs, if they are still what they were."""
    from dynamo_plan.report.accounts import has_powers
    from dynamo_plan.report.binding import binding_limits, binding_reserve, energy_at_capacity
    from dynamo_plan.report.wording import in_windows
    from dynamo_plan.schema.scenario import Routing

    limits = [*binding_limits(plan, scenario)]
    evidence, reason = _evidence(run_folder, plan)
    if evidence is not None:
        # Where routing is free an instance has no capacity of its own: it depends on what is sent to it.
        needed_rps = {
            name: load.reserve_rate_rps.sum(axis=1).tolist()
            for name, load in evidence.pools.items()
            if load.service.routing is Routing.EVEN
        }
        limits += binding_reserve(plan, needed_rps, evidence.reserve_capacity_rps)
    alike: dict[tuple[str, str, tuple[int, ...]], list[str]] = {}
    for limit in limits:
        alike.setdefault((limit.constraint, limit.limit, limit.windows), []).append(limit.where)
    lines = [
        f"{constraint} at {', '.join(places)}: {limit} in {in_windows(plan, windows)}"
        for (constraint, limit, windows), places in alike.items()
    ]
    if evidence is None:
        lines.append(f"reserve: not examined, {reason}")
    if has_powers(plan):
        share = f"{energy_at_capacity(plan) * 100:.1f} %"
        lines.append(
            f"capacity: {share} of the instances' energy goes to instances that can take no more load within the SLO"
        )
    return lines


def _evidence(run_folder: Path, plan: Plan) -> tuple[Evidence | None, str]:
    """What the inputs say about the plan's pools; None and why, where they cannot be read or have changed."""
    from dynamo_plan.emit.run_folder import SCENARIO_FILE
    from dynamo_plan.ingest import read_inputs
    from dynamo_plan.verify.evidence import Evidence

    try:
        inputs = read_inputs(run_folder / SCENARIO_FILE)
    except InputError as error:
        return None, f"because an input cannot be read again: {error.faults[0]}"
    planned = {file.role: file.sha256 for file in plan.inputs}
    # The scenario reached the run folder resolved, so its file is another one by nature.
    changed = [f.role for f in inputs.files if f.role != "scenario" and f.sha256 != planned.get(f.role)]
    if changed:
        return None, f"because inputs have changed since the plan was made: {', '.join(changed)}"
    return Evidence(plan, inputs), ""
