"""What a comparison of systems found: the same requests, machine, profile and accounting under several ways to run the cluster.

A comparison is stored as JSON of this record; its schema: `dynamo-plan schema comparison`. Windows are the scenario's, those that the
requests cover, by index from the first of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from dynamo_plan.schema.plan import Omission
from dynamo_plan.schema.replay import Account, BucketReplay, Course

COMPARISON_VERSION = 1


@dataclass(frozen=True, slots=True)
class SystemRun:
    """One system under the requests.

    Attributes
    ----------
    name : str
        Such as ``single-pool``; unique in a comparison.
    meaning : str
        One sentence: what it may change, and when.
    account : Account
    reshards : int
        Instances that took over GPUs of others of their pool; where the scenario gives no `reshard_wh` they count as starts.
    peak_gpus : int
        Most GPUs that pools held at once.
    mean_gpus : float
        GPUs that pools held, mean over time.
    power_p50_kw, power_p99_kw : float
        Of facility power over the steps of `course`.
    completed, unserved, timed_out, moved, preempted : int
        Requests answered in full; not answered; of these, given up because they had waited too long; moves to another instance while
        they waited; computed anew in part for lack of KV blocks.
    buckets : tuple of BucketReplay
    course : Course
    notes : tuple of str
        What is particular to this system's run, in sentences.
    """

    name: str
    meaning: str
    account: Account
    reshards: int
    peak_gpus: int
    mean_gpus: float
    power_p50_kw: float
    power_p99_kw: float
    completed: int
    unserved: int
    timed_out: int
    moved: int
    preempted: int
    buckets: tuple[BucketReplay, ...]
    course: Course
    notes: tuple[str, ...]

    @property
    def spans(self) -> int:
        """Bucket-windows, those of few requests joined."""
        return sum(len(bucket.spans) for bucket in self.buckets)

    @property
    def met(self) -> int:
        """Bucket-windows that keep the SLO."""
        return sum(bucket.met for bucket in self.buckets)

    @property
    def attainment(self) -> float:
        """Share of the bucket-windows that keep the SLO [1]; 1 without any."""
        return self.met / self.spans if self.spans else 1.0

    @property
    def within_slo(self) -> float:
        """Share of the requests that keep both promises by themselves [1]; 1 without any."""
        requests = sum(bucket.requests for bucket in self.buckets)
        return sum(bucket.within_slo * bucket.requests for bucket in self.buckets) / requests if requests else 1.0


@dataclass(frozen=True, slots=True)
class LowerBound:
    """Energy below which no plan of the scenario's pools lies that serves what came, by the profile [kWh]; None: why it is not known."""

    energy_kwh: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """The whole of it.

    Attributes
    ----------
    traces, services : tuple of str
    router : str
    predictor_accuracy : float
        Share of the requests whose output class is foreseen [1].
    seed : int
    requests : int
        That came in the windows compared and were sent to instances.
    baseline : str
        Name of the system that savings are counted from.
    systems : tuple of SystemRun
        In the order of `dynamo_plan.compare.SYSTEMS`.
    omitted : tuple of Omission
        Systems that could not be run, and why.
    """

    version: int
    name: str
    traces: tuple[str, ...]
    services: tuple[str, ...]
    router: str
    predictor_accuracy: float
    seed: int
    window_s: int
    first_window_start: str
    windows: int
    requests: int
    baseline: str
    lower_bound: LowerBound
    systems: tuple[SystemRun, ...]
    omitted: tuple[Omission, ...]
    notes: tuple[str, ...]

    def system(self, name: str) -> SystemRun | None:
        """The system of this name; None where it was not run."""
        return next((one for one in self.systems if one.name == name), None)

    def change(self, run: SystemRun) -> float | None:
        """Energy above the baseline's over the baseline's [1]; None where the baseline was not run."""
        base = self.system(self.baseline)
        return None if base is None else run.account.energy_kwh / base.account.energy_kwh - 1.0
