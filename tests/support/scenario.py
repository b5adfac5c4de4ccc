"""
One torture case: what SQLite holds, and what must be in PostgreSQL and in the report afterwards.

Scenarios that ask for the same settings of the file, the same policies and the same exit status share
one database file and one migration, so their tables need names of their own. What is expected is
written beside the SQL, or computed by Python's own modules, never by the code under test.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from howdah.model.plan import PlanOptions
from howdah.model.quarantine import QuarantinedRow
from howdah.model.report import RunReport
from howdah.ops.migrate import MigrateRequest, migrate
from howdah.ops.quarantine import list_rows
from support.runs import target_request

Row = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    #: Number in the list of cases, and what is special about it.
    case: int
    name: str
    #: Statements that make the tables; every table is of this scenario alone.
    sql: str
    #: Statements with parameters, after `sql`.
    inserts: Sequence[tuple[str, Row]] = ()
    #: Statements at the head of the file, before any table: PRAGMA encoding and the like.
    settings: str = ""
    #: What a person wrote into the plan file about these tables.
    policy: str = ""
    #: "table.column" → type as PostgreSQL prints it.
    types: Mapping[str, str] = field(default_factory=dict)
    #: Query on PostgreSQL → its rows. Run in order in one transaction that is rolled back.
    rows: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    #: Statement → name of the error with which PostgreSQL must refuse it.
    refuses: Mapping[str, str] = field(default_factory=dict)
    #: Codes of the findings that name an object of this scenario; no other may.
    findings: Sequence[str] = ()
    #: Words that must be somewhere in the findings of this scenario.
    told: Sequence[str] = ()
    #: Table, number or key of the source row, reason; sorted.
    quarantined: Sequence[tuple[str, Any, str]] = ()
    #: Rule → values changed by it in the tables of this scenario.
    changed: Mapping[str, int] = field(default_factory=dict)
    #: It has a file to itself, and every finding of the run is its own.
    alone: bool = False

    def __str__(self) -> str:
        return f"{self.case:02} {self.name}"

    @property
    def exit_status(self) -> int:
        """How the migration must end: 5 where a row is set aside, else 0."""
        return 5 if self.quarantined else 0

    @property
    def file_key(self) -> tuple[Any, ...]:
        """What scenarios in one file have in common."""
        return (self.settings, bool(self.policy), self.exit_status, str(self) if self.alone else "")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A migration that scenarios share."""

    database: str
    report: RunReport
    quarantined: tuple[QuarantinedRow, ...]


#: From all scenarios of a theme and one of them to the migration that carried it.
Carry = Callable[[Sequence[Scenario], Scenario], Outcome]


def build_source(path: Path, scenarios: Sequence[Scenario]) -> Path:
    """Write the file that these scenarios share."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(scenarios[0].settings)
        for scenario in scenarios:
            connection.executescript(scenario.sql)
            for statement, parameters in scenario.inserts:
                connection.execute(statement, parameters)
            connection.commit()
    return path


def run_migration(directory: Path, database: str, scenarios: Sequence[Scenario]) -> Outcome:
    """Migrate the file of these scenarios, with proof."""
    source = build_source(directory / "scenarios.db", scenarios)
    plan_file = None
    if scenarios[0].policy:
        plan_file = directory / "plan.toml"
        plan_file.write_text("\n".join(scenario.policy for scenario in scenarios))
    report = migrate(
        MigrateRequest(
            source=str(source), target=target_request(database), options=PlanOptions(), plan_file=plan_file
        )
    )
    return Outcome(database=database, report=report, quarantined=list_rows(target_request(database)).rows)


def check_scenario(scenario: Scenario, outcome: Outcome) -> None:
    """Compare all that a scenario says with what came of it."""
    report = outcome.report
    assert (report.verification, report.differences) == ("proof", ())
    names = _object_names(scenario)
    tables = [table for table in report.tables if table.name in names]
    assert all(table.proof is not None and table.proof.status == "proven" for table in tables)
    ours = [
        finding
        for finding in report.findings
        if scenario.alone
        or any(
            f'"{name}"' in text
            for name in names
            for text in (finding.object, finding.message, finding.detail)
        )
    ]
    changed: dict[str, int] = {}
    for table in tables:
        for rule, count in table.values_changed.items():
            changed[rule] = changed.get(rule, 0) + count
    with psycopg.connect(outcome.database, options="-c timezone=UTC") as connection:
        seen: dict[str, Any] = {
            "exit status": report.exit_status,
            "types": _types(connection, report, scenario),
            "rows": {query: _rows(connection, query) for query in scenario.rows},
            "refuses": {statement: _refusal(connection, statement) for statement in scenario.refuses},
            "findings": sorted({finding.code for finding in ours}),
            "quarantined": sorted(
                (row.table, _key(row), row.reason) for row in outcome.quarantined if row.table in names
            ),
            "changed": changed,
        }
        connection.rollback()
    expected: dict[str, Any] = {
        "exit status": scenario.exit_status,
        "types": dict(scenario.types),
        "rows": {query: [_comparable(row) for row in rows] for query, rows in scenario.rows.items()},
        "refuses": dict(scenario.refuses),
        "findings": sorted(scenario.findings),
        "quarantined": sorted(scenario.quarantined),
        "changed": dict(scenario.changed),
    }
    unlike = {name: (seen[name], expected[name]) for name in expected if seen[name] != expected[name]}
    listed = [f"{finding.code} {finding.object}: {finding.message}" for finding in ours]
    assert unlike == {}, f"(seen, expected): {unlike}; findings: {listed}"
    text = "\n".join(f"{item.object} {item.message} {item.detail} {item.hint}" for item in ours)
    for words in scenario.told:
        assert words in text


def _object_names(scenario: Scenario) -> set[str]:
    """Return the names of all objects that the scenario makes."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(scenario.settings + scenario.sql)
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")} - {
            "sqlite_sequence"
        }


def _types(
    connection: psycopg.Connection[Any], report: RunReport, scenario: Scenario
) -> dict[str, str | None]:
    targets = {table.name: table.target_name for table in report.tables}
    found: dict[str, str | None] = {}
    for column in scenario.types:
        table, _, name = column.partition(".")
        row = connection.execute(
            "SELECT format_type(atttypid, atttypmod) FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid"
            " WHERE relnamespace = 'public'::regnamespace AND relname = %s AND attname = %s AND attnum > 0",
            (targets.get(table, table), name),
        ).fetchone()
        found[column] = row[0] if row else None
    return found


def _rows(connection: psycopg.Connection[Any], query: str) -> list[Row]:
    with connection.transaction():
        return [_comparable(row) for row in connection.execute(query.encode())]


def _refusal(connection: psycopg.Connection[Any], statement: str) -> str:
    try:
        with connection.transaction():
            connection.execute(statement.encode())
    except psycopg.Error as error:
        return type(error).__name__
    return "nothing"


def _comparable(row: Row) -> Row:
    """Tell 1 from 1.0 and from True, and 0.0 from -0.0, as Python's == does not."""
    return tuple(
        (type(value).__name__, struct.pack(">d", value) if isinstance(value, float) else value)
        if isinstance(value, (bool, int, float))
        else value
        for value in row
    )


def _key(row: QuarantinedRow) -> Any:
    if row.key.rowid is not None:
        return row.key.rowid
    return tuple(cell.content for cell in row.key.cells)
