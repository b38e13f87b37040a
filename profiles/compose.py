"""Make the shipped profiles from the figures beside this file. Run twice, the files are the same to the byte.

    python profiles/compose.py             # write everything into this folder
    python profiles/compose.py -d FOLDER   # write it elsewhere, to compare
    python profiles/compose.py -d FOLDER --engine   # rates and latencies by the engine instead of the queue in closed form

See docs/explanation/shipped-profile.md for what the result is worth.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from recipe.cells import bucket_cells
from recipe.engine_costs import engine_table
from recipe.engine_serving import engine_server
from recipe.figures import BUCKETS, PROFILES, Figures, read_figures
from recipe.lengths import Workload, read_workloads
from recipe.mistral import mistral_rows
from recipe.mixing import mixing_rows
from recipe.serving import Server, serve
from recipe.tables import write_mixing, write_profile

from dynamo_plan.emit.engine_table import write_engine_table

FILE_NAMES = {"conversation": "llama-2-70b-h100", "coding": "llama-2-70b-h100-coding"}


def compose_llama(figures: Figures, workload: Workload, folder: Path, server: Server = serve) -> None:
    """Write profile and mixing table of one workload."""
    cells = [cell for bucket in BUCKETS for cell in bucket_cells(figures, workload, bucket, server)]
    name = FILE_NAMES[workload.name]
    write_profile(folder / f"{name}.parquet", [row for cell in cells for row in cell.rows])
    capacities = {(c.bucket, c.instance.tp, c.instance.frequency_mhz): c.capacity_rps for c in cells}
    write_mixing(folder / f"{name}.mixing.csv", mixing_rows(figures, workload, capacities, server))


def compose(folder: Path, *, by_engine: bool = False) -> None:
    """Write all shipped profiles and mixing tables into ``folder``."""
    figures = read_figures()
    server = engine_server(engine_table(figures)) if by_engine else serve
    for workload in read_workloads().values():
        compose_llama(figures, workload, folder, server)
    compose_engine(figures, folder)
    write_profile(folder / "mistral-7b-v100.parquet", mistral_rows())


def compose_engine(figures: Figures, folder: Path) -> None:
    """Write the engine table beside every Llama profile: the same for all, since it knows nothing of requests."""
    table = engine_table(figures)
    for name in FILE_NAMES.values():
        write_engine_table(table, folder / f"{name}.engine.csv", force=True)


def main() -> None:
    """Compose where the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-d", "--directory", type=Path, default=PROFILES, help="where to write (default: here)")
    parser.add_argument("--engine", action="store_true", help="by the engine; needs a folder of its own")
    asked = parser.parse_args()
    folder: Path = asked.directory
    if asked.engine and folder.resolve() == PROFILES:
        parser.error("the shipped profile is composed in closed form: name another folder with -d")
    folder.mkdir(parents=True, exist_ok=True)
    compose(folder, by_engine=asked.engine)


if __name__ == "__main__":
    main()
