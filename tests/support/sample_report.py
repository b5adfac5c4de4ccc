"""A report of about ninety tables with odd names, in which everything occurs that a report can say."""

from __future__ import annotations

from dataclasses import replace

from howdah.model.findings import Finding, Severity
from howdah.model.report import (
    ColumnReport,
    Difference,
    PhaseReport,
    ProofStatus,
    RunReport,
    SnapshotReport,
    TableProof,
    TableReport,
)

#: Names that people and their tools really give, and some that somebody gave on purpose.
HOSTILE_NAMES = (
    '<script>alert("x")</script>',
    "</table></main><h1>gone",
    "\"quoted\" & 'apostrophe'",
    "{{ report }} {% raw %}",
    "tab\tand\nline feed",
    "\x1b[2Jclears the screen",
    "right\u202eto left",
    "Größe 表 🐘",
    "a" * 63,
    "order details",
    "",
    " ",
)

CONTENT_TYPES = (
    "agents",
    "skills",
    "mcp_servers",
    "mcp_tools",
    "tasks",
    "chat_sessions",
    "chat_messages",
    "components_agent_prompts",
    "files",
    "up_users",
)

_COLUMNS = (
    ColumnReport(
        name="id",
        declared_type="integer",
        target_type="bigint",
        codec="integer",
        reason="INTEGER PRIMARY KEY: identity column, continues at 5,001",
    ),
    ColumnReport(
        name="title",
        declared_type="varchar(255)",
        target_type="character varying(255)",
        codec="text",
        reason="longest value has 71 characters",
    ),
    ColumnReport(
        name="published_at",
        declared_type="datetime",
        target_type="timestamp with time zone",
        codec="epoch-ms",
        reason="every one of 480 values is an integer between 1990 and 2100 as milliseconds",
    ),
    ColumnReport(
        name="settings_for_everything_that_nobody_thought_of_before",
        declared_type="",
        target_type="jsonb",
        codec="json",
        reason="",
    ),
)


def make_table(name: str, rows: int, *, quarantined: int = 0, differences: int = 0) -> TableReport:
    """Return a table as a run reports it, with as many rows set aside and different."""
    return TableReport(
        name=name,
        target_name=name if name.isascii() and len(name) > 1 else "renamed",
        rows_source=rows,
        rows_target=rows - quarantined,
        rows_quarantined=quarantined,
        values_changed={"nul-stripped": 3, "epoch-ms-to-timestamptz": rows} if rows > 1000 else {},
        proof=TableProof(
            status=ProofStatus.DIFFERENT if differences else ProofStatus.PROVEN,
            method="integer-ranges" if rows % 2 else "buckets",
            rows_source=rows,
            rows_target=rows - quarantined,
            rows_quarantined=quarantined,
            digest_source="" if rows % 2 else "9f86d081884c7d659a2feaa0c55ad015",
            digest_target="" if rows % 2 else "9f86d081884c7d659a2feaa0c55ad015",
            equalities={"settings_for_everything_that_nobody_thought_of_before": "as JSON by value"},
            values_by_equality={"settings_for_everything_that_nobody_thought_of_before": 17},
            differences=differences,
        ),
        columns=_COLUMNS,
        bytes=rows * 131,
    )


def make_findings() -> tuple[Finding, ...]:
    """Return findings of every severity, some alike, some with long details."""
    return (
        Finding(
            code="F-301",
            severity=Severity.ERROR,
            object='trigger "agents_touch"',
            message="A trigger is not carried over.",
            detail="CREATE TRIGGER agents_touch AFTER UPDATE ON agents BEGIN\n"
            "  UPDATE agents SET updated_at = CURRENT_TIMESTAMP WHERE id = new.id;\nEND",
            hint="Write it anew in PL/pgSQL, or let the application set the column.",
        ),
        Finding(
            code="F-210",
            severity=Severity.WARNING,
            object='foreign key "tasks"."agent_id"',
            message="A foreign key has orphans and is not validated.",
            detail="16 of 305 rows refer to agents that do not exist; first: 12, 15, 99.",
            hint="Delete or mend the rows, then VALIDATE CONSTRAINT.",
        ),
        *(
            Finding(
                code="F-105",
                severity=Severity.INFO,
                object=f'column "{CONTENT_TYPES[number % 10]}"."created_at_{number}"',
                message="Integers in a date column are read as milliseconds since 1970.",
                detail="2021-03-04 05:06:07.089+00 … 2024-12-31 23:59:59.999+00",
                hint='Set the codec "integer" in the plan to keep the numbers.',
            )
            for number in range(40)
        ),
        *(
            Finding(
                code="F-900", severity=Severity.WARNING, object=f'table "{name}"', message=f"Odd name {name}."
            )
            for name in HOSTILE_NAMES
        ),
    )


def make_report() -> RunReport:
    """Return a run that was proven, of 91 tables."""
    ordinary = [
        make_table(f"{CONTENT_TYPES[number % 10]}_{number:02}_lnk", (number * 7919) % 5000)
        for number in range(79)
    ]
    hostile = [make_table(name, 40 + number) for number, name in enumerate(HOSTILE_NAMES)]
    return RunReport(
        verb="migrate",
        status="done",
        exit_status=0,
        source="examples/agent-platform/strapi.db",
        target="postgresql://howdah@/strapi?host=/home/app/.local/share/howdah/pg/run&port=54321",
        snapshot=SnapshotReport(
            path="/home/app/.local/share/howdah/runs/2025-03-04T05-06-07/snapshot.db",
            sha256="2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
            size=1_520_640,
            taken_at="2025-03-04T05:06:07Z",
        ),
        tables=(*ordinary, *hostile),
        findings=make_findings(),
        phases=(
            PhaseReport(name="snapshot", seconds=0.043, bytes=1_520_640),
            PhaseReport(name="inspect", seconds=0.41, rows=5129, started=0.05),
            PhaseReport(name="plan", seconds=0.06, started=0.46),
            PhaseReport(name="copy", seconds=1.94, rows=193_000, bytes=25_300_000, started=0.52),
            PhaseReport(name="constraints", seconds=0.83, started=2.46),
            PhaseReport(name="verify", seconds=1.21, rows=193_000, bytes=25_300_000, started=3.3),
        ),
        verification="proof",
        run_id="20250304-050607-4f2a",
        rehearsal=True,
        started_at="2025-03-04T05:06:06Z",
        finished_at="2025-03-04T05:06:11Z",
        howdah_version="0.1.0",
        server_version="16.13",
        report_dir="/home/app/.local/share/howdah/runs/2025-03-04T05-06-07",
        objects={"table": 91, "index": 96, "foreign-key": 122, "unique": 38, "view": 1, "check": 0},
    )


def make_quarantined_report() -> RunReport:
    """Return a run that set three rows of two tables aside."""
    report = make_report()
    tables = list(report.tables)
    tables[4] = make_table(tables[4].name, 2000, quarantined=2)
    tables[7] = make_table(tables[7].name, 300, quarantined=1)
    return replace(report, status="quarantined", exit_status=5, tables=tuple(tables), rehearsal=False)


def make_different_report() -> RunReport:
    """Return a verification that found differences of every kind."""
    report = make_report()
    tables = list(report.tables)
    tables[3] = make_table(tables[3].name, 2001, differences=4)
    differences = (
        Difference(
            kind="value",
            table=tables[3].name,
            key="8812",
            column="title",
            source="'a long value <b>that</b> goes on " + "and on " * 30 + "'",
            target="NULL",
        ),
        Difference(kind="missing-row", table=tables[3].name, key="8813"),
        Difference(kind="extra-row", table=HOSTILE_NAMES[0], key="('x', 2)"),
        Difference(
            kind="sequence",
            table=tables[3].name,
            column="id",
            source="5001",
            target="17",
            detail="the next value is behind the data",
        ),
        Difference(kind="index", table=tables[3].name, object="by_title", detail="is missing"),
    )
    return replace(
        report,
        verb="verify",
        status="different",
        exit_status=3,
        tables=tuple(tables),
        differences=differences,
        rehearsal=False,
    )
