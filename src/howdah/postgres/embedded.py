"""
The embedded server: a PostgreSQL of our own, in a private directory, started and stopped by us.

For people without a server (the rehearsal), for tests and for drills. The directory
holds the data, a random password, the log and a marker that says it is ours; one
without the marker is never touched. Reached through a Unix socket, on request also
through the loopback interface. Starting one that runs attaches to it; of two
processes that start it at once, one does and the other attaches.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from howdah.errors import EnvironmentFailedError, RefusedError
from howdah.postgres.binaries import ServerBinaries, find_server_binaries
from howdah.postgres.conninfo import format_conninfo, format_url
from howdah.postgres.postmaster import Postmaster, forget_dead_postmaster, read_postmaster
from howdah.postgres.rights import Rights, choose_rights

#: Name of the superuser and of the database that is always there.
SUPERUSER = "postgres"

MARKER = "howdah-embedded.json"

#: Port number in the socket's name; nothing listens on it unless TCP is asked for.
_SOCKET_PORT = 5432

#: sun_path holds 108 bytes on Linux and 104 on macOS, and "/.s.PGSQL.65535.lock" is 20 of them.
_SOCKET_DIRECTORY_BYTES = 80

#: A fresh cluster takes 40 MB, its first WAL segments as much again.
_FREE_BYTES_MIN = 300 * 1024 * 1024

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

    Raises RefusedError for a directory that is not ours (E-104) or was made otherwise (E-105),
    EnvironmentFailedError where programs (E-101), rights (E-103), space (E-106) or the server
    itself (E-107) fail.
    """
    began = time.monotonic()
    directory = Path(directory).absolute()
    _claim(directory, durable=durable)
    with _exclusive(directory, timeout):
        running = read_postmaster(directory / "data")
        if running is not None and running.is_ready:
            return _attach(directory, running, tcp_port=tcp_port, began=began)
        binaries = _binaries_for(directory, bindir)
        chosen = choose_rights(binaries.bindir, directory, kind=rights)
        if not (directory / "data").exists():
            _create_cluster(directory, binaries, chosen, durable=durable)
        forget_dead_postmaster(directory / "data")
        options = _SETTINGS | ({} if durable else _NOT_DURABLE) | dict(settings or {})
        _start_postgres(
            directory,
            binaries,
            chosen,
            port=_free_port(tcp_port),
            tcp=tcp_port is not None,
            options=options,
            end_with_parent=end_with_parent,
            timeout=timeout,
        )
        started = read_postmaster(directory / "data")
        assert started is not None
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
    _require_ours(directory)
    running = read_postmaster(directory / "data")
    if running is None:
        return False
    signals = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
    try:
        os.kill(running.pid, signals[mode])
    except ProcessLookupError:
        return True
    deadline = time.monotonic() + timeout
    while read_postmaster(directory / "data") is not None:
        if time.monotonic() > deadline:
            raise EnvironmentFailedError(
                "E-108",
                f"The embedded server did not stop within {timeout:.0f} seconds.",
                detail=f"Process {running.pid}, directory {directory}.\n{_log_tail(directory)}",
            )
        _reap(running.pid)
        time.sleep(0.02)
    return True


def _claim(directory: Path, *, durable: bool) -> None:
    """Make the directory ours if it is new or empty; refuse one that is somebody else's."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    marker = directory / MARKER
    if not marker.exists():
        if set(os.listdir(directory)) - {"lock"}:
            _require_ours(directory)
        os.chmod(directory, 0o700)
        # Exclusive, so that of two processes one marks it and the other reads what that one wrote.
        text = json.dumps({"made_by": "howdah", "durable": durable})
        with tempfile.NamedTemporaryFile("w", dir=directory.parent, prefix=".howdah-", delete=False) as file:
            file.write(text)
        try:
            os.link(file.name, marker)
        except FileExistsError:
            pass
        finally:
            os.unlink(file.name)
    made_durable = _require_ours(directory).get("durable", True)
    if made_durable != durable:
        raise RefusedError(
            "E-105",
            f"The embedded server in {directory} was made {'' if made_durable else 'not '}to survive a crash,"
            f" and now the {'opposite' if made_durable else 'contrary'} is asked for.",
            hint="Choose another directory.",
        )


def _require_ours(directory: Path) -> dict[str, object]:
    try:
        marker = json.loads((directory / MARKER).read_text())
    except (OSError, ValueError):
        marker = None
    if not isinstance(marker, dict) or marker.get("made_by") != "howdah":
        raise RefusedError(
            "E-104",
            f"The directory {directory} was not made by Howdah, and is left alone.",
            detail=f"It is not empty and has no {MARKER}.",
            hint="Choose an empty or a new directory, or set HOWDAH_HOME.",
        )
    return marker


@contextmanager
def _exclusive(directory: Path, timeout: float) -> Iterator[None]:
    """Hold the directory's lock file, so that one process at a time creates and starts."""
    # The lock goes with the process that holds it, so no stale lock can stay behind.
    with open(directory / "lock", "w") as file:
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise EnvironmentFailedError(
                        "E-109",
                        f"Another process has been starting the embedded server in {directory}"
                        f" for {timeout:.0f} seconds.",
                        hint="Wait for it, or end it, and try again.",
                    ) from None
                time.sleep(0.05)
        yield


def _binaries_for(directory: Path, bindir: str | Path | None) -> ServerBinaries:
    version_file = directory / "data" / "PG_VERSION"
    if not version_file.exists():
        return find_server_binaries(bindir)
    # Data of one major can be opened by servers of that major only.
    return find_server_binaries(bindir, major=int(version_file.read_text().strip()))


def _create_cluster(directory: Path, binaries: ServerBinaries, rights: Rights, *, durable: bool) -> None:
    """Run initdb beside the final place and rename, so that a half-made cluster is never used."""
    free = shutil.disk_usage(directory).free
    if free < _FREE_BYTES_MIN:
        raise EnvironmentFailedError(
            "E-106",
            f"There is too little space for a database server in {directory}.",
            detail=f"Free: {free // 1024**2} MB; needed at least: {_FREE_BYTES_MIN // 1024**2} MB.",
            hint="Make space, or set HOWDAH_HOME to a directory on another disk.",
        )
    making = directory / "data.new"
    if making.exists():
        shutil.rmtree(making)
    making.mkdir(mode=0o700)
    password_file = directory / "password"
    password_file.unlink(missing_ok=True)
    with open(os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(24))
    if rights.owner is not None:
        for path in (directory, making, password_file):
            os.chown(path, *rights.owner)
    answer = None
    for locale in _locales(binaries.major):
        command = [
            binaries.program("initdb"),
            f"--pgdata={making}",
            f"--username={SUPERUSER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-instructions",
            *locale,
            *(() if durable else ("--no-sync",)),
        ]
        answer = subprocess.run(
            rights.command(command),
            capture_output=True,
            text=True,
            check=False,
            env=_clean_environment(),
            cwd="/",
            stdin=subprocess.DEVNULL,
        )
        if answer.returncode == 0:
            os.rename(making, directory / "data")
            return
        if "locale" not in answer.stderr:
            break
    assert answer is not None
    raise EnvironmentFailedError(
        "E-107",
        "The embedded server could not be created.",
        detail="\n".join(answer.stderr.strip().splitlines()[-10:]),
        hint=_hint_for(answer.stderr),
    )


def _locales(major: int) -> Iterator[tuple[str, ...]]:
    """Yield initdb's locale options, the best first: bytewise order, letters by Unicode."""
    if major >= 17:
        # PostgreSQL's own, the same on every machine.
        yield ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
    yield ("--locale=C.UTF-8", "--lc-messages=C")
    yield ("--no-locale",)


def _start_postgres(
    directory: Path,
    binaries: ServerBinaries,
    rights: Rights,
    *,
    port: int,
    tcp: bool,
    options: Mapping[str, str],
    end_with_parent: bool,
    timeout: float,
) -> None:
    socket_directory = _make_socket_directory(directory, rights)
    arguments = [
        binaries.program("postgres"),
        "-D",
        str(directory / "data"),
    ]
    fixed = {
        "port": str(port),
        "listen_addresses": "127.0.0.1" if tcp else "",
        "unix_socket_directories": str(socket_directory),
        "unix_socket_permissions": "0700",
    }
    for name, value in (dict(options) | fixed).items():
        arguments += ["-c", f"{name}={value}"]
    log = directory / "log"
    if log.exists():
        os.replace(log, directory / "log.before")
    with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w") as log_file:
        process = subprocess.Popen(
            rights.command(arguments, end_with_parent=end_with_parent),
            stdin=subprocess.DEVNULL,
            stdout=log_file,
            stderr=subprocess.STDOUT,
            env=_clean_environment(),
            cwd="/",
            # Ctrl-C in our terminal is not meant for the server.
            start_new_session=True,
        )
    deadline = time.monotonic() + timeout
    while True:
        running = read_postmaster(directory / "data")
        if running is not None and running.is_ready and running.pid == process.pid:
            return
        ended = process.poll()
        if ended is not None or time.monotonic() > deadline:
            if ended is None:
                process.send_signal(signal.SIGQUIT)
                process.wait(timeout=30)
            tail = _log_tail(directory)
            raise EnvironmentFailedError(
                "E-107",
                "The embedded server did not start."
                if ended is not None
                else f"The embedded server was not ready within {timeout:.0f} seconds.",
                detail=f"Last lines of {log}:\n{tail}",
                hint=_hint_for(tail),
            )
        time.sleep(0.01)


def _make_socket_directory(directory: Path, rights: Rights) -> Path:
    """Return a private directory whose path is short enough for a socket."""
    own = directory / "run"
    if len(os.fsencode(own)) <= _SOCKET_DIRECTORY_BYTES:
        path = own
    else:
        digest = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
        path = Path("/tmp") / f"howdah-{os.geteuid()}-{digest}"  # noqa: S108 - ownership is checked below
    path.mkdir(mode=0o700, exist_ok=True)
    found = os.lstat(path)
    trusted = {os.geteuid()} | ({rights.owner[0]} if rights.owner is not None else set())
    if not os.path.isdir(path) or os.path.islink(path) or found.st_uid not in trusted:
        raise RefusedError(
            "E-104",
            f"The directory {path} belongs to somebody else, and the server's socket would be there.",
            hint="Remove it, or set HOWDAH_HOME to a directory with a shorter path.",
        )
    os.chmod(path, 0o700)
    if rights.owner is not None:
        os.chown(path, *rights.owner)
    return path


def _attach(directory: Path, running: Postmaster, *, tcp_port: int | None, began: float) -> EmbeddedServer:
    if tcp_port is not None and (not running.listen_address or tcp_port not in (0, running.port)):
        raise RefusedError(
            "E-105",
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


def _clean_environment() -> dict[str, str]:
    # PGDATA, PGPORT and their like belong to somebody's other server.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return kept | {"LC_ALL": "C"}


def _reap(pid: int) -> None:
    """Collect our own child, which otherwise stays a zombie that looks alive."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def _log_tail(directory: Path, lines: int = 8) -> str:
    try:
        text = (directory / "log").read_text(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.strip().splitlines()[-lines:])


def _hint_for(output: str) -> str:
    """Say what to do about the failures that are known."""
    if "shared memory" in output and "Cannot allocate" in output:
        return "The machine has too little memory for the server."
    if "No space left" in output:
        return "Make space, or set HOWDAH_HOME to a directory on another disk."
    if "Address already in use" in output:
        return "Another program uses this port: choose another one."
    if "error while loading shared libraries" in output or "GLIBC" in output:
        return f"These programs do not fit this {sys.platform} system: install PostgreSQL's own packages."
    return ""
