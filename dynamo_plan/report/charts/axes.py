"""What charts share: dress of the axes, colours in order, marks, numbers under the pointer, the sentence that sums up."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from dynamo_plan.report.chart import Cell, Table
from dynamo_plan.report.charts.canvas import (
    INK,
    SERIES_COLOURS,
    SURFACE,
    Canvas,
    Hover,
    label,
    ramp_colour,
    series_colour,
)
from dynamo_plan.report.charts.canvas import RAMP_COLOURS as STEPS
from dynamo_plan.report.wording import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

type Along = Sequence[datetime | float]
"""Where values stand: left edges of windows, or quantities."""

DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))
"""Of series that share a colour."""

HATCHES = (None, "///", "...", "xx")
"""Of areas that share a colour."""

MOST_HOVERS = 400
"""Most columns of a chart that tell their numbers under the pointer; finer ones could not be hit."""

FAINTEST = 2
"""First step of the ramp that is seen well against the page."""

TICKS = ("%Y", "%b", "%b %d", "%H:%M", "%H:%M", "%S.%f")
BESIDE_TICKS = ("", "%Y", "%Y", "%Y-%m-%d", "%Y-%m-%d", "%Y-%m-%d %H:%M")
"""Times on the axis, and what of them stands beside it once, for ticks of years, months, days, hours, minutes and seconds."""

CROWDED = 90
"""Characters on the horizontal axis from which on names are turned."""


def is_time(x: Along) -> bool:
    """Whether values stand at times."""
    return bool(x) and isinstance(x[0], datetime)


def held(x: Along, values: Sequence[float]) -> tuple[list[Any], list[float]]:
    """Values held to the end of the last step, which is as long as the one before it."""
    along: list[Any] = list(x)
    lone = timedelta(hours=1) if is_time(x) else 1.0
    step = along[-1] - along[-2] if len(along) > 1 else lone
    return [*along, along[-1] + step], [*values, values[-1]]


def dash(index: int) -> Any:
    """Dash of a series, another one each time that the colours start again."""
    return DASHES[(index // SERIES_COLOURS) % len(DASHES)]


def hatch(index: int) -> str | None:
    """Hatching of an area, another one each time that the colours start again."""
    return HATCHES[(index // SERIES_COLOURS) % len(HATCHES)]


def colours(count: int, *, ordered: bool) -> list[str]:
    """Colours of this many series; ordered ones take the ramp, little to much."""
    if not ordered:
        return [series_colour(index) for index in range(count)]
    return [ramp_colour(round(FAINTEST + (STEPS - 1 - FAINTEST) * i / max(1, count - 1))) for i in range(count)]


def mark(axes: Axes, name: str, level: float) -> None:
    """A named level across the chart."""
    axes.axhline(level, color=INK, linewidth=1.0, linestyle=(0, (5, 3)))
    axes.annotate(
        label(name),
        (1, level),
        (-2, 3),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="right",
        va="bottom",
        fontsize=10,
        bbox={"facecolor": SURFACE, "edgecolor": "none", "alpha": 0.8, "pad": 1.0},
    )


def dress(made: Canvas, x: Along, x_label: str, y_label: str, *, named: bool) -> None:
    """Axes in the field's manner: named with units, times as plain dates, from 0 unless that hides everything."""
    axes = made.axes
    if is_time(x):
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        locator = AutoDateLocator(tz=UTC, minticks=4, maxticks=9)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        by_level = {"formats": TICKS, "zero_formats": ("", *TICKS[:-1]), "offset_formats": BESIDE_TICKS}
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC, **by_level))  # type: ignore[no-untyped-call]
    if len(x) > 1:
        ends: list[Any] = held(x, [0.0] * len(x))[0] if is_time(x) else list(x)
        axes.set_xlim(min(ends), max(ends))
    plain_numbers(axes.yaxis)
    if not is_time(x):
        plain_numbers(axes.xaxis)
    axes.set_xlabel(x_label or ("time, UTC" if is_time(x) else ""))
    axes.set_ylabel(y_label)
    low, high = axes.get_ylim()
    if 0 < low < high / 2:
        axes.set_ylim(bottom=0)
    if named:
        made.legend()


def plain_numbers(axis: Axis) -> None:
    """Thousands separated, never in powers of ten."""
    axis.set_major_formatter(lambda value, _: f"{value:,.10g}".replace("-", "−"))


def hover_columns(made: Canvas, x: Along, series: Mapping[str, Sequence[float]], *, steps: bool) -> None:
    """Let every step, or the surroundings of every point, tell its numbers under the pointer."""
    if not 2 <= len(x) <= MOST_HOVERS:
        return
    from matplotlib.dates import date2num

    places = [float(date2num(one) if isinstance(one, datetime) else one) for one in x]  # type: ignore[no-untyped-call]
    before, after = [2 * places[0] - places[1], *places], [*places, 2 * places[-1] - places[-2]]
    for index, (place, at) in enumerate(zip(places, x, strict=True)):
        span = (place, after[index + 1]) if steps else ((before[index] + place) / 2, (place + after[index + 1]) / 2)
        head = f"{at:%Y-%m-%d %H:%M} UTC" if isinstance(at, datetime) else number(at)
        told = [f"{name}: {number(values[index])}" for name, values in series.items() if not math.isnan(values[index])]
        made.hovers.append(Hover(span, None, "\n".join([head, *told])))


def slant_if_crowded(axes: Axes, names: Sequence[str]) -> None:
    """Turn names on the axis where they would run into each other."""
    if sum(len(label(name)) for name in names) > CROWDED:
        for text in axes.get_xticklabels():
            text.set(rotation=30, ha="right", rotation_mode="anchor")


def summary(series: Mapping[str, Iterable[float]], unit: str) -> str:
    """The sentence for a chart without one of its own: what is shown, from where to where."""
    seen = [value for values in series.values() for value in values if math.isfinite(value)]
    if not seen:
        return "No values."
    names = ", ".join(series) if len(series) <= SERIES_COLOURS else f"{len(series)} series"
    return f"{names}: from {number(min(seen))} to {number(max(seen))}{f' ({unit})' if unit else ''}."


def table_along(title: str, x: Along, series: Mapping[str, Sequence[float]], x_label: str, y_label: str) -> Table:
    """The numbers of series along x, a row per place."""
    head = "window start, UTC" if is_time(x) else x_label or "x"
    rows: list[tuple[Cell, ...]] = [(at, *(values[i] for values in series.values())) for i, at in enumerate(list(x))]
    return Table(title, (head, *series), tuple(rows), y_label)
