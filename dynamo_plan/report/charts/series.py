"""Charts along time or along a quantity."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from dynamo_plan.report.chart import Chart
from dynamo_plan.report.charts.axes import (
    DASHES,
    FAINTEST,
    Along,
    colours,
    dash,
    dress,
    held,
    hover_columns,
    is_time,
    mark,
    summary,
    table_along,
)
from dynamo_plan.report.charts.canvas import INK, SURFACE, canvas, label, ramp_colour, series_colour

MEDIAN = 0.5


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
        for (name, values), colour in zip(series.items(), colours(len(series), ordered=ordered), strict=True):
            ends, shown = held(x, values)
            top = [low + value for low, value in zip(base, shown, strict=True)]
            made.axes.fill_between(ends, base, top, step="post", color=colour, linewidth=0, label=label(name))
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
    actual: Sequence[float] | None = None,
    x_label: str = "",
    y_label: str = "",
    text: str = "",
) -> Chart:
    """A forecast with its uncertainty: bands between quantiles that mirror each other, other quantiles as lines, and what came of it.

    Parameters
    ----------
    quantiles : mapping of float to sequence of float
        By probability [1].
    actual : sequence of float, optional
        NaN where nothing is known yet.
    """
    bands = {level: _mirror(level, quantiles) for level in sorted(quantiles) if level < MEDIAN}
    paired = {level for low, high in bands.items() if high is not None for level in (low, high)}
    series = {_quantile(level): quantiles[level] for level in sorted(quantiles)}
    series |= {} if actual is None else {"actual": actual}
    text = text or summary(series, y_label)
    with canvas(title, text) as made:
        for index, (low, high) in enumerate((low, high) for low, high in bands.items() if high is not None):
            name, shade = f"{_quantile(low)} to {_quantile(high)}", ramp_colour(FAINTEST + 2 * min(index, 2))
            made.axes.fill_between(_along(x), quantiles[low], quantiles[high], color=shade, linewidth=0, label=name)
        for index, level in enumerate(sorted(set(quantiles) - paired, key=lambda one: (one != MEDIAN, one))):
            style = {"color": series_colour(0), "linestyle": DASHES[index % len(DASHES)]}
            made.axes.plot(_along(x), quantiles[level], label=_quantile(level), **style)
        if actual is not None:
            made.axes.plot(_along(x), actual, color=INK, linewidth=1.1, label="actual")
        dress(made, x, x_label, y_label, named=True)
        hover_columns(made, x, series, steps=False)
    return Chart(title, text, made.svg, table_along(title, x, series, x_label, y_label))


def _along(x: Along) -> list[Any]:
    """As matplotlib takes it, whose types know no list of times."""
    return list(x)


def _quantile(level: float) -> str:
    return "median" if level == MEDIAN else f"P{level * 100:g}"


def _mirror(level: float, levels: Mapping[float, Sequence[float]]) -> float | None:
    """The quantile as far above the median as this one is below it."""
    return next((other for other in levels if math.isclose(other, 1 - level)), None)
