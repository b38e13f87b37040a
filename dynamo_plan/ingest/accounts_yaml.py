"""`accounts.yaml`: what the accounts of a report need besides the plan (schema/accounts.py), with the marginal carbon files it names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dynamo_plan.ingest.gathered import Faults, did_you_mean, listed
from dynamo_plan.ingest.grid_table import on_windows, parse_grid
from dynamo_plan.ingest.source import read_source
from dynamo_plan.ingest.yaml_document import Document
from dynamo_plan.ingest.yaml_record import read_record
from dynamo_plan.schema.accounts import AccountsSpec
from dynamo_plan.schema.load import Windows
from dynamo_plan.schema.scenario import Scenario


def read_accounts(
    path: Path, scenarios: Sequence[Scenario], windows: Windows
) -> tuple[AccountsSpec, dict[str, list[float]]]:
    """Read accounts, and the marginal carbon intensity [g/kWh] of the sites they name, per window.

    Parameters
    ----------
    scenarios : sequence of Scenario
        Whose sites and GPU types the accounts are for.

    Raises
    ------
    InputError
        With all faults of all files.
    """
    document, spec = read_record(path, AccountsSpec)
    faults = Faults()
    _check_names(document, spec, scenarios, faults)
    marginal = {}
    for site, written in spec.marginal_carbon.items():
        where = document.where(("marginal_carbon", site))
        table = read_source(path.parent / written, faults, where)
        series = parse_grid(table, faults) if table else None
        signals = on_windows(series, windows, faults) if series else None
        if signals is not None:
            marginal[site] = signals.carbon_g_per_kwh.tolist()
    faults.raise_if_any()
    return spec, marginal


def _check_names(document: Document, spec: AccountsSpec, scenarios: Sequence[Scenario], faults: Faults) -> None:
    """Every GPU type of the runs has its server, and every site named is there."""
    gpus = sorted({gpu for scenario in scenarios for site in scenario.sites for gpu in site.gpus})
    sites = sorted({site.name for scenario in scenarios for site in scenario.sites})
    for gpu in gpus if spec.owned else ():
        if gpu not in spec.owned:
            faults.add(
                "accounts-gpu-missing",
                document.where(("owned",)),
                f"there is no server with GPUs {gpu}",
                "Every GPU type of the runs has its server here",
                f"Add `{gpu}:` with its prices; `{gpu}: {{}}` takes the defaults, which are those of a server with 8 H100",
            )
    for key, named, known in (("owned", spec.owned, gpus), ("marginal_carbon", spec.marginal_carbon, sites)):
        for name in named:
            if name not in known:
                mend = did_you_mean(name, known) or "Drop it, or correct it"
                what, allowed = f"{name} is in none of the runs", f"They have {listed(known)}"
                faults.add("accounts-unknown-name", document.where((key, name)), what, allowed, mend)
