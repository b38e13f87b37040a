"""Do the files of a scenario fit each other: names, classes, windows, quantiles."""

from __future__ import annotations

import numpy as np

from dynamo_plan.ingest.checks.units import LEAST_MHZ, MOST_MHZ
from dynamo_plan.ingest.gathered import Faults, clipped, did_you_mean, listed
from dynamo_plan.ingest.yaml_document import Document, KeyPath
from dynamo_plan.schema.bucket import Bucket
from dynamo_plan.schema.load import Forecast
from dynamo_plan.schema.profile import MixingTable, ProfileTable
from dynamo_plan.schema.scenario import PoolRule, ServiceSpec, SiteSpec


def check_slo_classes(
    document: Document, path: KeyPath, service: ServiceSpec, buckets: tuple[Bucket, ...], faults: Faults
) -> None:
    """Every input class has a TTFT SLO, and no other class has."""
    if service.slo is None:
        return
    classes = list(dict.fromkeys(bucket.input_class for bucket in buckets))
    promised = service.slo.ttft_p99_ms
    place = (*path, "slo", "ttft_p99_ms")
    for letter in (letter for letter in classes if letter not in promised):
        faults.add(
            "scenario-slo-class",
            document.where(place),
            f"input class {letter} has no TTFT SLO",
            f"Every input class has one: {listed(classes)}",
            f"Add `{letter}:` with its P99 TTFT in ms",
        )
    for letter in (letter for letter in promised if letter not in classes):
        faults.add(
            "scenario-slo-class",
            document.where((*place, letter)),
            f"{clipped(letter)} is no input class of this service",
            f"With {len(service.buckets.input)} input edges the classes are {listed(classes)}",
            "Drop it, or add an input edge",
        )


def check_pools(
    document: Document, path: KeyPath, service: ServiceSpec, buckets: tuple[Bucket, ...], faults: Faults
) -> None:
    """Hand-made pools hold every bucket once."""
    if isinstance(service.pools, PoolRule):
        return
    names = [bucket.name for bucket in buckets]
    place = (*path, "pools")
    seen: set[str] = set()
    for pool, members in enumerate(service.pools):
        if not members:
            faults.add("scenario-pools", document.where((*place, pool)), "the pool holds no bucket", "", "Drop it")
        for index, name in enumerate(members):
            where = document.where((*place, pool, index))
            if name not in names:
                mend = did_you_mean(name, names)
                faults.add(
                    "scenario-pools", where, f"{clipped(name)} is no bucket", f"Buckets are {listed(names)}", mend
                )
            elif name in seen:
                faults.add(
                    "scenario-pools", where, f"bucket {name} stands twice", "A bucket is in one pool", "Drop one"
                )
            seen.add(name)
    absent = [name for name in names if name not in seen]
    if absent:
        what = f"no pool holds {listed(absent)}"
        faults.add("scenario-pools", document.where(place), what, "Every bucket is in one pool", "Add it to a pool")


def check_profile(
    document: Document,
    path: KeyPath,
    service: ServiceSpec,
    site: SiteSpec | None,
    profile: ProfileTable,
    faults: Faults,
) -> None:
    """The profile knows the service's model, and for it a GPU type that the site has."""
    models = sorted({str(model) for model in profile.model})
    if service.model not in models:
        faults.add(
            "coverage-model",
            document.where((*path, "model")),
            f"{profile.path} has no row for model {clipped(service.model)}",
            f"Its models are {listed(models)}",
            did_you_mean(service.model, models) or "Name another profile, or another model",
        )
        return
    if site is None:
        return
    profiled = sorted({str(gpu) for gpu in profile.gpu[profile.model == service.model]})
    if not set(profiled) & set(site.gpus):
        guesses = [did_you_mean(gpu, profiled) for gpu in site.gpus]
        faults.add(
            "coverage-gpu",
            document.where((*path, "profile")),
            f"{profile.path} has rows of {service.model} for GPUs {listed(profiled)}, "
            f"site {site.name} has {listed(site.gpus)}",
            "At least one GPU type must be in both",
            next((guess for guess in guesses if guess), "Profile the model on the site's GPUs"),
        )


def check_clocks(
    document: Document, path: KeyPath, service: ServiceSpec, profile: ProfileTable, faults: Faults
) -> None:
    """At least one of the clocks that may be locked lies within those measured; nothing is extrapolated."""
    measured = profile.frequency_mhz[profile.model == service.model]
    wanted = [clock for clock in service.frequencies_mhz or () if LEAST_MHZ < clock <= MOST_MHZ]  # others: another unit
    if not wanted or not measured.size:
        return
    low, high = float(measured.min()), float(measured.max())
    if not profile.states_clock:
        faults.add(
            "coverage-clocks",
            document.where((*path, "frequencies_mhz")),
            f"the clocks of {profile.path} were not locked",
            "Clocks can be chosen only among those measured",
            "Leave frequencies_mhz out",
        )
    elif not any(low <= clock <= high for clock in wanted):
        faults.add(
            "coverage-clocks",
            document.where((*path, "frequencies_mhz")),
            f"none of {listed(f'{clock:.10g}' for clock in wanted)} MHz lies within the clocks measured",
            f"{profile.path} has rows of {service.model} from {low:.10g} to {high:.10g} MHz",
            "Take clocks within this range, or leave frequencies_mhz out to use those measured",
        )


def check_bucket_rows(
    document: Document,
    path: KeyPath,
    service: ServiceSpec,
    site: SiteSpec | None,
    buckets: tuple[Bucket, ...],
    profile: ProfileTable,
    forecast: Forecast,
    faults: Faults,
) -> None:
    """Every bucket with load has loaded rows whose mean lengths lie inside it, on GPUs that the site has."""
    mine = (profile.model == service.model) & (profile.rate_rps > 0)
    mine &= np.isin(profile.gpu, list(site.gpus)) if site is not None else mine
    if not mine.any():
        return  # reported by check_profile
    given, made = profile.input_tokens[mine].tolist(), profile.output_tokens[mine].tolist()
    lengths = set(zip(given, made, strict=True))
    for index, bucket in enumerate(buckets):
        rates = [forecast.rate_rps, *forecast.quantile_rate_rps.values()]
        peak_rps = max(float(values[:, index].max()) for values in rates)
        if peak_rps > 0 and not any(bucket.holds(*pair) for pair in lengths):
            faults.add(
                "coverage-bucket-rows",
                document.where((*path, "buckets")),
                f"bucket {bucket.name} of service {service.name} has load (up to {peak_rps:g} requests/s in "
                f"{forecast.path}) but no loaded row of {service.model} in {profile.path} has lengths inside it",
                f"Lengths inside {bucket.name}: {_range('input', bucket.input_min_tokens, bucket.input_max_tokens)}, "
                f"{_range('output', bucket.output_min_tokens, bucket.output_max_tokens)}",
                "Measure such rows, or move the bucket edges",
            )


def _range(axis: str, low: int, high: int | None) -> str:
    return f"{axis} from {low}" + (f" to below {high} tokens" if high is not None else " tokens on")


def check_mixing(document: Document, path: KeyPath, service: ServiceSpec, mixing: MixingTable, faults: Faults) -> None:
    """The mixing table knows the service's model."""
    models = sorted({row.model for row in mixing.rows})
    if service.model not in models:
        faults.add(
            "coverage-mixing-model",
            document.where((*path, "mixing")),
            f"{mixing.path} has no row for model {clipped(service.model)}",
            f"Its models are {listed(models)}",
            did_you_mean(service.model, models) or "Name another table, or leave `mixing` out",
        )


def check_quantile(document: Document, path: KeyPath, service: ServiceSpec, forecast: Forecast, faults: Faults) -> None:
    """The forecast has the quantile that sizes the reserve."""
    wanted, known = service.reserve_quantile, sorted(forecast.quantile_rate_rps)
    if wanted is not None and wanted not in known:
        faults.add(
            "coverage-quantile",
            document.where((*path, "reserve_quantile")),
            f"{forecast.path} has no column rate_p{wanted * 100:g}_rps, which reserve_quantile {wanted:g} asks for",
            f"Its quantiles are {listed(known)}"
            if known
            else "It has the mean only: a quantile is a column named rate_pNN_rps",
            "Set reserve_quantile to one of them, or to null to reserve for the mean"
            if known
            else "Add or rename the column, or set reserve_quantile: null to reserve for the mean",
        )


def check_same_windows(forecasts: dict[str, Forecast], faults: Faults) -> None:
    """All forecasts cover the same windows."""
    in_order = list(forecasts.values())
    for other in in_order[1:]:
        first = in_order[0]
        if not np.array_equal(first.windows.start, other.windows.start):
            faults.add(
                "coverage-windows",
                other.path,
                f"{_span(other)}, {first.path} {_span(first)}",
                "All forecasts cover the same windows",
                "Cut or extend one of them",
            )


def _span(forecast: Forecast) -> str:
    windows = forecast.windows
    return f"has {len(windows)} windows from {windows.label(0)} to {windows.label(len(windows) - 1)}"
