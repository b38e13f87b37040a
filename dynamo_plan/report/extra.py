"""Libraries that only pages need come with the extra `report`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dynamo_plan.errors import Fault, UsageError


@contextmanager
def report_extra() -> Iterator[None]:
    """Turn a failed import of jinja2 or matplotlib into advice.

    Raises
    ------
    UsageError
        The library is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise UsageError(
            Fault(
                "report-extra-missing",
                "report",
                f"{error.name} is not installed",
                "Pages with charts need the extra `report`",
                "Install it with pip install 'dynamo-plan[report]'",
            )
        ) from error
