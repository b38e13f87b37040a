"""Charts over names: bars, side by side or stacked, and the tornado of sensitivities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dynamo_plan.report.chart import Cell, Chart, Table
from dynamo_plan.report.charts.axes import colours, hatch, plain_numbers, slant_if_crowded, summary
from dynamo_plan.report.charts.canvas import INK, MUTED, SURFACE, Hover, canvas, label, series_colour
from dynamo_plan.report.wording import number

FEW = 4
"""Names of which each takes its part of the width; fewer leave room beside them."""

BAR_ROOM = 0.8
"""Part of a name's room that its bars take."""


def bars(
    title: str,
    names: Sequence[str],
    series: Mapping[str, Sequence[float]],
    *,
    y_label: str = "",
    text: str = "",
    stacked: bool = False,
    ordered: bool = False,
) -> Chart:
    """A bar per name and series, side by side (such as the plan beside its baselines) or stacked.

    Parameters
    ----------
    series : mapping of str to sequence of float
        Each as long as `names`.
    ordered : bool
        Whether the series have an order: then they take a ramp, little to much.
    """
    text, count = text or summary(series, y_label), len(series)
    width = BAR_ROOM if stacked else BAR_ROOM / max(1, count)
    with canvas(title, text) as made:
        above, below = [0.0] * len(names), [0.0] * len(names)
        for index, (name, values) in enumerate(series.items()):
            shift = 0.0 if stacked else (index - (count - 1) / 2) * width
            colour = colours(count, ordered=ordered)[index]
            starts = [(up if value >= 0 else down) for up, down, value in zip(above, below, values, strict=True)]
            starts = starts if stacked else [0.0] * len(names)
            style: dict[str, Any] = {"bottom": starts, "width": width * 0.94, "color": colour, "label": label(name)}
            if not ordered:
                style |= {"hatch": hatch(index), "edgecolor": SURFACE, "linewidth": 0}
            made.axes.bar([place + shift for place in range(len(names))], list(values), **style)
            for place, (start, value) in enumerate(zip(starts, values, strict=True)):
                x = (place + shift - width / 2, place + shift + width / 2)
                made.hovers.append(Hover(x, (start, start + value), f"{names[place]}\n{name}: {number(value)}"))
                above[place] += max(value, 0.0)
                below[place] += min(value, 0.0)
        made.axes.set_xticks(range(len(names)), [label(name) for name in names])
        room = max(0.0, (FEW - len(names)) / 2)  # a lone bar is no wall
        made.axes.set_xlim(-0.5 - room, len(names) - 0.5 + room)
        plain_numbers(made.axes.yaxis)
        made.axes.set_ylabel(y_label)
        made.axes.axhline(0, color=MUTED, linewidth=0.8)
        slant_if_crowded(made.axes, names)
        if count > 1:
            made.legend()
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (name, *(values[place] for values in series.values())) for place, name in enumerate(names)
    )
    return Chart(title, text, made.svg, Table(title, ("", *series), rows, y_label))


def stacked_bars(
    title: str,
    names: Sequence[str],
    series: Mapping[str, Sequence[float]],
    *,
    y_label: str = "",
    text: str = "",
    ordered: bool = False,
) -> Chart:
    """Parts of a whole per name; negative parts hang below 0."""
    return bars(title, names, series, y_label=y_label, text=text, stacked=True, ordered=ordered)


@dataclass(frozen=True, slots=True)
class Effect:
    """What one change does: the result at its lower and at its upper setting, and what these settings are."""

    name: str
    low: float
    high: float
    low_setting: str
    high_setting: str

    @property
    def swing(self) -> float:
        """How far the two results lie apart."""
        return abs(self.high - self.low)


def tornado(title: str, base: float, effects: Sequence[Effect], *, x_label: str = "", text: str = "") -> Chart:
    """What moves a result most, widest on top; bars start at the result without any change."""
    ordered = sorted(effects, key=lambda effect: (-effect.swing, effect.name))
    text = text or summary({effect.name: (effect.low, base, effect.high) for effect in ordered}, x_label)
    with canvas(title, text, height_in=1.1 + 0.42 * max(1, len(ordered))) as made:
        for place, effect in enumerate(ordered):
            for index, (value, setting) in enumerate(
                ((effect.low, effect.low_setting), (effect.high, effect.high_setting))
            ):
                made.axes.barh(place, value - base, left=base, height=0.68, color=series_colour(index))
                made.hovers.append(
                    Hover((base, value), (place - 0.4, place + 0.4), f"{effect.name} {setting}: {number(value)}")
                )
                outward = 1 if value > base or (value == base and index) else -1
                made.axes.annotate(
                    label(setting),
                    (value, place),
                    (4 * outward, 0),
                    textcoords="offset points",
                    ha="left" if outward > 0 else "right",
                    va="center",
                    fontsize=10,
                    color=MUTED,
                )
        made.axes.axvline(base, color=INK, linewidth=1.0)
        made.axes.set_yticks(range(len(ordered)), [label(effect.name) for effect in ordered])
        made.axes.invert_yaxis()
        made.axes.margins(x=0.18)  # room for the settings beside the bars
        made.axes.grid(visible=True, axis="x")
        made.axes.grid(visible=False, axis="y")
        plain_numbers(made.axes.xaxis)
        made.axes.set_xlabel(x_label)
    rows = tuple(
        (effect.name, effect.low_setting, effect.low, effect.high_setting, effect.high, effect.swing)
        for effect in ordered
    )
    columns = ("change", "from", "result there", "to", "result there ", "swing")
    return Chart(title, text, made.svg, Table(title, columns, rows, f"{x_label}; without a change {number(base)}"))
