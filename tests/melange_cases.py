"""Four GPU allocation cases in Mélange's format, with their least cost.

Throughputs: Llama-2-7B on A100 and A40, requests/s by input class (row) and output class (column), rounded to five digits; source:
vllm-project/aibrix @ e3e10f9, Apache-2.0. Loads are ours: a share per input class times a share per output class. Least costs, proven
for Mélange's own formulation, in which whole slices of a bucket go to one GPU type.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TPUTS = {
    "A100": (
        (62.477, 54.416, 27.479, 13.234, 6.3642),
        (60.316, 50.192, 26.125, 12.726, 6.1895),
        (56.753, 47.023, 24.256, 11.909, 5.9068),
        (50.553, 40.283, 21.527, 11.092, 5.3404),
        (39.157, 31.064, 17.981, 9.4858, 4.7668),
        (25.484, 20.841, 13.326, 7.4629, 3.832),
        (14.4, 12.222, 8.5173, 5.0996, 2.7326),
        (7.0629, 6.1744, 4.6728, 2.6623, 1.6318),
    ),
    "A40": (
        (53.468, 26.947, 13.351, 6.4491, 3.0687),
        (49.181, 25.769, 12.751, 6.217, 3.9082),
        (41.108, 22.757, 11.871, 5.8299, 2.8225),
        (26.893, 19.117, 10.259, 5.2229, 2.5432),
        (22.159, 14.476, 8.0336, 4.2722, 2.1646),
        (12.634, 9.1056, 5.3419, 3.0724, 1.6056),
        (6.4407, 4.9085, 2.8257, 1.7049, 0.97584),
        (2.6865, 2.046, 1.3656, 1.2239, 0.50422),
    ),
}


@dataclass(frozen=True)
class Known:
    """A case with its least cost [USD/h] and GPUs."""

    name: str
    rate_rps: float
    prices: dict[str, float]
    inputs: tuple[float, ...]
    outputs: tuple[float, ...]
    least_usd: float
    gpus: dict[str, int]

    def record(self) -> dict[str, Any]:
        """The case as Mélange's JSON has it."""
        return {
            "gpu_info": {name: {"cost": price, "tputs": TPUTS[name]} for name, price in self.prices.items()},
            "workload_distribution": [[given * made for made in self.outputs] for given in self.inputs],
            "total_request_rate": self.rate_rps,
            "slice_factor": 4,
        }

    def write(self, folder: Path) -> Path:
        """The case as a file."""
        path = folder / f"{self.name}.json"
        path.write_text(json.dumps(self.record()), encoding="utf-8")
        return path


RENTED, BOUGHT = {"A100": 1.0, "A40": 0.3}, {"A100": 3.67, "A40": 1.28}
CHAT = (0.02, 0.04, 0.08, 0.14, 0.22, 0.26, 0.18, 0.06), (0.35, 0.3, 0.2, 0.1, 0.05)
DOCUMENTS = (0.02, 0.04, 0.1, 0.2, 0.28, 0.24, 0.1, 0.02), (0.02, 0.05, 0.13, 0.3, 0.5)
UNIFORM = (0.125,) * 8, (0.2,) * 5

CASES = (
    Known("aibrix_a100v1_chat_r5_c1", 5.0, RENTED, *CHAT, 0.30, {"A40": 1}),
    Known("aibrix_a100v1_chat_r20_c1", 20.0, RENTED, *CHAT, 1.20, {"A40": 4}),
    Known("aibrix_a100v1_doc_r20_c3.67", 20.0, BOUGHT, *DOCUMENTS, 10.24, {"A40": 8}),
    Known("aibrix_a100v1_uniform_r80_c1", 80.0, RENTED, *UNIFORM, 7.00, {"A100": 1, "A40": 20}),
)
