"""`dynamo-plan profile compose`: measured baselines times measured ratios."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dynamo_plan.cli.console import say
from dynamo_plan.cli.profile.fit import ReplaceOption, TargetFile


def compose(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE.yaml", help="What to compose; see `schema recipe`.")],
    output: TargetFile,
    force: ReplaceOption = False,
) -> None:
    """Write a profile of measured rows and of rows composed with ratios; every row names where it comes from.

    A ratio outside the range in which it was measured is refused.
    """
    from dynamo_plan.emit.profile_table import write_profile
    from dynamo_plan.ingest.recipe_yaml import read_recipe
    from dynamo_plan.profile.compose import compose as composed

    found = composed(read_recipe(recipe))
    for note in found.notes:
        say(f"note: {note}")
    write_profile(found.table, output, force=force)
    say(f"{output}: {len(found.table)} rows, {found.composed} of them composed.")
