"""Energy, carbon and cost: where they go, and who bears them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from dynamo_plan.report.accounts import carbon_kg
from dynamo_plan.report.accounts_carbon import carbon_intensity, embodied_kg
from dynamo_plan.report.accounts_cost import owned_gpu_hours, owned_usd, rented_usd
from dynamo_plan.report.accounts_energy import borne_by, energy_parts_kwh
from dynamo_plan.report.chart import Cell, Chart, Table
from dynamo_plan.report.charts import bars, lines, stacked_bars
from dynamo_plan.report.page import KeyFigure, Section
from dynamo_plan.report.reported import ReportedRun, clock_of
from dynamo_plan.report.wording import number
from dynamo_plan.schema.accounts import Amortisation
from dynamo_plan.schema.plan import Group
from dynamo_plan.units import PERCENT_PER_ONE

BORNE_IS = (
    "Facility energy, carbon and cost of a site, laid on its instances in proportion to their power, window by window; instances: their "
    "IT energy alone"
)


def energy(run: ReportedRun) -> Section:
    """Energy by what draws it and by whom it serves."""
    plan, parts = run.plan, energy_parts_kwh(run.plan, run.scenario)
    names = list(next(iter(parts.values()), {}))
    series = {name: [parts[site][name] for site in parts] for name in names}
    text = (
        "Facility energy by what draws it. Starts, re-shards and booting servers are what is left of the verified sum."
    )
    chart = stacked_bars("Energy by site", list(parts), series, y_label="energy, kWh", text=text)
    rows: list[tuple[Cell, ...]] = []
    for site, own in parts.items():
        rows += _with_sum(site, own)
    service_of = {pool.name: pool.service for pool in plan.pools}
    properties: dict[str, Callable[[Group], str]] = {
        "service": lambda group: service_of[group.pool],
        "pool": lambda group: group.pool,
        "kind": lambda group: str(group.kind),
        "clock": clock_of,
    }
    tables = [Table("Energy by site and use", ("site", "use", "energy, kWh", "part"), tuple(rows))]
    tables += [_borne(run, name, key) for name, key in properties.items()]
    return Section("Energy", charts=[chart], tables=tables)


def _with_sum(place: str, parts: dict[str, float]) -> list[tuple[Cell, ...]]:
    whole = math.fsum(parts.values())
    return [(place, name, value, _percent(value, whole)) for name, value in {**parts, "in all": whole}.items()]


def _percent(part: float, whole: float) -> str:
    return f"{part / whole * PERCENT_PER_ONE:.1f} %" if whole else ""


def _borne(run: ReportedRun, name: str, key: Callable[[Group], str]) -> Table:
    found = sorted(borne_by(run.plan, key).items(), key=lambda item: (-item[1].energy_kwh, item[0]))
    rows = tuple((who, one.instances_kwh, one.energy_kwh, one.carbon_kg, one.cost_usd) for who, one in found)
    columns = (name, "instances, kWh", "energy, kWh", "carbon, kg CO2e", "cost, USD")
    return Table(f"Accounts by {name}", columns, rows, BORNE_IS if name == "service" else "")


def carbon(run: ReportedRun) -> Section:
    """Operational carbon at the average and the marginal intensity, embodied carbon, software carbon intensity."""
    plan, spec = run.plan, run.accounts
    operational = math.fsum(carbon for site in plan.sites for carbon in site.carbon_kg)
    figures = [KeyFigure("operational carbon", f"{number(operational)} kg CO2e", "location-based, average intensity")]
    text = []
    if run.marginal_g_per_kwh:
        of_sites = [site for site in plan.sites if site.site in run.marginal_g_per_kwh]
        marginal = math.fsum(carbon_kg(site.energy_kwh, run.marginal_g_per_kwh[site.site]) for site in of_sites)
        where = ", ".join(site.site for site in of_sites)
        figures.append(KeyFigure("at the marginal intensity", f"{number(marginal)} kg CO2e", f"of {where}"))
    else:
        text.append(
            "No marginal intensity was given; it would say what a kWh more or less changes, not what is on average."
        )
    embodied = None if spec is None else embodied_kg(plan, run.scenario, spec)
    if embodied is None:
        text.append("Embodied carbon is not counted: `--accounts` names no embodied_kg for every GPU type of the plan.")
    else:
        figures.append(
            KeyFigure("embodied carbon", f"{number(embodied)} kg CO2e", "of the servers kept, over their life")
        )
    if spec is not None:
        found = carbon_intensity(plan, embodied or 0.0, spec.per)
        note = "ISO/IEC 21031, (E·I + M)/R" + ("" if embodied is not None else " with M = 0")
        figures.append(KeyFigure(f"SCI per {found.per.value}", f"{number(found.g_per_unit)} g CO2e", note))
    charts = [_signal(run, run.carbon_g_per_kwh, "Carbon intensity", "g CO2e/kWh")] if run.carbon_g_per_kwh else []
    return Section("Carbon", text, charts, figures=figures)


def cost(run: ReportedRun) -> Section:
    """What the plan costs whoever rents, and whoever owns."""
    if run.unread:
        return Section("Cost", f"{number(run.plan.totals.cost_usd)} USD in all. By term: not known, {run.unread}.")
    rented = rented_usd(run.plan, run.scenario, run.price_usd_per_mwh)
    names = list(next(iter(rented.values()), {}))
    series = {name: [rented[site][name] for site in rented] for name in names}
    text = "Paid per GPU-hour and kWh, at the prices of the scenario and its grid files."
    charts = [stacked_bars("Cost of renting, by site", list(rented), series, y_label="cost, USD", text=text)]
    charts.append(_signal(run, run.price_usd_per_mwh, "Electricity price", "USD/MWh"))
    rows: list[tuple[Cell, ...]] = []
    for site, parts in rented.items():
        rows += _with_sum(site, parts)
    tables = [Table("Cost of renting", ("site", "term", "cost, USD", "part"), tuple(rows))]
    if run.accounts is None or not run.accounts.owned:
        return Section(
            "Cost",
            "What owning the servers would cost: not counted, `--accounts` names no owned servers.",
            charts,
            tables,
        )
    owned, figures = _owned(run)
    return Section("Cost", owned.text, [*charts, owned], [*tables, owned.table], figures)


def _owned(run: ReportedRun) -> tuple[Chart, list[KeyFigure]]:
    spec, plan = run.accounts, run.plan
    if spec is None:
        raise AssertionError("owned cost is asked for without accounts")
    terms = owned_usd(plan, run.scenario, run.price_usd_per_mwh, spec)
    total, hours = math.fsum(terms.values()), owned_gpu_hours(plan, run.scenario)
    by = (
        "straight line"
        if spec.amortisation is Amortisation.STRAIGHT_LINE
        else f"capital recovery at {spec.interest:.1%}"
    )
    text = (
        f"Paid by the owner of the servers, {by}: the whole stock, or without one the most servers that are ever on, for as long "
        f"as the horizon lasts; {number(hours)} GPU-hours."
    )
    chart = bars("Cost of owning, by term", list(terms), {"cost": list(terms.values())}, y_label="cost, USD", text=text)
    figures = [
        KeyFigure("cost of renting", f"{number(plan.totals.cost_usd)} USD", "GPU-hours, electricity, starts"),
        KeyFigure(
            "cost of owning", f"{number(total)} USD", f"{number(total / hours)} USD per GPU-hour owned" if hours else ""
        ),
    ]
    return chart, figures


def _signal(run: ReportedRun, by_site: dict[str, list[float]], title: str, unit: str) -> Chart:
    """A grid signal over the horizon, sites with the same in one line."""
    alike: dict[tuple[float, ...], list[str]] = {}
    for site, values in by_site.items():
        alike.setdefault(tuple(values), []).append(site)
    series: dict[str, Sequence[float]] = {", ".join(sites): values for values, sites in alike.items()}
    return lines(title, run.times, series, y_label=unit)
