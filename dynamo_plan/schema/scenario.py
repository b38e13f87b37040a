"""The scenario: what a user writes in YAML (docs/reference/files.md), validated field by field.

Unknown keys are errors. Paths are kept as written; `ingest` resolves them against the file.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from dynamo_plan.schema.bucket import MOST_CLASSES
from dynamo_plan.schema.kind import NumberFormat

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Record(BaseModel):
    """A frozen record that refuses keys it does not know and values of the wrong type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class ObjectiveName(StrEnum):
    """What a plan may minimise: facility energy [kWh], cost [USD], operational carbon [kg CO2e]."""

    ENERGY = "energy"
    COST = "cost"
    CARBON = "carbon"


class Ending(StrEnum):
    """What the last window owes: nothing, or the starts that lead back to the initial state."""

    FREE = "free"
    AS_STARTED = "as-started"


class PoolRule(StrEnum):
    """Answers to which buckets share instances: each its own, all together, or whatever costs least."""

    PER_BUCKET = "per-bucket"
    SINGLE = "single"
    AUTO = "auto"


class Routing(StrEnum):
    """How a pool's load reaches its instances.

    ``even``: every instance takes the pool's mix of buckets. ``free``: any share of a bucket may go to any kind.
    """

    EVEN = "even"
    FREE = "free"


class BucketEdges(Record):
    """Exclusive upper edges of the length classes [tokens]; the last may be null (no limit)."""

    input: list[int | None] = Field(min_length=1, max_length=MOST_CLASSES)
    output: list[int | None] = Field(min_length=1, max_length=MOST_CLASSES)

    @model_validator(mode="after")
    def _edges_increase(self) -> BucketEdges:
        for axis in ("input", "output"):
            edges: list[int | None] = getattr(self, axis)
            bounded = [edge for edge in edges if edge is not None]
            if None in edges[:-1] or sorted(set(bounded)) != bounded or (bounded and bounded[0] <= 0):
                raise ValueError(f"{axis} edges must be positive and increase; only the last may be null")
        return self


class SloSpec(Record):
    """Latency promises: P99 TTFT per input class, P99 TBT for all [ms]."""

    ttft_p99_ms: dict[str, Positive]
    tbt_p99_ms: Positive


class MemorySpec(Record):
    """What of a model decides on which kinds it can run (docs/reference/model.md, KV memory admissibility and the rules after it).

    Units: parameters [10^9], layers, heads and hidden size [1], max_request_tokens [tokens], utilisation [1], overhead [GiB].
    """

    parameters_billion: Positive
    layers: int = Field(gt=0)
    kv_heads: int = Field(gt=0)
    head_dim: int = Field(gt=0)
    attention_heads: int | None = Field(default=None, gt=0)
    hidden_size: int | None = Field(default=None, gt=0)
    kv_dtype: NumberFormat | None = None
    max_request_tokens: int = Field(gt=0)
    utilisation: float = Field(default=0.9, gt=0, le=1)
    overhead_gib: NonNegative = 2.0

    @property
    def hidden(self) -> int | None:
        """Hidden size: as stated, else attention heads x head dimension; None where neither is known."""
        if self.hidden_size is not None or self.attention_heads is None:
            return self.hidden_size
        return self.attention_heads * self.head_dim


class ServiceSpec(Record):
    """A served model with its SLO, its profile and its load.

    It runs at `site`, or its load is split between `sites`: the share of each pool's load that goes to each of them is planned per window,
    in whole parts of `share_steps` [parts of the load]. `min_instances` then counts at every site.
    `slo` is left out only where the profile has no latencies: then its rows are taken to keep the promise they were made for.
    """

    name: Name
    model: str = Field(min_length=1)
    profile: str = Field(min_length=1)
    mixing: str | None = None
    forecast: str = Field(min_length=1)
    site: Name | None = None
    sites: list[Name] | None = Field(default=None, min_length=2)
    share_steps: int = Field(default=8, ge=1, le=64)
    buckets: BucketEdges
    slo: SloSpec | None = None
    reserve_quantile: float | None = Field(default=0.95, gt=0, lt=1)
    pools: PoolRule | list[list[str]] = PoolRule.PER_BUCKET
    routing: Routing = Routing.EVEN
    min_instances: int = Field(default=0, ge=0)
    frequencies_mhz: list[Positive] | None = None
    memory: MemorySpec | None = None

    @model_validator(mode="after")
    def _routing_leaves_pools_to_divide(self) -> ServiceSpec:
        if self.pools is PoolRule.AUTO and self.routing is Routing.FREE:
            raise ValueError(
                "pools: auto needs routing: even. A free router shares all instances: write `pools: single`"
            )
        return self

    @model_validator(mode="after")
    def _one_site_or_several(self) -> ServiceSpec:
        if self.sites is None:
            return self
        if self.site is not None:
            raise ValueError(f"service {self.name} has both `site:` and `sites:`. Write one of them")
        if len(set(self.sites)) < len(self.sites):
            raise ValueError(f"service {self.name}: a site is listed twice in `sites:`. Drop one")
        if self.pools is PoolRule.AUTO or self.routing is Routing.FREE:
            raise ValueError(
                f"service {self.name}: a load split between sites needs routing: even and pools that are not auto"
            )
        return self


class GpuSpec(Record):
    """Stock of one GPU type at a site and what its servers draw.

    Units: price [USD per GPU-hour], draws [W], server_start_s [s], hbm_gib [GiB per GPU]; linked_gpus: GPUs that a fast link joins, by
    default a server's; link_gb_per_s [GB/s]: bandwidth of one GPU to the others, one direction.
    """

    count: int | None = Field(default=None, ge=0)
    per_server: int = Field(default=8, gt=0)
    price_usd_per_gpu_h: NonNegative = 0.0
    server_idle_w: NonNegative = 0.0
    unused_gpu_w: NonNegative = 0.0
    released_server_w: NonNegative = 0.0
    server_start_s: NonNegative = 0.0
    hbm_gib: Positive | None = None
    linked_gpus: int | None = Field(default=None, gt=0)
    link_gb_per_s: Positive | None = None

    @model_validator(mode="after")
    def _released_servers_are_counted(self) -> GpuSpec:
        if self.count is None and self.released_server_w > 0:
            raise ValueError(
                "released_server_w needs count: without a stock nobody knows how many servers are released"
            )
        if self.count is not None and self.count % self.per_server:
            lower = self.count - self.count % self.per_server
            raise ValueError(
                f"count {self.count} is not a whole number of servers of {self.per_server} GPUs. "
                f"Write {f'{lower} or ' if lower else ''}{lower + self.per_server}, or another per_server"
            )
        return self


class SiteSpec(Record):
    """A place with one grid connection. Units: power_cap_kw [kW, facility, PUE included]."""

    name: Name
    gpus: dict[Name, GpuSpec] = Field(min_length=1)
    grid: str = Field(min_length=1)
    pue: float = Field(default=1.0, ge=1.0)
    power_cap_kw: Positive | None = None


class TransitionSpec(Record):
    """What it takes to start an instance, and how many may start.

    Units: [s], [Wh per start], [USD per start], reshard_s [s] and reshard_wh [Wh] per re-shard, max_starts_per_window [starts per site and
    window], min_up_s [s] that an instance stays up at least. Without `reshard_wh` every change of kind is a start.
    """

    instance_start_s: NonNegative = 0.0
    instance_start_wh: NonNegative = 0.0
    instance_start_usd: NonNegative = 0.0
    reshard_s: NonNegative = 0.0
    reshard_wh: NonNegative | None = None
    max_starts_per_window: int | None = Field(default=None, ge=0)
    min_up_s: NonNegative = 0.0
    ending: Ending = Ending.FREE

    @property
    def reshards(self) -> bool:
        """Whether re-shards are told from starts."""
        return self.reshard_wh is not None

    @model_validator(mode="after")
    def _a_reshard_is_cheaper_than_a_start(self) -> TransitionSpec:
        if self.reshard_wh is not None:
            if self.reshard_wh > self.instance_start_wh:
                raise ValueError(
                    f"reshard_wh {self.reshard_wh:g} is above instance_start_wh. A re-shard takes no more than a start"
                )
            if self.reshard_s > self.instance_start_s:
                raise ValueError(
                    f"reshard_s {self.reshard_s:g} is above instance_start_s. A re-shard takes no more than a start"
                )
        return self


class HorizonSpec(Record):
    """The part of the forecast that is planned: `hours` [h] from `start` (time with zone, the left edge of a window).

    By default from the forecast's first window, and to its end.
    """

    start: AwareDatetime | None = None
    hours: Positive | None = None


class InitialInstances(Record):
    """Instances of one pool and kind that run just before the first window; `pool` as the plan names it."""

    pool: str = Field(min_length=1)
    site: Name
    gpu: Name
    tp: int = Field(gt=0)
    pp: int = Field(default=1, gt=0)
    dtype: NumberFormat
    instances: int = Field(ge=0)


class InitialServers(Record):
    """Powered servers of one GPU type just before the first window, those still booting included."""

    site: Name
    gpu: Name
    servers_on: int = Field(ge=0)


class InitialSpec(Record):
    """What runs just before the first window; what is not listed does not run.

    Servers of a site and GPU type that `servers` does not list: as few as hold the instances.
    """

    instances: list[InitialInstances]
    servers: list[InitialServers] = []

    @model_validator(mode="after")
    def _listed_once(self) -> InitialSpec:
        kinds = [(one.pool, one.site, one.gpu, one.tp, one.pp, one.dtype) for one in self.instances]
        if len(set(kinds)) < len(kinds):
            raise ValueError("a pool and kind is listed twice. Add its instances up")
        stocks = [(one.site, one.gpu) for one in self.servers]
        if len(set(stocks)) < len(stocks):
            raise ValueError("servers of a site and GPU type are listed twice. Drop one")
        return self


class SolverSpec(Record):
    """When to stop: relative gap [1] and wall time [s]."""

    gap: float = Field(default=1e-3, ge=0, lt=1)
    time_limit_s: Positive = 60.0


class Scenario(Record):
    """The whole scenario."""

    version: Literal[1]
    name: Name
    window_minutes: Positive
    horizon: HorizonSpec = HorizonSpec()
    initial: InitialSpec | None = None
    services: list[ServiceSpec] = Field(min_length=1)
    sites: list[SiteSpec] = Field(min_length=1)
    transitions: TransitionSpec = TransitionSpec()
    objective: dict[ObjectiveName, NonNegative] = Field(default={ObjectiveName.ENERGY: 1.0}, min_length=1)
    solver: SolverSpec = SolverSpec()

    def homes(self, service: ServiceSpec) -> list[SiteSpec]:
        """The sites where a service may run."""
        if service.sites is not None:
            return [site for name in service.sites for site in self.sites if site.name == name]
        return [next(site for site in self.sites if service.site in (None, site.name))]

    @model_validator(mode="after")
    def _names_are_unique_and_known(self) -> Scenario:
        for what, names in (("service", [s.name for s in self.services]), ("site", [s.name for s in self.sites])):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{what} names must be unique; twice: {', '.join(twice)}")
        known = [site.name for site in self.sites]
        for service in self.services:
            if service.site is None and service.sites is None and len(known) > 1:
                raise ValueError(
                    f"service {service.name} needs `site:`, one of {', '.join(known)}, or several as `sites:`"
                )
            for name in [service.site] if service.site is not None else service.sites or []:
                if name not in known:
                    raise ValueError(f"service {service.name}: site {name} is not one of {', '.join(known)}")
        if not any(weight > 0 for weight in self.objective.values()):
            raise ValueError("objective needs at least one weight above 0")
        return self
