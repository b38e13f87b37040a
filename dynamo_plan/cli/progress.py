"""A bar that shows how much of a work is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dynamo_plan.cli.console import SETTINGS, console, say


@contextmanager
def progress(what: str) -> Iterator[Callable[[float], None]]:
    """A bar on stderr, if that is a terminal and nobody asked for quiet; it is told the share that is done."""
    with phases() as tell:
        yield lambda share: tell(what, share)


@contextmanager
def phases(*, by_line: bool = False) -> Iterator[Callable[[str, float], None]]:
    """The same for a work of several phases: the bar is told what is being done, and the share that is done.

    Where there is no terminal, `by_line` says when a phase begins; the share is then of the whole work.
    """
    terminal = console(stderr=True)
    if SETTINGS.quiet or not terminal.is_terminal:
        yield _lines() if by_line else lambda what, share: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<24}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=terminal, transient=True) as shown:
        task = shown.add_task("", total=1.0)
        yield lambda what, share: shown.update(task, description=what, completed=share)


def _lines() -> Callable[[str, float], None]:
    """Says each phase once, when it begins."""
    begun: set[str] = set()

    def tell(what: str, share: float) -> None:
        if what not in begun:
            begun.add(what)
            say(f"{what} ({share:.0%} of all done)")

    return tell
