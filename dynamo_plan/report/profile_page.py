"""A profile on one page: capacity and energy over the clock, power and latency over load, the measured points with their errors."""

from __future__ import annotations

from collections.abc import Sequence

from dynamo_plan.report.chart import Chart
from dynamo_plan.report.page import KeyFigure, Page, Section
from dynamo_plan.schema.profile_picture import CellPicture, KindPicture, Series
from dynamo_plan.units import PERCENT_PER_ONE

CLOCK, RATE = "SM clock, MHz", "rate of one instance, 1/s"
QUANTITIES = {"rate": "rate", "ttft": "TTFT", "tbt": "TBT", "power": "power"}
BANDS = (
    "Bands are the error that nine in ten rows stay within when their clock is left out and predicted from the others."
)


def profile_page(title: str, kinds: Sequence[KindPicture], foot: str = "") -> Page:
    """The page of a profile, a section per kind.

    Raises
    ------
    UsageError
        The extra `report` is not installed.
    """
    return Page(title, [_section(kind) for kind in kinds], foot=foot)


def _section(kind: KindPicture) -> Section:
    name = str(kind.kind)
    charts = [
        *_chart(f"{name}: capacity at the SLO", kind.capacity_rps, CLOCK, "capacity, 1/s"),
        *_chart(f"{name}: energy per request at capacity", kind.energy_j, CLOCK, "energy, J"),
        *(chart for cell in kind.cells for chart in _cell(name, cell)),
    ]
    figures = [
        KeyFigure(f"error of {QUANTITIES[quantity]}", f"{error * PERCENT_PER_ONE:.1f} %", "P90, a clock left out")
        for quantity, error in kind.errors.items()
    ]
    text = [f"{kind.rows} rows."]
    drawn, served = [cell.bucket for cell in kind.cells], list(kind.capacity_rps)
    if drawn and len(drawn) < len(served):
        text.append(f"Over load are drawn {', '.join(drawn)} of {', '.join(served)}; --bucket takes others.")
    text += [BANDS] if figures else ["Too few clocks to say how wrong the rows may be."]
    return Section(f"{kind.model} on {name}", text, charts, figures=figures)


def _cell(name: str, cell: CellPicture) -> list[Chart]:
    """Charts of a bucket: power with the best dispatch, latencies."""
    where = f"{name}, {cell.bucket}"
    return [
        *_chart(f"{where}: power against load", {**cell.power_w, **cell.dispatch_w}, RATE, "power, W"),
        *_chart(f"{where}: TTFT against load", cell.ttft_ms, RATE, "TTFT P99, ms", cell.ttft_slo_ms),
        *_chart(f"{where}: TBT against load", cell.tbt_ms, RATE, "TBT P99, ms", cell.tbt_slo_ms),
    ]


def _chart(title: str, series: Series, x_label: str, y_label: str, slo: float | None = None) -> list[Chart]:
    """One chart, or none where there is nothing to draw."""
    from dynamo_plan.report.charts import points
    from dynamo_plan.report.charts.relations import Point

    drawn = {
        name: [Point(one.at, one.value, one.name, one.low, one.high) for one in readings]
        for name, readings in series.items()
        if readings
    }
    level = None if slo is None else (f"SLO: {slo:g}", slo)
    return [points(title, drawn, x_label=x_label, y_label=y_label, level=level)] if drawn else []
