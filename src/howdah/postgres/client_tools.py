"""
Run PostgreSQL's client programs against a server without a secret in their arguments or environment.

What a connection is made of goes into a private service file, its password into a private passfile;
the program is told the names of the two and nothing else. It ends with this process. On Linux the
passfile is in memory alone, so that whoever is killed leaves no password on a disk.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from howdah.errors import UsageError
from howdah.postgres import launch
from howdah.postgres.connect import Connection
from howdah.postgres.conninfo import redact, secrets_in
from howdah.postgres.server_process import clean_environment
from howdah.scratch import scratch_directory

#: Of our own session alone.
_NOT_PASSED_ON = frozenset(
    {"password", "passfile", "service", "servicefile", "client_encoding", "application_name", "dbname"}
)
_SERVICE = "howdah"
#: Lines of what a program complained of that are kept.
_LINES_KEPT = 30


@dataclass(frozen=True, kw_only=True)
class ToolResult:
    """How a program ended; `complaint` is what it said last, without secrets."""

    status: int
    complaint: str


@dataclass(frozen=True, kw_only=True)
class ToolAccess:
    """What a client program needs to connect as we did."""

    environment: Mapping[str, str]
    secrets: tuple[str, ...]
    #: Open files that the program inherits.
    descriptors: tuple[int, ...] = ()

    def run(
        self,
        command: Sequence[str],
        *,
        on_line: Callable[[str], None] | None = None,
        output: Path | None = None,
    ) -> ToolResult:
        """
        Run a program to its end; `on_line` is told each line of its stderr, `output` takes its stdout.

        Interrupted, it is ended before the exception goes on.
        """
        kept: list[str] = []
        sink = open(output, "wb") if output is not None else open(os.devnull, "wb")  # noqa: SIM115 - both closed
        with sink:
            process = subprocess.Popen(
                tie_to_parent(command),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.PIPE,
                env=dict(self.environment),
                text=True,
                errors="replace",
                start_new_session=True,
                pass_fds=self.descriptors,
            )
        assert process.stderr is not None
        try:
            with process.stderr:
                for line in process.stderr:
                    line = redact(line.rstrip("\n"), self.secrets)
                    if on_line is not None:
                        on_line(line)
                    kept.append(line)
                    del kept[:-_LINES_KEPT]
            status = process.wait()
        except BaseException:
            process.kill()
            process.wait()
            raise
        return ToolResult(status=status, complaint="\n".join(line for line in kept if line.strip()))


def tie_to_parent(command: Sequence[str]) -> list[str]:
    """
    Return the argument list that runs a program which ends with this process (Linux), hearing no Ctrl-C.
    """
    if not sys.platform.startswith("linux") or threading.current_thread() is not threading.main_thread():
        # The kernel watches the thread that started it, not the process.
        return list(command)
    options = {"end_with_parent": int(signal.SIGTERM), "parent": os.getpid()}
    return [sys.executable, "-I", "-S", launch.__file__, json.dumps(options), *command]


@contextmanager
def tool_access(connection: Connection, conninfo: str, *, dbname: str | None = None) -> Iterator[ToolAccess]:
    """
    Give client programs the connection that `connection` (made of `conninfo`) has, or to another database.

    The two private files are gone when the block ends. Raises UsageError (T-121) for a parameter or password
    that cannot be written into a file of libpq's.
    """
    info = {
        option.keyword.decode(): option.val.decode()
        for option in connection.pgconn.info
        if option.val is not None and option.val != option.compiled
    }
    said = _said(conninfo)
    # Where several hosts were named, the one that answered is meant. What libpq made up for itself is left
    # out: a client program of an older major does not know all of its words.
    lines = {name: value for name, value in info.items() if name in said - _NOT_PASSED_ON and value != ""}
    lines["dbname"] = dbname if dbname is not None else connection.info.dbname
    password = connection.info.password or ""
    if any("\n" in value for value in (*lines.values(), password)):
        raise UsageError(
            "T-121", "A connection parameter holds a line feed, which client programs cannot be told."
        )
    with scratch_directory("howdah-tools-") as directory, ExitStack() as stack:
        service = directory / "service"
        _write_private(
            service, f"[{_SERVICE}]\n" + "".join(f"{name}={value}\n" for name, value in lines.items())
        )
        environment = clean_environment() | {
            "PGSERVICEFILE": str(service),
            "PGSERVICE": _SERVICE,
            "PGAPPNAME": "howdah",
        }
        descriptors: tuple[int, ...] = ()
        if password:
            escaped = password.replace("\\", "\\\\").replace(":", "\\:")
            environment["PGPASSFILE"], descriptors = _hold_private(
                directory / "passfile", f"*:*:*:*:{escaped}\n", stack
            )
        elif "passfile" in info:
            environment["PGPASSFILE"] = info["passfile"]
        yield ToolAccess(
            environment=environment,
            secrets=(*secrets_in(conninfo), *([password] if password else [])),
            descriptors=descriptors,
        )


def _said(conninfo: str) -> frozenset[str]:
    """Return the parameters that somebody set: in the connection string, the environment or a service."""
    given = conninfo_to_dict(conninfo)
    defaults = psycopg.pq.Conninfo.get_defaults()
    if given.get("service") or os.environ.get("PGSERVICE"):
        return frozenset(option.keyword.decode() for option in defaults)
    from_environment = {
        option.keyword.decode()
        for option in defaults
        if option.envvar is not None and os.environ.get(option.envvar.decode())
    }
    return frozenset({"user", "host", "hostaddr", "port", *given, *from_environment})


def _hold_private(path: Path, text: str, stack: ExitStack) -> tuple[str, tuple[int, ...]]:
    """Keep a text where a child can read it, in memory if possible; return its name and what to pass on."""
    if not hasattr(os, "memfd_create"):
        _write_private(path, text)
        return str(path), ()
    descriptor = os.memfd_create("howdah-passfile")
    stack.callback(os.close, descriptor)
    # libpq does not read a passfile that others may read.
    os.fchmod(descriptor, 0o600)
    os.write(descriptor, text.encode())
    return f"/proc/self/fd/{descriptor}", (descriptor,)


def _write_private(path: Path, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
