"""Applications that take minutes to install, moved like those of test_apps_frameworks (make test-all)."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest

from support.applications import Application
from support.node_projects import node_project
from support.owned import dump_schema
from support.runs import migrate_file

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_800)]


def test_experiments_and_models_of_mlflow_answer_as_they_did(database: str, tmp_path: Path) -> None:
    application = Application.copied(
        "mlflow_project.py", tmp_path, sqlite="sqlite:///", postgresql="postgresql"
    )
    source = tmp_path / "app.sqlite3"
    application.on_sqlite(source, "create", "fill")
    application.on_postgresql(database, "create")
    report = migrate_file(source, database)
    assert report.exit_status == 0
    assert json.loads(application.on_postgresql(database, "dump")) == json.loads(
        application.on_sqlite(source, "dump")
    )
    said = {finding.object for finding in report.findings if finding.code == "F-701"}
    assert said == {'application "mlflow"', 'application "alembic"'}


def test_a_wagtail_site_answers_as_it_did(database: str, server_bindir: Path, tmp_path: Path) -> None:
    application = Application.copied("wagtail_project", tmp_path, sqlite="sqlite:", postgresql="postgresql")
    source = tmp_path / "app.sqlite3"
    application.on_sqlite(source, "create", "fill", "index")
    application.on_postgresql(database, "create")
    schema = dump_schema(server_bindir, database)
    report = migrate_file(source, database)
    assert (report.exit_status, report.differences) == (0, ())
    assert dump_schema(server_bindir, database) == schema
    application.on_postgresql(database, "index")
    before = json.loads(application.on_sqlite(source, "dump"))
    assert json.loads(application.on_postgresql(database, "dump")) == before
    assert before["found"]
    assert application.on_postgresql(database, "insert") == application.on_sqlite(source, "insert")
    said = {finding.object for finding in report.findings if finding.code == "F-701"}
    assert said == {'application "django"', 'application "wagtail"'}


def test_an_application_on_knex_answers_as_it_did(database: str, tmp_path: Path) -> None:
    project = node_project("knex_project", tmp_path)
    application = Application(script=project / "run.js", sqlite="sqlite:", postgresql="postgresql")
    source = tmp_path / "app.sqlite3"
    application.on_sqlite(source, "create", "fill")
    application.on_postgresql(database, "create")
    report = migrate_file(source, database)
    assert report.exit_status == 0
    assert json.loads(application.on_postgresql(database, "dump")) == json.loads(
        application.on_sqlite(source, "dump")
    )
    assert application.on_postgresql(database, "insert") == application.on_sqlite(source, "insert")
    with psycopg.connect(database) as connection:
        moments = connection.execute("SELECT at FROM every ORDER BY id").fetchall()
    assert next(at.isoformat() for (at,) in moments if at is not None).startswith("2023-11-14T22:13:20.123")
