"""A scenario and all it names, read and checked in one go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from dynamo_plan.ingest.checks import coverage
from dynamo_plan.ingest.checks.scenario_units import check_service_units, check_site_units
from dynamo_plan.ingest.checks.stated import check_latencies, check_power
from dynamo_plan.ingest.forecast_table import parse_forecast
from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.grid_table import GridSeries, on_windows, parse_grid
from dynamo_plan.ingest.horizon import cut_forecast, cut_windows, planned_part
from dynamo_plan.ingest.mixing_table import parse_mixing
from dynamo_plan.ingest.overrides import apply_overrides
from dynamo_plan.ingest.profile_table import parse_profile
from dynamo_plan.ingest.scenario_yaml import parse_part
from dynamo_plan.ingest.source import Source, read_source
from dynamo_plan.ingest.yaml_document import Document, KeyPath, parse_yaml, step_into
from dynamo_plan.schema.bucket import Bucket, bucket_grid
from dynamo_plan.schema.inputs import Inputs
from dynamo_plan.schema.load import Forecast, GridSignals, Windows
from dynamo_plan.schema.plan import InputFile
from dynamo_plan.schema.profile import MixingTable, ProfileTable
from dynamo_plan.schema.scenario import HorizonSpec, Scenario, ServiceSpec, SiteSpec
from dynamo_plan.units import SECONDS_PER_MINUTE


def read_inputs(path: Path, overrides: Sequence[tuple[str, str]] = ()) -> Inputs:
    """Read a scenario and every file that it names.

    Where the scenario itself is faulty, the files of those services and sites that are sound are checked all the same.

    Parameters
    ----------
    overrides : sequence of (str, str)
        Dotted key path, list items by index or by their `name`, and the value as YAML.

    Raises
    ------
    InputError
        With all faults of all files.
    """
    faults = Faults()
    source = read_source(path, faults)
    document = parse_yaml(source, faults) if source else None
    if source is None or document is None:
        faults.raise_if_any()
        raise AssertionError("a scenario that cannot be read has no fault")
    apply_overrides(document, overrides, Scenario, faults)
    scenario = parse_part(document, (), Scenario, faults)
    reading = _Reading(path.parent, document, faults, [source.as_input_file("scenario", path.parent)])
    services = _parts(document, "services", ServiceSpec)
    sites = _parts(document, "sites", SiteSpec)
    window_s = _window_s(document, faults)
    for key, service in services.items():
        if service is None:
            reading.read_alone(key, {"profile": parse_profile, "mixing": parse_mixing, "forecast": None})
        else:
            reading.read_service(key, service, _sites_of(service, list(sites.values())), window_s)
    coverage.check_same_windows(reading.forecasts, faults)
    windows = next((forecast.windows for forecast in reading.forecasts.values()), None)
    horizon = HorizonSpec() if scenario is None else scenario.horizon
    part = None if windows is None else planned_part(document, horizon, windows, faults)
    if windows is not None and part is not None:
        windows = cut_windows(windows, part)
        reading.forecasts = {name: cut_forecast(forecast, part) for name, forecast in reading.forecasts.items()}
    for key, site in sites.items():
        if site is None:
            reading.read_alone(key, {"grid": parse_grid})
        else:
            reading.read_site(key, site, windows)
    if scenario is not None:
        check_power(document, scenario, reading.profiles, reading.grid, faults)
    faults.raise_if_any()
    if scenario is None or windows is None:
        raise AssertionError("inputs without a fault are incomplete")
    return Inputs(
        scenario=scenario,
        windows=windows,
        profiles=reading.profiles,
        mixing=reading.mixing,
        forecasts=reading.forecasts,
        grid=reading.grid,
        files=tuple(reading.files),
    )


def _parts[Part: (ServiceSpec, SiteSpec)](
    document: Document, name: str, model: type[Part]
) -> dict[KeyPath, Part | None]:
    """Items of a list of the scenario, None for the faulty ones, which the whole scenario's check reports."""
    items = document.data.get(name) if isinstance(document.data, dict) else None
    count = len(items) if isinstance(items, list) else 0
    return {(name, index): parse_part(document, (name, index), model, Faults()) for index in range(count)}


def _sites_of(service: ServiceSpec, sites: list[SiteSpec | None]) -> list[SiteSpec | None]:
    """Where the service may run; None for a site that faults leave open."""
    known = {site.name: site for site in sites if site is not None}
    if service.sites is not None:
        return [known.get(name) for name in service.sites]
    if service.site is not None:
        return [known.get(service.site)]
    return sites if len(sites) == 1 else [None]


def _window_s(document: Document, faults: Faults) -> int | None:
    """Window length [s]; None where the scenario has none that can be used."""
    minutes = document.data.get("window_minutes") if isinstance(document.data, dict) else None
    if isinstance(minutes, bool) or not isinstance(minutes, int | float) or not 0 < minutes < float("inf"):
        return None  # reported by the scenario's check
    window_s = minutes * SECONDS_PER_MINUTE
    if window_s != round(window_s):
        faults.add(
            "scenario-window",
            document.where(("window_minutes",)),
            f"{minutes:g} min are {window_s:g} s",
            "A window is a whole number of seconds",
            f"Write {max(1, round(window_s)) / SECONDS_PER_MINUTE:.10g}",
        )
        return None
    return round(window_s)


type _Parsed = ProfileTable | MixingTable | GridSeries


class _Reading:
    """Files read so far, each once, and what was made of them."""

    def __init__(self, folder: Path, document: Document, faults: Faults, files: list[InputFile]) -> None:
        self._folder = folder
        self._document = document
        self._faults = faults
        self._sources: dict[Path, Source | None] = {}
        self._parsed: dict[tuple[str, Path], _Parsed | None] = {}
        self.files = files
        self.profiles: dict[str, ProfileTable] = {}
        self.mixing: dict[str, MixingTable] = {}
        self.forecasts: dict[str, Forecast] = {}
        self.grid: dict[str, GridSignals] = {}

    def read_service(
        self, key: KeyPath, service: ServiceSpec, sites: list[SiteSpec | None], window_s: int | None
    ) -> None:
        """Read and check a service's profile, mixing table and forecast."""
        document, faults = self._document, self._faults
        buckets = bucket_grid(tuple(service.buckets.input), tuple(service.buckets.output))
        coverage.check_slo_classes(document, key, service, buckets, faults)
        check_service_units(document, key, service, faults)
        coverage.check_pools(document, key, service, buckets, faults)
        source = self._source(f"profile:{service.name}", service.profile, (*key, "profile"))
        profile = self._once(source, parse_profile)
        if profile is not None:
            self.profiles[service.name] = profile
            for site in sites:
                coverage.check_profile(document, key, service, site, profile, faults)
            coverage.check_clocks(document, key, service, profile, faults)
            check_latencies(document, key, service, profile, faults)
        if service.mixing is not None:
            source = self._source(f"mixing:{service.name}", service.mixing, (*key, "mixing"))
            mixing = self._once(source, parse_mixing)
            if mixing is not None:
                self.mixing[service.name] = mixing
                coverage.check_mixing(document, key, service, mixing, faults)
        forecast = self._forecast(key, service, buckets, window_s)
        if forecast is not None:
            self.forecasts[service.name] = forecast
            coverage.check_quantile(document, key, service, forecast, faults)
            if profile is not None:
                for site in sites:
                    coverage.check_bucket_rows(document, key, service, site, buckets, profile, forecast, faults)

    def read_site(self, key: KeyPath, site: SiteSpec, windows: Windows | None) -> None:
        """Read a site's grid signals; without windows, check them on their own rows."""
        check_site_units(self._document, key, site, self._faults)
        series = self._once(self._source(f"grid:{site.name}", site.grid, (*key, "grid")), parse_grid)
        if series is not None and windows is not None:
            signals = on_windows(series, windows, self._faults)
            if signals is not None:
                self.grid[site.name] = signals

    def read_alone(self, key: KeyPath, parsers: dict[str, Callable[[Source, Faults], _Parsed | None] | None]) -> None:
        """Check the files that a faulty service or site names, as far as they speak for themselves."""
        for name, parse in parsers.items():
            written = step_into(self._document.at(key), name)
            if isinstance(written, str) and written:
                source = self._source(name, written, (*key, name))
                if parse is not None:
                    self._once(source, parse)

    def _forecast(
        self, key: KeyPath, service: ServiceSpec, buckets: tuple[Bucket, ...], window_s: int | None
    ) -> Forecast | None:
        source = self._source(f"forecast:{service.name}", service.forecast, (*key, "forecast"))
        if source is None or window_s is None:
            return None
        return parse_forecast(source, service.name, [bucket.name for bucket in buckets], window_s, self._faults)

    def _source(self, role: str, written: str, key: KeyPath) -> Source | None:
        """Read a file that the scenario names."""
        path = self._folder / written
        if path not in self._sources:
            self._sources[path] = read_source(path, self._faults, self._document.where(key))
        source = self._sources[path]
        if source is not None:
            self.files.append(source.as_input_file(role, self._folder))
        return source

    def _once[Parsed: _Parsed](
        self, source: Source | None, parse: Callable[[Source, Faults], Parsed | None]
    ) -> Parsed | None:
        """Parse a file that several services may name."""
        if source is None:
            return None
        key = (parse.__name__, source.path)
        if key not in self._parsed:
            self._parsed[key] = parse(source, self._faults)
        found: Parsed | None = self._parsed[key]  # type: ignore[assignment]
        return found
