"""A run folder and its engines, gathered for `dynamo-plan replay`, and what a replay gives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_plan.cli.reasons import inputs_of
from dynamo_plan.cli.requested import engines_of
from dynamo_plan.errors import Fault, InputError, UsageError

if TYPE_CHECKING:
    from dynamo_plan.cli.console import Row
    from dynamo_plan.replay import Case, Mended
    from dynamo_plan.schema.profile import ProfileTable
    from dynamo_plan.schema.replay import BucketReplay


def case_of(run_folder: Path, services: Sequence[str], engine: Path | None) -> Case:
    """A verified plan with its inputs and engines.

    Raises
    ------
    InputError
        Something cannot be read, or inputs have changed.
    VerificationError
        The run folder was changed, or is not verified.
    """
    from dynamo_plan.emit.run_folder import read_trusted_plan
    from dynamo_plan.replay import Case

    plan = read_trusted_plan(run_folder)
    inputs, unread = inputs_of(run_folder, plan)
    if inputs is None:
        raise InputError(
            Fault(
                "replay-inputs-changed",
                str(run_folder),
                f"the plan cannot be compared with what it was made from, {unread}",
                "A replay needs the scenario, its profile, forecast and grid as they were",
                "Bring the files back, or solve again",
            )
        )
    return Case(plan, inputs, engines_of(inputs.scenario, run_folder, services, engine))


def calibrated_profile(case: Case, found: Sequence[Mended]) -> ProfileTable | None:
    """The profile with the capacities of mended pools lowered; None where there is nothing to lower.

    Raises
    ------
    UsageError
        Pools of several services would need it: a profile is written for one.
    """
    from dynamo_plan.profile.fit.calibrated import calibrated
    from dynamo_plan.schema.bucket import bucket_grid

    services = sorted({one.service for one in found if one.share})
    if len(services) > 1:
        raise UsageError(
            Fault(
                "replay-calibrate",
                "--calibrate",
                f"pools of {' and '.join(services)} break their SLO",
                "A profile is written for one service",
                "Replay them one by one, each with its own --trace and --calibrate",
            )
        )
    if not services:
        return None
    spec = next(spec for spec in case.inputs.scenario.services if spec.name == services[0])
    shares = {name: one.share for one in found if one.share for name in one.buckets}
    grid = bucket_grid(tuple(spec.buckets.input), tuple(spec.buckets.output))
    lowered = {bucket: shares[bucket.name] for bucket in grid if bucket.name in shares}
    return calibrated(case.inputs.profiles[spec.name], spec.model, lowered)


def bucket_row(bucket: BucketReplay) -> Row:
    """What became of a bucket's requests, as a row of CSV."""
    return {
        "service": bucket.service,
        "bucket": bucket.bucket,
        "requests": bucket.requests,
        "unserved": bucket.unserved,
        "ttft_p50_ms": bucket.ttft_ms.p50,
        "ttft_p90_ms": bucket.ttft_ms.p90,
        "ttft_p99_ms": bucket.ttft_ms.p99,
        "ttft_slo_ms": bucket.ttft_slo_ms,
        "tbt_p50_ms": bucket.tbt_ms.p50,
        "tbt_p90_ms": bucket.tbt_ms.p90,
        "tbt_p99_ms": bucket.tbt_ms.p99,
        "gap_p99_ms": bucket.gap_ms.p99,
        "tbt_slo_ms": bucket.tbt_slo_ms,
        "within_slo": bucket.within_slo,
        "windows": len(bucket.spans),
        "windows_kept": bucket.met,
    }
