"""`--set KEY=VALUE`: changes to a scenario on the command line."""

from __future__ import annotations

from typing import Annotated

import typer

from dynamo_plan.errors import Fault, UsageError

SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change the scenario; repeatable.")
]


def override(setting: str) -> tuple[str, str]:
    """A setting as dotted path into the scenario and value, for `read_inputs`.

    Raises
    ------
    UsageError
        It is no pair.
    """
    key, sign, value = setting.partition("=")
    if not sign or not key:
        raise UsageError(
            Fault(
                "set-syntax",
                "--set",
                f"{setting!r} is not KEY=VALUE",
                "KEY is a dotted path into the scenario, e.g. sites.site-a.pue=1.1",
                "Write --set KEY=VALUE",
            )
        )
    return key, value
