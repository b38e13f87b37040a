"""Many independent tasks on this machine's cores, or on a Ray or Dask cluster; each engine is loaded only where it is asked for.

A task is any value that can be pickled, the function a module-level one. Results do not depend on the engine: they come back in the
order of the tasks, whatever the order in which they end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from importlib import import_module
from typing import Any

from dynamo_plan.errors import Fault, InputError, UsageError

CONNECT_LIMIT_S = 10.0
"""A cluster that does not answer for so long is not there [s]."""

HOST_AND_PORT = re.compile(r"(?:\w+://)?\[?(?P<host>[^/\[\]]+?)\]?:(?P<port>\d+)")


class Engine(StrEnum):
    """Where tasks run."""

    LOCAL = "local"
    RAY = "ray"
    DASK = "dask"


def run[Task, Result](
    tasks: Sequence[Task],
    function: Callable[[Task], Result],
    *,
    engine: Engine | str = Engine.LOCAL,
    address: str | None = None,
    workers: int | None = None,
    threads: bool = False,
    on_done: Callable[[int, Result], None] | None = None,
) -> list[Result]:
    """Results of a function for every task, in the order of the tasks.

    Parameters
    ----------
    engine : Engine or str
        ``local`` uses this machine, by joblib; ``ray`` and ``dask`` need their extras.
    address : str, optional
        Of a cluster that runs already, e.g. ``ray://head:10001`` or ``tcp://scheduler:8786``; without it the engine is started here
        and ended afterwards.
    workers : int, optional
        Tasks at a time on this machine; by default as many as it has cores. A cluster decides for itself.
    threads : bool
        Locally, threads instead of processes: for functions that release the interpreter's lock.
    on_done : callable, optional
        Called here with index and result of each task as it ends, in that order: for progress, and for results to be kept at once.

    Raises
    ------
    UsageError
        The engine is unknown, or an address was given to the local one.
    InputError
        The engine is not installed, or cannot be reached.
    Exception
        What the function raises, as it raised it; the other tasks are given up.
    """
    results: dict[int, Result] = {}
    for index, result in completed(tasks, function, engine=engine, address=address, workers=workers, threads=threads):
        results[index] = result
        if on_done is not None:
            on_done(index, result)
    return [results[index] for index in range(len(tasks))]


def completed[Task, Result](
    tasks: Sequence[Task],
    function: Callable[[Task], Result],
    *,
    engine: Engine | str = Engine.LOCAL,
    address: str | None = None,
    workers: int | None = None,
    threads: bool = False,
) -> Iterator[tuple[int, Result]]:
    """Index and result of each task as it ends, so that results can be added up without keeping them; see `run`."""
    if engine not in list(Engine):
        raise UsageError(
            Fault(
                "engine-unknown",
                "--engine",
                f"{engine} is no engine",
                f"Known: {', '.join(Engine)}",
                "Take one of these",
            )
        )
    if engine == Engine.LOCAL:
        if address is not None:
            raise UsageError(
                Fault(
                    "engine-address",
                    "--address",
                    f"{address} is the address of a cluster, and the engine is local",
                    "An address goes with --engine ray or --engine dask",
                    "Name the engine, or drop the address",
                )
            )
        return _local(tasks, function, workers, threads)
    return (_ray if engine == Engine.RAY else _dask)(tasks, function, address, workers)


def cores() -> int:
    """Cores that this process may use; what a container or an affinity takes away is not counted."""
    return int(import_module("joblib").cpu_count())


def _local[Task, Result](
    tasks: Sequence[Task], function: Callable[[Task], Result], workers: int | None, threads: bool
) -> Iterator[tuple[int, Result]]:
    count = min(workers or cores(), len(tasks))
    if count <= 1:  # a pool for one would only cost its start
        yield from ((index, function(task)) for index, task in enumerate(tasks))
        return
    joblib = import_module("joblib")
    # One task at a time to each worker: tasks are long and few, and a batch would hold back results that are there.
    pool = joblib.Parallel(
        n_jobs=count,
        prefer="threads" if threads else "processes",
        return_as="generator_unordered",
        batch_size=1,
    )
    yield from pool(joblib.delayed(_numbered)(function, index, task) for index, task in enumerate(tasks))


def _numbered[Task, Result](function: Callable[[Task], Result], index: int, task: Task) -> tuple[int, Result]:
    return index, function(task)


def _ray[Task, Result](
    tasks: Sequence[Task], function: Callable[[Task], Result], address: str | None, workers: int | None
) -> Iterator[tuple[int, Result]]:
    ray = _library(Engine.RAY, "ray")
    started = not ray.is_initialized()
    if started:
        _knock(Engine.RAY, address)
        here = {} if address else {"num_cpus": workers or cores()}
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR", include_dashboard=False, **here)
        except (ConnectionError, OSError, RuntimeError, ValueError) as error:
            raise _unreachable(Engine.RAY, address, error) from error
    try:
        remote = ray.remote(_numbered)
        waiting = [remote.remote(function, index, task) for index, task in enumerate(tasks)]
        while waiting:
            ended, waiting = ray.wait(waiting)
            try:
                yield from ray.get(ended)
            except ray.exceptions.RayTaskError as error:
                raise error.cause from error  # as the function raised it
    finally:
        if started:
            ray.shutdown()


def _dask[Task, Result](
    tasks: Sequence[Task], function: Callable[[Task], Result], address: str | None, workers: int | None
) -> Iterator[tuple[int, Result]]:
    import logging

    distributed = _library(Engine.DASK, "distributed")
    _knock(Engine.DASK, address)
    count = min(workers or cores(), max(1, len(tasks)))
    try:
        place = address or distributed.LocalCluster(
            n_workers=count, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
        )
        client = distributed.Client(place, timeout=CONNECT_LIMIT_S)
    except (OSError, RuntimeError, ValueError) as error:
        raise _unreachable(Engine.DASK, address, error) from error
    try:
        waiting = [client.submit(_numbered, function, index, task, pure=False) for index, task in enumerate(tasks)]
        for future in distributed.as_completed(waiting):
            yield future.result()
            future.release()  # else the cluster keeps every result until the last is there
    finally:
        client.close()
        if not isinstance(place, str):
            place.close()


def _knock(engine: Engine, address: str | None) -> None:
    """Raise at once where nobody listens at an address; Ray itself would try again for minutes, then end the process."""
    found = HOST_AND_PORT.fullmatch(address or "")
    if found is None:
        return
    import socket

    try:
        socket.create_connection((found["host"], int(found["port"])), CONNECT_LIMIT_S).close()
    except (OSError, OverflowError) as error:
        raise _unreachable(engine, address, error) from error


def _library(engine: Engine, name: str) -> Any:
    """The engine's library; it brings no types."""
    try:
        return import_module(name)
    except ImportError as error:
        raise InputError(
            Fault(
                "engine-missing",
                f"--engine {engine}",
                f"{engine} is not installed",
                "It comes with an extra of this package",
                f"pip install 'dynamo-plan[{engine}]', or take --engine local",
            )
        ) from error


def _unreachable(engine: Engine, address: str | None, error: Exception) -> InputError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return InputError(
        Fault(
            "engine-unreachable",
            f"--engine {engine}",
            f"{address or f'a {engine} of its own'} cannot be reached or started: {reason}",
            "A cluster that is named must be running and answer",
            "Check the address, or leave it out to start the engine here",
        )
    )
