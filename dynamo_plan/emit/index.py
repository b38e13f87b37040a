"""``workloads.json``: what of the plan each workload is, for targets whose own files have no place for it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from pydantic import TypeAdapter

from dynamo_plan.emit.workloads import Workload
from dynamo_plan.schema.kind import Kind

INDEX_FILE = "workloads.json"


def write_index(folder: Path, workloads: Iterable[Workload]) -> None:
    """Write service, pool, buckets, site and kind of each workload by its name."""
    record = {
        workload.name: {
            "service": workload.pool.service,
            "pool": workload.pool.name,
            "buckets": list(workload.pool.buckets),
            "site": workload.pool.site,
            "gpu": workload.kind.gpu,
            "tp": workload.kind.tp,
            "pp": workload.kind.pp,
            "dtype": workload.kind.dtype,
        }
        for workload in workloads
    }
    (folder / INDEX_FILE).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def read_index(folder: Path) -> dict[str, tuple[str, Kind]]:
    """Pool and kind of each workload by its name; ValueError where the file is none of ours."""
    record = json.loads((folder / INDEX_FILE).read_text(encoding="utf-8"))
    kinds = TypeAdapter(Kind)
    return {
        name: (one["pool"], kinds.validate_python({part: one[part] for part in ("gpu", "tp", "pp", "dtype")}))
        for name, one in record.items()
    }
