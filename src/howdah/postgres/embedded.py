"""
The embedded server: a PostgreSQL of our own, in a private directory, started and stopped by us.

For people without a server (the rehearsal), for tests and for drills. The directory
holds the data, a random password, the log and a marker that says it is ours; one
without the marker is never touched. Reached through a Unix socket, on request also
through the loopback interface. Starting one that runs attaches to it; of two
processes that start it at once, one does and the other attaches.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from howdah.errors import EnvironmentFailedError, RefusedError
from howdah.postgres.binaries import ServerBinaries, find_server_binaries
from howdah.postgres.cluster import (
    MARKER,
    SUPERUSER,
    claim_directory,
    create_cluster,
    exclusive,
    hand_over,
    mark_directory,
    require_ours,
)
from howdah.postgres.conninfo import format_conninfo, format_url
from howdah.postgres.postmaster import (
    Postmaster,
    forget_dead_postmaster,
    forget_dead_sockets,
    read_postmaster,
)
from howdah.postgres.rights import choose_rights
from howdah.postgres.server_process import make_socket_directory, read_log_tail, run_postgres

#: Port number in the socket's name; nothing listens on it unless TCP is asked for.
_SOCKET_PORT = 5432

_SETTINGS = {
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "maintenance_work_mem": "256MB",
    # Rows copied into a table that the same transaction made then skip the WAL.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "50",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
    "log_line_prefix": "%m [%p] ",
}

_NOT_DURABLE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


@dataclass(frozen=True, kw_only=True)
class EmbeddedServer:
    """A running embedded server."""

    directory: Path
    #: 16, 17…
    major: int
    pid: int
    socket_directory: Path
    port: int
    #: "127.0.0.1" where it also listens on TCP, otherwise "".
    host: str
    password: str
    #: This call started it; False where it was running already.
    started_here: bool
    #: Seconds that creating and starting it took.
    seconds: float

    def conninfo(self, dbname: str = SUPERUSER) -> str:
        """Return a libpq keyword string with the password in it."""
        return format_conninfo(self._parameters(dbname))

    def url_for(self, dbname: str) -> str:
        """Return a URL with the password in it, for people and other programs."""
        return format_url(self._parameters(dbname))

    @property
    def url(self) -> str:
        """The URL of the database that is always there."""
        return self.url_for(SUPERUSER)

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.directory / "log"

    def _parameters(self, dbname: str) -> dict[str, str]:
        return {
            "host": self.host or str(self.socket_directory),
            "port": str(self.port),
            "user": SUPERUSER,
            "password": self.password,
            "dbname": dbname,
        }

    def stop(self, *, mode: str = "fast", timeout: float = 60.0) -> None:
        """
        Stop the server and wait until it is gone; does nothing where it is not running.

        `mode` is "smart" (wait for sessions), "fast" (end them) or "immediate" (as if it crashed).
        Raises EnvironmentFailedError (E-108) after `timeout` seconds.
        """
        stop_embedded(self.directory, mode=mode, timeout=timeout)


def start_embedded(
    directory: str | Path,
    *,
    bindir: str | Path | None = None,
    durable: bool = True,
    tcp_port: int | None = None,
    settings: Mapping[str, str] | None = None,
    rights: str | None = None,
    end_with_parent: bool = False,
    timeout: float = 60.0,
) -> EmbeddedServer:
    """
    Start the server in `directory`, creating it where it is new; attach where it runs already.

    `durable=False` gives up crash safety, for data that can be made again; a directory stays
    what it was created as. `tcp_port` also listens on 127.0.0.1 (0: any free port). `settings`
    override ours. `rights` allows one way of giving up root's rights alone (see `rights`).
    `end_with_parent` ties the server to this process (Linux). `timeout` is in seconds.

    Raises RefusedError for a directory that is not ours (E-104, E-112), was made otherwise (E-105) or
    whose server runs on another port (E-111), EnvironmentFailedError where programs (E-101), rights
    (E-103), space (E-106), the lock (E-109) or the server itself (E-107) fail.
    """
    began = time.monotonic()
    directory = Path(directory).absolute()
    claim_directory(directory)
    with exclusive(directory, timeout):
        mark_directory(directory, durable=durable)
        running = _wait_until_settled(directory, began + timeout)
        if running is not None:
            return _attach(directory, running, tcp_port=tcp_port, began=began)
        binaries = _binaries_for(directory, bindir)
        chosen = choose_rights(binaries.bindir, directory, kind=rights)
        if not (directory / "data").exists():
            create_cluster(directory, binaries, chosen, durable=durable)
        hand_over(directory, chosen)
        forget_dead_postmaster(directory / "data")
        sockets = make_socket_directory(directory, chosen)
        forget_dead_sockets(sockets)
        options = _SETTINGS | ({} if durable else _NOT_DURABLE) | dict(settings or {})
        options |= {
            "port": str(_free_port(tcp_port)),
            "listen_addresses": "" if tcp_port is None else "127.0.0.1",
            "unix_socket_directories": str(sockets),
            "unix_socket_permissions": "0700",
        }
        run_postgres(directory, binaries, chosen, options, end_with_parent=end_with_parent, timeout=timeout)
        started = read_postmaster(directory / "data")
        if started is None:
            raise EnvironmentFailedError(
                "E-107",
                "The embedded server ended as soon as it had started.",
                detail=f"Last lines of its log:\n{read_log_tail(directory)}",
            )
        return _describe(directory, started, began=began, started_here=True)


def find_embedded(directory: str | Path) -> EmbeddedServer | None:
    """Return the server that runs in `directory`, None where none does. Starts nothing."""
    directory = Path(directory).absolute()
    if not (directory / MARKER).exists():
        return None
    running = read_postmaster(directory / "data")
    if running is None or not running.is_ready:
        return None
    return _describe(directory, running, began=time.monotonic(), started_here=False)


def stop_embedded(directory: str | Path, *, mode: str = "fast", timeout: float = 60.0) -> bool:
    """
    Stop the server in `directory`; return whether one was running. See `EmbeddedServer.stop`.

    Raises RefusedError (E-104) where the directory is not ours.
    """
    directory = Path(directory).absolute()
    if not directory.exists():
        return False
    require_ours(directory)
    running = read_postmaster(directory / "data")
    if running is None:
        return False
    signals = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
    try:
        os.kill(running.pid, signals[mode])
    except ProcessLookupError:
        return True
    except PermissionError:
        raise EnvironmentFailedError(
            "E-108",
            "The embedded server belongs to another user and cannot be stopped from here.",
            detail=f"Process {running.pid}, directory {directory}.",
        ) from None
    deadline = time.monotonic() + timeout
    while read_postmaster(directory / "data") is not None:
        if time.monotonic() > deadline:
            raise EnvironmentFailedError(
                "E-108",
                f"The embedded server did not stop within {timeout:.0f} seconds.",
                detail=f"Process {running.pid}, directory {directory}.\n{read_log_tail(directory)}",
            )
        _reap(running.pid)
        time.sleep(0.02)
    return True


def _wait_until_settled(directory: Path, deadline: float) -> Postmaster | None:
    """Return the ready server, None where none runs; one that is starting or stopping is waited for."""
    while (running := read_postmaster(directory / "data")) is not None and not running.is_ready:
        if time.monotonic() > deadline:
            raise EnvironmentFailedError(
                "E-107",
                "The embedded server runs, and does not become ready.",
                detail=f"Process {running.pid}, directory {directory}.\n{read_log_tail(directory)}",
            )
        _reap(running.pid)
        time.sleep(0.02)
    return running


def _binaries_for(directory: Path, bindir: str | Path | None) -> ServerBinaries:
    version_file = directory / "data" / "PG_VERSION"
    if not version_file.exists():
        return find_server_binaries(bindir)
    # Data of one major can be opened by servers of that major only.
    return find_server_binaries(bindir, major=int(version_file.read_text().strip()))


def _attach(directory: Path, running: Postmaster, *, tcp_port: int | None, began: float) -> EmbeddedServer:
    if tcp_port is not None and (not running.listen_address or tcp_port not in (0, running.port)):
        raise RefusedError(
            "E-111",
            f"The embedded server in {directory} is running, and not on the TCP port that is asked for.",
            hint='Stop it with "howdah pg stop" and start it again.',
        )
    return _describe(directory, running, began=began, started_here=False)


def _describe(directory: Path, running: Postmaster, *, began: float, started_here: bool) -> EmbeddedServer:
    return EmbeddedServer(
        directory=directory,
        major=int((directory / "data" / "PG_VERSION").read_text().strip()),
        pid=running.pid,
        socket_directory=Path(running.socket_directory),
        port=running.port,
        host=running.listen_address,
        password=(directory / "password").read_text().strip(),
        started_here=started_here,
        seconds=time.monotonic() - began,
    )


def _free_port(tcp_port: int | None) -> int:
    if tcp_port is None:
        return _SOCKET_PORT
    if tcp_port:
        return tcp_port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _reap(pid: int) -> None:
    """Collect our own child, which otherwise stays a zombie that looks alive."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
