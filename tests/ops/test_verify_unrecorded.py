"""verify without a ledger: the target shows whose its tables are, and both sides are compared in full."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from howdah.model.plan import PlanOptions
from howdah.model.report import RunReport
from howdah.ops.clean import clean
from howdah.ops.verify import VerifyRequest, verify_run
from support.files import make_database
from support.owned import owned_database, query, run_script
from support.runs import migrate_file, target_request

SOURCE = """
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT UNIQUE, active BOOLEAN, joined DATETIME);
CREATE TABLE posts (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users, price DECIMAL(8,2));
CREATE INDEX posts_by_user ON posts (user_id);
INSERT INTO users VALUES (1,'ann',1,'2024-07-01 12:00:00'),(2,'bob',0,'2024-01-01 12:00:00.5'),
 (3,NULL,NULL,NULL);
INSERT INTO posts VALUES (1,1,9.999),(2,2,0.5),(3,NULL,NULL);
"""

TARGET = """
CREATE TABLE users (joined timestamptz(3), active boolean, name varchar(20) CONSTRAINT one_name UNIQUE,
    id serial PRIMARY KEY);
CREATE TABLE posts (id serial PRIMARY KEY, price numeric(10,2), note text DEFAULT 'none',
    user_id integer CONSTRAINT author REFERENCES users);
INSERT INTO users (name) VALUES ('admin');
"""


@pytest.fixture
def app(server: Any) -> Iterator[str]:
    """An application's database after its first start; the conninfo is its plain owner's."""
    with owned_database(server.dsn(), TARGET) as conninfo:
        yield conninfo


def _verify(source: Path, database: str, *, repair: bool = False, **options: Any) -> RunReport:
    return verify_run(
        VerifyRequest(
            source=str(source),
            target=target_request(database),
            repair=repair,
            options=PlanOptions(**options),
        )
    )


def test_an_applications_tables_are_compared_by_their_own_types(tmp_path: Path, app: str) -> None:
    source = make_database(tmp_path / "s.db", SOURCE)
    migrate_file(source, app, source_tz="Europe/Berlin")
    clean(target_request(app))

    report = _verify(source, app, source_tz="Europe/Berlin")

    assert (report.exit_status, report.verification, report.differences) == (0, "comparison", ())
    # What a load would have to put out of the way or replace is no business of a comparison.
    assert {finding.code for finding in report.findings if finding.code.startswith("F-5")} == {
        "F-501",
        "F-508",
    }
    # Winter and summer are an hour apart: told as UTC the times are others.
    assert {found.column for found in _verify(source, app).differences} == {"joined"}


@pytest.mark.parametrize(
    ("damage", "kinds"),
    [
        ("UPDATE posts SET price = 10.01 WHERE id = 1", {"value"}),
        ("UPDATE users SET active = NULL WHERE id = 2", {"value"}),
        ("DELETE FROM posts WHERE id = 3", {"missing-row", "row-count"}),
        ("INSERT INTO users (id, name) VALUES (9, 'eve')", {"extra-row", "row-count", "sequence"}),
        ("SELECT setval('posts_id_seq', 1)", {"sequence"}),
        ("DROP TABLE posts", {"table"}),
    ],
)
def test_damage_to_an_applications_tables_is_a_difference(
    tmp_path: Path, app: str, damage: str, kinds: set[str]
) -> None:
    source = make_database(tmp_path / "s.db", SOURCE)
    migrate_file(source, app)
    clean(target_request(app))
    run_script(app, damage)
    report = _verify(source, app)
    assert report.exit_status == 3
    assert report.differences
    assert {found.kind for found in report.differences} <= kinds


def test_rows_of_an_applications_tables_are_repaired_without_a_ledger(tmp_path: Path, app: str) -> None:
    source = make_database(tmp_path / "s.db", SOURCE)
    migrate_file(source, app)
    clean(target_request(app))
    run_script(
        app,
        "UPDATE posts SET price = 7 WHERE id = 1; DELETE FROM posts WHERE id = 2;"
        "SELECT setval('users_id_seq', 1)",
    )
    report = _verify(source, app, repair=True)
    assert (report.exit_status, report.differences) == (0, ())
    assert query(app, "SELECT id, price::text FROM posts ORDER BY id") == [
        (1, "10.00"),
        (2, "0.50"),
        (3, None),
    ]
    assert query(app, "SELECT nextval('users_id_seq')") == [(4,)]


def test_tables_that_howdah_made_are_still_held_against_its_plan(tmp_path: Path, database: str) -> None:
    source = make_database(tmp_path / "s.db", SOURCE)
    migrate_file(source, database)
    clean(target_request(database))
    assert _verify(source, database).exit_status == 0
    run_script(database, "DROP INDEX posts_by_user")
    report = _verify(source, database)
    assert report.exit_status == 3
    assert [(found.kind, found.object) for found in report.differences] == [("index", "posts_by_user")]
    assert _verify(source, database, schema_mode="create").exit_status == 3
    # An application makes its own indexes: said to be one's, the missing one is none of the comparison's.
    assert _verify(source, database, schema_mode="owned").exit_status == 0


def test_folded_names_are_found_again_where_they_are_asked_for(tmp_path: Path, database: str) -> None:
    source = make_database(
        tmp_path / "s.db", "CREATE TABLE UserName (FirstName TEXT); INSERT INTO UserName VALUES ('a');"
    )
    migrate_file(source, database, fold_names=True)
    clean(target_request(database))
    assert _verify(source, database, fold_names=True).exit_status == 0
    assert _verify(source, database).exit_status == 3
