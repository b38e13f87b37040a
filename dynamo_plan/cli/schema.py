"""`dynamo-plan schema`: JSON Schemas of the files that scripts read and write."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from dynamo_plan.errors import Fault, UsageError

NAMES = {
    "scenario": "the scenario that you write (YAML)",
    "recipe": "the recipe of `profile compose` (YAML)",
    "sweep": "what `whatif` reads (YAML)",
    "accounts": "what `report --accounts` reads (YAML)",
    "plan": "plan.json, the whole plan",
    "replay": "replay.json, what `replay` found",
    "comparison": "what `compare -o json` prints",
    "summary": "summary.json, what `solve -o json` prints",
}


def schema(
    name: Annotated[str | None, typer.Argument(help="One of the names that are listed if it is left out.")] = None,
) -> None:
    """Print the JSON Schema of a file."""
    if name is None:
        for known, what in NAMES.items():
            print(f"{known:<10} {what}")
        return
    from pydantic import TypeAdapter

    from dynamo_plan.emit.summary import Summary
    from dynamo_plan.schema.accounts import AccountsSpec
    from dynamo_plan.schema.comparison import Comparison
    from dynamo_plan.schema.plan import Plan
    from dynamo_plan.schema.recipe import Recipe
    from dynamo_plan.schema.replay import Replay
    from dynamo_plan.schema.scenario import Scenario
    from dynamo_plan.schema.sweep import SweepSpec

    if name not in NAMES:
        raise UsageError(
            Fault("schema-unknown", "schema", f"{name} is unknown", f"Known: {', '.join(NAMES)}", "Take one of these")
        )
    shapes = {
        "scenario": Scenario,
        "recipe": Recipe,
        "sweep": SweepSpec,
        "accounts": AccountsSpec,
        "plan": Plan,
        "replay": Replay,
        "comparison": Comparison,
        "summary": Summary,
    }
    adapter: TypeAdapter[object] = TypeAdapter(shapes[name])
    described = {"$schema": "https://json-schema.org/draft/2020-12/schema", **adapter.json_schema()}
    print(json.dumps(described, indent=2))
