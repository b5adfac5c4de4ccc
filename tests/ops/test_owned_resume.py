"""Killed at any point, a run leaves the application's schema whole, and the same command finishes."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from howdah.errors import RefusedError
from howdah.model.plan import RejectPolicy
from howdah.ops.rollback import rollback
from support.files import make_database
from support.killing import Killed, die_at
from support.owned import dump_rows, dump_schema, owned_database, query, run_script
from support.runs import migrate_file, target_request

SOURCE = """
CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, t VARCHAR(40), b_id INTEGER REFERENCES b);
CREATE TABLE b (id INTEGER PRIMARY KEY, a_id INTEGER REFERENCES a, t TEXT UNIQUE);
CREATE TABLE c (k TEXT PRIMARY KEY, v BLOB) WITHOUT ROWID;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
INSERT INTO a SELECT i, 'text ' || i, i FROM n;
INSERT INTO b SELECT id, 201 - id, 'b' || id FROM a;
INSERT INTO c SELECT 'key' || id, CAST(t AS BLOB) FROM a;
"""

TARGET = """
CREATE TABLE a (id serial PRIMARY KEY, t varchar(40), b_id integer);
CREATE TABLE b (t text UNIQUE, id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a_id integer);
CREATE TABLE c (v bytea, k text PRIMARY KEY);
CREATE TABLE audit (n bigint GENERATED ALWAYS AS IDENTITY, what text);
ALTER TABLE a ADD CONSTRAINT a_b FOREIGN KEY (b_id) REFERENCES b;
ALTER TABLE b ADD CONSTRAINT b_a FOREIGN KEY (a_id) REFERENCES a ON DELETE CASCADE;
COMMENT ON CONSTRAINT a_b ON a IS 'a circle that is not deferrable';
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO audit (what) VALUES (TG_TABLE_NAME); RETURN NULL; END $$;
CREATE TRIGGER a_note AFTER INSERT OR DELETE ON a FOR EACH ROW EXECUTE FUNCTION note();
CREATE TRIGGER b_note AFTER INSERT OR TRUNCATE ON b EXECUTE FUNCTION note();
ALTER TABLE b ENABLE ALWAYS TRIGGER b_note;
CREATE TRIGGER c_note AFTER INSERT ON c FOR EACH ROW EXECUTE FUNCTION note();
ALTER TABLE c DISABLE TRIGGER c_note;
INSERT INTO a (t) VALUES ('seeded');
INSERT INTO b (a_id, t) VALUES (1, 'seeded');
UPDATE a SET b_id = 1;
"""


@pytest.fixture
def app(server: Any) -> Iterator[str]:
    """An application's database after its first start; the conninfo is its plain owner's."""
    with owned_database(server.dsn(), TARGET) as conninfo:
        yield conninfo


@pytest.fixture
def in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with --jobs, but in this process, so that a test may end it at any step."""
    monkeypatch.setattr("howdah.ops.migrate.goes_in_one_transaction", lambda run, jobs: False)


def test_every_step_may_be_the_last_and_the_same_command_finishes(
    tmp_path: Path, app: str, server_bindir: Path, in_steps: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_database(tmp_path / "s.db", SOURCE)
    schema, audited = dump_schema(server_bindir, app), query(app, "SELECT count(*) FROM audit")

    kills = 0
    while True:
        with monkeypatch.context() as patch:
            die_at(patch, 1)
            try:
                report = migrate_file(source, app, jobs=1, rows=("c=merge",))
            except Killed:
                kills += 1
                continue
        break

    assert kills >= 8
    assert (report.status, report.exit_status) == ("done", 0)
    assert dump_schema(server_bindir, app) == schema
    assert query(app, "SELECT count(*) FROM audit") == audited
    assert query(app, "SELECT count(*), sum(id) FROM a") == [(200, 20100)]
    assert query(app, "SELECT nextval('a_id_seq')") == [(201,)]


@pytest.mark.parametrize(
    "steps", [pytest.param(step, marks=() if step % 4 == 1 else pytest.mark.slow) for step in range(9)]
)
def test_after_any_step_the_run_can_be_undone(
    tmp_path: Path,
    app: str,
    server_bindir: Path,
    in_steps: None,
    monkeypatch: pytest.MonkeyPatch,
    steps: int,
) -> None:
    source = make_database(tmp_path / "s.db", SOURCE)
    schema, rows = dump_schema(server_bindir, app), dump_rows(server_bindir, app)

    with monkeypatch.context() as patch:
        die_at(patch, steps)
        with pytest.raises(Killed):
            migrate_file(source, app, jobs=1)
    rollback(target_request(app))

    assert dump_schema(server_bindir, app, state_schema="nobody") == schema
    assert dump_rows(server_bindir, app, state_schema="nobody") == rows


def test_told_to_stop_at_the_first_row_a_run_in_steps_takes_everything_back(
    tmp_path: Path, app: str, server_bindir: Path
) -> None:
    source = make_database(tmp_path / "s.db", SOURCE + "UPDATE a SET t = hex(zeroblob(50)) WHERE id = 150;")
    schema, rows = dump_schema(server_bindir, app), dump_rows(server_bindir, app)

    with pytest.raises(RefusedError):
        migrate_file(source, app, jobs=2, on_reject=RejectPolicy.STOP)

    assert dump_schema(server_bindir, app, state_schema="nobody") == schema
    assert dump_rows(server_bindir, app, state_schema="nobody") == rows


@pytest.mark.parametrize("jobs", [None, pytest.param("2", marks=pytest.mark.slow)])
def test_killed_by_the_system_the_command_line_finishes_the_job(
    tmp_path: Path, app: str, server_bindir: Path, howdah_home: Path, jobs: str | None
) -> None:
    source = make_database(tmp_path / "s.db", SOURCE)
    with sqlite3.connect(source) as sqlite:
        sqlite.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)"
            " INSERT INTO a SELECT 500 + i, hex(randomblob(20)), NULL FROM n"
        )
    schema, rows = dump_schema(server_bindir, app), dump_rows(server_bindir, app)
    environment = {**os.environ, "HOWDAH_HOME": str(howdah_home)}
    command = [sys.executable, "-m", "howdah", "migrate", str(source), app]
    command += ["--jobs", jobs] if jobs else []
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        _wait_until_it_copies(app, process)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL
    _wait_until_the_server_knows(app)
    if jobs is None:
        # One transaction: nothing has happened at all.
        assert dump_schema(server_bindir, app, state_schema="nobody") == schema
        assert dump_rows(server_bindir, app, state_schema="nobody") == rows

    finished = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)

    assert finished.returncode == 0, finished.stderr
    assert dump_schema(server_bindir, app) == schema
    assert query(app, "SELECT count(*) FROM a") == [(60200,)]
    rollback(target_request(app))
    assert dump_rows(server_bindir, app, state_schema="nobody") == rows


def _wait_until_it_copies(database: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    with psycopg.connect(database, autocommit=True, application_name="howdah test") as connection:
        while process.poll() is None and time.monotonic() < deadline:
            if connection.execute(
                "SELECT FROM pg_stat_activity WHERE query ~ '^COPY' AND pid <> pg_backend_pid()"
            ).fetchall():
                return
            time.sleep(0.002)


def _wait_until_the_server_knows(database: str) -> None:
    deadline = time.monotonic() + 30
    with psycopg.connect(database, autocommit=True) as connection:
        while time.monotonic() < deadline:
            if not connection.execute(
                "SELECT FROM pg_stat_activity WHERE application_name ~ '^howdah'"
                " AND datname = current_database()"
            ).fetchall():
                return
            time.sleep(0.05)


def test_the_finished_command_again_prints_the_report_until_live_rows_change(
    tmp_path: Path, app: str
) -> None:
    source = make_database(tmp_path / "s.db", SOURCE)
    migrate_file(source, app)
    assert migrate_file(source, app).repeated

    run_script(app, "UPDATE c SET v = 'written by the application' WHERE k = 'key7'")
    with pytest.raises(RefusedError, match="rows have changed") as refusal:
        migrate_file(source, app)
    assert "c" in refusal.value.detail
    assert query(app, "SELECT v FROM c WHERE k = 'key7'") == [(b"written by the application",)]

    with sqlite3.connect(source) as sqlite:
        sqlite.execute("UPDATE c SET v = x'01' WHERE k = 'key8'")
        sqlite.execute("UPDATE a SET t = 'not asked for' WHERE id = 3")
    report = migrate_file(source, app, replace_existing=("c",))
    assert (report.repeated, report.exit_status) == (False, 0)
    assert query(app, "SELECT v FROM c WHERE k IN ('key7', 'key8') ORDER BY k") == [(b"text 7",), (b"\1",)]
    assert query(app, "SELECT t FROM a WHERE id = 3") == [("text 3",)]

    # What the application wrote comes back, and then what it began with.
    rollback(target_request(app))
    assert query(app, "SELECT v FROM c WHERE k = 'key7'") == [(b"written by the application",)]


def test_finalized_the_way_back_has_ended_and_the_proof_still_holds(tmp_path: Path, app: str) -> None:
    from howdah.ops.finalize import finalize
    from howdah.ops.status import status
    from howdah.ops.verify import VerifyRequest, verify_run

    source = make_database(tmp_path / "s.db", SOURCE)
    run_script(app, "INSERT INTO c VALUES ('mine', 'kept'), ('also mine', 'kept too')")
    migrate_file(source, app, rows=("c=merge",))

    assert status(target_request(app)).runs[0].next == "howdah rollback"
    report = finalize(target_request(app))

    assert status(target_request(app)).runs[0].next == ""
    assert (report.rows, sorted(report.tables)) == (2, ["a", "b", "c"])
    assert verify_run(VerifyRequest(source=str(source), target=target_request(app))).exit_status == 0
    with pytest.raises(RefusedError, match="way back has ended"):
        rollback(target_request(app))
