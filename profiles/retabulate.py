"""Make the small figure tables of the shipped profiles from the raw public data.

Needed only to change or audit the figures: the recipe itself reads the tables that this script wrote.

    python profiles/retabulate.py [DATA] [-d FOLDER]

DATA holds the folders ``splitwise-perf``, ``azure-llm-2023`` and ``dvfs-v100-mistral7b``; without it the
environment variable DYNAMO_PLAN_DATA names the place. The tables go into the folders beside this file, or
into FOLDER.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

PROFILES = Path(__file__).resolve().parent
LLAMA, MISTRAL = "llama-2-70b-h100", "mistral-7b-v100"

INPUT_EDGES = (256, 1024, 8192)
OUTPUT_EDGES = (100, 350)
QUANTILES = (0, 1, 2.5, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 97.5, 99, 100)
LONGEST_TRUSTED_OUTPUT = 512  # longer outputs stop early in the Splitwise runs
REFERENCE_MHZ = 1300


def read(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file with Unix line ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def splitwise(data: Path, folder: Path) -> None:
    """Medians over repeats: prefill time, decode iteration (H100), prompt power (A100, batch 1)."""
    groups: dict[tuple[str, int, int, int], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in read(data / "splitwise-perf" / "perf_model.csv"):
        if row["model"] != "llama2-70b" or int(row["token_size"]) > LONGEST_TRUSTED_OUTPUT:
            continue
        shape = (int(row["tensor_parallel"]), int(row["prompt_size"]), int(row["batch_size"]))
        group = groups[(row["hardware"], *shape)]
        group["prefill"].append(float(row["prompt_time"]))
        if int(row["token_size"]) == 128:
            group["decode"].append(float(row["token_time"]))
            if float(row["peak_power"]) > 0:
                group["peak_power"].append(float(row["peak_power"]))
                group["average_power"].append(float(row["average_power"]))

    # Batch 64 at TP2 does not fit the KV cache: its prefill time is the time of a part of the batch.
    h100 = {
        (tp, prompt, batch): values
        for (hardware, tp, prompt, batch), values in sorted(groups.items())
        if hardware == "h100-80gb" and not (tp == 2 and batch == 64)
    }
    header = ("tp", "prompt_tokens", "batch")
    for quantity, name in (("prefill", "prefill_time"), ("decode", "decode_time")):
        rows = [(*shape, round(float(np.median(values[quantity])), 2)) for shape, values in h100.items()]
        write(folder / LLAMA / f"{name}.csv", (*header, f"{name}_ms"), rows)

    by_tokens: dict[float, list[float]] = defaultdict(list)
    average: list[tuple[int, float]] = []
    for (hardware, tp, prompt, batch), values in sorted(groups.items()):
        if hardware == "a100-80gb" and batch == 1 and values["peak_power"]:
            by_tokens[prompt / tp].append(float(np.median(values["peak_power"])))
            if prompt == 512:
                average.append((tp, round(float(np.median(values["average_power"])), 4)))
    shares = [
        (int(tokens), round(min(1.0, float(np.mean(by_tokens[tokens]))), 3))
        for tokens in sorted(by_tokens)
        if tokens <= 256
    ]
    write(folder / LLAMA / "prefill_power.csv", ("tokens_per_gpu", "share_of_tdp"), shares)
    write(folder / LLAMA / "a100_decode_power.csv", ("tp", "share_of_tdp"), average)


def azure(data: Path, folder: Path) -> None:
    """Quantiles of input and output lengths per bucket of the two 2023 hours, and their rank correlation."""
    header = ("workload", "bucket", "requests", "rank_correlation", "quantity", "mean")
    rows: list[Sequence[object]] = []
    for workload, name in (("coding", "code"), ("conversation", "conv")):
        raw = read(data / "azure-llm-2023" / f"AzureLLMInferenceTrace_{name}.csv")
        tokens = np.array([(int(row["ContextTokens"]), int(row["GeneratedTokens"])) for row in raw])
        input_class = np.digitize(tokens[:, 0], INPUT_EDGES)
        output_class = np.digitize(tokens[:, 1], OUTPUT_EDGES)
        for i, first in enumerate("SML"):
            for o, second in enumerate("SML"):
                part = tokens[(input_class == i) & (output_class == o)]
                varied = len(part) > 2 and np.ptp(part[:, 0]) > 0 and np.ptp(part[:, 1]) > 0
                rank = round(float(spearmanr(part).statistic), 2) if varied else 0.0
                for column, quantity in enumerate(("input_tokens", "output_tokens")):
                    values = part[:, column]
                    quantiles = [round(float(q), 1) for q in np.percentile(values, QUANTILES)]
                    rows.append(
                        (workload, first + second, len(part), rank, quantity, round(values.mean(), 1), *quantiles)
                    )
    write(folder / LLAMA / "token_lengths.csv", (*header, *(f"p{q:g}" for q in QUANTILES)), rows)


def v100(data: Path, folder: Path) -> None:
    """Ratios by clock against 1300 MHz, per workload and concurrency, and the values at 1300 MHz."""
    columns = {
        "ttft_ms": ("ttft_s", 1000.0),
        "tbt_ms": ("tpot_s", 1000.0),
        "power_w": ("avg_power_w", 1.0),
        "rate_rps": ("request_rate_rps", 1.0),
    }
    groups: dict[tuple[int, int, int, int], list[dict[str, str]]] = defaultdict(list)
    for row in read(data / "dvfs-v100-mistral7b" / "measured_points.csv"):
        keys = ("input_tokens", "output_tokens", "concurrency", "frequency_mhz")
        i, o, c, f = (int(row[key]) for key in keys)
        groups[i, o, c, f].append(row)
    mean = {
        key: {n: scale * float(np.mean([float(r[raw]) for r in rows])) for n, (raw, scale) in columns.items()}
        for key, rows in groups.items()
    }
    cells = sorted({key[:3] for key in mean})
    baseline = [(*cell, *(f"{v:.4g}" for v in mean[*cell, REFERENCE_MHZ].values())) for cell in cells]
    write(
        folder / MISTRAL / "baseline_1300mhz.csv", ("input_tokens", "output_tokens", "concurrency", *columns), baseline
    )
    ratios = [
        (*key, *(round(mean[key][n] / mean[*key[:3], REFERENCE_MHZ][n], 4) for n in columns)) for key in sorted(mean)
    ]
    header = ("input_tokens", "output_tokens", "concurrency", "frequency_mhz")
    write(folder / MISTRAL / "clock_ratios.csv", (*header, *(n.rsplit("_", 1)[0] + "_ratio" for n in columns)), ratios)


def retabulate(data: Path, folder: Path = PROFILES) -> None:
    """Write all tables into the profiles' own folders below ``folder``."""
    for table in (splitwise, azure, v100):
        table(data, folder)


def main() -> int:
    """Write all tables; exit code 2 when the place of the raw data is not given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", default=os.environ.get("DYNAMO_PLAN_DATA"), help="folder of the raw data")
    parser.add_argument("-d", "--directory", type=Path, default=PROFILES, help="where to write (default: here)")
    arguments = parser.parse_args()
    if not arguments.data:
        print("retabulate: where is the raw data? Give its folder, or set DYNAMO_PLAN_DATA.", file=sys.stderr)
        return 2
    retabulate(Path(arguments.data), arguments.directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
