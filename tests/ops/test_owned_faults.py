"""Killed at any step or out of disk space, the schema is whole, and the same command finishes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from howdah.errors import EnvironmentFailedError
from howdah.ops.quarantine import list_rows
from howdah.ops.rollback import rollback
from support.files import make_database
from support.killing import Killed, die_at
from support.owned import OWNER, dump_rows, dump_schema, owned_database, query, run_script
from support.runs import migrate_file, target_request
from support.torture_schema import SOURCE, TARGET

_FILL = ("accounts.region=unknown",)

#: 160 bytes for each of 15,000 rows: more than the small disk has room for.
_MANY = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 15000)
INSERT INTO events SELECT 1000 + i, 1, '2023-07-01 00:00:00', hex(randomblob(60)) FROM n;
"""

#: A disk that the server calls full while its table says so: what it raises is what it raises then.
_TOLD = """
CREATE TABLE disk (is_full boolean); INSERT INTO disk VALUES (false);
CREATE FUNCTION write(id integer) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
    IF id = 12000 AND (SELECT is_full FROM public.disk) THEN
        RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100';
    END IF;
    RETURN true;
END $$;
ALTER TABLE events ADD CONSTRAINT written CHECK (write(id)) NOT VALID;
"""


@pytest.fixture
def app(server: Any) -> Iterator[str]:
    with owned_database(server.dsn(), TARGET) as conninfo:
        yield conninfo


def _outcome(bindir: Path, app: str) -> tuple[str, list[tuple[str, int | None]]]:
    """Rows of the application but for what a sequence gives, and what is in quarantine."""
    aside = sorted((row.table, row.key.rowid) for row in list_rows(target_request(app)).rows)
    return dump_rows(bindir, app), aside


def test_killed_at_every_step_everything_ends_as_it_would_have(
    tmp_path: Path, server: Any, app: str, server_bindir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_database(tmp_path / "s.db", SOURCE)
    schema = dump_schema(server_bindir, app)
    with owned_database(server.dsn(), TARGET) as other:
        assert migrate_file(source, other, fill=_FILL).exit_status == 5
        expected = _outcome(server_bindir, other)
    monkeypatch.setattr("howdah.ops.migrate.goes_in_one_transaction", lambda run, jobs: False)

    kills = 0
    while True:
        with monkeypatch.context() as patch:
            die_at(patch, 1)
            try:
                report = migrate_file(source, app, jobs=1, fill=_FILL)
            except Killed:
                kills += 1
                continue
        break

    assert kills >= 8
    assert (report.exit_status, report.differences) == (5, ())
    assert dump_schema(server_bindir, app) == schema
    assert _outcome(server_bindir, app) == expected


@contextmanager
def _told_disk(directory: Path, server: Any, app: str) -> Iterator[Callable[[], None]]:
    run_script(app, _TOLD + "UPDATE disk SET is_full = true")
    yield lambda: run_script(app, "UPDATE disk SET is_full = false")


@contextmanager
def _small_disk(directory: Path, server: Any, app: str) -> Iterator[Callable[[], None]]:
    """Put the table that grows on a disk of 1 MB, which can be given more."""
    place = directory / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here: that wants root's rights")
    try:
        for parent in directory.parents:
            if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
                parent.chmod(parent.stat().st_mode | 0o011)
        directory.chmod(0o755)
        name = f"small_{os.getpid()}"
        with psycopg.connect(server.dsn(), autocommit=True) as admin:
            try:
                admin.execute(f"CREATE TABLESPACE {name} OWNER {OWNER} LOCATION '{place}'".encode())
            except psycopg.Error as error:
                pytest.skip(f"the server does not reach the disk: {error}")
            run_script(app, f"ALTER TABLE events_2023 SET TABLESPACE {name}")
            yield lambda: _remount(place)
            run_script(app, "ALTER TABLE events_2023 SET TABLESPACE pg_default")
            admin.execute(f"DROP TABLESPACE {name}".encode())
    finally:
        subprocess.run(["umount", "-l", place], check=False)


def _remount(place: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=200m", place], check=True)


@pytest.mark.parametrize("disk", [_told_disk, _small_disk])
@pytest.mark.parametrize("jobs", [None, pytest.param(2, marks=pytest.mark.slow)])
def test_on_a_full_disk_nothing_is_lost_and_with_space_the_same_command_finishes(
    tmp_path: Path, server: Any, app: str, server_bindir: Path, jobs: int | None, disk: Any
) -> None:
    source = make_database(tmp_path / "s.db", SOURCE + _MANY)
    with disk(tmp_path, server, app) as make_space:
        schema, rows = dump_schema(server_bindir, app), dump_rows(server_bindir, app)

        with pytest.raises(EnvironmentFailedError) as failure:
            migrate_file(source, app, jobs=jobs, fill=_FILL)

        assert failure.value.code == "T-401"
        if jobs is None:
            # One transaction: nothing has happened at all.
            assert dump_schema(server_bindir, app, state_schema="nobody") == schema
            assert dump_rows(server_bindir, app, state_schema="nobody") == rows
        make_space()
        report = migrate_file(source, app, jobs=jobs, fill=_FILL)

        assert (report.exit_status, report.differences) == (5, ())
        assert dump_schema(server_bindir, app) == schema
        assert query(app, "SELECT count(*) FROM events WHERE id > 1000") == [(15_000,)]
        rollback(target_request(app))
        assert dump_schema(server_bindir, app, state_schema="nobody") == schema
