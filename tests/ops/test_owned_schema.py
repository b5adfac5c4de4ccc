"""Rows go into tables that the application created, and of its schema nothing is different afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from howdah.errors import RefusedError, UsageError
from howdah.model.plan import PlanOptions
from howdah.model.report import RunReport
from howdah.ops.plan import PlanRequest
from howdah.ops.plan import plan as make_plan
from howdah.ops.rollback import rollback
from howdah.report.text import render_run
from support.files import make_database
from support.owned import dump_rows, dump_schema, owned_database, query, run_script
from support.runs import migrate_file, target_request

SOURCE = """
CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, name VARCHAR(20), active BOOLEAN, boss INTEGER
    REFERENCES users, joined DATETIME);
CREATE TABLE posts (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users, title TEXT, price DECIMAL(8,2));
INSERT INTO users VALUES (1,'ann',1,2,1700000000123),(2,'bob',0,1,NULL),(5,'eve',NULL,NULL,1600000000000);
INSERT INTO posts VALUES (10,1,'first',9.99),(11,2,'second',0.5),(12,NULL,'third',NULL);
UPDATE sqlite_sequence SET seq = 40 WHERE name = 'users';
"""

TARGET = """
CREATE TABLE posts (price numeric(10,2), title text NOT NULL, id serial PRIMARY KEY, user_id integer);
CREATE TABLE users (id serial PRIMARY KEY, joined timestamp(6), boss integer, active boolean,
    name varchar(20) CONSTRAINT users_name_key UNIQUE);
ALTER TABLE posts ADD CONSTRAINT posts_user_fk FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE;
COMMENT ON CONSTRAINT posts_user_fk ON posts IS 'of the ''author''';
ALTER TABLE users ADD CONSTRAINT users_boss_fk FOREIGN KEY (boss) REFERENCES users ON DELETE SET NULL;
CREATE INDEX posts_title_idx ON posts (lower(title)) WHERE price > 0;
INSERT INTO users (name) VALUES ('admin'), ('guest');
INSERT INTO posts (title, user_id) VALUES ('welcome', 1);
"""


@pytest.fixture
def app(server: Any) -> Iterator[str]:
    """An application's database after its first start; the conninfo is its plain owner's."""
    with owned_database(server.dsn(), TARGET) as conninfo:
        yield conninfo


def _codes(report: RunReport) -> set[str]:
    return {finding.code for finding in report.findings}


def test_rows_replace_those_of_the_first_start_and_the_schema_is_what_it_was(
    tmp_path: Path, app: str, server_bindir: Path
) -> None:
    source = make_database(tmp_path / "s.db", SOURCE)
    before = dump_schema(server_bindir, app)

    report = migrate_file(source, app)

    assert (report.status, report.exit_status) == ("done", 0)
    assert query(app, "SELECT id, name, active, boss, joined::text FROM users ORDER BY id") == [
        (1, "ann", True, 2, "2023-11-14 22:13:20.123"),
        (2, "bob", False, 1, None),
        (5, "eve", None, None, "2020-09-13 12:26:40"),
    ]
    assert query(app, "SELECT id, user_id, title, price::text FROM posts ORDER BY id") == [
        (10, 1, "first", "9.99"),
        (11, 2, "second", "0.50"),
        (12, None, "third", None),
    ]
    assert dump_schema(server_bindir, app) == before
    # AUTOINCREMENT gave 40 once, to a row that is gone.
    assert query(app, "SELECT nextval('users_id_seq'), nextval('posts_id_seq')") == [(41, 13)]
    assert {"F-501", "F-516", "F-522"} <= _codes(report)


def test_undone_the_rows_of_the_first_start_are_back_and_nothing_of_ours_stays(
    tmp_path: Path, app: str, server_bindir: Path
) -> None:
    source = make_database(tmp_path / "s.db", SOURCE)
    schema, rows = dump_schema(server_bindir, app), dump_rows(server_bindir, app)
    migrate_file(source, app)
    assert dump_rows(server_bindir, app) != rows

    rollback(target_request(app))

    assert dump_schema(server_bindir, app, state_schema="nobody") == schema
    assert dump_rows(server_bindir, app, state_schema="nobody") == rows


def test_a_failure_half_way_leaves_everything_as_it_was(
    tmp_path: Path, app: str, server_bindir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_database(tmp_path / "s.db", SOURCE)
    schema, rows = dump_schema(server_bindir, app), dump_rows(server_bindir, app)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("howdah.loading.owned_restore.put_interims_back", die)
    with pytest.raises(KeyboardInterrupt):
        migrate_file(source, app)

    assert dump_schema(server_bindir, app, state_schema="nobody") == schema
    assert dump_rows(server_bindir, app, state_schema="nobody") == rows


def test_rows_that_a_foreign_key_cannot_hold_are_set_aside_with_those_that_refer_to_them(
    tmp_path: Path, app: str, server_bindir: Path
) -> None:
    source = make_database(
        tmp_path / "s.db",
        SOURCE + "INSERT INTO users VALUES (6,'zoe',1,99,NULL);"  # no such boss
        "INSERT INTO posts VALUES (13,6,'of zoe',NULL), (14,77,'of nobody',NULL);",
    )
    before = dump_schema(server_bindir, app)

    report = migrate_file(source, app)

    assert report.exit_status == 5
    assert {table.name: table.rows_quarantined for table in report.tables} == {"users": 1, "posts": 2}
    assert query(app, "SELECT id FROM posts ORDER BY id") == [(10,), (11,), (12,)]
    assert "F-912" in _codes(report)
    assert dump_schema(server_bindir, app) == before


def test_only_a_part_of_the_tables_is_refused_with_the_list(tmp_path: Path, app: str) -> None:
    source = make_database(
        tmp_path / "s.db",
        SOURCE + "CREATE TABLE logs (t); INSERT INTO logs VALUES (1); CREATE TABLE bare (t);",
    )
    with pytest.raises(RefusedError, match="nothing was changed") as refusal:
        migrate_file(source, app)
    assert 'table "logs"' in refusal.value.detail
    assert "bare" not in refusal.value.detail
    assert query(app, "SELECT name FROM users ORDER BY id") == [("admin",), ("guest",)]
    # Left out on purpose it is no obstacle, and a table without rows never is.
    assert migrate_file(source, app, exclude=("logs",)).exit_status == 0


def test_others_in_the_database_are_an_obstacle_unless_somebody_agrees(tmp_path: Path, app: str) -> None:
    import psycopg

    from howdah.ops.migrate import MigrateRequest, migrate

    source = make_database(tmp_path / "s.db", SOURCE)
    with psycopg.connect(app, application_name="howdah/service", autocommit=True) as other:
        other.execute("SELECT 1")
        with pytest.raises(RefusedError) as refusal:
            migrate_file(source, app)
        assert "howdah/service" in refusal.value.detail
        request = MigrateRequest(
            source=str(source), target=target_request(app), options=PlanOptions(), allow_connections=True
        )
        assert migrate(request).exit_status == 0


@pytest.mark.parametrize(
    ("policy", "names"),
    [
        ("replace", ["ann", "bob", "eve"]),
        ("keep", ["admin", "guest"]),
        # Keys 1 and 2 are the source's.
        ("merge", ["ann", "bob", "eve"]),
    ],
)
def test_each_table_has_its_own_policy_for_rows_that_are_there(
    tmp_path: Path, app: str, policy: str, names: list[str]
) -> None:
    source = make_database(tmp_path / "s.db", SOURCE.replace("(5,'eve'", "(5,'eve'"))
    report = migrate_file(source, app, rows=(f"users={policy}",))

    assert report.exit_status == 0
    # What is kept is not called proven, and what is not carried is told.
    sentence = render_run(report)
    assert ("3 rows of the source not carried" in sentence) == (policy == "keep")
    assert ("All 3 rows of 1 table were read" in sentence) == (policy == "keep")
    assert [name for (name,) in query(app, "SELECT name FROM users ORDER BY id")] == names


def test_merged_rows_stay_beside_the_sources_and_are_proven_too(tmp_path: Path, app: str) -> None:
    source = make_database(tmp_path / "s.db", SOURCE)
    run_script(
        app,
        "INSERT INTO users (id, name) VALUES (7, 'root'), (8, 'eve');"
        "INSERT INTO posts (id, title, user_id) VALUES (20, 'of root', 7), (21, 'of the other eve', 8)",
    )
    report = migrate_file(source, app, rows=("users=merge", "posts=merge"))

    assert report.exit_status == 0
    # The other eve is in the way of a unique name, her post lacks her then; the seeded post keeps user 1.
    assert query(app, "SELECT id, name FROM users ORDER BY id") == [
        (1, "ann"),
        (2, "bob"),
        (5, "eve"),
        (7, "root"),
    ]
    assert query(app, "SELECT id, title FROM posts ORDER BY id") == [
        (1, "welcome"),
        (10, "first"),
        (11, "second"),
        (12, "third"),
        (20, "of root"),
    ]
    assert query(app, "SELECT nextval('users_id_seq'), nextval('posts_id_seq')") == [(41, 21)]

    from howdah.ops.verify import VerifyRequest, verify_run

    request = VerifyRequest(source=str(source), target=target_request(app))
    assert verify_run(request).exit_status == 0
    run_script(app, "UPDATE users SET name = 'toor' WHERE id = 7")
    assert verify_run(request).exit_status == 3


def test_refuse_refuses_where_there_are_rows_and_a_kept_table_must_not_lose_its_parents(
    tmp_path: Path, app: str, server_bindir: Path
) -> None:
    source = make_database(
        tmp_path / "s.db",
        "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);"
        "CREATE TABLE posts (id INTEGER PRIMARY KEY, title TEXT);"
        "INSERT INTO users VALUES (3, 'c')",
    )
    rows = dump_rows(server_bindir, app)
    with pytest.raises(RefusedError, match="nothing was changed"):
        migrate_file(source, app, rows=("users=refuse",))
    # The kept post is user 1's, who would be gone: a cascade would have deleted it in silence.
    with pytest.raises(RefusedError, match="keeps its rows"):
        migrate_file(source, app, rows=("posts=keep",))
    assert dump_rows(server_bindir, app, state_schema="nobody") == rows


def test_the_plan_tells_every_difference_before_anything_is_written(tmp_path: Path, app: str) -> None:
    source = make_database(
        tmp_path / "s.db",
        SOURCE + "ALTER TABLE users ADD COLUMN nick TEXT; UPDATE users SET nick = 'x' WHERE id < 3;"
        "ALTER TABLE users ADD COLUMN empty TEXT;",
    )
    run_script(
        app,
        "ALTER TABLE posts ADD COLUMN slug text NOT NULL DEFAULT 'none';"
        "ALTER TABLE posts ADD COLUMN kind text NOT NULL DEFAULT 'a';"
        "ALTER TABLE posts ALTER COLUMN kind DROP DEFAULT;"
        "CREATE TABLE settings (k text); ALTER TABLE users ENABLE ROW LEVEL SECURITY;",
    )
    plan = make_plan(PlanRequest(source=str(source), target=target_request(app)))
    found = {(finding.code, finding.object) for finding in plan.findings}
    assert {
        ("F-505", 'table "settings"'),
        ("F-506", 'column "users"."nick"'),
        ("F-507", 'column "users"."empty"'),
        ("F-508", 'column "posts"."slug" of the target'),
        ("F-509", 'column "posts"."kind" of the target'),
        ("F-511", 'column "posts"."title"'),
        ("F-516", 'table "users"'),
        ("F-518", 'table "users"'),
    } - found == {("F-511", 'column "posts"."title"')}

    with pytest.raises(RefusedError) as refusal:
        migrate_file(source, app)
    assert "F-509" in refusal.value.detail
    report = migrate_file(source, app, fill=("posts.kind=b'c",))
    assert report.exit_status == 0
    assert query(app, "SELECT DISTINCT slug, kind FROM posts") == [("none", "b'c")]
    changed = {table.name: dict(table.values_changed) for table in report.tables}
    assert changed["users"]["column-left-out"] == 2


def test_damage_to_the_applications_schema_is_a_difference(tmp_path: Path, app: str) -> None:
    from howdah.ops.verify import VerifyRequest, verify_run

    source = make_database(tmp_path / "s.db", SOURCE)
    migrate_file(source, app)
    request = VerifyRequest(source=str(source), target=target_request(app))
    assert verify_run(request).exit_status == 0
    posts, users = "ALTER TABLE posts ", "ALTER TABLE users "
    for damage, repair in (
        (
            posts + "RENAME CONSTRAINT posts_user_fk TO other",
            posts + "RENAME CONSTRAINT other TO posts_user_fk",
        ),
        ("ALTER INDEX posts_title_idx RENAME TO idx_1", "ALTER INDEX idx_1 RENAME TO posts_title_idx"),
        (users + "ALTER COLUMN id TYPE bigint", users + "ALTER COLUMN id TYPE integer"),
        (users + "ALTER COLUMN name TYPE varchar(30)", users + "ALTER COLUMN name TYPE varchar(20)"),
        (posts + "ALTER COLUMN title DROP NOT NULL", posts + "ALTER COLUMN title SET NOT NULL"),
        ("SELECT setval('users_id_seq', 3)", "SELECT setval('users_id_seq', 40)"),
        ("UPDATE users SET name = 'x' WHERE id = 5", "UPDATE users SET name = 'eve' WHERE id = 5"),
    ):
        run_script(app, damage)
        assert verify_run(request).exit_status == 3, damage
        run_script(app, repair)
        assert verify_run(request).exit_status == 0, repair


def test_a_fill_leaves_the_default_that_a_column_has(tmp_path: Path, app: str, server_bindir: Path) -> None:
    source = make_database(tmp_path / "s.db", SOURCE)
    run_script(
        app,
        "CREATE SEQUENCE extra; ALTER TABLE posts ADD COLUMN nr integer NOT NULL DEFAULT nextval('extra');"
        "ALTER TABLE posts ADD COLUMN made timestamptz NOT NULL DEFAULT now()",
    )
    before = dump_schema(server_bindir, app)
    report = migrate_file(source, app, fill=("posts.made=2020-01-01 00:00:00+00", "posts.nr=7"))
    assert report.exit_status == 0
    assert query(app, "SELECT DISTINCT nr, made = '2020-01-01 00:00:00+00' FROM posts") == [(7, True)]
    assert dump_schema(server_bindir, app) == before


@pytest.mark.parametrize(
    "fill",
    [
        ("post.made=1",),
        ("posts.mode=1",),
        ("posts.title=x",),
        ("posts.twice=1",),
        ("posts.made=1", "posts.made=2"),
    ],
    ids=["no such table", "no such column", "the source has it", "generated", "named twice"],
)
def test_a_fill_of_a_column_that_takes_none_is_refused(
    tmp_path: Path, app: str, fill: tuple[str, ...]
) -> None:
    source = make_database(tmp_path / "s.db", SOURCE)
    run_script(
        app,
        "ALTER TABLE posts ADD COLUMN made integer;"
        "ALTER TABLE posts ADD COLUMN twice integer GENERATED ALWAYS AS (id * 2) STORED",
    )
    before = query(app, "SELECT * FROM posts")
    with pytest.raises(UsageError) as refused:
        migrate_file(source, app, fill=fill)
    assert refused.value.code == "P-205"
    assert "posts.made" in refused.value.detail
    assert query(app, "SELECT * FROM posts") == before


def test_no_table_and_no_column_of_the_target_takes_what_two_of_the_source_hold(
    tmp_path: Path, app: str
) -> None:
    source = make_database(
        tmp_path / "s.db", SOURCE + "CREATE TABLE members (id INTEGER, name TEXT, nick TEXT);"
    )
    file = tmp_path / "plan.toml"

    def matched(text: str) -> list[tuple[str, str, dict[str, str]]]:
        file.write_text(text)
        plan = make_plan(PlanRequest(source=str(source), target=target_request(app), plan_file=file))
        return [
            (table.name, table.target_name, {column.name: column.target_name for column in table.columns})
            for table in plan.tables
            if table.name != "posts"
        ]

    # Members are to go to users: those of the source's own name have no counterpart any more.
    assert matched('[tables.members]\ntarget_name = "users"\n') == [
        ("members", "users", {"id": "id", "name": "name"})
    ]
    assert matched(
        '[tables.members]\ntarget_name = "users"\n[tables.members.columns.nick]\ntarget_name = "name"\n'
    ) == [("members", "users", {"id": "id", "nick": "name"})]
    for text in (
        '[tables.members]\ntarget_name = "users"\n[tables.users]\ntarget_name = "users"\n',
        '[tables.users.columns.name]\ntarget_name = "active"\n'
        '[tables.users.columns.boss]\ntarget_name = "active"\n',
    ):
        with pytest.raises(UsageError) as refusal:
            matched(text)
        assert refusal.value.code == "P-106"
