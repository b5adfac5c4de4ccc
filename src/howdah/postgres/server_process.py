"""
Start the embedded server's process and wait until it answers, or say why it did not.

The server writes its log to a file of ours and survives the end of the command
that started it. Waiting reads the pid file, as pg_ctl does.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from howdah.errors import EnvironmentFailedError, RefusedError
from howdah.postgres.binaries import ServerBinaries
from howdah.postgres.postmaster import read_postmaster
from howdah.postgres.rights import Rights
from howdah.postgres.spawn import popen_from_lasting_thread

#: sun_path holds 108 bytes on Linux and 104 on macOS, and "/.s.PGSQL.65535.lock" is 20 of them.
_SOCKET_DIRECTORY_BYTES = 80

#: A server died and its children are still ending: soon it will start.
_PASSING = "pre-existing shared memory block"


def run_postgres(
    directory: Path,
    binaries: ServerBinaries,
    rights: Rights,
    options: Mapping[str, str],
    *,
    end_with_parent: bool,
    timeout: float,
) -> None:
    """
    Start the server on `directory`/data with these settings; return when it takes connections.

    Raises EnvironmentFailedError (E-107) with the last lines of its log.
    """
    arguments = [binaries.program("postgres"), "-D", str(directory / "data")]
    for name, value in options.items():
        arguments += ["-c", f"{name}={value}"]
    command = rights.command(arguments, end_with_parent=end_with_parent)
    deadline = time.monotonic() + timeout
    while not _run_once(directory, command, deadline):
        tail = read_log_tail(directory)
        if _PASSING in tail and time.monotonic() < deadline:
            time.sleep(0.1)
            continue
        raise EnvironmentFailedError(
            "E-107",
            "The embedded server did not start.",
            detail=f"Last lines of {directory / 'log'}:\n{tail}",
            hint=hint_for(tail),
        )


def make_socket_directory(directory: Path, rights: Rights) -> Path:
    """
    Return a private directory whose path is short enough for a socket.

    Raises RefusedError (E-112) where that place belongs to somebody else.
    """
    own = directory / "run"
    if len(os.fsencode(own)) <= _SOCKET_DIRECTORY_BYTES:
        path = own
    else:
        digest = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
        path = Path("/tmp") / f"howdah-{os.geteuid()}-{digest}"  # noqa: S108 - its owner is checked below
    path.mkdir(mode=0o700, exist_ok=True)
    trusted = {os.geteuid()} | ({rights.owner[0]} if rights.owner is not None else set())
    if path.is_symlink() or path.lstat().st_uid not in trusted:
        raise RefusedError(
            "E-112",
            f"The directory {path} belongs to somebody else, and the server's socket would be there.",
            hint="Remove it, or set HOWDAH_HOME to a directory with a shorter path.",
        )
    os.chmod(path, 0o700)
    if rights.owner is not None:
        os.chown(path, *rights.owner)
    return path


def clean_environment() -> dict[str, str]:
    """Return our environment without what would change PostgreSQL's programs."""
    # PGDATA, PGPORT and their like belong to somebody's other server.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return kept | {"LC_ALL": "C"}


def read_log_tail(directory: Path, lines: int = 8) -> str:
    """Return the last lines of the server's log, "" without one."""
    try:
        text = (directory / "log").read_text(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.strip().splitlines()[-lines:])


def hint_for(output: str) -> str:
    """Say what to do about the failures of PostgreSQL's programs that are known."""
    if "could not map anonymous shared memory" in output or "Cannot allocate memory" in output:
        return "The machine has too little memory for the server."
    if "No space left" in output:
        return "Make space, or set HOWDAH_HOME to a directory on another disk."
    if "Address already in use" in output:
        return "Another program uses this port: choose another one."
    if "error while loading shared libraries" in output or "GLIBC" in output:
        return f"These programs do not fit this {sys.platform} system: install PostgreSQL's own packages."
    return ""


def _run_once(directory: Path, command: list[str], deadline: float) -> bool:
    """Start the process; tell whether it came up. One that does not come up in time is ended."""
    log = directory / "log"
    if log.exists():
        os.replace(log, directory / "log.before")
    with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w") as log_file:
        process = popen_from_lasting_thread(
            lambda: subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=subprocess.STDOUT,
                env=clean_environment(),
                cwd="/",
                # Ctrl-C in our terminal is not meant for the server.
                start_new_session=True,
            )
        )
    while process.poll() is None:
        running = read_postmaster(directory / "data")
        if running is not None and running.is_ready and running.pid == process.pid:
            # The server outlives this object; without this, Python warns that it was not waited for.
            process.returncode = 0
            return True
        if time.monotonic() > deadline:
            process.send_signal(signal.SIGQUIT)
            process.wait(timeout=30)
            break
        time.sleep(0.01)
    return False
