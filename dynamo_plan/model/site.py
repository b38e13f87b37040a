"""The site's part of the model: variables for the quantities, every constraint and cost that applies, the objective.

PuLP model; the pools enter only through the right-hand sides or expressions of the linking rows.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass, field
from types import ModuleType
from typing import Final

import numpy as np
import pulp

from dynamo_plan.model import constraints, costs
from dynamo_plan.model.quantities import SiteVector, site_axes
from dynamo_plan.problem import Problem
from dynamo_plan.schema.plan import Omission
from dynamo_plan.schema.scenario import ObjectiveName

Term = tuple[pulp.LpVariable, float]
LINKED: Final = ("gpus_in_use", "gpu_hours", "instance_energy_kwh", "instance_starts", "served")


@dataclass
class SiteModel:
    """A PuLP model of all sites under construction.

    Attributes
    ----------
    quantities : dict of str to dict of (row, window) to LpVariable
        The linked quantities by name; row as in `SiteVector`.
    servers_on : dict of (stock row, window) to LpVariable
        Powered servers [1].
    it_energy_kwh : dict of (site row, window) to LpVariable
        IT energy of a site [kWh]: that of its instances and what `draws` and `fixed_kwh` add to it.
    draws, fixed_kwh : dict of (site row, window)
        Terms and constants of IT energy besides instances [kWh], gathered by the constraints.
    terms, constants : dict
        Objective terms and constants by objective name [kWh, USD, kg CO2e].
    omissions : list of Omission
        Pieces that do not apply, with the reason.
    """

    problem: Problem
    prob: pulp.LpProblem
    quantities: dict[str, dict[tuple[int, int], pulp.LpVariable]] = field(default_factory=dict)
    servers_on: dict[tuple[int, int], pulp.LpVariable] = field(default_factory=dict)
    it_energy_kwh: dict[tuple[int, int], pulp.LpVariable] = field(default_factory=dict)
    draws: dict[tuple[int, int], list[Term]] = field(default_factory=dict)
    fixed_kwh: dict[tuple[int, int], float] = field(default_factory=dict)
    terms: dict[ObjectiveName, list[Term]] = field(default_factory=dict)
    constants: dict[ObjectiveName, float] = field(default_factory=dict)
    omissions: list[Omission] = field(default_factory=list)
    links: dict[str, dict[tuple[int, int], pulp.LpConstraint]] = field(default_factory=dict)

    def objective(self) -> pulp.LpAffineExpression:
        """The weighted sum that is minimised."""
        pairs = [
            (variable, self.problem.weight(name) * factor)
            for name in ObjectiveName
            for variable, factor in self.terms.get(name, [])
            if self.problem.weight(name) * factor != 0.0
        ]
        constant = sum(self.problem.weight(name) * self.constants.get(name, 0.0) for name in ObjectiveName)
        return pulp.lpSum_vars_coefs(pairs) + constant


def pieces(package: ModuleType) -> list[ModuleType]:
    """Every module of a package of pieces, by name."""
    names = sorted(info.name for info in pkgutil.iter_modules(package.__path__))
    return [importlib.import_module(f"{package.__name__}.{name}") for name in names]


def build_site(problem: Problem) -> SiteModel:
    """Variables, site constraints, costs and objective; the linking rows are added by `link`."""
    model = SiteModel(problem, pulp.LpProblem(problem.name.replace("-", "_"), pulp.LpMinimize))
    none = site_axes(problem).zeros()
    for name in LINKED:
        rows = np.ndindex(getattr(none, name).shape)
        model.quantities[name] = {(row, t): model.prob.add_variable(f"{name}_{row}_{t}") for row, t in rows}
    for row, t in model.quantities["gpus_in_use"]:
        model.servers_on[row, t] = model.prob.add_variable(f"servers_on_{row}_{t}", lowBound=0.0, cat="Integer")
    for home, t in model.quantities["instance_energy_kwh"]:
        model.it_energy_kwh[home, t] = model.prob.add_variable(f"it_energy_kwh_{home}_{t}")
    for package, label in ((constraints, "constraint"), (costs, "cost")):
        for piece in pieces(package):
            if not hasattr(piece, "add"):
                continue  # a pool constraint: it acts on the pools' states, see dynamo_plan.solve.states
            reason = piece.not_applicable(problem)
            if reason is None:
                piece.add(model)
            else:
                model.omissions.append(Omission(f"{label} {piece.NAME}", reason))
    _define_it_energy(model)
    model.prob.setObjective(model.objective())
    return model


def _define_it_energy(model: SiteModel) -> None:
    """One row per site and window: IT energy is that of the instances and everything else that draws."""
    for (home, t), energy in model.it_energy_kwh.items():
        own = model.quantities["instance_energy_kwh"][home, t]
        others = [(variable, -factor) for variable, factor in model.draws.get((home, t), []) if factor != 0.0]
        row = pulp.lpSum_vars_coefs([(energy, 1.0), (own, -1.0), *others])
        model.prob.addConstraint(row == model.fixed_kwh.get((home, t), 0.0), f"it_energy_{home}_{t}")


def link(model: SiteModel, pools: dict[str, dict[tuple[int, int], list[Term]]] | SiteVector) -> None:
    """Tie every quantity to the pools: to fixed amounts, or to expressions in the pools' variables."""
    for name in LINKED:
        model.links[name] = {}
        for (row, t), quantity in model.quantities[name].items():
            if isinstance(pools, SiteVector):
                expression = quantity == float(getattr(pools, name)[row, t])
            else:
                terms = [(variable, -factor) for variable, factor in pools[name].get((row, t), [])]
                expression = pulp.lpSum_vars_coefs([(quantity, 1.0), *terms]) == 0.0
            model.links[name][row, t] = model.prob.addConstraint(expression, f"link_{name}_{row}_{t}")
