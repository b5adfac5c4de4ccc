"""
A TCP proxy before a PostgreSQL server that counts what clients send, and does harm at one message of them.

It knows just enough of the protocol to see where a message of the client begins: the start-up packets
have no type byte, all others have one and a length (PostgreSQL's documentation, "Message Formats").
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

_REQUESTS = (
    80877103,
    80877104,
)  # SSLRequest, GSSENCRequest: answered with one byte, another start-up follows
_RAISE = (
    b"DO $$BEGIN RAISE EXCEPTION USING ERRCODE = '53100',"
    b" MESSAGE = 'could not extend file \"base/1/1\": No space left on device'; END$$\0"
)
#: A simple query that fails, and aborts its transaction, as any does whose table cannot grow.
_DISK_FULL = b"Q" + struct.pack("!I", 4 + len(_RAISE)) + _RAISE
_NO_LINGER = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Message:
    """One message of a client: its type ("" for a start-up packet) and its first bytes."""

    kind: str
    head: bytes

    @property
    def commits(self) -> bool:
        """Whether it is a simple query that commits."""
        return self.kind == "Q" and self.head.upper().startswith(b"COMMIT")


@dataclass
class Harm:
    """What happens at message number `at` (1 is the first), once."""

    at: int
    #: "cut" in the middle of the message; "deaf": the server gets it, the client never hears the answer;
    #: "call": `hook` runs before it is forwarded; "full": the server is asked to say that its disk is full.
    kind: str
    hook: Callable[[], None] = lambda: None
    done: threading.Event = field(default_factory=threading.Event)


class Proxy:
    """Listens on a free loopback port; `seen` lists what clients sent since the last `watch`."""

    def __init__(self, upstream: str | tuple[str, int]) -> None:
        """`upstream` is the path of a Unix socket, or host and port."""
        self._upstream = upstream
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._lock = threading.Lock()
        self.seen: list[Message] = []
        self.harm: Harm | None = None
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def watch(self, harm: Harm | None = None) -> None:
        """Count from the beginning, and do this harm."""
        with self._lock:
            self.seen, self.harm = [], harm

    def close(self) -> None:
        """Take no more connections."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = self._connect()
            except OSError:
                client.close()
                continue
            _Pair(self, client, server).start()

    def _connect(self) -> socket.socket:
        if isinstance(self._upstream, str):
            server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            server.connect(self._upstream)
            return server
        return socket.create_connection(self._upstream)

    def note(self, message: Message) -> Harm | None:
        """Count a message; return the harm that is due at it."""
        with self._lock:
            self.seen.append(message)
            harm = self.harm
            if harm is None or harm.done.is_set() or len(self.seen) < harm.at:
                return None
            harm.done.set()
            return harm


class _Pair:
    """One client and its connection to the server."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._deaf = False
        self._answered = threading.Event()

    def start(self) -> None:
        for name, pump in (("up", self._pump_up), ("down", self._pump_down)):
            threading.Thread(target=pump, name=f"proxy-{name}", daemon=True).start()

    def _pump_up(self) -> None:
        with suppress(OSError):
            for message, content in self._messages():
                harm = self._proxy.note(message)
                if harm is None:
                    self._server.sendall(content)
                elif harm.kind == "call":
                    harm.hook()
                    self._server.sendall(content)
                elif harm.kind == "full":
                    self._server.sendall(_DISK_FULL)
                elif harm.kind == "deaf":
                    self._deaf = True
                    self._server.sendall(content)
                    self._answered.wait(10)
                    break
                else:
                    self._server.sendall(content[: len(content) // 2])
                    break
            else:
                self._end(reset=False)
                return
        self._end(reset=True)

    def _pump_down(self) -> None:
        with suppress(OSError):
            while content := self._server.recv(65536):
                if self._deaf:
                    self._answered.set()
                    continue
                self._client.sendall(content)
        self._end(reset=False)

    def _messages(self) -> Iterator[tuple[Message, bytes]]:
        buffer = bytearray()
        started = False
        while True:
            header = 5 if started else 4
            while len(buffer) < header or len(buffer) < (length := self._length(buffer, started)):
                received = self._client.recv(65536)
                if not received:
                    return
                buffer += received
            content = bytes(buffer[:length])
            del buffer[:length]
            if started:
                yield Message(chr(content[0]), content[5:45]), content
                continue
            started = len(content) != 8 or struct.unpack("!I", content[4:])[0] not in _REQUESTS
            yield Message("", content[4:45]), content

    @staticmethod
    def _length(buffer: bytearray, started: bool) -> int:
        if started:
            return 1 + int(struct.unpack("!I", buffer[1:5])[0])
        return int(struct.unpack("!I", buffer[:4])[0])

    def _end(self, *, reset: bool) -> None:
        if reset:
            # Closing now sends a reset, and nothing that was still on its way.
            with suppress(OSError):
                self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            self._client.close()
        for one in (self._server, self._client):
            # Closed alone it would stay open for as long as the other thread waits for it.
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@contextmanager
def proxy_before(socket_directory: Path, port: int) -> Iterator[Proxy]:
    """Run a proxy before the server whose Unix socket is there."""
    proxy = Proxy(f"{socket_directory}/.s.PGSQL.{port}")
    try:
        yield proxy
    finally:
        proxy.close()
