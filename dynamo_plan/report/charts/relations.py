"""Charts of one quantity against another: scatter with its Pareto front, points with error bars, heat map."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from dynamo_plan.report.chart import Cell, Chart, Table
from dynamo_plan.report.charts.axes import dash, dress, mark, plain_numbers, summary
from dynamo_plan.report.charts.canvas import (
    INK,
    RAMP_COLOURS,
    SURFACE,
    Canvas,
    Hover,
    canvas,
    label,
    ramp_colour,
    series_colour,
)
from dynamo_plan.report.wording import number

MOST_WRITTEN = 14
"""Most columns of a heat map whose cells have room for their values."""

MOST_CELLS = 800
"""Most cells that tell their value under the pointer; finer ones could not be hit."""

MOST_TICK_CHARACTERS = 100
"""Characters that fit under a heat map."""

NO_VALUE = -1

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
"""So that groups are told apart without colours too."""

BAND_OPACITY = 0.12
"""Of a band around a line; several lie over each other [1]."""

NEAR = 0.008
"""Half the side of what a point's numbers are shown for, as part of the axis [1]."""


@dataclass(frozen=True, slots=True)
class Point:
    """A point, with the interval of its uncertainty where there is one."""

    x: float
    y: float
    name: str = ""
    low: float | None = None
    high: float | None = None


def scatter(
    title: str,
    groups: Mapping[str, Sequence[Point]],
    *,
    front: Sequence[Point] = (),
    x_label: str = "",
    y_label: str = "",
    text: str = "",
) -> Chart:
    """Points by group, and the front of those that no other point beats on both axes.

    Parameters
    ----------
    front : sequence of Point
        Joined by steps and named where they have a name; in ascending x.
    """
    text = text or summary({name: [point.y for point in points] for name, points in groups.items()}, y_label)
    with canvas(title, text, height_in=4.2) as made:
        axes = made.axes
        axes.grid(visible=True, axis="both")
        if front:
            xs, ys = [point.x for point in front], [point.y for point in front]
            axes.plot(xs, ys, drawstyle="steps-post", color=INK, linewidth=1.0, label="Pareto front", zorder=1)
        for index, (name, points) in enumerate(groups.items()):
            axes.plot(
                [point.x for point in points],
                [point.y for point in points],
                linestyle="none",
                marker=MARKERS[index % len(MARKERS)],
                markersize=7,
                color=series_colour(index),
                markeredgecolor=SURFACE,
                markeredgewidth=0.8,
                label=label(name),
            )
        for point in front:
            place = (point.x, point.y)
            axes.annotate(label(point.name), place, (6, 5), textcoords="offset points", fontsize=9.5)
        axes.margins(0.08)
        plain_numbers(axes.xaxis)
        plain_numbers(axes.yaxis)
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        if len(groups) + bool(front) > 1:
            made.legend()
        _hover_points(made.hovers, groups, axes.get_xlim(), axes.get_ylim(), x_label, y_label)
    best = {(point.x, point.y) for point in front}
    rows = tuple(
        (name, point.name, point.x, point.y, "yes" if (point.x, point.y) in best else "")
        for name, points in groups.items()
        for point in points
    )
    columns = ("group", "name", x_label or "x", y_label or "y", "on the front")
    return Chart(title, text, made.svg, Table(title, columns, rows))


def points(
    title: str,
    series: Mapping[str, Sequence[Point]],
    *,
    x_label: str = "",
    y_label: str = "",
    text: str = "",
    joined: bool = True,
    level: tuple[str, float] | None = None,
) -> Chart:
    """Measured points with the intervals of their uncertainty: joined in the order given within a band, or each with a bar.

    Parameters
    ----------
    level : tuple of str and float, optional
        A named level to compare them with, such as a limit.
    """
    text = text or summary({name: [point.y for point in found] for name, found in series.items()}, y_label)
    with canvas(title, text) as made:
        axes = made.axes
        for index, (name, found) in enumerate(series.items()):
            xs, ys, colour = [point.x for point in found], [point.y for point in found], series_colour(index)
            lows = [point.y if point.low is None else point.low for point in found]
            highs = [point.y if point.high is None else point.high for point in found]
            if not joined:
                axes.vlines(xs, lows, highs, color=colour, linewidth=1.2)
            elif lows != highs:
                axes.fill_between(xs, lows, highs, color=colour, alpha=BAND_OPACITY, linewidth=0)
            style = dash(index) if joined else "none"
            marker = MARKERS[index % len(MARKERS)]
            axes.plot(
                xs,
                ys,
                color=colour,
                linestyle=style,
                marker=marker,
                markersize=6,
                markeredgecolor=SURFACE,
                markeredgewidth=0.8,
                label=label(name),
            )
        if level is not None:
            mark(axes, *level)
        dress(made, [], x_label, y_label, named=len(series) > 1)
        _hover_points(made.hovers, series, axes.get_xlim(), axes.get_ylim(), x_label, y_label)
    rows = tuple(
        (name, point.name, point.x, point.y, point.low, point.high) for name, found in series.items() for point in found
    )
    columns = ("series", "name", x_label or "x", y_label or "y", "low", "high")
    return Chart(title, text, made.svg, Table(title, columns, rows))


def heat_map(
    title: str,
    columns: Sequence[str],
    rows: Sequence[str],
    values: Sequence[Sequence[float]],
    *,
    x_label: str = "",
    y_label: str = "",
    unit: str = "",
    text: str = "",
) -> Chart:
    """Values over two lists of names, dark is much; NaN is left empty.

    Parameters
    ----------
    values : sequence of sequence of float
        One sequence per row, as long as `columns`.
    """
    text = text or summary(dict(zip(rows, values, strict=True)), unit)
    low, high = _range(values)
    with canvas(title, text, height_in=1.6 + 0.32 * len(rows)) as made:
        axes = made.axes
        _cells(made, columns, rows, values, unit)
        every = max(1, math.ceil(sum(len(label(name)) + 2 for name in columns) / MOST_TICK_CHARACTERS))
        axes.set_xticks(range(0, len(columns), every), [label(name) for name in columns[::every]])
        axes.set_yticks(range(len(rows)), [label(name) for name in rows])
        axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5), xlabel=x_label, ylabel=y_label)
        axes.grid(visible=False)
        axes.spines["bottom"].set_visible(False)
        if high > low:
            _scale(made, low, high, unit, len(rows))
    return Chart(title, text, made.svg, _heat_table(title, columns, rows, values, y_label, unit))


def _cells(
    made: Canvas, columns: Sequence[str], rows: Sequence[str], values: Sequence[Sequence[float]], unit: str
) -> None:
    """Fill the cells, write their values where there is room, and let them be told where they can be hit."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    low, high = _range(values)
    boxes: dict[int, list[Path]] = {}
    for at, (name, found) in enumerate(zip(rows, values, strict=True)):
        # Neighbours of one colour are one rectangle: a week of half hours would be megabytes otherwise.
        for step, run in groupby(enumerate(found), key=lambda cell: _step(cell[1], low, high)):
            places = [place for place, _ in run]
            left, right = places[0] - 0.5, places[-1] + 0.5
            corners = [(left, at - 0.5), (right, at - 0.5), (right, at + 0.5), (left, at + 0.5)]
            boxes.setdefault(step, []).append(Path([*corners, corners[0]], closed=True))
        for place, value in enumerate(found):
            if math.isnan(value):
                continue
            if len(rows) * len(columns) <= MOST_CELLS:
                told = f"{name} · {columns[place]}: {number(value)} {unit}".rstrip()
                made.hovers.append(Hover((place - 0.5, place + 0.5), (at - 0.5, at + 0.5), told))
            if len(columns) <= MOST_WRITTEN:
                colour = SURFACE if _step(value, low, high) > RAMP_COLOURS // 2 else INK
                made.axes.text(place, at, number(value), ha="center", va="center", fontsize=10, color=colour)
    for step, paths in boxes.items():
        if step != NO_VALUE:
            made.axes.add_patch(PathPatch(Path.make_compound_path(*paths), color=ramp_colour(step), linewidth=0))


def _scale(made: Canvas, low: float, high: float, unit: str, rows: int) -> None:
    """Which colour stands for how much."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import BoundaryNorm, ListedColormap

    steps = RAMP_COLOURS - 1
    bounds = [low + (high - low) * step / steps for step in range(steps + 1)]
    colours = ListedColormap([ramp_colour(step) for step in range(1, RAMP_COLOURS)])
    scale = ScalarMappable(BoundaryNorm(bounds, steps), colours)
    bar = made.figure.colorbar(scale, ax=made.axes, label=unit, aspect=max(12, 2.5 * rows), pad=0.01, ticks=bounds[::4])
    bar.ax.set_yticklabels([number(bound) for bound in bounds[::4]])
    bar.outline.set_visible(False)


def _heat_table(
    title: str, columns: Sequence[str], rows: Sequence[str], values: Sequence[Sequence[float]], corner: str, unit: str
) -> Table:
    """The cells as a table, the longer of the two lists of names downwards."""
    if len(columns) <= len(rows):
        cells: list[tuple[Cell, ...]] = [(name, *found) for name, found in zip(rows, values, strict=True)]
        return Table(title, (corner, *columns), tuple(cells), unit)
    cells = [(name, *(found[place] for found in values)) for place, name in enumerate(columns)]
    return Table(title, ("", *rows), tuple(cells), unit)


def _range(values: Sequence[Sequence[float]]) -> tuple[float, float]:
    seen = [value for row in values for value in row if math.isfinite(value)]
    return min(seen, default=0.0), max(seen, default=0.0)


def _step(value: float, low: float, high: float) -> int:
    """Step of the ramp; the first is left out, so that no value cannot be taken for little."""
    if math.isnan(value):
        return NO_VALUE
    part = (value - low) / (high - low) if high > low else 0.0
    return 1 + min(RAMP_COLOURS - 2, int(part * (RAMP_COLOURS - 1)))


def _hover_points(
    hovers: list[Hover],
    groups: Mapping[str, Sequence[Point]],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    x_label: str,
    y_label: str,
) -> None:
    """Let every point tell its numbers under the pointer."""
    wide, tall = (x_range[1] - x_range[0]) * NEAR, (y_range[1] - y_range[0]) * NEAR * 2
    for name, found in groups.items():
        for point in found:
            told = f"{name}{f', {point.name}' if point.name else ''}\n{x_label}: {number(point.x)}\n{y_label}: {number(point.y)}"
            hovers.append(Hover((point.x - wide, point.x + wide), (point.y - tall, point.y + tall), told))
