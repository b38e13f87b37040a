"""What a replay found: the requests of a trace on the instances of a plan, beside what the plan promised.

`replay.json` is this record as JSON; its schema: `dynamo-plan schema replay`. Windows are those of the plan, by index.
"""

from __future__ import annotations

from dataclasses import dataclass

REPLAY_VERSION = 1


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Values that 50, 90 and 99 % of all do not exceed [ms]; None where there are none."""

    p50: float | None
    p90: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class Span:
    """Requests of one bucket that arrived in some windows in a row.

    Attributes
    ----------
    first_window, last_window : int
        One and the same where the window alone has enough requests to speak of a P99.
    requests, unserved, late : int
        All; those of them that got no answer; those that by themselves are beyond the SLO, unserved ones included.
    ttft_p99_ms, tbt_p99_ms : float or None
        None: without bound, as too many got no answer; for TBT also where no request had two tokens.
    is_met : bool
        Whether both keep the SLO; true where the service states none.
    """

    first_window: int
    last_window: int
    requests: int
    unserved: int
    late: int
    ttft_p99_ms: float | None
    tbt_p99_ms: float | None
    is_met: bool


@dataclass(frozen=True, slots=True)
class BucketReplay:
    """What became of the requests of one bucket, by their true lengths.

    Attributes
    ----------
    ttft_ms, tbt_ms : Quantiles
        Over requests, of time to first token and of mean time between tokens.
    gap_ms : Quantiles
        Over tokens, of the time between two.
    ttft_slo_ms, tbt_slo_ms : float or None
        Promises at P99; None where the service states none.
    within_slo : float
        Share of the requests that keep both by themselves [1].
    spans : tuple of Span
        All requests, in windows one by one or in a row.
    """

    service: str
    bucket: str
    requests: int
    unserved: int
    ttft_ms: Quantiles
    tbt_ms: Quantiles
    gap_ms: Quantiles
    ttft_slo_ms: float | None
    tbt_slo_ms: float | None
    within_slo: float
    spans: tuple[Span, ...]

    @property
    def met(self) -> int:
        """Spans that keep the SLO."""
        return sum(span.is_met for span in self.spans)


@dataclass(frozen=True, slots=True)
class Account:
    """Sums over the windows replayed, all sites. Units as in the names; powers are those of the facility."""

    energy_kwh: float
    it_energy_kwh: float
    carbon_kg: float
    cost_usd: float
    gpu_hours: float
    instance_starts: int
    peak_power_kw: float


@dataclass(frozen=True, slots=True)
class SiteReplay:
    """Facility energy of a site per window replayed [kWh], and what the plan has there."""

    site: str
    energy_kwh: tuple[float, ...]
    planned_kwh: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Requests of the trace that were not sent to any instance, by reason.

    `outside_horizon`: before the plan's first window or after its last; `unknown_service`: of a service that is not replayed;
    `outside_buckets`: longer than every bucket; `without_output`: failed in the log, as in `forecast build`.
    """

    outside_horizon: int = 0
    unknown_service: int = 0
    outside_buckets: int = 0
    without_output: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.outside_horizon + self.unknown_service + self.outside_buckets + self.without_output


@dataclass(frozen=True, slots=True)
class Course:
    """Facility power per step of `step_s` [s], and how instances stood in each window.

    `clock_mhz`: mean over running instances and time, each counted by its GPUs; 0 where none runs. `gpus`: in running instances by
    parallelism, such as ``h100 TP4``.
    """

    step_s: float
    power_kw: tuple[float, ...]
    clock_mhz: tuple[float, ...]
    gpus: dict[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Replay:
    """The whole of it.

    Attributes
    ----------
    traces : tuple of str
    services : tuple of str
        Services that were replayed; the others are taken as planned.
    router : str
    predictor_accuracy : float
        Share of the requests whose output class is foreseen [1].
    clock_control, queue_control : bool
    seed : int
    first_window, windows : int
        The part of the plan's horizon that was replayed.
    requests, completed : int
        Sent to instances, and answered in full.
    too_large, timed_out, waiting : int
        Not answered: no instance could ever hold them, they had waited too long and were given up, or no instance was open to the end.
    mispredicted, elsewhere, moved, preempted : int
        Sent to the pool of another bucket; sent to another pool because theirs had no instance; moves to another instance while they
        waited; computed anew for lack of KV blocks.
    power_p50_kw, power_p99_kw : float
        Of facility power over the steps of `course`.
    after_kwh : float
        IT energy of instances after the last window, until the last request ended; in no sum.
    """

    version: int
    name: str
    traces: tuple[str, ...]
    services: tuple[str, ...]
    router: str
    predictor_accuracy: float
    clock_control: bool
    queue_control: bool
    seed: int
    window_s: int
    first_window_start: str
    first_window: int
    windows: int
    requests: int
    completed: int
    too_large: int
    timed_out: int
    waiting: int
    left_out: LeftOut
    mispredicted: int
    elsewhere: int
    moved: int
    preempted: int
    replayed: Account
    planned: Account
    power_p50_kw: float
    power_p99_kw: float
    after_kwh: float
    buckets: tuple[BucketReplay, ...]
    sites: tuple[SiteReplay, ...]
    course: Course
    notes: tuple[str, ...]

    @property
    def attainment(self) -> float:
        """Share of all buckets' spans that keep the SLO [1]; 1 without any."""
        spans = sum(len(bucket.spans) for bucket in self.buckets)
        return sum(bucket.met for bucket in self.buckets) / spans if spans else 1.0

    @property
    def energy_change(self) -> float:
        """Energy above what was planned, over what was planned [1]; 0 where nothing was."""
        planned = self.planned.energy_kwh
        return (self.replayed.energy_kwh - planned) / planned if planned else 0.0
