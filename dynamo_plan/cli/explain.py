"""`dynamo-plan explain`: why a plan is as it is, or the page of a constraint, a cost or an error code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dynamo_plan.cli.console import Output, OutputOption, print_record, print_rows
from dynamo_plan.cli.pages import piece_names, piece_page
from dynamo_plan.errors import Fault, UsageError
from dynamo_plan.shipped import shipped_folder

if TYPE_CHECKING:
    from dynamo_plan.cli.reasons import Reasons

ERRORS_PAGE = "docs/reference/errors.md"
"""The manual's page of error codes, which the wheel carries: one heading per code."""

VERIFY = "verify-"
"""Codes of this family end in the name of a rule of the verifier and share one entry."""


def explain(
    subject: Annotated[str, typer.Argument(metavar="RUN|NAME", help="A run folder, or the name of a page.")],
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="With RUN: the page of this piece as well, not in csv.")
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Explain a plan, a constraint, a cost or an error code."""
    if not _is_run(subject):
        page = {"name": subject, "page": _page(subject)}
        if output is Output.TABLE:
            print(page["page"])
        elif output is Output.CSV:
            print_rows([page], output)
        else:
            print_record(page, output)
        return
    from dynamo_plan.cli.reasons import reasons, reasons_record, reasons_rows

    found = reasons(Path(subject))
    pages = {} if name is None else {name: _page(name)}
    if output is Output.CSV:
        print_rows(reasons_rows(found), output)
    elif output is not Output.TABLE:
        print_record(reasons_record(found) | {"pages": pages}, output)
    else:
        for title, lines in _sections(found):
            print(f"{title}\n" + "\n".join(f"  {line}" for line in lines) + "\n")
        for text in pages.values():
            print(text)


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


def _sections(found: Reasons) -> list[tuple[str, list[str]]]:
    from dynamo_plan.report.wording import breach, standing

    plan, objective = found.plan, found.scenario.objective
    sections = [
        (
            f"{plan.name}: {plan.status.value}",
            [standing(plan, objective), f"Where the bound comes from: {plan.certificate.proof}"],
        )
    ]
    if plan.violations:
        sections.append(("Broken promises (times in UTC)", [breach(plan, broken) for broken in plan.violations]))
    sections.append(("What binds (times in UTC)", _binding(found)))
    sections.append(("What one more would save (times in UTC)", _worth(found)))
    sections.append(("Runners-up: other kinds of instances", _runners_up(found)))
    sections.append(("Assumed", list(plan.assumptions) or ["nothing"]))
    sections.append(("Left out", [f"{left.piece}: {left.reason}" for left in plan.omissions] or ["nothing"]))
    sections.append(("Compared with", [f"{base.name}: {base.description}" for base in plan.baselines] or ["nothing"]))
    return sections


def _binding(found: Reasons) -> list[str]:
    """Limits at which the plan stands, those alike in one line."""
    from dynamo_plan.report.accounts import has_powers
    from dynamo_plan.report.binding import energy_at_capacity
    from dynamo_plan.report.wording import in_windows

    alike: dict[tuple[str, str, tuple[int, ...]], list[str]] = {}
    for limit in found.binding:
        alike.setdefault((limit.constraint, limit.limit, limit.windows), []).append(limit.where)
    lines = [
        f"{constraint} at {', '.join(places)}: {limit} in {in_windows(found.plan, windows)}"
        for (constraint, limit, windows), places in alike.items()
    ]
    if found.unread:
        lines.append(f"reserve: not examined, {found.unread}")
    if has_powers(found.plan):
        share = f"{energy_at_capacity(found.plan) * 100:.1f} %"
        lines.append(
            f"capacity: {share} of the instances' energy goes to instances that can take no more load within the SLO"
        )
    return lines


def _worth(found: Reasons) -> list[str]:
    """Shadow prices, the most valuable limit first."""
    from dynamo_plan.report.worth import PRICES_ARE, worth
    from dynamo_plan.solve.shadow import PIECE

    missing = [left.reason for left in found.plan.omissions if left.piece == PIECE]
    if missing:
        return [f"not known: {missing[0]}"]
    if not found.plan.shadow_prices:
        besides = " besides what the broken promises above need" if found.plan.violations else ""
        return [f"nothing{besides}: no GPU, kilowatt or start more would make the relaxed problem cheaper"]
    ordered = sorted(found.plan.shadow_prices, key=lambda price: (-sum(price.saving), price.constraint, price.where))
    return [*(worth(found.plan, price, found.scenario.objective) for price in ordered), PRICES_ARE]


def _runners_up(found: Reasons) -> list[str]:
    """What it would cost to do without kinds."""
    from dynamo_plan.report.worth import REGRET_IS, runners_up

    if found.unread:
        return [f"not examined, {found.unread}"]
    lines = runners_up(found.alternatives, found.scenario.objective)
    routed = [pool.name for pool in found.plan.pools if pool.name not in {one.pool for one in found.alternatives}]
    if routed:
        lines.append(f"{', '.join(routed)}: not examined, because the router of a free routing ties kinds together")
    return [*lines, REGRET_IS] if found.alternatives else lines
