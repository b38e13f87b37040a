"""The part of the forecast that is planned: `horizon` of the scenario, cut out of every forecast in whole windows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC

import numpy as np

from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.utc_column import stamp
from dynamo_plan.ingest.yaml_document import Document
from dynamo_plan.schema.load import Forecast, Windows
from dynamo_plan.schema.scenario import HorizonSpec
from dynamo_plan.units import SECONDS_PER_HOUR

CODE = "scenario-horizon"

WHOLE = 1e-6
"""Part of a window by which `hours` may miss a whole number: 5 minutes are no finite decimal fraction of an hour."""


def planned_part(document: Document, horizon: HorizonSpec, windows: Windows, faults: Faults) -> slice | None:
    """Windows that the scenario's horizon asks for; None if the forecast does not have them, with the reason noted."""
    first, count = 0, len(windows)
    covered = f"The forecast has {count} windows of {windows.window_s} s from {windows.label(0)}"
    if horizon.start is not None:
        start = np.datetime64(horizon.start.astimezone(UTC).replace(tzinfo=None), "us")
        here = np.flatnonzero(windows.start.astype("datetime64[us]") == start)
        if here.size == 0:
            after = windows.start[windows.start > start]
            mend = (
                f"The next one starts at {stamp(after[0])}" if after.size else "Start earlier, or extend the forecast"
            )
            what = f"no window of the forecast starts at {horizon.start.isoformat()}"
            faults.add(CODE, document.where(("horizon", "start")), what, covered, mend)
            return None
        first = int(here[0])
    asked = count - first
    if horizon.hours is not None:
        whole = horizon.hours * SECONDS_PER_HOUR / windows.window_s
        asked = round(whole)
        where = document.where(("horizon", "hours"))
        if asked < 1 or abs(asked - whole) > WHOLE:
            what = f"{horizon.hours:g} h are {whole:g} windows"
            mend = f"Write {max(asked, 1) * windows.hours:.10g}"
            faults.add(CODE, where, what, "A horizon is a whole number of windows", mend)
            return None
        if first + asked > count:
            what = f"{asked} windows from {windows.label(first)} end after the forecast"
            mend = f"Write at most {(count - first) * windows.hours:.10g}, or extend the forecast"
            faults.add(CODE, where, what, covered, mend)
            return None
    return slice(first, first + asked)


def cut_windows(windows: Windows, part: slice) -> Windows:
    """These windows alone."""
    return Windows(windows.start[part], windows.window_s)


def cut_forecast(forecast: Forecast, part: slice) -> Forecast:
    """The forecast for these windows alone."""
    return replace(
        forecast,
        windows=cut_windows(forecast.windows, part),
        rate_rps=forecast.rate_rps[part],
        quantile_rate_rps={level: rates[part] for level, rates in forecast.quantile_rate_rps.items()},
    )
