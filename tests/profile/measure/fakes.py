"""An endpoint on this machine that streams tokens, and an NVML with GPUs of constant power."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

TTFT_S, TBT_S = 0.02, 0.002
POWER_W = (300.0, 200.0)


class FakeEndpoint(ThreadingHTTPServer):
    """Answers after `TTFT_S` with a token every `TBT_S`.

    Attributes
    ----------
    bodies, paths, keys : list
        What was asked.
    says_usage : bool
    fault : str
        ``status``, ``json``, ``error``, ``short``, ``silent`` or ``plain``; empty for none. The first request, a probe, is good.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.keys: list[str | None] = []
        self.says_usage, self.fault, self.faulty_probe = True, "", False
        self.released = threading.Event()

    @property
    def url(self) -> str:
        """Up to the version."""
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no news."""


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: FakeEndpoint

    def do_POST(self) -> None:
        """Stream an answer, or do what the fault says."""
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server.bodies.append(body)
        server.paths.append(self.path)
        server.keys.append(self.headers.get("Authorization"))
        fault = server.fault if len(server.bodies) > 1 or server.faulty_probe else ""
        if fault == "status":
            self.send_error(503, "busy")
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        if fault == "plain":
            self.wfile.write(b'{"choices": [{"text": "all at once"}]}')
            return
        if fault == "silent":
            server.released.wait(30.0)
            return
        time.sleep(TTFT_S)
        if fault in ("json", "error"):
            self.event("{" if fault == "json" else {"error": {"message": "out of memory"}})
            return
        count = int(body["max_tokens"])
        for token in range(count if fault != "short" else 1):
            time.sleep(TBT_S if token else 0.0)
            choice = {"delta": {"content": "x"}} if "messages" in body else {"text": "x"}
            self.event({"choices": [choice]})
        if fault == "short":
            return
        if server.says_usage:
            usage = {"prompt_tokens": len(body.get("prompt", [0] * 7)), "completion_tokens": count}
            self.event({"choices": [], "usage": usage})
        self.wfile.write(b"data: [DONE]\n\n")

    def event(self, content: object) -> None:
        """One event of the stream."""
        text = content if isinstance(content, str) else json.dumps(content)
        self.wfile.write(f"data: {text}\n\n".encode())

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr."""


@contextmanager
def endpoint() -> Iterator[FakeEndpoint]:
    """A server that runs for the time of the body."""
    server = FakeEndpoint()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


class NVMLError(Exception):
    """As in nvidia-ml-py."""


class NVMLNotSupportedError(NVMLError):
    """`NVMLError_NotSupported` there."""


def stub_nvml(*, may_lock: bool = True, starts: bool = True, has_counter: bool = True) -> Any:
    """What `import pynvml` gives: two GPUs that draw `POWER_W`, and `calls`, what was done to their clocks."""
    began = time.monotonic()
    calls: list[tuple[object, ...]] = []

    def start() -> None:
        if not starts:
            raise NVMLError("Driver Not Loaded")

    def energy(gpu: int) -> int:
        if not has_counter:
            raise NVMLNotSupportedError("Not Supported")
        return round(POWER_W[gpu] * (time.monotonic() - began) * 1000)

    def lock(gpu: int, low: int, high: int) -> None:
        if not may_lock:
            raise NVMLError("Insufficient Permissions")
        calls.append(("lock", gpu, low, high))

    return SimpleNamespace(
        calls=calls,
        NVMLError=NVMLError,
        NVMLError_NotSupported=NVMLNotSupportedError,
        NVML_CLOCK_SM=1,
        NVML_TEMPERATURE_GPU=0,
        nvmlInit=start,
        nvmlShutdown=lambda: calls.append(("shutdown",)),
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetTotalEnergyConsumption=energy,
        nvmlDeviceGetPowerUsage=lambda gpu: POWER_W[gpu] * 1000,
        nvmlDeviceGetClockInfo=lambda gpu, kind: 1590,
        nvmlDeviceGetTemperature=lambda gpu, kind: 60,
        nvmlDeviceGetUtilizationRates=lambda gpu: SimpleNamespace(gpu=98),
        nvmlDeviceGetCurrentClocksEventReasons=lambda gpu: 2,
        nvmlDeviceGetSupportedMemoryClocks=lambda gpu: [2619],
        nvmlDeviceGetSupportedGraphicsClocks=lambda gpu, memory: [1980, 1590, 1575],
        nvmlDeviceSetGpuLockedClocks=lock,
        nvmlDeviceResetGpuLockedClocks=lambda gpu: calls.append(("reset", gpu)),
    )
