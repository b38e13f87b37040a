"""What a study finds: runs that no other beats, and what moves a result most."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from dynamo_plan.report.charts.names import Effect
from dynamo_plan.schema.plan import PlanStatus
from dynamo_plan.schema.sweep import Outcome, value_text


@dataclass(frozen=True, slots=True)
class Aim:
    """A column that should be small, or large."""

    column: str
    label: str
    sign: float = 1.0

    def of(self, outcome: Outcome) -> float:
        """The value, turned so that less is better."""
        return self.sign * float(getattr(outcome, self.column))


ENERGY = Aim("energy_kwh", "energy, kWh")
COST = Aim("cost_usd", "cost, USD")
CARBON = Aim("carbon_kg", "carbon, kg CO2e")
GPUS = Aim("peak_gpus", "peak GPUs")
SLACK = Aim("slo_slack", "SLO slack, 1", -1.0)
AIMS = (ENERGY, COST, CARBON, GPUS, SLACK)


def keeps_promises(outcome: Outcome) -> bool:
    """Whether there is a plan that breaks nothing; a best effort cannot be compared with one."""
    return outcome.status in (PlanStatus.OPTIMAL, PlanStatus.FEASIBLE)


def pareto_front(outcomes: Sequence[Outcome], aims: Sequence[Aim] = AIMS) -> list[Outcome]:
    """Runs that keep every promise and that no other such run equals or beats in all aims and beats in one; in the order given."""
    kept = [one for one in outcomes if keeps_promises(one)]
    points = [[aim.of(one) for aim in aims] for one in kept]
    return [one for one, point in zip(kept, points, strict=True) if not any(_beats(other, point) for other in points)]


def _beats(first: Sequence[float], second: Sequence[float]) -> bool:
    pairs = list(zip(first, second, strict=True))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


def sensitivities(outcomes: Sequence[Outcome], grid: Mapping[str, Sequence[JsonValue]], aim: Aim) -> list[Effect]:
    """Effect of each key on a result, from its lowest to its highest result.

    A key of the grid: the mean over all runs of the grid at one of its values, less the mean over the whole grid, added to the base's
    result: the main effect of a factorial design. A key that is changed alone in cases: their results themselves, and the base's.
    """
    planned = [one for one in outcomes if keeps_promises(one)]
    base = next((getattr(one, aim.column) for one in planned if not one.change), None)
    if base is None:
        return []
    factorial = [one for one in planned if grid and set(one.change) == set(grid)]
    found = []
    for key in dict.fromkeys([*grid, *(key for one in planned if len(one.change) == 1 for key in one.change)]):
        levels: dict[str, list[float]] = {}
        shift = 0.0
        if key in grid and factorial:
            shift = base - math.fsum(getattr(one, aim.column) for one in factorial) / len(factorial)
            for one in factorial:
                levels.setdefault(value_text(one.change[key]), []).append(getattr(one, aim.column))
        else:
            levels["as is"] = [base]
            for one in planned:
                if set(one.change) == {key}:
                    levels.setdefault(value_text(one.change[key]), []).append(getattr(one, aim.column))
        means = {setting: math.fsum(values) / len(values) + shift for setting, values in levels.items()}
        if len(means) > 1:
            low, high = min(means, key=lambda name: means[name]), max(means, key=lambda name: means[name])
            found.append(Effect(key, means[low], means[high], low, high))
    return found
