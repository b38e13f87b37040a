"""Whether a measurement is clean: one file per check in `checks`, each with `NAME` and `check`, found by that folder.

`docs/reference/evidence.md` lists them with their thresholds.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from importlib import import_module
from typing import Protocol, cast

from dynamo_plan.profile.evidence import checks
from dynamo_plan.profile.evidence.case import Case, window_of
from dynamo_plan.profile.evidence.power import by_counter_w, by_trapezoid_w
from dynamo_plan.schema.measurement import Measurement
from dynamo_plan.schema.telemetry import Outcome, Telemetry, Verdict

WORST_FIRST = (Outcome.REJECTED, Outcome.SUSPECT, Outcome.CLEAN)


class Check(Protocol):
    """What the module of a check offers."""

    NAME: str

    def check(self, case: Case) -> Verdict:
        """What the evidence says on this point."""


@cache
def load_checks() -> tuple[Check, ...]:
    """All checks, sorted by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(checks.__path__))
    return tuple(cast(Check, import_module(f"{checks.__name__}.{name}")) for name in names)


def judge(
    measurement: Measurement, telemetry: Telemetry | None = None, repeats: Sequence[Measurement] = ()
) -> tuple[Verdict, ...]:
    """What each check says of a measurement, sorted by the name of the check.

    Parameters
    ----------
    telemetry : Telemetry, optional
        Of the instance's GPUs, and of no others.
    repeats : sequence of Measurement, optional
        Further measurements of the same operating point, as `profile.repeats` groups them.
    """
    window, missing = window_of(measurement, telemetry)
    case = Case(measurement, window, missing, tuple(repeats))
    return tuple(check.check(case) for check in load_checks())


def overall(verdicts: Iterable[Verdict]) -> Outcome:
    """The worst that is known; `UNKNOWN` where nothing is."""
    found = {verdict.outcome for verdict in verdicts}
    return next((outcome for outcome in WORST_FIRST if outcome in found), Outcome.UNKNOWN)


def with_power(measurement: Measurement, telemetry: Telemetry | None) -> Measurement:
    """The measurement with the power and energy that its telemetry shows, where its own file gives none.

    Energy is the counters' where there are any, else the trapezoid over sampled powers. Unchanged where the telemetry does not cover the
    measurement, or is not of as many GPUs as the instance has; the check ``telemetry_coverage`` says so.
    """
    window, _ = window_of(measurement, telemetry)
    if window is None or measurement.duration_s is None or not is_of_instance(measurement, window.telemetry):
        return measurement
    counted_w, sampled_w = by_counter_w(window), by_trapezoid_w(window)
    power_w = counted_w if counted_w is not None else sampled_w
    if power_w is None:
        return measurement
    return replace(
        measurement,
        power_w=power_w if measurement.power_w is None else measurement.power_w,
        energy_j=power_w * measurement.duration_s if measurement.energy_j is None else measurement.energy_j,
    )


def is_of_instance(measurement: Measurement, telemetry: Telemetry) -> bool:
    """Whether telemetry is of as many GPUs as the instance has; an instance that does not say has all."""
    return measurement.tp is None or len(telemetry.gpus) == measurement.tp * (measurement.pp or 1)
