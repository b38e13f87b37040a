"""What a profile leaves out, and whether the scenario can do without it."""

from __future__ import annotations

from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.yaml_document import Document, KeyPath
from dynamo_plan.schema.load import GridSignals
from dynamo_plan.schema.profile import ProfileTable
from dynamo_plan.schema.scenario import ObjectiveName, Scenario, ServiceSpec, SiteSpec


def check_latencies(
    document: Document, path: KeyPath, service: ServiceSpec, profile: ProfileTable, faults: Faults
) -> None:
    """A service has an SLO exactly if its profile has latencies to hold it against."""
    place = document.where((*path, "slo"))
    if service.slo is None and profile.states_latency:
        faults.add(
            "scenario-missing-key",
            place,
            "key slo is missing",
            f"It may be left out only where the profile has no latencies; {profile.path} has",
            "Add `slo:`",
        )
    if service.slo is not None and not profile.states_latency:
        faults.add(
            "coverage-latency",
            place,
            f"{profile.path} has no latencies, so nothing shows at which load this SLO is kept",
            "An SLO needs a profile with ttft_p99_ms and tbt_p99_ms",
            "Fill the columns in, or take `slo:` out to plan with the rows as they are",
        )


def check_power(
    document: Document,
    scenario: Scenario,
    profiles: dict[str, ProfileTable],
    grid: dict[str, GridSignals],
    faults: Faults,
) -> None:
    """Without powers in a profile nothing that is minimised or limited may depend on them."""
    for index, service in enumerate(scenario.services):
        profile = profiles.get(service.name)
        if profile is None or profile.states_power:
            continue
        homes = scenario.homes(service)
        for needed in dict.fromkeys(
            what for site in homes for what in _needs_power(scenario, site, grid.get(site.name))
        ):
            faults.add(
                "coverage-power",
                document.where(("services", index, "profile")),
                f"{profile.path} has no powers, and {needed} needs them",
                "Without powers a plan can minimise what GPU-hours and starts cost, nothing else",
                "Fill power_w in, or take this out of the scenario",
            )


def _needs_power(scenario: Scenario, site: SiteSpec, grid: GridSignals | None) -> list[str]:
    """What in the scenario depends on what instances draw, in words."""
    needs = [
        f"objective {name}" for name in (ObjectiveName.ENERGY, ObjectiveName.CARBON) if scenario.objective.get(name)
    ]
    if scenario.objective.get(ObjectiveName.COST) and grid is not None and grid.price_usd_per_mwh.any():
        needs.append(f"the electricity price of {grid.path} in objective cost")
    if site.power_cap_kw is not None:
        needs.append(f"power_cap_kw of site {site.name}")
    return needs
