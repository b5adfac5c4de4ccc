"""The real `howdah` program, run as a person or a script would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

import psycopg

from support.program_server import ProgramServer

HOWDAH = Path(sys.executable).parent / "howdah"


@cache
def _program_server() -> ProgramServer:
    return ProgramServer()


@dataclass(frozen=True)
class Ended:
    """How a call of the program ended."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document that is all of stdout."""
        return json.loads(self.out)

    @property
    def error_line(self) -> str:
        """The line that says what is wrong; only the target may have been named before it."""
        lines = [line for line in self.err.splitlines() if not line.startswith(("target:", "note:"))]
        return lines[0]


@dataclass(frozen=True)
class Program:
    """`howdah` in a working directory and with a state directory of its own."""

    directory: Path
    home: Path

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment of a call: nothing of a target in it but what `extra` says."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PG", "DATABASE_", "HOWDAH_"))
        }
        return kept | {"HOWDAH_HOME": str(self.home)} | dict(extra or {})

    def run(
        self,
        *arguments: str | Path,
        env: Mapping[str, str] | None = None,
        limit_file_size: int | None = None,
        stdin: str | None = None,
    ) -> Ended:
        """Run to the end; `limit_file_size` in bytes is what RLIMIT_FSIZE allows each file."""
        with tempfile.TemporaryFile("w+") as given:
            given.write(stdin or "")
            given.seek(0)
            status, out, err = _program_server().run(
                [str(argument) for argument in arguments],
                directory=self.directory,
                environment=self.environment(env),
                stdin=given.fileno(),
                limit_file_size=limit_file_size,
            )
        return Ended(status, out, err)

    def start(
        self, *arguments: str | Path, env: Mapping[str, str] | None = None, log: IO[str] | None = None
    ) -> subprocess.Popen[str]:
        """Start a call and return it running; what it says on stderr goes to `log` if there is one."""
        return subprocess.Popen(
            [HOWDAH, *map(str, arguments)],
            cwd=self.directory,
            env=self.environment(env),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if log is None else log,
            text=True,
            start_new_session=True,
        )

    def files(self) -> list[Path]:
        """List every file below the state directory, the embedded server's own apart."""
        return [path for path in self.home.rglob("*") if path.is_file() and "pg" not in path.parts]


def list_objects(database: str) -> list[tuple[Any, ...]]:
    """List schemas and relations of a database that did not come with PostgreSQL."""
    with psycopg.connect(database) as connection:
        return connection.execute(
            "SELECT n.nspname, c.relname FROM pg_namespace n LEFT JOIN pg_class c ON c.relnamespace = n.oid"
            " WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
            " AND (n.nspname <> 'public' OR c.oid IS NOT NULL) ORDER BY 1, 2"
        ).fetchall()
