"""What the role may do, and what names are like, decides before anything is changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from howdah.errors import RefusedError
from howdah.ops.migrate import MigrateRequest, migrate
from howdah.ops.plan import PlanRequest
from howdah.ops.plan import plan as make_plan
from howdah.ops.verify import VerifyRequest, verify_run
from howdah.planning.plan_file import render_plan
from support.files import make_database
from support.owned import dump_schema, owned_database, query, run_script
from support.runs import migrate_file, target_request

SOURCE = """
CREATE TABLE "Order" (Id INTEGER PRIMARY KEY, "User Name" TEXT, "x" TEXT);
CREATE TABLE plain (id INTEGER PRIMARY KEY, total INTEGER, doubled INTEGER);
INSERT INTO "Order" VALUES (1, 'a', 'b'); INSERT INTO plain VALUES (1, 2, 4), (2, 3, 6);
"""

TARGET = """
CREATE TABLE "order" ("user name" text, "X" text, "ID" integer PRIMARY KEY);
CREATE TABLE plain (id integer PRIMARY KEY, total integer,
    doubled integer GENERATED ALWAYS AS (total * 2) STORED);
"""


@pytest.fixture
def app(server: Any) -> Iterator[str]:
    """An application's empty tables; the conninfo is their plain owner's."""
    with owned_database(server.dsn(), TARGET) as conninfo:
        yield conninfo


def _as_superuser(server: Any, app: str, statement: str) -> None:
    dbname = conninfo_to_dict(app)["dbname"]
    with psycopg.connect(make_conninfo(server.dsn(), dbname=dbname), autocommit=True) as admin:
        admin.execute(statement.encode())


def test_names_that_differ_in_case_belong_together_where_only_one_can_be_meant(
    tmp_path: Path, app: str, server_bindir: Path
) -> None:
    source = make_database(tmp_path / "s.db", SOURCE)
    schema = dump_schema(server_bindir, app)

    report = migrate_file(source, app)

    assert report.exit_status == 0
    assert query(app, 'SELECT "ID", "user name", "X" FROM "order"') == [(1, "a", "b")]
    told = {finding.object for finding in report.findings if finding.code == "F-502"}
    column = 'column "Order".'
    assert told == {'table "Order"', f'{column}"Id"', f'{column}"User Name"', f'{column}"x"'}
    assert dump_schema(server_bindir, app) == schema


def test_two_names_that_could_be_meant_are_none(tmp_path: Path, app: str) -> None:
    source = make_database(tmp_path / "s.db", SOURCE)
    run_script(app, 'CREATE TABLE "ORDER" (id integer)')
    with pytest.raises(RefusedError) as refusal:
        migrate_file(source, app)
    assert 'F-503 table "Order"' in refusal.value.detail


def test_a_value_that_the_target_computes_otherwise_is_a_difference(tmp_path: Path, app: str) -> None:
    source = make_database(tmp_path / "s.db", SOURCE + "UPDATE plain SET doubled = 7 WHERE id = 2;")
    report = migrate_file(source, app)
    assert report.exit_status == 3
    assert [(found.table, found.column, found.source, found.target) for found in report.differences] == [
        ("plain", "doubled", "7", "6")
    ]


def test_a_table_of_another_owner_is_refused_before_anything_is_changed(
    tmp_path: Path, app: str, server: Any
) -> None:
    source = make_database(tmp_path / "s.db", SOURCE)
    _as_superuser(server, app, "ALTER TABLE plain OWNER TO CURRENT_USER; GRANT ALL ON plain TO app_owner")
    with pytest.raises(RefusedError, match="nothing was changed") as refusal:
        migrate_file(source, app)
    assert 'F-523 table "plain"' in refusal.value.detail
    assert query(app, "SELECT nspname FROM pg_namespace WHERE nspname = 'howdah'") == []
    # What it need not touch it may leave alone.
    assert migrate_file(source, app, rows=("plain=keep",)).exit_status == 0


def test_policies_that_hold_for_the_owner_are_refused(tmp_path: Path, app: str) -> None:
    source = make_database(tmp_path / "s.db", SOURCE)
    run_script(app, "ALTER TABLE plain ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    with pytest.raises(RefusedError) as refusal:
        migrate_file(source, app)
    assert "F-519" in refusal.value.detail


def test_a_schema_with_none_of_the_tables_is_not_the_applications(tmp_path: Path, app: str) -> None:
    source = make_database(tmp_path / "s.db", SOURCE)
    with pytest.raises(RefusedError, match="not empty"):
        migrate_file(source, app, schema_mode="create")
    other = make_database(tmp_path / "o.db", "CREATE TABLE unrelated (a); INSERT INTO unrelated VALUES (1)")
    with pytest.raises(RefusedError, match="not empty"):
        migrate_file(other, app)
    with pytest.raises(RefusedError, match="nothing was changed"):
        migrate_file(other, app, schema_mode="owned")
    # A schema of its own is created in.
    assert migrate_file(other, app, schema="mine").exit_status == 0


def test_the_plan_file_holds_the_policy_of_each_table(tmp_path: Path, app: str) -> None:
    source = make_database(tmp_path / "s.db", SOURCE)
    run_script(app, "INSERT INTO plain (id, total) VALUES (9, 9)")
    text = render_plan(make_plan(PlanRequest(source=str(source), target=target_request(app))))
    assert 'rows = "replace"' in text
    file = tmp_path / "plan.toml"
    file.write_text(text.replace('rows = "replace"', 'rows = "merge"'))

    report = migrate(MigrateRequest(source=str(source), target=target_request(app), plan_file=file))

    assert report.exit_status == 0
    assert query(app, "SELECT id FROM plain ORDER BY id") == [(1,), (2,), (9,)]
    assert {
        table.name: (table.row_policy, table.rows_before, table.rows_kept) for table in report.tables
    } == {
        "Order": ("merge", 0, 0),
        "plain": ("merge", 1, 1),
    }
    assert report.objects == {}
    assert verify_run(VerifyRequest(source=str(source), target=target_request(app))).exit_status == 0
