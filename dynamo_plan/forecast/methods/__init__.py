"""One module per forecasting method; `find_methods` finds them, so that adding a method is adding a file here.

A method module has ``NAME`` (what ``--method`` takes), ``DESCRIPTION`` (one line), ``LEAST_DAYS`` (history that it needs [d]), ``SIMPLER``
(the method to take where the history is shorter; None: it needs one window), ``EXTRA`` (the extra that brings its library, or None) and
``forecast(history, horizon)``, which returns the service's mean rate in the next `horizon` windows, shape (horizon,) [1/s].
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from dynamo_plan.errors import Fault, UsageError
from dynamo_plan.schema.history import History


class Method(Protocol):
    """What a method module offers."""

    NAME: str
    DESCRIPTION: str
    LEAST_DAYS: float
    SIMPLER: str | None
    EXTRA: str | None

    def forecast(self, history: History, horizon: int) -> NDArray[np.float64]:
        """Mean rate of the service in the `horizon` windows that follow the history, shape (horizon,) [1/s], not negative."""


def find_methods() -> dict[str, Method]:
    """Every method by its name, sorted."""
    modules = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
    methods = [cast(Method, module) for module in modules]
    return {method.NAME: method for method in sorted(methods, key=lambda method: method.NAME)}


def method_named(name: str) -> Method:
    """The method of this name.

    Raises
    ------
    UsageError
        There is none.
    """
    methods = find_methods()
    if name not in methods:
        raise UsageError(
            Fault(
                "method-unknown",
                "--method",
                f"{name} is no forecasting method",
                f"Known: {', '.join(methods)}",
                "Take one of these",
            )
        )
    return methods[name]


def least_windows(method: Method, history: History) -> int:
    """Windows of history that a method needs, one at least."""
    return max(round(method.LEAST_DAYS * history.day), 1)


def usable(method: Method, history: History) -> tuple[Method, str]:
    """The method, or the next simpler one for which the history is long enough, and what to say about it; empty if nothing."""
    asked = method
    while len(history) < least_windows(method, history) and method.SIMPLER is not None:
        method = method_named(method.SIMPLER)
    if method is asked:
        return method, ""
    return method, (
        f"{asked.NAME} needs {asked.LEAST_DAYS:g} days of history and there are {history.days:.3g}; {method.NAME} was taken instead"
    )
