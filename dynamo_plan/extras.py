"""Libraries that come with an extra of this package: one that is missing is said once, the same way everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from dynamo_plan.errors import Fault, UsageError

NEEDED_BY: Final = {
    "excel": ("Excel files need it", ", or write .csv"),
    "forecast": ("The methods holt-winters and mstl need it", ", or take another method"),
    "gpu": ("Power and clocks are read with it", ", or measure with --no-power"),
    "report": ("Pages with charts need it", ""),
    "sign": ("Signatures need it", ""),
}
"""What needs an extra, and what can be done without it."""


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Turn a failed import of what an extra brings into advice.

    Raises
    ------
    UsageError
        The library is not installed, or cannot be loaded.
    """
    need, otherwise = NEEDED_BY[name]
    try:
        yield
    except ImportError as error:
        raise UsageError(
            Fault(
                "extra-missing",
                f"extra {name}",
                str(error),
                need,
                f"Install it with pip install 'dynamo-plan[{name}]'{otherwise}",
            )
        ) from error
