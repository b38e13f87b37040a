"""A comparison of systems as JSON: the whole record, versioned; its schema: `dynamo-plan schema comparison`."""

from __future__ import annotations

from pathlib import Path

from pydantic_core import to_json

from dynamo_plan.emit.atomic import write_new_file
from dynamo_plan.schema.comparison import Comparison


def comparison_json(comparison: Comparison) -> bytes:
    """A comparison as JSON: equal ones give equal bytes."""
    return to_json(comparison, indent=1) + b"\n"


def write_comparison(path: Path, comparison: Comparison, *, force: bool = False) -> None:
    """Write a comparison, whole or not at all.

    Raises
    ------
    InputError
        The path is taken, or cannot be written.
    """
    write_new_file(path, comparison_json(comparison), force=force)
