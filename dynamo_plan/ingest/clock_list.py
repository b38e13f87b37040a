"""A list of clocks that a GPU supports, one per line, as `nvidia-smi --query-supported-clocks=gr --format=csv` prints it."""

from __future__ import annotations

from dynamo_plan.ingest.gathered import Faults, clipped
from dynamo_plan.ingest.source import Source

HEADING = "graphics"
"""First word of the line that nvidia-smi prints above the clocks unless told not to."""

MEND = "Write the file with `nvidia-smi --query-supported-clocks=gr --format=csv,noheader,nounits`"


def parse_clocks(source: Source, faults: Faults) -> tuple[float, ...]:
    """Clocks in ascending order, each once [MHz]; notes a fault for every line that is none."""
    try:
        lines = source.data.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        faults.add("clock-list", source.shown, "is not text in UTF-8", "One clock in MHz stands on each line", MEND)
        return ()
    clocks = set()
    for number, line in enumerate(lines, start=1):
        text = line.strip().removesuffix("MHz").strip()
        if not text or (number == 1 and text.startswith(HEADING)):
            continue
        if not (text.isascii() and text.isdecimal() and int(text) > 0):
            where = f"{source.shown}:{number}"
            faults.add(
                "clock-list", where, f"{clipped(text)} is no clock", "One clock in MHz stands on each line", MEND
            )
            continue
        clocks.add(float(text))
    if not clocks and not len(faults):
        faults.add("clock-list", source.shown, "holds no clock", "One clock in MHz stands on each line", MEND)
    return tuple(sorted(clocks))
