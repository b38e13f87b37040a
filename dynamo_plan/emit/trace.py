"""Requests as a trace in the schema of Azure's: TIMESTAMP, ContextTokens, GeneratedTokens; times in UTC to the microsecond."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from dynamo_plan.emit.atomic import new_file

PARQUET_SUFFIX = ".parquet"
NAMES = ["TIMESTAMP", "ContextTokens", "GeneratedTokens"]
TIME = pa.timestamp("us", "UTC")
PARQUET_SCHEMA = pa.schema([(NAMES[0], TIME), (NAMES[1], pa.int64()), (NAMES[2], pa.int64())])
CSV_OPTIONS = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")


class Part(Protocol):
    """Some requests, in the order of their arrival [ns since 1970], with their lengths [tokens]."""

    @property
    def arrival_ns(self) -> NDArray[np.int64]:
        """Arrivals."""

    @property
    def input_tokens(self) -> NDArray[np.int64]:
        """Lengths of the inputs."""

    @property
    def output_tokens(self) -> NDArray[np.int64]:
        """Lengths of the outputs."""


def write_trace(path: Path, parts: Iterable[Part], *, force: bool = False) -> int:
    """Write a trace, whole or not at all: Parquet where the path says so, else CSV; how many requests it has.

    Raises
    ------
    InputError
        The path is taken, or cannot be written.
    """
    with new_file(path, force=force) as file, _writer(path, file) as write:
        return sum(write(part) for part in parts)


@contextmanager
def _writer(path: Path, file: BinaryIO) -> Iterator[Callable[[Part], int]]:
    if path.suffix == PARQUET_SUFFIX:
        with pyarrow.parquet.ParquetWriter(file, PARQUET_SCHEMA) as writer:

            def write_parquet(part: Part) -> int:
                writer.write_table(pa.table(_columns(part), schema=PARQUET_SCHEMA))
                return int(part.arrival_ns.size)

            yield write_parquet
        return
    file.write((",".join(NAMES) + "\n").encode())

    def write_csv(part: Part) -> int:
        time, *lengths = _columns(part)
        shown = time.cast(pa.timestamp("us")).cast(pa.string())
        texts = pc.binary_join_element_wise(shown, "+00:00", "")  # type: ignore[call-overload]
        pyarrow.csv.write_csv(pa.table([texts, *lengths], names=NAMES), file, CSV_OPTIONS)
        return int(part.arrival_ns.size)

    yield write_csv


def _columns(part: Part) -> list[pa.Array[Any]]:
    time = pa.array(part.arrival_ns.view("datetime64[ns]").astype("datetime64[us]")).cast(TIME)
    return [time, pa.array(part.input_tokens), pa.array(part.output_tokens)]
