"""A server that has no room is no answer about the object that it was asked to make."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from howdah.errors import EnvironmentFailedError
from support.files import make_database
from support.runs import migrate_file

_SOURCE = """
CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, n INTEGER CHECK (n > 1));
CREATE TABLE log (id INTEGER PRIMARY KEY, a TEXT);
CREATE VIEW v AS SELECT upper(a) AS loud FROM t;
CREATE INDEX i ON t (lower(a));
INSERT INTO t VALUES (1, 'One', 2), (2, 'Two', 3);
CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO log (a) VALUES (NEW.a); END;
"""
#: What raises is the server, while it makes what is optional: a migration goes on without what it refuses.
_NO_ROOM = """
CREATE SCHEMA room;
CREATE FUNCTION room.none() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100';
END $$;
"""


@pytest.mark.parametrize("tag", ["CREATE VIEW", "CREATE INDEX", "CREATE TRIGGER", "CREATE FUNCTION"])
def test_what_a_full_disk_stopped_is_not_left_out(tmp_path: Path, database: str, tag: str) -> None:
    source = make_database(tmp_path / "app.db", _SOURCE)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(_NO_ROOM)
        connection.execute(
            f"CREATE EVENT TRIGGER no_room ON ddl_command_start WHEN TAG IN ('{tag}')"
            " EXECUTE FUNCTION room.none()".encode()
        )
        with pytest.raises(EnvironmentFailedError) as caught:
            migrate_file(source, database)
        assert caught.value.code == "T-401"

        connection.execute("DROP EVENT TRIGGER no_room")
        report = migrate_file(source, database)
        assert (report.exit_status, [found for found in report.findings if found.code == "F-904"]) == (0, [])
        assert connection.execute("SELECT loud FROM v ORDER BY 1").fetchall() == [("ONE",), ("TWO",)]
        assert connection.execute("SELECT to_regclass('i') IS NOT NULL").fetchone() == (True,)
        connection.execute("INSERT INTO t VALUES (3, 'Three', 4)")
        assert connection.execute("SELECT a FROM log").fetchall() == [("Three",)]
