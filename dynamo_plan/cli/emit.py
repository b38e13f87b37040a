"""`dynamo-plan emit`: configuration files for a runtime, from a plan that holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dynamo_plan.cli.approve import key_bytes
from dynamo_plan.cli.console import ForceOption, Output, console, print_rows, say
from dynamo_plan.emit.options import EngineName, Setting, WorkloadKind
from dynamo_plan.errors import Fault, UsageError

if TYPE_CHECKING:
    from dynamo_plan.emit.options import EmitOptions
    from dynamo_plan.schema.plan import Plan

SETTABLE = (Setting.CLOCK, Setting.POWER_LIMIT)


def emit(
    run_folder: Annotated[Path | None, typer.Argument(metavar="RUN", help="Run folder of a solve.")] = None,
    folder: Annotated[Path | None, typer.Option("-d", "--dir", metavar="DIR", help="Folder to write.")] = None,
    target: Annotated[str, typer.Option("--target", help="Output target; --list names them.")] = "files",
    list_targets: Annotated[
        bool, typer.Option("--list", help="List the targets and what each sets, and stop.")
    ] = False,
    require_approval: Annotated[
        bool, typer.Option("--require-approval", help="Refuse a plan that is not approved as it stands.")
    ] = False,
    public_key: Annotated[
        Path | None,
        typer.Option(
            "--public-key", metavar="KEY.pem", help="Refuse an approval that is not signed with this key's other half."
        ),
    ] = None,
    namespace: Annotated[str, typer.Option("--namespace", help="Kubernetes namespace.")] = "default",
    image: Annotated[str | None, typer.Option("--image", help="Container image; by default the engine's.")] = None,
    engine: Annotated[EngineName, typer.Option("--engine", help="Serving engine.")] = EngineName.VLLM,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="SERVICE=MODEL",
            help="What the engine loads for a service; repeatable. By default as in the scenario.",
        ),
    ] = None,
    workload_kind: Annotated[
        WorkloadKind, typer.Option("--workload-kind", help="Kubernetes workload.")
    ] = WorkloadKind.DEPLOYMENT,
    name_template: Annotated[
        str, typer.Option("--workload-name-template", help="Of service, pool, buckets, site, gpu, tp, pp, dtype, kind.")
    ] = "{pool}-{kind}",
    clocks_supported: Annotated[
        Path | None, typer.Option("--clocks-supported", metavar="FILE", help="Clocks of the GPUs, one a line [MHz].")
    ] = None,
    actuate: Annotated[
        str, typer.Option("--actuate", metavar="clock|power-limit", help="What is set where a target can set either.")
    ] = "clock",
    force: ForceOption = False,
) -> None:
    """Write configuration files for a runtime."""
    if list_targets:
        _print_targets()
        return
    if run_folder is None or folder is None:
        raise UsageError(
            Fault(
                "emit-arguments",
                "emit",
                "RUN and -d DIR are needed",
                "emit RUN --target NAME -d DIR",
                "Or list the targets with --list",
            )
        )
    from dynamo_plan.emit.targets import known_target, write_target
    from dynamo_plan.schema.plan import PlanStatus

    known_target(target)
    plan = _plan(run_folder, public_key, approved=require_approval or public_key is not None)
    if plan.status is PlanStatus.INFEASIBLE:
        say(
            f"{run_folder}: this plan is a best effort and breaks {len(plan.violations)} promises; see dynamo-plan explain."
        )
    options = _options(
        run_folder, namespace, image, engine, model or [], workload_kind, name_template, clocks_supported, actuate
    )
    with console(stderr=True).status(f"Writing target {target} and reading it back"):
        count, notes = write_target(target, plan, folder, force=force, options=options)
    say(f"Wrote {count} files of target {target} to {folder}")
    for note in notes:
        say(f"Note: {note}.")


def _print_targets() -> None:
    from dynamo_plan.emit.targets import find_targets

    rows = [
        {"target": name, "sets": ", ".join(sorted(target.SETS)) or "nothing by itself", "what": target.DESCRIPTION}
        for name, target in find_targets().items()
    ]
    print_rows(rows, Output.TABLE)


def _plan(run_folder: Path, public_key: Path | None, *, approved: bool) -> Plan:
    from dynamo_plan.emit.approval import read_approved_plan
    from dynamo_plan.emit.run_folder import read_trusted_plan

    if not approved:
        return read_trusted_plan(run_folder)
    plan, approval = read_approved_plan(run_folder, None if public_key is None else key_bytes(public_key))
    signed = ", signature checked" if public_key is not None else ""
    say(f"{run_folder}: approved by {approval.by!r} at {approval.at:%Y-%m-%d %H:%M %Z}{signed}.")
    return plan


def _options(
    run_folder: Path,
    namespace: str,
    image: str | None,
    engine: EngineName,
    models: list[str],
    workload_kind: WorkloadKind,
    name_template: str,
    clocks_supported: Path | None,
    actuate: str,
) -> EmitOptions:
    from dynamo_plan.emit.names import check_namespace
    from dynamo_plan.emit.options import EmitOptions, ServedModel
    from dynamo_plan.emit.run_folder import read_run_scenario

    scenario = read_run_scenario(run_folder)
    named = _named_models(models, [service.name for service in scenario.services])
    served = {
        service.name: ServedModel(
            named.get(service.name, service.model),
            None if service.memory is None else service.memory.max_request_tokens,
            None if service.memory is None else service.memory.utilisation,
        )
        for service in scenario.services
    }
    per_server = {(site.name, gpu): spec.per_server for site in scenario.sites for gpu, spec in site.gpus.items()}
    setting = next((one for one in SETTABLE if one.replace(" ", "-") == actuate), None)
    if setting is None:
        raise UsageError(
            Fault(
                "emit-actuate",
                "--actuate",
                f"{actuate!r} is nothing to set",
                "clock or power-limit",
                "Write --actuate clock or --actuate power-limit",
            )
        )
    return EmitOptions(
        namespace=check_namespace(namespace),
        image=image,
        engine=engine,
        workload_kind=workload_kind,
        name_template=name_template,
        lead_s=scenario.transitions.instance_start_s,
        models=served,
        gpus_per_server=per_server,
        supported_clocks_mhz=() if clocks_supported is None else _clocks(clocks_supported),
        sets=setting,
    )


def _named_models(models: list[str], services: list[str]) -> dict[str, str]:
    """What `--model` says, by service."""
    named = {}
    for text in models:
        service, equals, value = text.partition("=")
        if not equals or not value or service not in services:
            raise UsageError(
                Fault(
                    "emit-model",
                    "--model",
                    f"{text!r} names no service of the plan and what it loads",
                    f"SERVICE=MODEL, with a service of {', '.join(services)}",
                    f"Write such as --model {services[0]}=org/model",
                )
            )
        named[service] = value
    return named


def _clocks(path: Path) -> tuple[float, ...]:
    from dynamo_plan.ingest.clock_list import parse_clocks
    from dynamo_plan.ingest.gathered import Faults
    from dynamo_plan.ingest.source import read_source

    faults = Faults()
    source = read_source(path, faults)
    clocks = () if source is None else parse_clocks(source, faults)
    faults.raise_if_any()
    return clocks
