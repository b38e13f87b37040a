"""Single values, each with metric, GPU and time, to samples."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from dynamo_plan.ingest.gathered import Faults, clipped
from dynamo_plan.ingest.telemetry.dcgm_fields import FIELDS
from dynamo_plan.ingest.telemetry.samples import BLANKS, PLAUSIBLE, Samples, empty, without_blanks
from dynamo_plan.schema.telemetry import Quantity
from dynamo_plan.units import US_PER_SECOND

MOST_TIME_US = 253402300800e6
"""The year 10000."""


@dataclass(slots=True)
class Points:
    """Values as they are read; `shown` is the file's name for messages."""

    shown: str
    dropped: Counter[str]
    gpus: dict[str, int] = field(default_factory=dict)
    rows: dict[Quantity, tuple[list[int], list[int], list[float]]] = field(default_factory=dict)

    def add(self, where: str, metric: str, gpu: str, time_us: float, text: str, faults: Faults) -> None:
        """Take one value over, or note why not; NaN is Prometheus's way to say that there is none."""
        quantity, unit, factor = FIELDS[metric]
        if not 0.0 <= time_us <= MOST_TIME_US:  # NaN too
            what = f"{time_us / US_PER_SECOND:g} s since 1970 is no time of a sample"
            faults.add("telemetry-time", where, what, "", "Correct the time")
            return
        try:
            stated = float(text)
        except ValueError:
            faults.add("table-not-a-number", where, f"{clipped(text)} is not a number", "", "Correct the value")
            return
        (value,), blanks = without_blanks(quantity, np.array([stated]))
        self.dropped[BLANKS] += blanks
        if np.isnan(value):
            return
        low, high, in_words = PLAUSIBLE[quantity]
        if not low <= value * factor <= high:
            what = f"{text} {unit} is not possible for one GPU"
            allowed = f"{quantity.value} lies between {low:g} and {high:g} {in_words}"
            faults.add("telemetry-range", where, what, allowed, "Check unit and metric")
            return
        gpus, times, values = self.rows.setdefault(quantity, ([], [], []))
        gpus.append(self.gpus.setdefault(gpu, len(self.gpus)))
        times.append(round(time_us))
        values.append(float(value) * factor)

    def samples(self, faults: Faults) -> Samples | None:
        """All values as samples of one quantity each; `joined` brings those of one moment together."""
        if not self.rows:
            what = f"no metric of {', '.join(FIELDS)} has a value for a GPU that is asked for"
            faults.add("telemetry-nothing", self.shown, what, "At least one is needed", "Check what was recorded")
            return None
        sizes = {quantity: len(times) for quantity, (_, times, _) in self.rows.items()}
        total, start = sum(sizes.values()), 0
        values = {quantity: empty(quantity, total) for quantity in self.rows}
        for quantity, (_, _, column) in self.rows.items():
            values[quantity][start : start + sizes[quantity]] = column
            start += sizes[quantity]
        gpu = np.concatenate([np.array(gpus, dtype=np.int16) for gpus, _, _ in self.rows.values()])
        time_us = np.concatenate([np.array(times, dtype=np.int64) for _, times, _ in self.rows.values()])
        return Samples(tuple(self.gpus), gpu, time_us, values, self.dropped)
