"""A pooler in transaction mode is recognised and refused before anything is done; session mode will do."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from howdah.errors import RefusedError
from howdah.ops.migrate import MigrateRequest, migrate
from howdah.ops.status import status
from howdah.ops.verify import VerifyRequest, verify_run
from support.files import make_database
from support.owned import OWNER, dump_rows, dump_schema, owned_database, query
from support.pooler import pooler
from support.runs import migrate_file, target_request

SOURCE = """
CREATE TABLE a (id INTEGER PRIMARY KEY, t TEXT);
INSERT INTO a VALUES (1, 'one'), (2, 'two');
"""
TARGET = "CREATE TABLE a (id integer PRIMARY KEY, t varchar(5)); INSERT INTO a VALUES (9, 'seed');"


@pytest.fixture
def app(server: Any) -> Iterator[str]:
    with owned_database(server.dsn(), TARGET) as conninfo:
        yield conninfo


def _process(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    assert row is not None
    return int(row[0])


def test_the_pooler_of_these_tests_gives_each_transaction_another_process(app: str) -> None:
    with (
        pooler(app) as pooled,
        psycopg.connect(pooled, autocommit=True) as first,
        psycopg.connect(pooled, autocommit=True) as second,
    ):
        before = _process(first)
        first.execute("SELECT pg_advisory_lock(5)")
        first.execute("SET application_name = 'of the first'")
        with second.transaction():
            assert _process(second) == before
            assert second.execute("SHOW application_name").fetchone() == ("of the first",)
            assert _process(first) != before
            # The lock is the second's now.
            assert first.execute("SELECT pg_try_advisory_lock(5)").fetchone() == (False,)


def _refused_by_every_verb(source: Path, pooled: str) -> None:
    for verb in (
        lambda: migrate_file(source, pooled),
        lambda: migrate_file(source, pooled, jobs=2),
        lambda: status(target_request(pooled)),
        lambda: verify_run(VerifyRequest(source=str(source), target=target_request(pooled))),
    ):
        with pytest.raises(RefusedError) as refusal:
            verb()
        assert refusal.value.code == "T-203"
        assert "session mode" in refusal.value.hint


def test_behind_a_pooler_in_transaction_mode_nothing_is_begun(
    tmp_path: Path, app: str, server_bindir: Path
) -> None:
    source = make_database(tmp_path / "s.db", SOURCE)
    schema, rows = dump_schema(server_bindir, app), dump_rows(server_bindir, app)
    with pooler(app) as pooled:
        _refused_by_every_verb(source, pooled)
    assert dump_schema(server_bindir, app, state_schema="nobody") == schema
    assert dump_rows(server_bindir, app, state_schema="nobody") == rows


def test_a_pooler_in_session_mode_is_no_obstacle(tmp_path: Path, app: str) -> None:
    source = make_database(tmp_path / "s.db", SOURCE)
    with pooler(app, by_transaction=False) as pooled:
        assert migrate_file(source, pooled, jobs=2).exit_status == 0
    assert query(app, "SELECT id, t FROM a ORDER BY id") == [(1, "one"), (2, "two")]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pgbouncer") is None, reason="PgBouncer is not installed here")
def test_pgbouncer_itself_is_recognised(tmp_path: Path, app: str) -> None:
    source = make_database(tmp_path / "s.db", SOURCE)
    # Another user than the server's does not reach its socket.
    with (
        pooler(app, by_transaction=False) as reachable,
        _pgbouncer(tmp_path, reachable, "transaction") as pooled,
    ):
        _refused_by_every_verb(source, pooled)
    with (
        pooler(app, by_transaction=False) as reachable,
        _pgbouncer(tmp_path, reachable, "session") as pooled,
    ):
        # Its server connections outlive their clients: nobody can tell whether somebody is behind them.
        request = MigrateRequest(source=str(source), target=target_request(pooled), allow_connections=True)
        assert migrate(request).exit_status == 0


@contextmanager
def _pgbouncer(directory: Path, conninfo: str, mode: str) -> Iterator[str]:
    parts = conninfo_to_dict(conninfo)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    users = directory / "users.txt"
    users.write_text(f'"{OWNER}" "owner"\n')
    settings = directory / f"{mode}.ini"
    settings.write_text(
        f"[databases]\n{parts['dbname']} = host={parts['host']} port={parts.get('port', 5432)}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = scram-sha-256\n"
        f"auth_file = {users}\npool_mode = {mode}\nunix_socket_dir =\nmin_pool_size = 2\n"
    )
    command = ["pgbouncer", os.fspath(settings)]
    if os.geteuid() == 0:
        # It does not run as root.
        command[1:1] = ["-u", "nobody"]
        _let_through(directory)
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        pooled = make_conninfo(conninfo, host="127.0.0.1", port=port, sslmode="disable")
        _wait_for(pooled)
        yield pooled
    finally:
        process.terminate()
        process.wait(timeout=30)


def _let_through(directory: Path) -> None:
    """Let another user reach a directory below pytest's own."""
    for parent in (directory, *directory.parents):
        if parent.stat().st_uid == 0 and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o011)


def _wait_for(conninfo: str) -> None:
    for _ in range(50):
        try:
            psycopg.connect(conninfo, connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.1)
    pytest.fail("PgBouncer did not come up")
