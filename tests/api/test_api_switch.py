"""A service whose database is one side of a live migration: it refuses and accepts writes by itself."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql
from psycopg.pq import TransactionStatus

from howdah.capture.record import CaptureRecord
from howdah.ops.cutover import CutoverRequest, cutover
from howdah.ops.follow import FollowRequest, follow
from howdah.ops.go_home import go_home
from howdah.ops.live_run import LiveOptions
from howdah.ops.write_gate import build_write_gate
from howdah.service.pooled_connection import PooledConnection
from howdah.service.unavailable import NoWritesError
from howdah.state.store import StateSchema
from support.api import SECRETS, SMALL, recorded_settings, serving
from support.processes import run_sqlite
from support.runs import target_request

_TITLES = "SELECT title FROM chat_sessions WHERE title IN ('early', 'there', 'late')"


def _create(client: httpx.Client, title: str) -> httpx.Response:
    return client.post(
        "/api/chat-sessions?fields=title",
        json={"data": {"title": title}},
        headers={"Authorization": f"Bearer {SECRETS['apiToken']}"},
    )


def _refused(response: httpx.Response) -> str:
    assert response.status_code == 503, response.text
    assert int(response.headers["retry-after"]) >= 1
    error = response.json()["error"]
    assert error["name"] == "ServiceUnavailableError"
    return str(error["message"])


def test_the_service_switches_with_the_migration(database: str, tmp_path: Path) -> None:
    source = Path(shutil.copy(SMALL, tmp_path / "strapi.db"))
    target = target_request(database)
    follow(FollowRequest(source=str(source), target=target, consent=True, until_caught_up=True))
    gate = build_write_gate(StateSchema())
    with serving(database, recorded_settings(tmp_path / "uploads"), gate=gate) as client:
        assert "strapi.db" in _refused(_create(client, "early"))

        cutover(CutoverRequest(source=str(source), target=target))
        accepted = _create(client, "there")
        assert accepted.status_code == 201, accepted.text
        with psycopg.connect(database) as connection:
            assert connection.execute(_TITLES).fetchall() == [("there",)]

        assert go_home(target, LiveOptions()).difference_count == 0
        message = _refused(_create(client, "late"))
        assert "home" in message
        assert "strapi.db" in message
        assert str(tmp_path) not in message
    assert run_sqlite(source, f"print(connection.execute({_TITLES!r}).fetchall())").strip() == "[('there',)]"


def test_nothing_is_written_between_the_load_and_the_record_of_a_migration(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tables are there, the file has the data, and no record says so yet."""
    source = Path(shutil.copy(SMALL, tmp_path / "strapi.db"))
    begin, answers = CaptureRecord.begin, []
    with serving(
        database, recorded_settings(tmp_path / "uploads"), gate=build_write_gate(StateSchema())
    ) as client:

        def begin_late(record: CaptureRecord, *args: Any) -> None:
            answers.append(_refused(_create(client, "early")))
            begin(record, *args)

        monkeypatch.setattr(CaptureRecord, "begin", begin_late)
        target = target_request(database)
        follow(FollowRequest(source=str(source), target=target, consent=True, until_caught_up=True))
        assert "beginning" in answers[0]
        assert "strapi.db" in _refused(_create(client, "early"))


@pytest.mark.long
def test_a_write_that_has_asked_goes_home_with_the_rest(database: str, tmp_path: Path) -> None:
    source = Path(shutil.copy(SMALL, tmp_path / "strapi.db"))
    target = target_request(database)
    follow(FollowRequest(source=str(source), target=target, consent=True, until_caught_up=True))
    cutover(CutoverRequest(source=str(source), target=target))
    asked, may_write = threading.Event(), threading.Event()
    gate = build_write_gate(StateSchema())

    async def slow_gate(connection: PooledConnection) -> None:
        await gate(connection)
        asked.set()
        await asyncio.to_thread(may_write.wait, 60)

    with (
        serving(database, recorded_settings(tmp_path / "uploads"), gate=slow_gate) as client,
        ThreadPoolExecutor(2) as pool,
    ):
        writing = pool.submit(_create, client, "there")
        assert asked.wait(30)
        home = pool.submit(go_home, target, LiveOptions())
        # It gets as far as the fence and waits there.
        with psycopg.connect(database, autocommit=True) as connection:
            waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            _wait_until(lambda: connection.execute(waiting).fetchone() == (1,))
        assert not home.done()
        may_write.set()
        accepted = writing.result(30)
        assert accepted.status_code == 201, accepted.text
        assert home.result(60).difference_count == 0
        assert "home" in _refused(_create(client, "late"))
    assert run_sqlite(source, f"print(connection.execute({_TITLES!r}).fetchall())").strip() == "[('there',)]"


def _wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_the_gate_is_asked_within_the_transaction_of_the_write(strapi_database: str, tmp_path: Path) -> None:
    seen = []

    async def ask(connection: PooledConnection) -> None:
        seen.append(connection.info.transaction_status)
        raise NoWritesError("A-191", "Not now.", retry_after=1)

    with serving(strapi_database, recorded_settings(tmp_path), gate=ask) as client:
        headers = {"Authorization": f"Bearer {SECRETS['apiToken']}"}
        _refused(_create(client, "shut"))
        for method, path in (("DELETE", "/api/agents/x"), ("DELETE", "/api/upload/files/1")):
            _refused(client.request(method, path, headers=headers))
        _refused(client.post("/api/upload", headers=headers, files={"files": ("a.txt", b"a")}))
        _refused(client.put("/api/users/1", headers=headers, json={"username": "another"}))
        assert client.get("/api/agents", headers=headers).status_code == 200
    assert seen == [TransactionStatus.INTRANS] * 5


@pytest.mark.parametrize("granted", [False, True])
def test_a_role_that_cannot_see_where_it_stands_writes_nothing(
    strapi_database: str, tmp_path: Path, *, granted: bool
) -> None:
    """What nobody can know is not taken for yes."""
    role = "service_of_tests"
    with psycopg.connect(strapi_database, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA howdah")
        connection.execute("CREATE TABLE howdah.capture (phase text, source text)")
        connection.execute("INSERT INTO howdah.capture VALUES ('complete', '/somewhere/strapi.db')")
        name = sql.Identifier(role)
        connection.execute(sql.SQL("DROP ROLE IF EXISTS {0}").format(name))
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'only for tests'").format(name))
        connection.execute(sql.SQL("GRANT ALL ON ALL TABLES IN SCHEMA public TO {}").format(name))
        connection.execute(sql.SQL("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {}").format(name))
        if granted:
            connection.execute(sql.SQL("GRANT USAGE ON SCHEMA howdah TO {}").format(name))
            connection.execute(sql.SQL("GRANT SELECT ON howdah.capture TO {}").format(name))
    conninfo = psycopg.conninfo.make_conninfo(strapi_database, user=role, password="only for tests")
    try:
        with serving(
            conninfo, recorded_settings(tmp_path / "uploads"), gate=build_write_gate(StateSchema())
        ) as client:
            response = _create(client, "agent")
            if granted:
                assert response.status_code == 201, response.text
            else:
                assert "role" in _refused(response)
    finally:
        with psycopg.connect(strapi_database, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP OWNED BY {0}").format(sql.Identifier(role)))
            connection.execute(sql.SQL("DROP ROLE {0}").format(sql.Identifier(role)))
