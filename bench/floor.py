"""
The floor: what PostgreSQL itself needs for the same rows in the same tables.

Ready-made binary COPY files, taken from a finished migration, are fed to psql over
as many connections as the contestant has; then the same keys, indexes, foreign
keys and sequences are built by the same SQL, in the same stages. Nobody who loads
this data into these tables through one COPY per file can be faster.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench.measure import measure
from bench.server import BenchServer
from howdah.loading.runner import Stage, build_stages
from howdah.model.plan import Plan, Step, StepKind, TablePlan
from howdah.model.serialize import from_json
from howdah.names import qualified, quote

_PAGE = 8192
#: Big tables are cut into so many files per connection, so that the connections end together.
_FILES_PER_CONNECTION = 4


@dataclass(frozen=True, kw_only=True)
class CopyFile:
    #: Table and columns as COPY takes them.
    target: str
    path: Path
    size: int


@dataclass(frozen=True, kw_only=True)
class Floor:
    """Everything the floor needs, ready-made."""

    plan: Plan
    files: tuple[CopyFile, ...]
    connections: int


def read_plan(howdah: str, source: Path, environment: dict[str, str]) -> Plan:
    """Return the plan that `howdah plan --json` prints for a source."""
    printed = measure([howdah, "plan", str(source), "--json", "--quiet"], environment=environment).stdout
    return from_json(Plan, json.loads(printed)["plan"])


def prepare_floor(
    server: BenchServer, migrated: str, plan: Plan, directory: Path, *, connections: int
) -> Floor:
    """Write the rows of the database `migrated` as binary COPY files into `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    files: list[CopyFile] = []
    with psycopg.connect(server.conninfo_for(migrated)) as connection:
        pages = {table.name: _count_pages(connection, table) for table in plan.tables}
        pieces = connections * _FILES_PER_CONNECTION if connections > 1 else 1
        longest = max(1, -(-sum(pages.values()) // pieces))
        for number, table in enumerate(plan.tables):
            for first in range(0, max(pages[table.name], 1), longest):
                path = directory / f"{number:03}-{first}.copy"
                files.append(_write_file(connection, table, path, first, first + longest))
    return Floor(plan=plan, files=tuple(files), connections=connections)


def run_floor(server: BenchServer, database: str, floor: Floor, directory: Path) -> dict[str, float]:
    """
    Load and build everything in an empty database; return seconds by stage.

    Raises RuntimeError where not every row arrived.
    """
    seconds: dict[str, float] = {}
    for number, (name, shares) in enumerate(_write_scripts(floor)):
        began = time.perf_counter()
        _run_psql(server, database, shares, directory / f"stage-{number}")
        seconds[name] = time.perf_counter() - began
    _check_rows(server, database, floor.plan)
    return seconds


def _write_scripts(floor: Floor) -> list[tuple[str, list[list[str]]]]:
    """Return, stage by stage, what each connection has to do."""
    scripts: list[tuple[str, list[list[str]]]] = []
    for stage in build_stages(floor.plan.steps):
        if stage.steps[0].kind is not StepKind.COPY:
            scripts.append((stage.name, _share_statements(floor.plan, stage, floor.connections)))
            continue
        copies = [
            (f"\\copy {file.target} from '{file.path}' (format binary)", file.size) for file in floor.files
        ]
        shares = _share(copies, floor.connections)
        if floor.connections == 1:
            # A server with wal_level = minimal writes no log for rows that go into a table made by the
            # same transaction; one connection can have that, several that share tables cannot.
            created = [statement for _, made in scripts for share in made for statement in share]
            scripts = [(stage.name, [["BEGIN;", *created, *shares[0], "COMMIT;"]])]
        else:
            scripts.append((stage.name, shares))
    return scripts


def _check_rows(server: BenchServer, database: str, plan: Plan) -> None:
    with psycopg.connect(server.conninfo_for(database)) as connection:
        for table in plan.tables:
            name = qualified(table.target_schema, table.target_name)
            row = connection.execute(f"SELECT count(*) FROM {name}".encode()).fetchone()
            if row is None or row[0] != table.rows:
                raise RuntimeError(f"the floor has {row} rows in {name}, the source {table.rows}")


def _count_pages(connection: psycopg.Connection[tuple[object, ...]], table: TablePlan) -> int:
    name = qualified(table.target_schema, table.target_name)
    row = connection.execute("SELECT pg_relation_size(%s::regclass)", [name]).fetchone()
    assert row is not None
    return int(str(row[0])) // _PAGE


def _write_file(
    connection: psycopg.Connection[tuple[object, ...]], table: TablePlan, path: Path, first: int, end: int
) -> CopyFile:
    name = qualified(table.target_schema, table.target_name)
    columns = ", ".join(quote(column.target_name) for column in table.copied_columns)
    query = (
        f"COPY (SELECT {columns} FROM {name} WHERE ctid >= '({first},0)' AND ctid < '({end},0)')"
        " TO STDOUT (FORMAT binary)"
    )
    with path.open("wb") as file, connection.cursor().copy(query.encode()) as blocks:
        for block in blocks:
            file.write(block)
    return CopyFile(target=f"{name} ({columns})", path=path, size=path.stat().st_size)


def _share_statements(plan: Plan, stage: Stage, connections: int) -> list[list[str]]:
    """Share the statements of a stage; those of one table stay together, for they wait for each other."""
    if not stage.parallel:
        return [[f"{step.sql};" for step in stage.steps if step.sql]]
    sizes = {table.name: table.bytes for table in plan.tables}
    by_table: dict[str, list[Step]] = {}
    for step in stage.steps:
        by_table.setdefault(step.table, []).append(step)
    return _share(
        (
            ("\n".join(f"{step.sql};" for step in steps if step.sql), sizes.get(table, 0) * len(steps))
            for table, steps in by_table.items()
        ),
        connections,
    )


def _share(work: Iterable[tuple[str, int]], connections: int) -> list[list[str]]:
    """Deal weighted pieces to connections, the heaviest first, each to the one with least to do."""
    shares: list[list[str]] = [[] for _ in range(connections)]
    loads = [0] * connections
    for text, weight in sorted(work, key=lambda piece: -piece[1]):
        idle = loads.index(min(loads))
        shares[idle].append(text)
        loads[idle] += weight
    return [share for share in shares if share]


def _run_psql(server: BenchServer, database: str, shares: Sequence[Sequence[str]], scripts: Path) -> None:
    """Run each share through a psql of its own, all at once."""
    scripts.mkdir(parents=True, exist_ok=True)
    running = []
    for number, share in enumerate(shares):
        script = scripts / f"{number}.sql"
        script.write_text("\n".join(share) + "\n")
        running.append(
            subprocess.Popen(
                [server.psql(), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(script)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={"PATH": "/usr/bin:/bin", **server.environment(database)},
            )
        )
    statuses = [process.wait() for process in running]
    if any(statuses):
        raise RuntimeError(f"psql ended with {statuses}")
