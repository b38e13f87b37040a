"""Fenced blocks of a page, and whether what a page shows is what a command prints."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

FENCE = re.compile(r"^ *```(?P<language>console|python)\n(?P<text>.*?)^ *```$", flags=re.MULTILINE | re.DOTALL)
INLINE_COMMAND = re.compile(r"`(dynamo-plan [a-z]+ [^`]*/[^`]*|dynamo-plan init [^`]*)`")
"""A command within a sentence that names a file or folder of its own."""

PROMPT = "$ "
ELLIPSIS = "..."


@dataclass(frozen=True, slots=True)
class Step:
    """Something to run, in the shell or in Python, with the lines that the page shows of its output."""

    language: str
    text: str
    shown: tuple[str, ...]


def steps(page: str) -> Iterator[Step]:
    """Every command of a page's console blocks and every Python block, in the page's order."""
    for block in FENCE.finditer(page):
        if block["language"] == "python":
            yield Step("python", block["text"], ())
            continue
        lines = [line.strip() for line in block["text"].splitlines()]
        starts = [index for index, line in enumerate(lines) if line.startswith(PROMPT)]
        for start, stop in zip(starts, [*starts[1:], len(lines)], strict=True):
            shown = tuple(line for line in lines[start + 1 : stop] if line)
            yield Step("console", lines[start].removeprefix(PROMPT), shown)


def inline_steps(page: str) -> Iterator[Step]:
    """Commands within the sentences of a page."""
    for found in INLINE_COMMAND.finditer(page):
        yield Step("console", found[1], ())


def not_printed(shown: tuple[str, ...], printed: str) -> list[str]:
    """Shown lines that no printed line matches, in order; ``...`` stands for anything, the end of a line may be cut."""
    rest = [line.strip() for line in printed.splitlines()]
    missing = []
    for line in shown:
        pattern = re.compile(r".*?".join(re.escape(part.strip()) for part in line.split(ELLIPSIS)))
        found = next((index for index, candidate in enumerate(rest) if pattern.match(candidate)), None)
        if found is None:
            missing.append(line)
        else:
            del rest[: found + 1]
    return missing
