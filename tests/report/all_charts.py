"""One chart of every sort, with names that try to be more than names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

from dynamo_plan.report import charts
from dynamo_plan.report.chart import Chart
from dynamo_plan.report.charts.names import Effect
from dynamo_plan.report.charts.relations import Point

HOSTILE = "<script>alert('x')</script> & $\\alpha$ #011001 {{ 7*7 }}"
TIMES = [datetime(2024, 5, 14, hour, tzinfo=UTC) for hour in range(6)]
UP, DOWN = [1.0, 2.0, 4.0, 4.0, 3.0, 5.0], [5.0, 3.0, 2.0, 2.5, 1.0, 1.0]


@cache
def every_chart() -> dict[str, Chart]:
    """Drawn once for all tests; read only."""
    return drawn_anew()


def drawn_anew() -> dict[str, Chart]:
    points = [Point(x, y, f"run {x:g}", y - 0.5, y + 0.5) for x, y in zip(UP, DOWN, strict=True)]
    mirrored = [Point(point.y, point.x) for point in points]
    both = {HOSTILE: UP, "b": DOWN}
    return {
        "lines": charts.lines("lines", TIMES, both, y_label="power, kW", marks={HOSTILE: 4.5}),
        "areas": charts.areas("areas", TIMES, both, y_label="GPUs", ordered=True),
        "fan": charts.fan("fan", TIMES, {0.05: DOWN, 0.5: UP, 0.95: [6.0] * 6}, actual=UP, y_label="rate, 1/s"),
        "bars": charts.bars("bars", [HOSTILE, "y"], {"plan": [1.0, 2.0], HOSTILE: [3.0, 4.0]}),
        "stacked_bars": charts.stacked_bars("stacked", ["x"], {"a": [1.0], "b": [-2.0]}, y_label="USD"),
        "scatter": charts.scatter(
            "scatter", {HOSTILE: points, "b": mirrored}, front=points[:2], x_label="x", y_label="y"
        ),
        "tornado": charts.tornado(
            "tornado", 3.0, [Effect(HOSTILE, 1.0, 4.0, "0.8", "1.2"), Effect("b", 2.9, 3.1, "", "")]
        ),
        "heat_map": charts.heat_map("heat", ["1", "2"], [HOSTILE, "r"], [[1.0, 2.0], [float("nan"), 4.0]], unit="MHz"),
        "points": charts.points("points", {HOSTILE: points}, x_label="clock, MHz", y_label="capacity, 1/s"),
    }


def long_times(windows: int) -> list[datetime]:
    return [TIMES[0] + timedelta(minutes=30 * window) for window in range(windows)]
