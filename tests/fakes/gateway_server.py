"""A payment gateway on a real loopback socket: HTTP, a queue of faults, a clock that tests move, every request kept.

Each fake gateway derives from `GatewayServer` and says what an operation is called and what it does. The faults are what networks and
gateways do to a caller; they are the same for all.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qsl, urlsplit

#: What the line can do to a call. The value: whether the gateway executes it, where `fail_next` does not say otherwise.
LINE_FAULTS = {
    "refuse": False,  # nobody listens, until `recover()` or for `seconds`
    "hang_before": False,  # taken, never executed, never answered
    "hang_after": True,  # executed, never answered
    "drop_after": True,  # executed, then the connection is reset
    "half_body": True,  # executed, then the answer breaks off in the middle
    "status_500": False,
    "status_502": False,
    "html_200": False,
    "busy_429": False,
    "slow_effect": True,  # executed only after the caller gave up: `seconds` later, or at `land()`
}


@dataclass(frozen=True, slots=True)
class Request:
    """One call as it arrived. `form` holds body and query, `pairs` the same with repeated names; header names are lower-case.

    `fault` is a fault of the gateway's own that its `dispatch` acts out (anything that is not in `LINE_FAULTS`), with its `detail`.
    """

    method: str
    path: str
    form: dict[str, str]
    headers: dict[str, str]
    pairs: tuple[tuple[str, str], ...] = ()
    body: str = ""
    fault: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Response:
    """What goes back."""

    body: str
    status: int = 200
    content_type: str = "text/html; charset=UTF-8"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Fault:
    name: str
    times: int
    only: str
    detail: str
    effect: bool
    seconds: float | None


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now: datetime | None = None) -> None:
        self._now = now or datetime(2026, 3, 2, 15, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self._now

    def forward(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


class GatewayServer:
    """Listens from `start()` to `stop()`; also a context manager. `dispatch` runs one call at a time under `lock`."""

    def __init__(self, *, port: int = 0, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.lock = threading.RLock()
        self.requests: list[Request] = []
        self.breaches: list[str] = []  # what a caller must never do, in words; see `assert_well_behaved`
        self.port = port
        self._faults: list[_Fault] = []
        self._slow: list[Callable[[], object]] = []
        self._held = 0  # calls whose slow effect waits for the caller to go
        self._changed = threading.Condition(self.lock)
        self._stopping = threading.Event()
        self._listener: ThreadingHTTPServer | None = None
        self._reserved: socket.socket | None = None

    # What a gateway is made of.

    def operation_of(self, request: Request) -> str:
        """What a call is about, as `fail_next(only=…)` names it (`sale`, `refund`, `query`); `control` meets no fault."""
        raise NotImplementedError

    def dispatch(self, request: Request) -> Response:
        """Executes one call."""
        raise NotImplementedError

    def busy(self) -> Response:
        """The answer of a limiter."""
        return Response("Too Many Requests", 429)

    # Life.

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        # Bound and never listening: it keeps the port ours while the fake refuses connections.
        keeper = socket.socket()
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", self.port))
        self.port = keeper.getsockname()[1]
        self._reserved = keeper
        self._listen()
        return self

    def stop(self) -> None:
        self._stopping.set()
        self._unlisten()
        if self._reserved is not None:
            self._reserved.close()
            self._reserved = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def assert_well_behaved(self) -> None:
        """Fails with what a caller did that it must never do."""
        assert not self.breaches, self.breaches

    # Faults.

    def fail_next(
        self,
        fault: str,
        times: int = 1,
        only: str = "",
        *,
        detail: str = "",
        effect: bool | None = None,
        seconds: float | None = None,
    ) -> None:
        """The next `times` calls (of the operations in `only`, separated by blanks) meet this fault; see `LINE_FAULTS`.

        `effect` says whether the call is executed all the same. `refuse` cannot choose its calls: nobody gets through until `recover()`,
        or for `seconds`.
        """
        if fault == "refuse":
            self._unlisten()
            if seconds is not None:
                timer = threading.Timer(seconds, self.recover)
                timer.daemon = True
                timer.start()
            return
        acts = LINE_FAULTS.get(fault, True) if effect is None else effect
        with self.lock:
            self._faults.append(_Fault(fault, times, only, detail, acts, seconds))

    def recover(self) -> None:
        """No fault is left, and the gateway listens."""
        with self.lock:
            self._faults.clear()
        if not self._stopping.is_set():
            self._listen()

    def land(self) -> None:
        """Executes what `slow_effect` has held back, once the callers have gone."""
        with self.lock:
            assert self._changed.wait_for(lambda: not self._held, 5), "a caller of a slow effect still waits"
            held, self._slow = self._slow, []
            for effect in held:
                effect()

    # The line.

    def _listen(self) -> None:
        with self.lock:
            if self._listener is not None:
                return
            listener = _Listener(("127.0.0.1", self.port), _handler_of(self))
            self._listener = listener
        threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True).start()

    def _unlisten(self) -> None:
        with self.lock:
            listener, self._listener = self._listener, None
        if listener is not None:
            listener.shutdown()
            listener.server_close()

    def _next_fault(self, operation: str) -> _Fault | None:
        if operation == "control":  # whoever steers the fake meets no fault
            return None
        for fault in self._faults:
            if not fault.only or operation in fault.only.split():
                fault.times -= 1
                if fault.times <= 0:
                    self._faults.remove(fault)
                return fault
        return None

    def take(self, request: Request, line: _Handler) -> None:
        """One call from arrival to its answer, or to what stands in its place."""
        with self.lock:
            fault = self._next_fault(self.operation_of(request))
            name = fault.name if fault else ""
            if fault and name not in LINE_FAULTS:
                request = replace(request, fault=name, detail=fault.detail)
            self.requests.append(request)
            # A slow effect comes when the caller has gone.
            acts = fault is None or (fault.effect and name != "slow_effect")
            self._held += name == "slow_effect" and fault is not None and fault.seconds is None
            answer = self.dispatch(request) if acts else Response("")
        if fault is None or name not in LINE_FAULTS:
            line.answer(answer)
        elif name in ("hang_before", "hang_after"):
            line.wait_for_hang_up(self._stopping)
        elif name == "slow_effect":
            line.wait_for_hang_up(self._stopping)
            self._effect_later(request, fault.seconds)
        elif name == "drop_after":
            line.reset()
        elif name == "half_body":
            line.answer(answer, half=True)
        else:
            line.answer(_INSTEAD[name] if name != "busy_429" else self.busy())

    def _effect_later(self, request: Request, seconds: float | None) -> None:
        if seconds is None:
            with self.lock:
                self._slow.append(lambda: self.dispatch(request))
                self._held -= 1
                self._changed.notify_all()
        elif not self._stopping.wait(seconds):
            with self.lock:
                self.dispatch(request)


_INSTEAD = {
    "status_500": Response("Internal Server Error", 500),
    "status_502": Response("<html><body><h1>502 Bad Gateway</h1></body></html>", 502),
    "html_200": Response("<html><body>We will be right back.</body></html>", 200),
}


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that hangs up is what these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    gateway: GatewayServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._take()

    def do_POST(self) -> None:
        self._take()

    def do_DELETE(self) -> None:
        self._take()

    def log_message(self, *_: object) -> None:
        """Nothing is printed: requests are kept in `requests`."""

    def _take(self) -> None:
        self.close_connection = True
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        pairs = tuple(
            parse_qsl(parts.query, keep_blank_values=True) + parse_qsl(body, keep_blank_values=True)
        )
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, parts.path, dict(pairs), headers, pairs, body)
        with suppress(ConnectionError):
            self.gateway.take(request, self)

    def answer(self, response: Response, *, half: bool = False) -> None:
        data = response.body.encode()
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Connection", "close")
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if half else data)
        self.wfile.flush()

    def reset(self) -> None:
        """Closes without a word, as a machine does that went away."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def wait_for_hang_up(self, stopping: threading.Event) -> None:
        """Holds the call until the caller has given up."""
        while not stopping.is_set():
            readable, _, _ = select.select([self.connection], [], [], 0.02)
            if readable:
                with suppress(ConnectionError):
                    if self.connection.recv(1, socket.MSG_PEEK):
                        continue
                return


def _handler_of(gateway: GatewayServer) -> type[_Handler]:
    return type("Handler", (_Handler,), {"gateway": gateway})
