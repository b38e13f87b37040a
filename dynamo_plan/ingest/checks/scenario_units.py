"""Values of a scenario that are plausible only in another unit than their name says."""

from __future__ import annotations

from dynamo_plan.ingest.checks.units import CLOCK_UNITS, LEAST_LATENCY_MS, LEAST_MHZ, MOST_MHZ
from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.yaml_document import Document, KeyPath
from dynamo_plan.schema.scenario import ServiceSpec, SiteSpec

MOST_PARAMETERS_BILLION = 1e5  # a hundred times the largest models; a plain count is beyond it
MOST_PUE = 10.0  # the worst server rooms are at about 3; a PUE in per cent is 100 or more


def check_service_units(document: Document, path: KeyPath, service: ServiceSpec, faults: Faults) -> None:
    """Latency promises look like ms, clocks like MHz, the model's size like 10^9 parameters."""
    limits: list[tuple[tuple[str, ...], float]] = []
    if service.slo is not None:
        limits = [(("ttft_p99_ms", name), limit) for name, limit in service.slo.ttft_p99_ms.items()]
        limits.append((("tbt_p99_ms",), service.slo.tbt_p99_ms))
    for key, limit in limits:
        if limit < LEAST_LATENCY_MS:
            faults.add(
                "unit-latency",
                document.where((*path, "slo", *key)),
                f"{limit:g} ms is no promise that a model can keep; it looks like seconds",
                f"{key[0]} is in ms, {LEAST_LATENCY_MS:g} or more",
                "Multiply it by 1000",
            )
    for index, clock in enumerate(service.frequencies_mhz or ()):
        for low, high, unit, mend in CLOCK_UNITS:
            if low < clock <= high:
                faults.add(
                    "unit-frequency",
                    document.where((*path, "frequencies_mhz", index)),
                    f"{clock:.10g} MHz is no clock of a GPU; it looks like {unit}",
                    f"frequencies_mhz is in MHz, between {LEAST_MHZ:g} and {MOST_MHZ:g}",
                    mend.format("it"),
                )
    if service.memory is not None and service.memory.parameters_billion > MOST_PARAMETERS_BILLION:
        faults.add(
            "unit-parameters",
            document.where((*path, "memory", "parameters_billion")),
            f"{service.memory.parameters_billion:g} thousand million parameters are more than any model has",
            "parameters_billion is in 10^9: 70 for a model of 70B",
            "Divide it by 1000000000",
        )


def check_site_units(document: Document, path: KeyPath, site: SiteSpec, faults: Faults) -> None:
    """PUE is a ratio."""
    if site.pue > MOST_PUE:
        faults.add(
            "unit-pue",
            document.where((*path, "pue")),
            f"{site.pue:g} is no power usage effectiveness; it looks like per cent",
            "pue is facility energy over IT energy, e.g. 1.2",
            "Divide it by 100",
        )
