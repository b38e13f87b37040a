"""The report on one run, or on several of one horizon: which sections, in which order."""

from __future__ import annotations

from collections.abc import Sequence

from dynamo_plan.report.page import Page, Section
from dynamo_plan.report.reported import ReportedRun
from dynamo_plan.report.sections.accounts import carbon, cost, energy
from dynamo_plan.report.sections.comparison import comparison
from dynamo_plan.report.sections.evidence import assumptions, evidence, inputs
from dynamo_plan.report.sections.limits import limits
from dynamo_plan.report.sections.schedule import schedule
from dynamo_plan.report.sections.summary import summary
from dynamo_plan.report.wording import size, span

SECTIONS = (summary, schedule, energy, carbon, cost, limits, evidence, assumptions, inputs)


def report(runs: Sequence[ReportedRun], program: str) -> Page:
    """The page.

    Parameters
    ----------
    runs : sequence of ReportedRun
        Of equal windows; the first is what the others are compared with.
    program : str
        Name and version of what writes it.
    """
    foot = f"Made by {program} from verified run folders. Times are UTC; a window is named by its left edge."
    first = runs[0]
    subtitle = f"{span(first.plan)} · {size(first.plan)}"
    if len(runs) == 1:
        return Page(first.title, [section(first) for section in SECTIONS], subtitle, foot)
    sections: list[Section] = [comparison(runs)]
    for run in runs:
        sections += [_of_run(run, section(run)) for section in SECTIONS]
    return Page(" and ".join(run.title for run in runs), sections, subtitle, foot)


def _of_run(run: ReportedRun, section: Section) -> Section:
    """A section that names its run."""
    return Section(f"{run.title}: {section.title}", section.text, section.charts, section.tables, section.figures)
