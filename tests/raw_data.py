"""Where the raw public data sets are: the folder that `DYNAMO_PLAN_DATA` names, or one beside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DATA_VARIABLE = "DYNAMO_PLAN_DATA"
DATA_BESIDE_CHECKOUT = ROOT / "../shared/data"


def data_set(name: str) -> Path | None:
    """The folder of a raw data set, e.g. ``azure-llm-2024``; None where it is not here."""
    named = os.environ.get(DATA_VARIABLE)
    folder = (Path(named) if named else DATA_BESIDE_CHECKOUT) / name
    return folder if folder.is_dir() else None
