"""The plan: what runs when, what it costs, how good it is and what it rests on.

Everything below the second waist (verify, report, emit) reads this and never the model. Windows are named by index; index 0
starts at `Plan.first_window_start`, in UTC. `plan.json` is this record as JSON; its schema: `dynamo-plan schema plan`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dynamo_plan.schema.kind import Kind
from dynamo_plan.units import PERCENT_PER_ONE

PLAN_VERSION = 1


class PlanStatus(StrEnum):
    """What is known about a plan.

    ``optimal``: the gap to a proven bound is within the asked-for gap. ``feasible``: every promise holds, the gap is wider.
    ``infeasible``: no plan can hold every promise; this one is the best effort and lists what it breaks. ``error``: none.
    """

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"
    INFEASIBLE = "infeasible"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Group:
    """Instances of one pool and kind that run at one clock and one load in one window.

    Attributes
    ----------
    window : int
    pool : str
        ``service/pool``, as in `PoolPlan.name`.
    kind : Kind
    instances : int
    frequency_mhz : float
        SM clock to lock [MHz]; 0: none, the profile's clocks were not locked.
    rate_rps : float
        Arrival rate of each instance [1/s].
    utilisation : float
        Rate over capacity at the SLO at this clock, for the group's mix of buckets [1].
    power_w : float
        Electrical power of all instances of the group together [W].
    bucket_rates_rps : tuple of float
        Arrival rate of each of the pool's buckets at each instance [1/s], where the service's routing is free; they add up to
        `rate_rps`. Empty: the group takes the pool's mix.
    """

    window: int
    pool: str
    kind: Kind
    instances: int
    frequency_mhz: float
    rate_rps: float
    utilisation: float
    power_w: float
    bucket_rates_rps: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """Identity of a pool: which buckets of which service share instances, at which site.

    ``share``: of these buckets' load that goes to this site, per window [1]; empty where all of it does.
    """

    name: str
    service: str
    site: str
    buckets: tuple[str, ...]
    share: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Reshard:
    """Instances of one pool and kind that take over GPUs which other instances of the pool free at a window's left edge."""

    window: int
    pool: str
    kind: Kind
    instances: int


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """Servers of one GPU type at one site, per window; every tuple has one entry per window.

    ``gpus_in_use`` counts GPUs of running instances, ``servers_on`` the servers that hold them, ``servers_started`` those to be
    switched on ``start_s`` [s] before the window's left edge.
    """

    site: str
    gpu: str
    gpus_in_use: tuple[int, ...]
    servers_on: tuple[int, ...]
    servers_started: tuple[int, ...]
    start_s: float


@dataclass(frozen=True, slots=True)
class SitePlan:
    """What one site draws, per window; every tuple has one entry per window.

    ``it_energy_kwh``: instances, their starts, idle parts of powered servers, unused GPUs, released servers. ``energy_kwh``:
    facility energy, PUE included. ``carbon_kg``: operational, at the grid's average intensity given. ``cost_usd``:
    electricity, GPU-hours and starts.
    """

    site: str
    it_energy_kwh: tuple[float, ...]
    energy_kwh: tuple[float, ...]
    carbon_kg: tuple[float, ...]
    cost_usd: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the horizon. Units as in the names; ``peak_power_kw`` is the largest window mean of facility power."""

    energy_kwh: float
    it_energy_kwh: float
    carbon_kg: float
    cost_usd: float
    gpu_hours: float
    peak_power_kw: float
    peak_gpus: int
    unserved_requests: float
    instance_starts: int


@dataclass(frozen=True, slots=True)
class Certificate:
    """How good the plan is and what proves it.

    Attributes
    ----------
    objective, best_bound : float
        In the unit of the blended objective: sum of weight x (kWh, USD or kg CO2e).
    gap : float
        (objective - best_bound) / max(abs(objective), abs(best_bound)); 0 where both are 0 [1].
    method : str
        ``decomposed`` or ``compact``.
    proof : str
        One sentence: where the bound comes from.
    """

    objective: float
    best_bound: float
    gap: float
    method: str
    proof: str


@dataclass(frozen=True, slots=True)
class Violation:
    """One promise that a best-effort plan breaks, by how much, and the least change that mends it."""

    constraint: str
    where: str
    windows: tuple[int, ...]
    shortfall: tuple[float, ...]
    unit: str
    mend: str


@dataclass(frozen=True, slots=True)
class ShadowPrice:
    """What one more unit of a limit would save in single windows, all else equal: prices of the relaxed problem.

    Attributes
    ----------
    constraint, where : str
        As in `Violation`.
    unit : str
        ``GPU``, ``kW`` (facility power) or ``start``.
    windows : tuple of int
        Where the limit has a price.
    saving : tuple of float
        Per unit and window, in the unit of the certificate's objective. With instances and servers divisible, more units never save
        more than this each.
    """

    constraint: str
    where: str
    unit: str
    windows: tuple[int, ...]
    saving: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Omission:
    """A piece of the model that does not apply to this scenario, and why."""

    piece: str
    reason: str


@dataclass(frozen=True, slots=True)
class Baseline:
    """A reference plan under the same profile, load and accounting."""

    name: str
    description: str
    totals: Totals


@dataclass(frozen=True, slots=True)
class ProvenanceShare:
    """Share of the instances' energy [1] that rests on profile rows of this provenance."""

    provenance: str
    share: float


@dataclass(frozen=True, slots=True)
class PredictionError:
    """How wrong a service's profile is, by its own record, about clocks that are left out and predicted from the others.

    Attributes
    ----------
    service : str
    quantity : str
        ``rate``, ``ttft``, ``tbt`` or ``power``.
    mean : float
        Of the kind that is predicted worst [relative].
    worst : float or None
        Largest of a single row [relative]; None where the profile does not record it.
    """

    service: str
    quantity: str
    mean: float
    worst: float | None = None

    def __str__(self) -> str:
        worst = "" if self.worst is None else f" (worst row {self.worst * PERCENT_PER_ONE:.1f} %)"
        return f"{self.quantity} {self.mean * PERCENT_PER_ONE:.1f} %{worst}"


@dataclass(frozen=True, slots=True)
class PoolSharing:
    """How the pools of a service with `pools: auto` were chosen, and what sharing instances saves.

    Costs are in the objective's unit, for the service's pools planned one by one: a GPU in use bears its share of a server, and
    whole servers and caps are not in them.

    Attributes
    ----------
    sets : int
        Sets of buckets compared, by estimate or exactly.
    impossible : int
        Of these, sets that no kind can serve together: the mixing table has no row for them, or leaves no capacity.
    priced : int
        Sets planned exactly.
    margin : float or None
        A set that was not planned would have to cost this part less than estimated to make the pools cheaper [1]; None: the
        search stopped before it had planned every set that looked best.
    cost, per_bucket_cost, single_cost : float
        With the pools chosen, with one pool per bucket, with one pool; None: the one pool cannot serve, or was not planned in time.
    """

    service: str
    sets: int
    impossible: int
    priced: int
    margin: float | None
    cost: float
    per_bucket_cost: float
    single_cost: float | None


@dataclass(frozen=True, slots=True)
class InputFile:
    """An input as it was read: path relative to the scenario file, size [bytes] and SHA-256."""

    role: str
    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole plan; see the module's docstring."""

    version: int
    name: str
    status: PlanStatus
    first_window_start: str
    window_s: int
    windows: int
    certificate: Certificate
    totals: Totals
    pools: tuple[PoolPlan, ...]
    groups: tuple[Group, ...]
    servers: tuple[ServerPlan, ...]
    sites: tuple[SitePlan, ...]
    baselines: tuple[Baseline, ...]
    provenance: tuple[ProvenanceShare, ...]
    violations: tuple[Violation, ...]
    omissions: tuple[Omission, ...]
    assumptions: tuple[str, ...]
    inputs: tuple[InputFile, ...]
    reshards: tuple[Reshard, ...] = ()
    sharing: tuple[PoolSharing, ...] = ()
    shadow_prices: tuple[ShadowPrice, ...] = ()
    prediction_errors: tuple[PredictionError, ...] = ()
