"""`dynamo-plan schema`: JSON Schemas of the files that scripts read and write."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from dynamo_plan.errors import Fault, UsageError

NAMES = {
    "scenario": "the scenario that you write (YAML)",
    "plan": "plan.json, the whole plan",
    "summary": "summary.json, what `solve -o json` prints",
}


def schema(
    name: Annotated[str | None, typer.Argument(help="scenario, plan or summary; lists them if left out.")] = None,
) -> None:
    """Print the JSON Schema of a file."""
    if name is None:
        for known, what in NAMES.items():
            print(f"{known:<10} {what}")
        return
    from pydantic import TypeAdapter

    from dynamo_plan.emit.summary import Summary
    from dynamo_plan.schema.plan import Plan
    from dynamo_plan.schema.scenario import Scenario

    if name not in NAMES:
        raise UsageError(
            Fault("schema-unknown", "schema", f"{name} is unknown", f"Known: {', '.join(NAMES)}", "Take one of these")
        )
    adapter: TypeAdapter[object] = TypeAdapter({"scenario": Scenario, "plan": Plan, "summary": Summary}[name])
    described = {"$schema": "https://json-schema.org/draft/2020-12/schema", **adapter.json_schema()}
    print(json.dumps(described, indent=2))
