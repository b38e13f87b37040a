"""Requests at their times, each in a thread of its own: an open loop does not wait for answers."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException

from dynamo_plan.profile.measure.endpoint import Answer, Endpoint, RequestError, reason
from dynamo_plan.profile.measure.load import Load, Request, requests

MOST_IN_FLIGHT = 1024
"""Requests at a time; beyond it threads would compete with the answers for this machine, and no instance serves so many."""

TICK_S = 0.05
"""How often the end of the last answers is looked for [s]."""

CLOSING_S = 2.0
"""Time for the threads of answers that are given up to notice [s]."""

NOT_SENT = f"not sent: {MOST_IN_FLIGHT} requests were in flight"
NOT_ENDED = "not answered in time"

type OnProgress = Callable[[float], None]


@dataclass(slots=True)
class Run:
    """What a load made.

    Attributes
    ----------
    start_s, end_s : float
        The measurement, `time.monotonic` [s].
    answers : list of Answer
        Of all requests that ended while the load ran, those of the warm-up and after the measurement too.
    late_s : list of float
        By how much requests of the measurement were sent too late by this machine [s].
    """

    start_s: float
    end_s: float
    answers: list[Answer] = field(default_factory=list)
    late_s: list[float] = field(default_factory=list)

    def measured(self) -> list[Answer]:
        """Answers of the requests that were sent during the measurement."""
        return [answer for answer in self.answers if self.start_s <= answer.sent_s < self.end_s]


class Driver:
    """Sends a load to an endpoint."""

    def __init__(self, endpoint: Endpoint, load: Load) -> None:
        self._endpoint, self._load = endpoint, load
        self._lock = threading.Lock()
        self._open: dict[threading.Thread, float] = {}
        self._sockets: dict[threading.Thread, socket.socket] = {}
        self._run = Run(0.0, 0.0)

    def run(self, at_edge: Callable[[], None], on_progress: OnProgress) -> Run:
        """Send the load, wait for the answers of the measurement, and say what came of it.

        Parameters
        ----------
        at_edge : callable
            Called when the measurement begins and when it ends.
        on_progress : callable
            Called about once per request with the seconds gone since the load began.
        """
        load = self._load
        begin_s = time.monotonic()
        self._run = Run(begin_s + load.warmup_s, begin_s + load.warmup_s + load.duration_s)
        edges = [self._run.start_s, self._run.end_s]
        coming = requests(load)
        request = next(coming, None)
        try:
            while not self._is_over():
                due_s = begin_s + request.at_s if request is not None else float("inf")
                wake_s = min(due_s, edges[0] if edges else float("inf"), time.monotonic() + TICK_S)
                time.sleep(max(0.0, wake_s - time.monotonic()))
                now_s = time.monotonic()
                if edges and now_s >= edges[0]:
                    edges.pop(0)
                    at_edge()
                if request is not None and now_s >= due_s:
                    self._send(request, now_s - due_s)
                    request = next(coming, None)
                on_progress(now_s - begin_s)
        finally:
            self._give_up()
        return self._run

    def _is_over(self) -> bool:
        now_s = time.monotonic()
        if now_s < self._run.end_s:
            return False
        with self._lock:
            waiting = any(self._run.start_s <= sent_s < self._run.end_s for sent_s in self._open.values())
        return not waiting or now_s >= self._run.end_s + self._load.drain_s

    def _send(self, request: Request, late_s: float) -> None:
        sent_s = time.monotonic()
        if self._run.start_s <= sent_s < self._run.end_s:
            self._run.late_s.append(late_s)
        with self._lock:
            if len(self._open) >= MOST_IN_FLIGHT:
                self._run.answers.append(Answer(sent_s, failure=NOT_SENT))
                return
            thread = threading.Thread(target=self._ask, args=(request, sent_s), daemon=True)
            self._open[thread] = sent_s
        thread.start()

    def _ask(self, request: Request, sent_s: float) -> None:
        here, connection = threading.current_thread(), self._endpoint.connection()
        try:
            connection.connect()
            with self._lock:
                # The connection lets go of its socket before the answer is read to the end.
                self._sockets[here] = connection.sock
            answer = self._endpoint.ask(connection, request.prompt, self._load.output_tokens)
        except RequestError as error:
            answer = Answer(sent_s, failure=str(error))
        except (OSError, HTTPException) as error:
            answer = Answer(sent_s, failure=reason(error))
        finally:
            connection.close()
        with self._lock:
            self._sockets.pop(here, None)
            if self._open.pop(here, None) is not None:
                self._run.answers.append(answer)

    def _give_up(self) -> None:
        """Shut what is still open; such a request has failed."""
        with self._lock:
            left = dict(self._open)
            self._open.clear()
            self._run.answers += [Answer(sent_s, failure=NOT_ENDED) for sent_s in left.values()]
            for one in self._sockets.values():
                with suppress(OSError):  # the other side was quicker
                    one.shutdown(socket.SHUT_RDWR)
        until_s = time.monotonic() + CLOSING_S
        for thread in left:
            thread.join(max(0.0, until_s - time.monotonic()))
