"""Charts along time or along a quantity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from dynamo_plan.report.chart import Chart
from dynamo_plan.report.charts.axes import (
    DASHES,
    FAINTEST,
    Along,
    colours,
    dash,
    dress,
    hatch,
    held,
    hover_columns,
    is_time,
    mark,
    summary,
    table_along,
)
from dynamo_plan.report.charts.canvas import INK, SURFACE, canvas, label, ramp_colour, series_colour

MEDIAN = 0.5

DARKEST_BAND = 4
"""Step of the ramp for the bands next to the median; lines are seen well on it."""


def lines(
    title: str,
    x: Along,
    series: Mapping[str, Sequence[float]],
    *,
    x_label: str = "",
    y_label: str = "",
    text: str = "",
    steps: bool | None = None,
    marks: Mapping[str, float] | None = None,
    markers: bool = False,
) -> Chart:
    """Lines over time or over a quantity.

    Parameters
    ----------
    x : sequence of datetime or float
    series : mapping of str to sequence of float
        As long as `x`; NaN leaves a gap.
    steps : bool, optional
        Whether values hold until the next; by default over time.
    marks : mapping of str to float, optional
        Named levels, such as a cap, drawn across.
    markers : bool
        Whether the points are marked.
    """
    text, steps = text or summary(series, y_label), is_time(x) if steps is None else steps
    with canvas(title, text) as made:
        for index, (name, values) in enumerate(series.items()):
            style: dict[str, Any] = {"color": series_colour(index), "linestyle": dash(index), "label": label(name)}
            if markers:
                style |= {"marker": "o", "markersize": 4.5, "markeredgecolor": SURFACE, "markeredgewidth": 0.8}
            ends, shown = held(x, values) if steps else (_along(x), list(values))
            made.axes.plot(ends, shown, drawstyle="steps-post" if steps else "default", **style)
        for name, level in (marks or {}).items():
            mark(made.axes, name, level)
        dress(made, x, x_label, y_label, named=len(series) > 1)
        hover_columns(made, x, series, steps=steps)
    return Chart(title, text, made.svg, table_along(title, x, series, x_label, y_label))


def areas(
    title: str,
    x: Along,
    series: Mapping[str, Sequence[float]],
    *,
    x_label: str = "",
    y_label: str = "",
    text: str = "",
    ordered: bool = False,
    marks: Mapping[str, float] | None = None,
) -> Chart:
    """Parts of a whole over windows, stacked in the order given.

    Parameters
    ----------
    ordered : bool
        Whether the parts have an order (clocks, TP): then they take a ramp, little to much.
    marks : mapping of str to float, optional
        Named levels, such as a cap, drawn across.
    """
    text = text or summary(series, y_label)
    with canvas(title, text) as made:
        base = [0.0] * (len(x) + 1)
        for index, (name, values) in enumerate(series.items()):
            ends, shown = held(x, values)
            top = [low + value for low, value in zip(base, shown, strict=True)]
            style: dict[str, Any] = {"facecolor": colours(len(series), ordered=ordered)[index], "edgecolor": SURFACE}
            style |= {"linewidth": 0, "hatch": None if ordered else hatch(index)}
            made.axes.fill_between(ends, base, top, step="post", label=label(name), **style)
            base = top
        for name, level in (marks or {}).items():
            mark(made.axes, name, level)
        made.axes.set_ylim(bottom=0)
        dress(made, x, x_label, y_label, named=len(series) > 1)
        hover_columns(made, x, series, steps=True)
    return Chart(title, text, made.svg, table_along(title, x, series, x_label, y_label))


def fan(
    title: str,
    x: Along,
    quantiles: Mapping[float, Sequence[float]],
    *,
    expected: Sequence[float] | None = None,
    actual: Sequence[float] | None = None,
    x_label: str = "",
    y_label: str = "",
    text: str = "",
) -> Chart:
    """A forecast with its uncertainty: what is expected, bands from quantile to quantile, fainter outwards, and what came of it.

    Parameters
    ----------
    quantiles : mapping of float to sequence of float
        By probability [1]; where none is at or below the median, the first band begins at what is expected.
    expected : sequence of float, optional
        The mean.
    actual : sequence of float, optional
        NaN where nothing is known yet.
    """
    levels = sorted(quantiles)
    series: dict[str, Sequence[float]] = {} if expected is None else {"expected": expected}
    series |= {_quantile(level): quantiles[level] for level in levels}
    series |= {} if actual is None else {"actual": actual}
    text = text or summary(series, y_label)
    steps = [(_quantile(level), level, quantiles[level]) for level in levels]
    if expected is not None and all(level > MEDIAN for level in levels):
        steps.insert(0, ("expected", MEDIAN, expected))
    with canvas(title, text) as made:
        for (low, low_level, bottom), (high, high_level, top) in pairwise(steps):
            outward = sum(MEDIAN < level <= low_level or high_level <= level < MEDIAN for level in levels)
            shade = ramp_colour(max(DARKEST_BAND - outward, FAINTEST))
            (ends, lower), (_, upper) = held(x, bottom), held(x, top)
            name = f"{low} to {high}"
            made.axes.fill_between(ends, lower, upper, step="post", color=shade, linewidth=0, label=name)
        drawn: dict[str, Any] = {
            "median": {"linestyle": DASHES[1]},
            "expected": {},
            "actual": {"color": INK, "linewidth": 1.1},
        }
        for name, style in drawn.items():
            if name in series:
                own = {"color": series_colour(0), **style}
                made.axes.plot(*held(x, series[name]), drawstyle="steps-post", label=name, **own)
        dress(made, x, x_label, y_label, named=True)
        hover_columns(made, x, series, steps=True)
    return Chart(title, text, made.svg, table_along(title, x, series, x_label, y_label))


def _along(x: Along) -> list[Any]:
    """As matplotlib takes it, whose types know no list of times."""
    return list(x)


def _quantile(level: float) -> str:
    return "median" if level == MEDIAN else f"P{level * 100:g}"
