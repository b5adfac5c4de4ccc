"""
Who is measured: Howdah's verbs, pgloader, DuckDB. Each runs one command into an empty database.

A contestant that is not installed is left out and the results say so.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote as percent_encode

from bench.measure import Measurement, measure
from bench.server import BenchServer
from howdah.errors import ExitStatus

_DUCKDB_SCRIPT = Path(__file__).with_name("duckdb_load.py")


@dataclass(frozen=True, kw_only=True)
class Result:
    """One run of one contestant."""

    #: By the wall clock.
    seconds: float
    #: Seconds of the processor, user and system: the command with its children, and the server meanwhile.
    command_processor: float | None = None
    server_processor: float | None = None
    #: Bytes; 0 where it was not measured.
    peak_memory: int = 0
    #: Rows that are in PostgreSQL afterwards, None where the command loads none.
    rows: int | None = None
    #: Seconds by phase, for those that say.
    phases: Mapping[str, float] | None = None


class Howdah:
    """The `howdah` beside this Python, with a state directory of its own."""

    def __init__(self, server: BenchServer, work: Path, connections: int) -> None:
        self.command = str(Path(sys.executable).with_name("howdah"))
        self._server = server
        self._home = work / "home"
        self._connections = connections

    def environment(self) -> dict[str, str]:
        """Return what a run needs in its environment."""
        password = self._server.parameters().get("password")
        return {"HOWDAH_HOME": str(self._home), **({"PGPASSWORD": password} if password else {})}

    def migrate(self, source: Path, database: str, *, verify: bool) -> Result:
        """Migrate into an empty database."""
        arguments = ["migrate", str(source), self._server.public_conninfo_for(database), "--json", "--quiet"]
        arguments += ["--jobs", str(self._connections), *([] if verify else ["--no-verify"])]
        expected = ExitStatus.OK if verify else ExitStatus.UNPROVEN
        return self._run(arguments, expected)

    def verify(self, source: Path, database: str) -> Result:
        """Verify what `migrate` left in a database."""
        arguments = ["verify", str(source), self._server.public_conninfo_for(database), "--json", "--quiet"]
        return self._run([*arguments, "--jobs", str(self._connections)], ExitStatus.OK)

    def plan(self, source: Path) -> Result:
        """Inspect and plan, without a server."""
        return self._run(["plan", str(source), "--json", "--quiet"], ExitStatus.OK)

    def help(self) -> Result:
        """Print the help."""
        measured = measure([self.command, "--help"])
        return Result(seconds=measured.seconds, peak_memory=measured.peak_memory)

    def forget_runs(self) -> None:
        """Remove snapshots and reports of earlier runs: each takes the disk of a whole source."""
        shutil.rmtree(self._home / "runs", ignore_errors=True)

    def _run(self, arguments: list[str], expected: ExitStatus) -> Result:
        measured = measure(
            [self.command, *arguments], environment=self.environment(), expected=[int(expected)]
        )
        return Result(
            seconds=measured.seconds, peak_memory=measured.peak_memory, phases=_read_phases(measured)
        )


def find_pgloader() -> str | None:
    """Return pgloader's path, None where it is not installed."""
    return shutil.which("pgloader")


def run_pgloader(pgloader: str, server: BenchServer, source: Path, database: str, work: Path) -> Result:
    """
    Load with pgloader: tables, indexes, foreign keys, sequences.

    Its defaults refuse epoch milliseconds and ISO timestamps in columns declared DATETIME and
    drop those rows; numbers and texts are kept as they are here, so that it does the whole work.
    """
    script = work / "pgloader.load"
    script.touch(mode=0o600)
    script.write_text(
        f"LOAD DATABASE FROM sqlite://{source} INTO {_pgloader_url(server, database)}\n"
        # By default it reads 100,000 rows ahead, however wide they are, into a heap of fixed size.
        "WITH include drop, create tables, create indexes, reset sequences, foreign keys,\n"
        "     prefetch rows = 10000\n"
        "CAST column customers.updated_at to text drop typemod,\n"
        "     type datetime to bigint drop typemod, type date to text drop typemod;\n"
    )
    measured = measure([pgloader, "--quiet", "--root-dir", str(work / "pgloader"), str(script)])
    return Result(seconds=measured.seconds, peak_memory=measured.peak_memory)


def find_duckdb() -> str | None:
    """Return a Python that can import DuckDB: BENCH_DUCKDB_PYTHON, or this one; None without."""
    chosen = os.environ.get("BENCH_DUCKDB_PYTHON")
    if chosen:
        return chosen
    return sys.executable if importlib.util.find_spec("duckdb") else None


def run_duckdb(python: str, server: BenchServer, source: Path, database: str) -> Result:
    """Load with DuckDB: tables as it sees fit, no keys and no indexes."""
    measured = measure(
        [python, str(_DUCKDB_SCRIPT), str(source)], environment=dict(server.environment(database))
    )
    return Result(seconds=measured.seconds, peak_memory=measured.peak_memory)


def _pgloader_url(server: BenchServer, database: str) -> str:
    parameters = server.parameters()
    credentials = percent_encode(parameters.get("user", "postgres"), safe="")
    if "password" in parameters:
        credentials += ":" + percent_encode(parameters["password"], safe="")
    host = parameters.get("host", "localhost")
    place = f"unix:{host}" if host.startswith("/") else host
    return f"postgresql://{credentials}@{place}:{parameters.get('port', '5432')}/{database}"


def _read_phases(measured: Measurement) -> dict[str, float] | None:
    report = json.loads(measured.stdout)
    phases = report.get("phases")
    return {phase["name"]: phase["seconds"] for phase in phases} if phases else None
