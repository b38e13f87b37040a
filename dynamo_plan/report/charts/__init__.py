"""The charts of every page: over time, over names, over quantities. Numbers go in, drawing and table come out.

No chart says more than its table. Times are left edges of windows in UTC; a quantity holds until the next one, so series over
windows are drawn as steps. Names may hold anything and are shown as text. Labels of axes carry the unit: ``power, kW``.
"""

from dynamo_plan.report.charts.names import bars, stacked_bars, tornado
from dynamo_plan.report.charts.relations import heat_map, points, scatter
from dynamo_plan.report.charts.series import areas, fan, lines

__all__ = ["areas", "bars", "fan", "heat_map", "lines", "points", "scatter", "stacked_bars", "tornado"]
