"""
Backups beside bare pg_dump and pg_restore: the same options, the same server, in turn, medians.

    python -m bench.backup [--megabytes 1000] [--runs 3] [--results DIRECTORY]

Measured are the whole commands, starting Python included: what a person waits for; `_SIDES` says
what each side does.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench.page import write_page
from bench.server import BenchServer
from howdah.postgres.binaries import find_client_tool

RESULTS = Path(__file__).with_name("results")
#: Bytes of a row of the table below with its key, about.
_ROW_BYTES = 260
_TABLES = 5


_SIDES = """\
Both restores make the database, restore it with one process and analyze it: the bare one by psql, pg_restore
and psql. Howdah checks the SHA-256 of the archive before, and compares the digest of every table besides.
Both backups are archives in pg_dump's custom format; Howdah takes the digest of every table in the same
snapshot, and the SHA-256 of the archive. Before each command the server writes out what the one before left.
"""


@dataclass(frozen=True, kw_only=True)
class Bench:
    server: BenchServer
    work: Path
    major: int

    def tool(self, name: str) -> str:
        return os.fspath(find_client_tool(name, self.major))

    def timed(self, command: list[str], database: str) -> float:
        """Run a command to its end and return the seconds."""
        environment: Mapping[str, str] = {**os.environ, **self.server.environment(database)}
        environment = {**environment, "HOWDAH_HOME": str(self.work / "home")}
        began = time.monotonic()
        subprocess.run(command, env=environment, check=True, capture_output=True)
        return time.monotonic() - began

    def pg_dump(self) -> float:
        self.server.checkpoint()
        compress = "--compress=zstd:3" if self.major >= 16 else "--compress=6"
        target = self.work / "bare.pgc"
        target.unlink(missing_ok=True)
        command = [self.tool("pg_dump"), "--format=custom", f"--file={target}", "--no-password"]
        try:
            return self.timed([*command, compress], "source")
        except subprocess.CalledProcessError:
            # A build without zstd: Howdah takes gzip there too.
            return self.timed([*command, "--compress=6"], "source")

    def howdah_backup(self) -> float:
        shutil.rmtree(self.work / "repository", ignore_errors=True)
        self.server.checkpoint()
        return self.timed(
            [*self._howdah("backup", "source"), "--drill", "never"],
            "source",
        )

    def pg_restore(self) -> float:
        self.server.drop_database("bare")
        self.server.checkpoint()
        psql = [self.tool("psql"), "-Xqc"]
        seconds = self.timed([*psql, "CREATE DATABASE bare TEMPLATE template0 ENCODING 'UTF8'"], "postgres")
        restore = [self.tool("pg_restore"), "--exit-on-error", "--dbname=bare", "--no-password"]
        seconds += self.timed([*restore, str(self.work / "bare.pgc")], "bare")
        return seconds + self.timed([*psql, "ANALYZE"], "bare")

    def howdah_restore(self) -> float:
        self.server.drop_database("restored")
        self.server.checkpoint()
        return self.timed(
            self._howdah("restore", "restored", "latest"),
            "restored",
        )

    def _howdah(self, verb: str, database: str, *arguments: str) -> list[str]:
        program = os.fspath(Path(sys.executable).with_name("howdah"))
        target = self.server.public_conninfo_for(database)
        place = ["--repo", str(self.work / "repository"), "--name", "bench"]
        return [program, verb, *arguments, target, *place, "--quiet"]


def fill(server: BenchServer, megabytes: float) -> int:
    """Make the source database; return its bytes."""
    server.recreate_database("source")
    rows = int(megabytes * 1e6 / _ROW_BYTES / _TABLES)
    with psycopg.connect(server.conninfo_for("source"), autocommit=True) as connection:
        for number in range(_TABLES):
            script = (
                f"CREATE TABLE t{number} AS SELECT i AS id, md5(i::text) AS name, i % 1000 AS kind,"
                f" repeat(md5((i * {number + 2})::text), 2) AS body, i / 7.0 AS amount,"
                " timestamptz '2024-01-01' + i * interval '1 second' AS at"
                f" FROM generate_series(1, {rows}) i"
            )
            connection.execute(script.encode())
            connection.execute(f"ALTER TABLE t{number} ADD PRIMARY KEY (id)".encode())
            connection.execute(f"CREATE INDEX ON t{number} (kind)".encode())
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert row is not None
    return int(row[0])


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=float, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="howdah-bench-backup-") as directory:
        work = Path(directory)
        server = BenchServer.start(work / "pg")
        try:
            size = fill(server, arguments.megabytes)
            with psycopg.connect(server.conninfo) as connection:
                version = connection.info.server_version
            bench = Bench(server=server, work=work, major=version // 10000)
            contestants = {
                "pg_dump": bench.pg_dump,
                "howdah backup": bench.howdah_backup,
                "pg_restore": bench.pg_restore,
                "howdah restore": bench.howdah_restore,
            }
            seconds: dict[str, list[float]] = {name: [] for name in contestants}
            for number in range(arguments.runs):
                # Turn about, so that neither always comes first.
                order = list(contestants.items())
                for pair in (order[:2], order[2:]):
                    for name, run in pair if number % 2 == 0 or number == 0 else pair[::-1]:
                        seconds[name].append(run())
                        print(f"{name}: {seconds[name][-1]:.2f} s", file=sys.stderr)
        finally:
            BenchServer.stop(work / "pg")
    _write(arguments.results, size, version, seconds)


def _write(results: Path, size: int, version: int, seconds: Mapping[str, list[float]]) -> None:
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    lines = [
        f"Database of {size / 1e6:,.0f} MB, PostgreSQL {version // 10000}.{version % 10000},"
        f" {os.cpu_count()} processors, {len(seconds['pg_dump'])} runs.",
        "",
        "| command | median s | all | ÷ bare |",
        "|---|---|---|---|",
    ]
    for name, bare in (
        ("pg_dump", ""),
        ("howdah backup", "pg_dump"),
        ("pg_restore", ""),
        ("howdah restore", "pg_restore"),
    ):
        ratio = f"{medians[name] / medians[bare]:.2f}" if bare else ""
        each = ", ".join(f"{value:.1f}" for value in seconds[name])
        lines.append(f"| {name} | {medians[name]:.2f} | {each} | {ratio} |")
    text = "\n".join(lines) + f"\n\n{_SIDES}"
    print(text)
    results.mkdir(parents=True, exist_ok=True)
    (results / "backup.md").write_text(text, encoding="utf-8")
    document = {"bytes": size, "server_version": version, "seconds": seconds}
    (results / "backup.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    if results == RESULTS:
        write_page()


if __name__ == "__main__":
    main()
