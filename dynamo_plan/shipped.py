"""Where the shipped profiles and examples are: inside an installed wheel, else in the checkout's top-level folders."""

from __future__ import annotations

from pathlib import Path

from dynamo_plan.errors import Fault, UsageError

SCENARIO_NAME = "scenario.yaml"

ENGINE_SUFFIX = ".engine.csv"
"""Ending of an engine table that stands beside the profile of the same machines."""


def shipped_folder() -> Path:
    """Folder that holds ``profiles`` and ``examples``.

    Raises
    ------
    UsageError
        Neither place has them: the installation is broken.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "_shipped", package.parent):
        if (folder / "examples").is_dir() and (folder / "profiles").is_dir():
            return folder
    raise UsageError(
        Fault(
            "shipped-missing",
            str(package),
            "the shipped profiles and examples are not here",
            "They come with the wheel and with a checkout",
            "Install dynamo-plan again",
        )
    )


def engine_beside(profile: Path) -> Path:
    """Where the engine table of a profile's machines is looked for: under the profile's name, with an ending of its own."""
    return profile.with_name(profile.stem + ENGINE_SUFFIX)


def example_names() -> tuple[str, ...]:
    """Names of the shipped examples that hold a scenario, sorted."""
    found = (shipped_folder() / "examples").glob(f"*/{SCENARIO_NAME}")
    return tuple(sorted(path.parent.name for path in found))


def example_folder(name: str) -> Path:
    """Folder of a shipped example; `UsageError` names the known ones."""
    if name not in example_names():
        raise UsageError(
            Fault(
                "template-unknown",
                "--template",
                f"{name} is no shipped example",
                f"Known: {', '.join(example_names())}",
                "Take one of these",
            )
        )
    return shipped_folder() / "examples" / name
