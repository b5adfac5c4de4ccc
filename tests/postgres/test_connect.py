"""Connections: what the session is set to, and what a person is told when there is none."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from howdah.errors import BugError, EnvironmentFailedError, HowdahError, UsageError
from howdah.postgres.connect import connect, parse_target, translate_error
from howdah.postgres.embedded import EmbeddedServer, start_embedded

CANARY = "C4n4ry-S3cret"


def test_nothing_of_the_session_depends_on_the_role_or_the_database(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        name = admin.info.dbname
        for setting in ("timezone = 'Asia/Kolkata'", "datestyle = 'German'", "statement_timeout = '1s'"):
            admin.execute(f"ALTER DATABASE {name} SET {setting}".encode())
        admin.execute(f"ALTER DATABASE {name} SET search_path = 'public'".encode())
    with connect(database, application_name="howdah test") as connection:
        shown = {
            name: connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
            for name in ("TimeZone", "DateStyle", "statement_timeout", "search_path", "application_name")
        }
        # The settings outlive a rolled back transaction.
        connection.rollback()
        assert connection.execute("SHOW TimeZone").fetchone() == ("UTC",)
    assert shown == {
        "TimeZone": ("UTC",),
        "DateStyle": ("ISO, YMD",),
        "statement_timeout": ("0",),
        "search_path": ("pg_catalog, pg_temp",),
        "application_name": ("howdah test",),
    }


@pytest.mark.parametrize(
    "parameters",
    [
        {"sslmode": "requird"},
        {"sslmode": "require", "sslrootcert": "system"},
        {"ssl_min_protocol_version": "9"},
        {"connect_timeout": "soon"},
        {"port": "99999"},
        {"host": "a,b", "port": "1,2,3"},
        {"service": "no-such-service"},
        {"target_session_attrs": "primari"},
        {"options": "-c no_such_setting=1"},
    ],
    ids=str,
)
def test_a_parameter_with_a_wrong_value_is_a_usage_error(database: str, parameters: dict[str, str]) -> None:
    with pytest.raises(UsageError) as refused:
        connect(parse_target(make_conninfo(database, **parameters)).conninfo)
    assert refused.value.code == "T-122"


def test_a_new_connection_is_in_no_transaction(database: str) -> None:
    with connect(database) as connection:
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        assert connection.autocommit is False


def test_a_bulk_session_does_not_wait_for_the_disk_and_sorts_in_memory(database: str) -> None:
    with connect(database, bulk=True) as connection:
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("off",)
        row = connection.execute("SELECT pg_size_bytes(current_setting('maintenance_work_mem'))").fetchone()
    assert row is not None
    assert row[0] >= 256 * 1024**2


def test_every_major_at_hand_takes_the_session_settings(any_server_database: str) -> None:
    with connect(any_server_database, bulk=True) as connection:
        assert connection.execute("SHOW row_security").fetchone() == ("off",)


def refusal(conninfo: str) -> HowdahError:
    with pytest.raises(HowdahError) as refused:
        connect(conninfo)
    error = refused.value
    assert CANARY not in str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__
    return error


def test_a_wrong_password_is_said_without_showing_it(database: str) -> None:
    error = refusal(make_conninfo(database, password=CANARY))
    assert (type(error), error.code) == (UsageError, "T-112")


def test_a_missing_password_is_asked_for(database: str) -> None:
    parameters = psycopg.conninfo.conninfo_to_dict(database)
    del parameters["password"]
    error = refusal(make_conninfo("", **parameters))
    assert (type(error), error.code) == (UsageError, "T-113")


def test_a_missing_database_is_named(database: str) -> None:
    error = refusal(make_conninfo(database, dbname="nobody made this"))
    assert (type(error), error.code) == (UsageError, "T-114")
    assert "nobody made this" in error.detail


def test_a_missing_role_gets_the_servers_answer(database: str) -> None:
    # With scram a server does not tell a missing role from a wrong password.
    error = refusal(make_conninfo(database, user="nobody", password=CANARY))
    assert (type(error), error.code) == (UsageError, "T-112")


def test_a_server_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        port = taken.getsockname()[1]
        error = refusal(f"host=127.0.0.1 port={port} user=u password={CANARY} dbname=d")
    assert (type(error), error.code) == (EnvironmentFailedError, "T-111")
    error = refusal(f"host={tmp_path} user=u password={CANARY} dbname=d")
    assert error.code == "T-111"


def test_an_unknown_host_name_is_said_to_be_one() -> None:
    error = refusal(f"host=nowhere.invalid user=u password={CANARY} dbname=d")
    assert (type(error), error.code) == (UsageError, "T-120")


@pytest.fixture(scope="module")
def small_tcp_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    server = start_embedded(
        tmp_path_factory.mktemp("tcp") / "pg",
        durable=False,
        tcp_port=0,
        settings={"max_connections": "4", "superuser_reserved_connections": "0"},
        end_with_parent=True,
    )
    yield server
    server.stop(mode="immediate")


def test_a_server_without_tls_refuses_where_tls_is_required(small_tcp_server: EmbeddedServer) -> None:
    error = refusal(make_conninfo(small_tcp_server.conninfo(), sslmode="require"))
    assert (type(error), error.code) == (UsageError, "T-119")


def test_a_server_without_a_line_for_us_in_pg_hba_says_so(small_tcp_server: EmbeddedServer) -> None:
    hba = small_tcp_server.directory / "data" / "pg_hba.conf"
    before = hba.read_text()
    hba.write_text(f"host all all 127.0.0.1/32 reject\n{before}")
    with psycopg.connect(
        make_conninfo(small_tcp_server.conninfo(), host=str(small_tcp_server.socket_directory))
    ) as c:
        c.execute("SELECT pg_reload_conf()")
        try:
            # The reload reaches the postmaster by a signal, a moment later.
            error = _until_refused(small_tcp_server.conninfo())
        finally:
            hba.write_text(before)
            c.execute("SELECT pg_reload_conf()")
    assert (type(error), error.code) == (UsageError, "T-116")


def _until_refused(conninfo: str) -> HowdahError:
    for _ in range(1000):
        try:
            connect(conninfo).close()
        except HowdahError as error:
            return error
    raise AssertionError("the server went on accepting connections")


def test_a_full_server_is_said_to_be_full(small_tcp_server: EmbeddedServer) -> None:
    conninfo = make_conninfo(small_tcp_server.conninfo(), host=str(small_tcp_server.socket_directory))
    opened = []
    try:
        error: HowdahError | None = None
        while error is None:
            try:
                opened.append(connect(conninfo))
            except HowdahError as refused:
                error = refused
    finally:
        for connection in opened:
            connection.close()
    assert (type(error), error.code) == (EnvironmentFailedError, "T-117")


@pytest.mark.parametrize(
    ("statements", "kind", "code"),
    [
        (["SET TRANSACTION READ ONLY", "CREATE TABLE public.t (a int)"], EnvironmentFailedError, "T-405"),
        (["CREATE ROLE r", "SET ROLE r", "CREATE SCHEMA s"], UsageError, "T-406"),
        (["SELECT nonsense"], BugError, "T-499"),
        (["SELECT pg_terminate_backend(pg_backend_pid())"], EnvironmentFailedError, "T-403"),
        (["SET statement_timeout = '1ms'", "SELECT pg_sleep(5)"], EnvironmentFailedError, "T-404"),
    ],
)
def test_what_the_server_answers_is_said_in_our_words(
    database: str, statements: list[str], kind: type[HowdahError], code: str
) -> None:
    connection = connect(database)
    try:
        with pytest.raises(psycopg.Error) as failed:
            for statement in statements:
                connection.execute(statement.encode())
    finally:
        connection.close()
    error = translate_error(failed.value, doing="testing")
    assert (type(error), error.code) == (kind, code)
    assert "while testing" in error.detail


def test_a_lock_that_somebody_holds_is_said_to_be_one(database: str) -> None:
    with connect(database) as holder, connect(database) as waiter:
        holder.execute("CREATE TABLE public.t (a int)")
        holder.commit()
        holder.execute("LOCK TABLE public.t")
        waiter.execute("SET LOCAL lock_timeout = '10ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable) as failed:
            waiter.execute("LOCK TABLE public.t")
        assert translate_error(failed.value, doing="testing").code == "T-407"


def test_a_target_leads_to_its_database(database: str) -> None:
    target = parse_target(database)
    with connect(target.conninfo) as connection:
        assert connection.info.dbname == target.dbname
        assert connection.info.password not in target.redacted
