"""Damaged files of every format that is read: `python -m benchmarks.fuzz [--inputs N] [--seed S]`.

Each input is a small sound file, damaged in one to three ways. Reading it must end in measurements or in a fault of ours; anything else is
printed with the seed that makes it again, and ends in exit code 1.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from dynamo_plan.errors import PlanError
from dynamo_plan.ingest.measurements import find_readers, read_measurements
from tests.ingest.measurements.mutations import damaged
from tests.ingest.measurements.samples import FILES, FORMAT_OF

MOST_PRINTED = 5
"""Tracebacks; the rest is counted."""


def outcome_of(seed: int, folder: Path) -> str:
    """What reading one damaged file ends in: `read`, `partly` (rows left out), `fault`, or the traceback of another error."""
    dice = random.Random(seed)
    kind = dice.choice(sorted(FILES))
    name, content = FILES[kind]
    path = folder / name
    path.write_bytes(damaged(content, [data for _, data in FILES.values()], dice))
    own_none_other = dice.choices((FORMAT_OF[kind], None, dice.choice(sorted(find_readers()))), (6, 3, 1))
    try:
        found = read_measurements([path], format=own_none_other[0], keep_going=dice.random() < 0.5)
    except PlanError as error:
        sound = error.faults and all(fault.code and fault.where and fault.what for fault in error.faults)
        return "fault" if sound else f"seed {seed}, {kind}: a fault without words"
    except Exception:
        return f"seed {seed}, {kind}: {traceback.format_exc()}"
    finally:
        path.unlink()
    return "partly" if found.rejected else "read"


def main() -> int:
    """Read the inputs and print what became of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description="Damaged files of every format.")
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=20240514, help="of the first input; the others follow")
    options = parser.parse_args()
    start, outcomes, printed = time.perf_counter(), Counter[str](), 0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.seed, options.seed + options.inputs):
            outcome = outcome_of(seed, Path(folder))
            is_known = outcome in ("read", "partly", "fault")
            outcomes[outcome if is_known else "FAILED"] += 1
            if not is_known and printed < MOST_PRINTED:
                printed += 1
                print(outcome, file=sys.stderr)
    counts = ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items()))
    print(f"{options.inputs} inputs in {time.perf_counter() - start:.0f} s: {counts}")
    return 1 if outcomes["FAILED"] else 0


if __name__ == "__main__":
    sys.exit(main())
