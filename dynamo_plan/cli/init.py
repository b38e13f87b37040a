"""`dynamo-plan init`: a runnable scenario folder from a shipped example."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Annotated

import typer

from dynamo_plan.cli.console import say
from dynamo_plan.errors import Fault, UsageError
from dynamo_plan.shipped import SCENARIO_NAME, engine_beside, example_folder, example_names, shipped_folder

DEFAULT_TEMPLATE = "first-plan"
PATH_KEYS = ("profile", "mixing", "forecast", "grid")


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make; must be absent or empty.")],
    template: Annotated[str, typer.Option("--template", help="Shipped example to start from.")] = DEFAULT_TEMPLATE,
) -> None:
    """Make a runnable scenario folder from a shipped example."""
    from dynamo_plan.emit.atomic import whole_folder

    example = example_folder(template)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            Fault(
                "folder-occupied", str(folder), "not an empty folder", "Nothing is overwritten", "Choose another folder"
            )
        )
    with whole_folder(folder, SCENARIO_NAME) as draft:
        _copy_example(example, draft)
    say(f"Wrote {folder} from the example {template}. Next: dynamo-plan solve {folder / SCENARIO_NAME}")
    say(f"Examples: {', '.join(example_names())}")


def _copy_example(example: Path, draft: Path) -> None:
    """Copy an example; the profiles that it takes from beside it come along, and their paths are rewritten."""
    from ruamel.yaml import YAML

    shutil.copytree(example, draft, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    text = (example / SCENARIO_NAME).read_text(encoding="utf-8")
    scenario = YAML(typ="safe", pure=True).load(text)
    parts = (*scenario["services"], *scenario["sites"])
    paths = {part[key] for part in parts for key in PATH_KEYS if part.get(key) is not None}
    for path in sorted(paths):
        source = Path(os.path.normpath(example / path))
        if not source.is_relative_to(example):
            inside = source.relative_to(shipped_folder())
            (draft / inside).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, draft / inside)
            if engine_beside(source).is_file():  # what `replay` takes
                shutil.copyfile(engine_beside(source), engine_beside(draft / inside))
            # In the text, because the comments and the layout are half of an example's worth.
            text = text.replace(f" {path}", f" {inside.as_posix()}")
    (draft / SCENARIO_NAME).write_text(text, encoding="utf-8")
