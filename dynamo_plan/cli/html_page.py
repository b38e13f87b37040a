"""Pages that commands write beside their record."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_plan.cli.console import say

if TYPE_CHECKING:
    from dynamo_plan.report.page import Page


def write_page(path: Path, page: Callable[[str], Page], *, force: bool) -> None:
    """Write a page and say so; `page` gets the words that name this version."""
    from importlib.metadata import version

    from dynamo_plan.emit.atomic import write_new_file
    from dynamo_plan.report.page import page_html

    made = page_html(page(f"dynamo-plan {version('dynamo-plan')}"))
    write_new_file(path, made.encode("utf-8", errors="replace"), force=force)
    say(f"Wrote {path}")
