"""An OpenAI-compatible endpoint: one streamed completion at a time over HTTP/1.1, nothing but the address that was named.

No proxy is used and no redirection followed.
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urlsplit

from dynamo_plan.errors import Fault, UsageError

EVENT = b"data:"
LAST_EVENT = b"[DONE]"
LONGEST_EVENT = 1 << 20
"""Bytes of a line; a longer one is no event of a token."""

OK = 200
SHOWN_BYTES = 200
"""Of what an endpoint says when it refuses."""

PROBE_TOKENS = 2


class RequestError(Exception):
    """A request was not answered as it should; the message says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back of one request; times are `time.monotonic` [s].

    `input_tokens` and `output_tokens` are the endpoint's own counts; where it gives none, of the input None and of the output the number
    of its events, which may hold several tokens each.
    """

    sent_s: float
    first_s: float = 0.0
    last_s: float = 0.0
    input_tokens: int | None = None
    output_tokens: int = 0
    is_counted: bool = False
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where requests go.

    Attributes
    ----------
    url : str
        Up to the version, e.g. ``http://127.0.0.1:8000/v1``.
    model : str
        Name under which it is served there.
    chat : bool
        Send words to ``/chat/completions`` instead of tokens to ``/completions``.
    ignore_eos : bool
        Ask for answers of exactly the wanted length, which vLLM and SGLang understand.
    key : str
        For the header ``Authorization``; empty for none.
    timeout_s : float
        Longest wait for the next piece of an answer [s].
    """

    url: str
    model: str
    chat: bool = False
    ignore_eos: bool = True
    key: str = field(default="", repr=False)
    timeout_s: float = 60.0

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        try:
            is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_usable = False
        if not is_usable or parts.query or parts.fragment:
            what = f"{self.url!r} is no address of an endpoint"
            mend = "Write it up to the version, e.g. http://127.0.0.1:8000/v1"
            raise UsageError(Fault("measure-address", "URL", what, "http:// or https:// and a host", mend))

    def connection(self) -> HTTPConnection:
        """A connection that is not open yet."""
        parts = urlsplit(self.url)
        if parts.scheme == "https":
            context = ssl.create_default_context()
            return HTTPSConnection(parts.hostname or "", parts.port, timeout=self.timeout_s, context=context)
        return HTTPConnection(parts.hostname or "", parts.port, timeout=self.timeout_s)

    def probe(self) -> Answer:
        """One short request, so that what is wrong with the endpoint is said before the load.

        Raises
        ------
        UsageError
            It cannot be reached, refuses, or does not stream.
        """
        where = f"{self.url} {self.model}"
        try:
            return self.ask(self.connection(), (1_000, 1_001, 1_002, 1_003), PROBE_TOKENS)
        except RequestError as error:
            mend = "Check address, --served-name and the server's log"
            raise UsageError(
                Fault("measure-refused", where, str(error), "A streamed completion is needed", mend)
            ) from error
        except (OSError, HTTPException) as error:
            mend = "Check the address, and that the server has started"
            what = f"the endpoint does not answer: {reason(error)}"
            raise UsageError(Fault("measure-unreachable", where, what, "", mend)) from error

    def ask(self, connection: HTTPConnection, prompt: Sequence[int], output_tokens: int) -> Answer:
        """Send one request and read its answer to the end.

        Raises
        ------
        RequestError
            The endpoint refuses, or its answer is none.
        OSError, HTTPException
            The connection fails.
        """
        path = urlsplit(self.url).path.rstrip("/") + ("/chat/completions" if self.chat else "/completions")
        body = json.dumps(self._body(prompt, output_tokens)).encode()
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        try:
            if connection.sock is None:
                connection.connect()
            sent_s = time.monotonic()
            connection.request("POST", path, body, headers)
            with connection.getresponse() as response:
                if response.status != OK:
                    said = response.read(SHOWN_BYTES).decode("utf-8", "replace").strip()
                    raise RequestError(f"it answers {response.status} {response.reason}: {said}")
                return _read(response, sent_s)
        finally:
            connection.close()

    def _body(self, prompt: Sequence[int], output_tokens: int) -> dict[str, object]:
        asked: dict[str, object] = {
            "model": self.model,
            "max_tokens": output_tokens,
            "temperature": 0.0,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if self.ignore_eos:
            asked |= {"ignore_eos": True, "min_tokens": output_tokens}
        if self.chat:
            # A short number and the space before it are about one token; the endpoint's own count is what is written.
            return asked | {"messages": [{"role": "user", "content": " ".join(str(token % 1_000) for token in prompt)}]}
        return asked | {"prompt": list(prompt)}


def reason(error: BaseException) -> str:
    """What an error of the network says, in a line."""
    told = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (told.splitlines() or [type(error).__name__])[0]


def _read(response: HTTPResponse, sent_s: float) -> Answer:
    first_s = last_s = 0.0
    pieces, usage = 0, None
    for event in _events(response):
        now_s = time.monotonic()
        if not isinstance(event, dict):
            raise RequestError("its answer is no stream of JSON objects")
        if event.get("error"):
            raise RequestError(f"it answers {str(event['error'])[:SHOWN_BYTES]}")
        if _holds_text(event):
            first_s = first_s or now_s
            last_s, pieces = now_s, pieces + 1
        usage = event.get("usage") or usage
    if not pieces:
        raise RequestError("its answer holds no token; it may not stream")
    counted = usage if isinstance(usage, dict) else {}
    given, made = counted.get("prompt_tokens"), counted.get("completion_tokens")
    return Answer(
        sent_s,
        first_s,
        last_s,
        input_tokens=given if isinstance(given, int) else None,
        output_tokens=made if isinstance(made, int) else pieces,
        is_counted=isinstance(made, int),
    )


def _events(response: HTTPResponse) -> Iterator[object]:
    """Events of the stream, up to the one that says that it was the last."""
    while line := response.readline(LONGEST_EVENT):
        if not line.startswith(EVENT):
            continue
        data = line.removeprefix(EVENT).strip()
        if data == LAST_EVENT:
            return
        try:
            yield json.loads(data)
        except ValueError as error:
            raise RequestError(f"its answer holds {data[:SHOWN_BYTES]!r}, which is no JSON") from error
    raise RequestError("its answer breaks off")


def _holds_text(event: dict[str, object]) -> bool:
    """Whether an event brings a token; the first of a chat may bring the role alone, the last the usage."""
    choices = event.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return False
    delta = choices[0].get("delta")
    found = delta if isinstance(delta, dict) else choices[0]
    # With the end of sequence ignored a token may have no text of its own.
    return any(found.get(name) is not None for name in ("text", "content", "reasoning_content")) and not (
        isinstance(delta, dict) and "role" in delta and not found.get("content")
    )
