"""Pure functions of small arrays that remember their answers by content: plans of one scenario after another read the same rows."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable

import numpy as np

MOST_ANSWERS = 20_000
"""Then all are forgotten: some megabytes, and several times what the largest profile asks for."""


def remembered[**Arguments, Answer](function: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    """Answer equal questions once.

    Answers are shared and must not be changed; arguments are arrays and hashable values.
    """
    known: dict[Hashable, Answer] = {}

    @functools.wraps(function)
    def answer(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        question = (*map(_content, args), *((name, _content(value)) for name, value in sorted(kwargs.items())))
        if question in known:
            return known[question]
        if len(known) >= MOST_ANSWERS:
            known.clear()
        found = known[question] = function(*args, **kwargs)
        return found

    return answer


def _content(argument: object) -> Hashable:
    """What tells an argument from others: of an array its numbers, type and shape."""
    if isinstance(argument, np.ndarray):
        return argument.tobytes(), argument.dtype.str, argument.shape
    return argument
