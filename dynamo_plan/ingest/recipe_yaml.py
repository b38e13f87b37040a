"""A recipe of a composed profile and the profiles that it names, read and checked in one go."""

from __future__ import annotations

from pathlib import Path

from dynamo_plan.ingest.gathered import Faults
from dynamo_plan.ingest.profile_table import parse_profile
from dynamo_plan.ingest.source import read_source
from dynamo_plan.ingest.yaml_document import Document, KeyPath
from dynamo_plan.ingest.yaml_record import read_record
from dynamo_plan.schema.profile import ProfileTable
from dynamo_plan.schema.recipe import Recipe, RecipeInputs


def read_recipe(path: Path) -> RecipeInputs:
    """Read a recipe and every profile that it names; paths in it are relative to its folder.

    Raises
    ------
    InputError
        With all faults of all files.
    """
    document, recipe = read_record(path, Recipe)
    faults = Faults()
    known: dict[Path, ProfileTable | None] = {}

    def profile(written: str, key: KeyPath) -> ProfileTable | None:
        place = path.parent / written
        if place not in known:
            found = read_source(place, faults, document.where(key))
            known[place] = None if found is None else parse_profile(found, faults)
        return known[place]

    baseline = profile(recipe.baseline.profile, ("baseline", "profile"))
    references = tuple(
        None if ratio.profile is None else profile(ratio.profile, ("ratios", index, "profile"))
        for index, ratio in enumerate(recipe.ratios)
    )
    faults.raise_if_any()
    if baseline is None:
        raise AssertionError("a profile that cannot be read has no fault")
    return RecipeInputs(recipe, baseline, references, _places(document, len(recipe.ratios)))


def _places(document: Document, count: int) -> tuple[str, ...]:
    return tuple(document.where(("ratios", index)) for index in range(count))
