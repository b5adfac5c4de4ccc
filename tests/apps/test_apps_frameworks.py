"""
Applications on real frameworks, moved into the tables that they made themselves.

Each is created and filled on SQLite through its own API, makes its schema on PostgreSQL itself, is
migrated, and is read back through its own API: every answer has to be the same.
"""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest

from howdah.errors import RefusedError
from howdah.model.report import RunReport
from howdah.ops.verify import VerifyRequest, verify_run
from support.applications import Application
from support.runs import migrate_file, target_request

pytestmark = pytest.mark.long


def move(application: Application, database: str, tmp_path: Path) -> RunReport:
    """Fill SQLite, let the application make its schema on PostgreSQL, migrate."""
    source = tmp_path / "app.sqlite3"
    application.on_sqlite(source, "create", "fill")
    application.on_postgresql(database, "create")
    return migrate_file(source, database)


def codes(report: RunReport) -> set[str]:
    return {finding.code for finding in report.findings}


@pytest.fixture
def django(tmp_path: Path) -> Application:
    return Application.copied("django_project", tmp_path, sqlite="sqlite:", postgresql="postgresql")


def test_a_django_project_answers_as_it_did(django: Application, database: str, tmp_path: Path) -> None:
    report = move(django, database, tmp_path)
    assert report.exit_status == 0
    source = tmp_path / "app.sqlite3"
    assert json.loads(django.on_postgresql(database, "dump")) == json.loads(django.on_sqlite(source, "dump"))
    request = VerifyRequest(source=str(source), target=target_request(database))
    assert verify_run(request).exit_status == 0
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE django_migrations SET app = 'other' WHERE app = 'every'")
        unlike = verify_run(request)
        connection.execute("UPDATE django_migrations SET app = 'every' WHERE app = 'other'")
    assert [(found.kind, found.table) for found in unlike.differences] == [("table", "django_migrations")]
    assert unlike.exit_status == 3
    assert django.on_postgresql(database, "insert") == django.on_sqlite(source, "insert")
    assert {"F-701", "F-703", "F-704", "F-705", "F-706"} <= codes(report)
    assert "F-702" not in codes(report)
    with psycopg.connect(database) as connection:
        kept = connection.execute("SELECT count(*) FROM django_migrations").fetchone()
    assert kept is not None
    assert kept[0] > 10


def test_a_django_project_of_another_version_is_refused(
    django: Application, database: str, tmp_path: Path
) -> None:
    source = tmp_path / "app.sqlite3"
    django.on_sqlite(source, "create", "fill")
    django.on_postgresql(database, "create")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DELETE FROM django_migrations WHERE app = 'every'")
        before = connection.execute("SELECT count(*) FROM django_content_type").fetchone()
    with pytest.raises(RefusedError) as caught:
        migrate_file(source, database)
    assert "every 0001_initial" in str(caught.value) + caught.value.detail
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM django_content_type").fetchone() == before
        assert connection.execute("SELECT count(*) FROM every_every").fetchone() == (0,)


def test_an_application_on_sqlalchemy_and_alembic_answers_as_it_did(database: str, tmp_path: Path) -> None:
    application = Application.copied(
        "sqlalchemy_project.py", tmp_path, sqlite="sqlite:///", postgresql="postgresql+psycopg"
    )
    report = move(application, database, tmp_path)
    assert report.exit_status == 0
    assert json.loads(application.on_postgresql(database, "dump")) == json.loads(
        application.on_sqlite(tmp_path / "app.sqlite3", "dump")
    )
    with psycopg.connect(database) as connection:
        spans = connection.execute('SELECT span FROM "Every Thing" ORDER BY id').fetchall()
        assert [None if span is None else str(span) for (span,) in spans] == [
            "400 days, 0:00:05.000007",
            "-1 day, 23:59:59.999999",
            None,
        ]


def test_studies_of_optuna_answer_as_they_did(database: str, tmp_path: Path) -> None:
    application = Application.copied(
        "optuna_project.py", tmp_path, sqlite="sqlite:///", postgresql="postgresql+psycopg"
    )
    report = move(application, database, tmp_path)
    assert report.exit_status == 0
    assert json.loads(application.on_postgresql(database, "dump")) == json.loads(
        application.on_sqlite(tmp_path / "app.sqlite3", "dump")
    )
    assert {"F-701", "F-706"} <= codes(report)
    assert "F-707" not in codes(report)
