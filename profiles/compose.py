"""Make the shipped profiles from the figures beside this file. Run twice, the files are the same to the byte.

    python profiles/compose.py             # write everything into this folder: half an hour on two cores
    python profiles/compose.py -d FOLDER   # write it elsewhere, to compare
    python profiles/compose.py -d FOLDER --instances 4   # for pools that never have fewer instances than so many
    python profiles/compose.py -d FOLDER --closed-form   # by a queue in closed form instead of the engine

See docs/explanation/shipped-profile.md for what the result is worth.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

from recipe.cells import Cell, bucket_cells
from recipe.engine_costs import engine_table
from recipe.engine_serving import EngineServer
from recipe.figures import BUCKETS, PROFILES, TENSOR_PARALLEL, Figures, read_figures
from recipe.lengths import Workload, read_workloads
from recipe.mistral import mistral_rows
from recipe.mixing import INPUT_CLASS_SETS, Capacities, Mix, mixing_rows
from recipe.serving import ClosedForm, Server
from recipe.slo import smallest_pool
from recipe.tables import write_mixing, write_profile

from dynamo_plan import parallel
from dynamo_plan.emit.engine_table import write_engine_table

FILE_NAMES = {"conversation": "llama-2-70b-h100", "coding": "llama-2-70b-h100-coding"}

type Method = Callable[[int], Server]
"""What replays streams of requests on a pool of so many instances."""


def _cells(task: tuple[Figures, Workload, str, int, Server]) -> list[Cell]:
    return bucket_cells(*task)


def _mixes(task: tuple[Figures, Workload, str, int, Capacities, Server]) -> list[Mix]:
    return mixing_rows(*task)


def compose_llama(figures: Figures, workload: Workload, method: Method, instances: int | None, folder: Path) -> None:
    """Write profile and mixing table of one workload, for pools of at least so many instances; by default what the SLO states."""
    cells = [
        (figures, workload, bucket, tp, method(instances or smallest_pool(figures, workload, bucket)))
        for bucket in BUCKETS
        for tp in TENSOR_PARALLEL
    ]
    made = [cell for group in parallel.run(cells, _cells) for cell in group]
    name = FILE_NAMES[workload.name]
    write_profile(folder / f"{name}.parquet", [row for cell in made for row in cell.rows])
    capacities = {(c.bucket, c.instance.tp, c.instance.frequency_mhz): c.capacity_rps for c in made}
    mixes = [
        (figures, workload, classes, tp, capacities, method(instances or 1))
        for classes in INPUT_CLASS_SETS
        for tp in TENSOR_PARALLEL
    ]
    write_mixing(folder / f"{name}.mixing.csv", [mix for group in parallel.run(mixes, _mixes) for mix in group])


def compose(folder: Path, *, instances: int | None = None, closed_form: bool = False) -> None:
    """Write all profiles and mixing tables into ``folder``."""
    figures = read_figures()
    method: Method = (lambda _: ClosedForm()) if closed_form else partial(EngineServer, engine_table(figures))
    for workload in read_workloads().values():
        compose_llama(figures, workload, method, instances, folder)
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
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--instances", type=int, help="fewest of a pool, behind a router (default: as shipped)")
    how.add_argument("--closed-form", action="store_true", help="by a queue in closed form, as a second opinion")
    asked = parser.parse_args()
    folder: Path = asked.directory
    if (asked.closed_form or asked.instances) and folder.resolve() == PROFILES:
        parser.error(
            "the shipped profile is by the engine, for the pools that its page names: name another folder with -d"
        )
    folder.mkdir(parents=True, exist_ok=True)
    compose(folder, instances=asked.instances, closed_form=asked.closed_form)


if __name__ == "__main__":
    main()
