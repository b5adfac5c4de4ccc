"""
A connection pooler as small as one can be that really gives each transaction another server process.

Clients log in at a server process of their own (so nothing here knows a password); from then on all
processes are one pool. In transaction mode a client holds one only until the server says that it is in no
transaction; in session mode it keeps its own. As PgBouncer does, it tells every client a made-up process id.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from psycopg.conninfo import conninfo_to_dict, make_conninfo

_SSL, _GSS = 80877103, 80877104
_FAKE_KEY = struct.pack(">ii", 999_999_999, 1)
#: Messages after which the server says when it is ready again: Query, Sync, FunctionCall.
_AWAIT_READY = b"QSF"
#: Kinds of AuthenticationRequest that the client answers: passwords, and all of SASL but its end.
_ASKS = (3, 5, 10, 11)


@dataclass
class _Pool:
    address: str
    by_transaction: bool
    free: list[socket.socket] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def take(self) -> socket.socket:
        """Take the process that was given back last, as PgBouncer does; wait for one."""
        with self.changed:
            if not self.changed.wait_for(lambda: self.free, timeout=30):
                raise OSError("no free server process")
            return self.free.pop()

    def give_back(self, backend: socket.socket) -> None:
        with self.changed:
            self.free.append(backend)
            self.changed.notify()


@contextmanager
def pooler(conninfo: str, *, by_transaction: bool = True) -> Iterator[str]:
    """Run a pooler before the server of `conninfo` (a Unix socket); give the conninfo through it."""
    parts = conninfo_to_dict(conninfo)
    pool = _Pool(f"{parts['host']}/.s.PGSQL.{parts.get('port', 5432)}", by_transaction)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, pool), daemon=True).start()
        try:
            yield make_conninfo(conninfo, host="127.0.0.1", port=listener.getsockname()[1], sslmode="disable")
        finally:
            for backend in pool.free:
                backend.close()


def _accept(listener: socket.socket, pool: _Pool) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, pool), daemon=True).start()


def _serve(client: socket.socket, pool: _Pool) -> None:
    with client, suppress(OSError, EOFError):
        backend = _log_in(client, pool)
        if pool.by_transaction:
            pool.give_back(backend)
            _relay(client, pool, None)
        else:
            with backend:
                _relay(client, pool, backend)


def _log_in(client: socket.socket, pool: _Pool) -> socket.socket:
    while True:
        startup = _read(client, struct.unpack(">i", head := _read(client, 4))[0] - 4)
        if struct.unpack_from(">i", startup)[0] not in (_SSL, _GSS):
            break
        client.sendall(b"N")
    backend = socket.socket(socket.AF_UNIX)
    backend.connect(pool.address)
    backend.sendall(head + startup)
    while True:
        kind, body = _message(backend)
        _send(client, kind, _FAKE_KEY if kind == b"K" else body)
        if kind == b"R" and struct.unpack_from(">i", body)[0] in _ASKS:
            _send(backend, *_message(client))
        elif kind == b"E":
            raise EOFError
        elif kind == b"Z":
            return backend


def _relay(client: socket.socket, pool: _Pool, backend: socket.socket | None) -> None:
    """Pass messages on until the client leaves."""
    awaited = 0
    while True:
        ready, _, _ = select.select([client] if backend is None else [client, backend], [], [])
        if client in ready:
            kind, body = _message(client)
            if kind == b"X":
                return
            if backend is None:
                backend = pool.take()
            awaited += kind in _AWAIT_READY
            _send(backend, kind, body)
        if backend is not None and backend in ready:
            kind, body = _message(backend)
            if kind == b"Z":
                awaited -= 1
                if pool.by_transaction and not awaited and body == b"I":
                    # Before the client knows: when it asks again, whoever asks first gets it.
                    pool.give_back(backend)
                    backend = None
            _send(client, kind, body)


def _message(sender: socket.socket) -> tuple[bytes, bytes]:
    kind = _read(sender, 1)
    return kind, _read(sender, struct.unpack(">i", _read(sender, 4))[0] - 4)


def _send(receiver: socket.socket, kind: bytes, body: bytes) -> None:
    receiver.sendall(kind + struct.pack(">i", len(body) + 4) + body)


def _read(sender: socket.socket, count: int) -> bytes:
    content = b""
    while len(content) < count:
        part = sender.recv(count - len(content))
        if not part:
            raise EOFError
        content += part
    return content
