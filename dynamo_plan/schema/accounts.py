"""What the accounts need besides a plan and its inputs: what servers cost their owner, what making them emitted, marginal carbon.

A user writes it as `accounts.yaml` for `report --accounts`. The defaults describe one server of eight H100 SXM GPUs in round figures
for planning; they are no quotes. Rated power is eight times 700 W (NVIDIA H100 data sheet, SXM). Lives are within the usual ranges of
3 to 5 years for servers, 7 to 10 for networks and 15 to 30 for buildings and their power and cooling (Stojkovic et al. 2025,
arXiv:2509.26534, section 2). Prices are assumptions of this project.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field, model_validator

from dynamo_plan.schema.scenario import Name, NonNegative, Positive, Record


class Amortisation(StrEnum):
    """How a price becomes a yearly cost: an equal part per year of life, or with interest by the capital recovery factor."""

    STRAIGHT_LINE = "straight-line"
    CAPITAL_RECOVERY = "capital-recovery"


class Asset(Record):
    """Something bought: price [USD] per server, or per kW of rated server power, and life [years]."""

    usd_per_server: NonNegative = 0.0
    usd_per_kw: NonNegative = 0.0
    life_years: Positive


class OwnedServer(Record):
    """What a server of one GPU type costs its owner, and what its making emitted.

    Units: rated_kw [kW per server] is what power and cooling are built for; maintenance [USD per server and year]; embodied_kg
    [kg CO2e per server], not counted where it is left out.
    """

    rated_kw: Positive = 5.6
    server: Asset = Asset(usd_per_server=216_000.0, life_years=5.0)
    rack: Asset = Asset(usd_per_server=500.0, life_years=5.0)
    power: Asset = Asset(usd_per_kw=14_000.0, life_years=15.0)
    cooling: Asset = Asset(usd_per_kw=5_000.0, life_years=15.0)
    facility: Asset = Asset(usd_per_kw=250.0, life_years=15.0)
    network: Asset = Asset(usd_per_server=1_350.0, life_years=10.0)
    maintenance_usd_per_year: NonNegative = 5_200.0
    embodied_kg: NonNegative | None = None


class Unit(StrEnum):
    """What the software carbon intensity is counted per."""

    REQUEST = "request"
    GPU_HOUR = "gpu-hour"


class AccountsSpec(Record):
    """The whole file. `owned` by GPU type, `marginal_carbon` by site: a grid file whose carbon intensity is the marginal one."""

    version: Literal[1]
    amortisation: Amortisation = Amortisation.STRAIGHT_LINE
    interest: float = Field(default=0.08, ge=0, lt=1)
    owned: dict[Name, OwnedServer] = Field(default_factory=dict)
    marginal_carbon: dict[Name, str] = Field(default_factory=dict)
    per: Unit = Unit.REQUEST

    @model_validator(mode="after")
    def _says_something(self) -> AccountsSpec:
        if not self.owned and not self.marginal_carbon:
            raise ValueError("the file says nothing: it needs `owned:`, `marginal_carbon:` or both")
        return self
