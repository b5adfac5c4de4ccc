"""Values without a label in the application's enum are told by plan, before anything is written."""

from __future__ import annotations

from pathlib import Path

import psycopg

from howdah.ops.plan import PlanRequest, plan
from support.files import make_database
from support.runs import migrate_file, target_request


def test_values_without_a_label_are_told_before_the_load_and_set_aside_by_it(
    database: str, tmp_path: Path
) -> None:
    source = make_database(
        tmp_path / "app.db",
        "CREATE TABLE task (id INTEGER PRIMARY KEY, state TEXT);"
        "INSERT INTO task (state) VALUES ('open'), ('Open'), ('lost'), ('lost'), (NULL),"
        " (CAST(x'ff' AS TEXT));",
    )
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TYPE state AS ENUM ('open', 'done')")
        connection.execute("CREATE TABLE task (id integer PRIMARY KEY, state state)")
    planned = plan(PlanRequest(source=str(source), target=target_request(database)))
    (finding,) = [finding for finding in planned.findings if finding.code == "F-227"]
    assert finding.object == 'column "task"."state"'
    assert "'Open', 'lost'" in finding.message
    assert "4 rows" in finding.message
    report = migrate_file(source, database)
    assert report.exit_status == 5
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT state::text FROM task ORDER BY id").fetchall() == [
            ("open",),
            (None,),
        ]


def test_an_enum_with_every_label_is_not_spoken_of(database: str, tmp_path: Path) -> None:
    source = make_database(
        tmp_path / "app.db", "CREATE TABLE task (state); INSERT INTO task VALUES ('open');"
    )
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TYPE state AS ENUM ('open', 'done')")
        connection.execute("CREATE TABLE task (state state)")
    report = migrate_file(source, database)
    assert report.exit_status == 0
    assert "F-227" not in {finding.code for finding in report.findings}
