"""Build hook: a wheel carries the shipped profiles and examples, and the page that `explain` reads, inside the package.

An editable install must not: Hatchling would copy them into site-packages, where they would go stale, while the code
of a checkout reads the top-level folders. That is why this is a hook and not a static ``force-include`` table.
"""

from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHIPPED = ("profiles", "examples", "docs/reference/errors.md")


class ShippedData(BuildHookInterface[BuilderConfig]):
    """Map what is shipped to ``dynamo_plan/_shipped`` in a standard wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the folders and the page to what the wheel includes.

        Parameters
        ----------
        version
            ``standard`` for a wheel, ``editable`` for a development install.
        build_data
            Hatchling's record of the build, changed in place.
        """
        if version != "standard":
            return
        for path in SHIPPED:
            build_data["force_include"][str(Path(self.root) / path)] = f"dynamo_plan/_shipped/{path}"
