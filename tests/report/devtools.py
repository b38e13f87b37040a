"""A real browser asked over its own pipe: how long a page takes to open, what it asks for, what it complains about."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from dynamo_plan.units import MS_PER_SECOND

MOST_SECONDS = 60
"""A page opens in one; the rest is for a busy machine [s]."""

COMPLAINTS = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
"""Events by which the browser says that a page is not in order."""

LOAD_END = "performance.getEntriesByType('navigation')[0].loadEventEnd"
"""Time from the navigation to the end of the page's load event [ms], as the browser measures it."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A page as it was opened: how long that took [s], what it asked for besides itself, and what the browser complained about."""

    seconds: float
    requests: list[str]
    complaints: list[str]


def opened(page: Path, folder: Path) -> Opened:
    """Open a page without a network; skips where there is no browser."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Debian's chromium is not installed")
    with _browser(chromium, folder) as browser:
        (tab,) = (one for one in browser.ask("Target.getTargets")["targetInfos"] if one["type"] == "page")
        browser.session = browser.ask("Target.attachToTarget", targetId=tab["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            browser.ask(f"{domain}.enable")
        browser.ask("Page.navigate", url=page.as_uri())
        browser.wait_for("Page.loadEventFired")
        load_ms = browser.ask("Runtime.evaluate", expression=LOAD_END)["result"]["value"]
        asked = [
            one["params"]["request"]["url"] for one in browser.events if one["method"] == "Network.requestWillBeSent"
        ]
        complaints = [json.dumps(one["params"]) for one in browser.events if one["method"] in COMPLAINTS]
        browser.session = None
        browser.tell("Browser.close")
    return Opened(load_ms / MS_PER_SECOND, [url for url in asked if url != page.as_uri()], complaints)


@dataclass(slots=True)
class _Browser:
    """Both ends of the pipe: messages are JSON, each ended by a zero byte."""

    into: BinaryIO
    out: BinaryIO
    session: str | None = None
    number: int = 0
    unread: bytes = b""
    events: list[dict[str, Any]] = field(default_factory=list)

    def tell(self, method: str, **parameters: object) -> None:
        """Send a command."""
        self.number += 1
        message: dict[str, object] = {"id": self.number, "method": method, "params": parameters}
        self.into.write(json.dumps(message | ({"sessionId": self.session} if self.session else {})).encode() + b"\0")
        self.into.flush()

    def ask(self, method: str, **parameters: object) -> dict[str, Any]:
        """Send a command and wait for its answer; events on the way are kept."""
        self.tell(method, **parameters)
        while "id" not in (message := self._read()):
            self.events.append(message)
        assert "error" not in message, message
        result: dict[str, Any] = message["result"]
        return result

    def wait_for(self, event: str) -> None:
        """Read until an event has come."""
        while all(one["method"] != event for one in self.events):
            self.events.append(self._read())

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self.unread:
            more = os.read(self.out.fileno(), 1 << 16)
            assert more, "the browser has gone"
            self.unread += more
        text, self.unread = self.unread.split(b"\0", 1)
        message: dict[str, Any] = json.loads(text)
        return message


@contextmanager
def _browser(chromium: str, folder: Path) -> Iterator[_Browser]:
    """A browser that reads commands from file 3 and answers on file 4, which only a shell can give it."""
    for_it, ours = os.pipe()
    ours_back, from_it = os.pipe()
    options = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--host-resolver-rules=MAP * ~NOTFOUND",  # no name leads anywhere
        f"--user-data-dir={folder / 'devtools'}",
        "--remote-debugging-pipe",
        "about:blank",
    ]
    command = ["bash", "-c", f'exec "$@" 3<&{for_it} 4>&{from_it}', "bash", chromium, *options]
    process = subprocess.Popen(
        command, pass_fds=(for_it, from_it), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.close(for_it)
    os.close(from_it)
    try:
        with os.fdopen(ours, "wb") as into, os.fdopen(ours_back, "rb") as out:
            yield _Browser(into, out)
            process.wait(MOST_SECONDS)
    finally:
        process.kill()
        process.wait()
