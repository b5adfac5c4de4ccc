"""A PostgreSQL database goes into a backup and comes out of it as it was."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from howdah.archive.compare import compare_objects
from howdah.errors import EnvironmentFailedError, IntegrityError, RefusedError, UsageError
from howdah.model.backup import Manifest, SchemaObject
from howdah.ops.backup import BackupRequest, backup
from howdah.ops.drill import DrillRequest, drill
from howdah.ops.repositories import RepositoryRequest
from howdah.ops.restore import RestoreRequest, restore
from howdah.ops.target import TargetRequest
from support.archives import SAMPLE_ROWS, Kept, ask, databases, dump_as_text


def restore_request(kept: Kept, database: str, **options: object) -> RestoreRequest:
    return RestoreRequest(
        repository=kept.request,
        backup="latest",
        target=TargetRequest(target=database),
        **options,  # type: ignore[arg-type]
    )


def test_the_manifest_counts_every_table(kept: Kept) -> None:
    manifest = kept.repository.open(kept.id).manifest
    assert {table.title: table.rows for table in manifest.tables} == SAMPLE_ROWS


def test_a_restored_database_is_the_same_to_pg_dump(kept: Kept, new_database: str, server: Any) -> None:
    report = restore(restore_request(kept, new_database))
    assert (report.status, report.exit_status, report.differences) == ("done", 0, ())
    assert dump_as_text(server.bindir, new_database) == dump_as_text(server.bindir, server.dsn("pristine"))


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_restored_database_has_the_statistics_that_analyze_gathers(
    sample: str, tmp_path: Path, new_database: str, jobs: int
) -> None:
    every_statistic = """
        SELECT schemaname, tablename, attname, inherited FROM pg_stats WHERE schemaname IN ('public', 'app')
        UNION ALL SELECT statistics_schemaname, tablename, statistics_name, false FROM pg_stats_ext
        ORDER BY 1, 2, 3, 4
    """
    with psycopg.connect(sample, autocommit=True) as connection:
        for statement in (
            "CREATE INDEX ON orders (length(note))",
            "CREATE STATISTICS together ON customer_id, total FROM orders",
            "CREATE TABLE parent (i int)",
            "CREATE TABLE child () INHERITS (parent)",
            "INSERT INTO child SELECT generate_series(1, 20)",
            "INSERT INTO parent VALUES (1)",
            "ANALYZE",
        ):
            connection.execute(statement.encode())
    place = RepositoryRequest(location=str(tmp_path / "repo"), name="statistics")
    backup(BackupRequest(repository=place, target=TargetRequest(target=sample), drill="never"))
    restore(
        RestoreRequest(
            repository=place, backup="latest", target=TargetRequest(target=new_database), jobs=jobs
        )
    )
    expected = ask(sample, every_statistic)
    assert ("public", "orders_length_idx", "length", False) in expected
    assert ask(new_database, every_statistic) == expected


@pytest.mark.parametrize("jobs", [2])
def test_the_directory_format_with_several_processes_carries_the_same(
    sample: str, tmp_path: Path, new_database: str, server: Any, jobs: int
) -> None:
    place = RepositoryRequest(location=str(tmp_path / "repo"), name="parallel")
    made = backup(
        BackupRequest(repository=place, target=TargetRequest(target=sample), jobs=jobs, drill="never")
    )
    assert (tmp_path / "repo/parallel/backups" / made.backup / "dump.d" / "toc.dat").exists()
    report = restore(
        RestoreRequest(
            repository=place, backup="latest", target=TargetRequest(target=new_database), jobs=jobs
        )
    )
    assert report.status == "done"
    assert dump_as_text(server.bindir, new_database) == dump_as_text(server.bindir, sample)


@pytest.mark.parametrize(
    "change",
    [
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        "ALTER SCHEMA public OWNER TO CURRENT_USER",
        "DROP SCHEMA public; CREATE SCHEMA public",
    ],
)
def test_a_schema_public_that_was_changed_or_made_anew_comes_back(
    database: str, tmp_path: Path, new_database: str, server: Any, change: str
) -> None:
    """The archive lists it each time, and makes it sometimes."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(change.encode())
        connection.execute("CREATE TABLE t AS SELECT 1 AS one")
    place = RepositoryRequest(location=str(tmp_path / "repo"), name="public")
    made = backup(
        BackupRequest(repository=place, target=TargetRequest(target=database), drill="always"),
    )
    assert made.exit_status == 0
    restored = restore(
        RestoreRequest(repository=place, backup="latest", target=TargetRequest(target=new_database))
    )
    assert restored.status == "done"
    assert ask(new_database, "SELECT one FROM t") == [(1,)]


def test_a_database_that_holds_something_is_not_replaced_without_consent(kept: Kept, database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE precious AS SELECT 1 AS one")
    with pytest.raises(RefusedError, match="holds something"):
        restore(restore_request(kept, database))
    assert ask(database, "SELECT one FROM precious") == [(1,)]


def test_with_consent_the_old_database_is_kept_and_the_undo_brings_it_back(
    kept: Kept, new_database: str, server: Any
) -> None:
    restore(restore_request(kept, new_database))
    with psycopg.connect(new_database) as connection:
        connection.execute("CREATE TABLE written_since AS SELECT 7 AS seven")
    lines: list[str] = []
    # A session of the application is open, as it would be.
    with psycopg.connect(new_database):
        report = restore(
            RestoreRequest(
                repository=kept.request,
                backup="latest",
                target=TargetRequest(target=new_database, announce=lines.append),
                replace=True,
            )
        )
    assert ask(new_database, "SELECT to_regclass('written_since')") == [(None,)]
    assert ask(server.dsn(report.kept_as), "SELECT seven FROM written_since") == [(7,)]
    # The way back was told before the swap, and works.
    assert f"undo: {report.undo[0]}" in lines
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute(report.undo[0].encode())
    assert ask(new_database, "SELECT seven FROM written_since") == [(7,)]


def test_a_refused_restore_leaves_no_database_behind(kept: Kept, new_database: str, server: Any) -> None:
    (kept.directory / "dump.pgc").unlink()
    before = databases(server.dsn())
    with pytest.raises(IntegrityError, match="is gone"):
        restore(restore_request(kept, new_database))
    assert databases(server.dsn()) == before


def test_a_single_table_comes_back_with_its_keys_and_sequence(kept: Kept, new_database: str) -> None:
    restore(restore_request(kept, new_database))
    expected = ask(new_database, "SELECT * FROM orders ORDER BY id")
    with psycopg.connect(new_database) as connection:
        connection.execute("DROP TABLE orders CASCADE")
    report = restore(restore_request(kept, new_database, tables=("orders",)))
    assert (report.status, report.rows) == ("done", 3000)
    assert [(phase.name, phase.rows) for phase in report.phases] == [("check and fetch", 0), ("tables", 3000)]
    # The sample has one foreign key, and somebody dropped the table with CASCADE.
    assert "CASCADE" in report.notes[0]
    assert ask(new_database, "SELECT * FROM orders ORDER BY id") == expected
    assert ask(new_database, "SELECT nextval('orders_id_seq')") == [(3001,)]
    kinds = "SELECT contype::text FROM pg_constraint WHERE conrelid = 'orders'::regclass ORDER BY 1"
    assert [kind for (kind,) in ask(new_database, kinds)] == ["c", "f", "p"]
    assert ask(new_database, "SELECT count(*) FROM pg_indexes WHERE indexname = 'orders_by_customer'") == [
        (1,)
    ]
    assert ask(new_database, "SELECT count(*) FROM pg_trigger WHERE tgname = 'touched'") == [(1,)]


def test_settings_of_database_and_roles_come_back_as_far_as_they_may(
    database: str, server: Any, tmp_path: Path
) -> None:
    settings = "SELECT unnest(setconfig) FROM pg_db_role_setting JOIN {} ON true WHERE {} ORDER BY 1"
    of_database = settings.format("pg_database d", "setdatabase = d.oid AND datname = '{}'")
    of_role = settings.format("pg_roles r", "setrole = r.oid AND rolname = 'settled'")
    with psycopg.connect(database, autocommit=True) as admin:
        name = admin.info.dbname
        admin.execute(
            f"""CREATE ROLE settled; ALTER ROLE settled SET search_path = "a,b", 'q"x', public;
            CREATE ROLE plain LOGIN CREATEDB PASSWORD 'plain'; CREATE TABLE t (a int);
            ALTER TABLE t OWNER TO settled; ALTER DATABASE {name} SET search_path = "a,b", 'q"x', public;
            ALTER DATABASE {name} SET "DateStyle" = 'ISO, DMY';
            ALTER DATABASE {name} SET log_min_messages = 'error'""".encode()
        )
        expected = ask(database, of_database.format(name)), ask(database, of_role)
        repository = RepositoryRequest(location=str(tmp_path / "repository"), name="settings")
        backup(BackupRequest(repository=repository, target=TargetRequest(target=database), drill="never"))
        admin.execute("REASSIGN OWNED BY settled TO postgres; DROP ROLE settled")
        try:
            for user in (str(admin.info.user), "plain"):
                admin.execute("DROP DATABASE IF EXISTS settled")
                target = psycopg.conninfo.make_conninfo(
                    database,
                    dbname="settled",
                    user=user,
                    **({"password": "plain"} if user == "plain" else {}),
                )
                request = RestoreRequest(
                    repository=repository,
                    backup="latest",
                    target=TargetRequest(target=target),
                    create_roles=user != "plain",
                )
                report = restore(request)
                found = ask(database, of_database.format("settled"))
                if user == "plain":
                    assert found == [row for row in expected[0] if not row[0].startswith("log_")]
                    assert any("log_min_messages" in note for note in report.notes)
                else:
                    assert (found, ask(database, of_role)) == expected
        finally:
            admin.execute("DROP DATABASE IF EXISTS settled; ")
            admin.execute("DROP ROLE IF EXISTS settled")
            admin.execute("DROP ROLE plain")


def test_schemas_in_capitals_are_not_taken_for_kinds_of_objects(
    database: str, new_database: str, server: Any, tmp_path: Path
) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        for schema in ("SALES", "DATA", "SET", "ATTACH"):
            connection.execute(
                f'CREATE SCHEMA "{schema}";'
                f' CREATE TABLE "{schema}"."ORDERS" (id serial PRIMARY KEY, note text);'
                f' CREATE INDEX "BY NOTE" ON "{schema}"."ORDERS" (note);'
                f" INSERT INTO \"{schema}\".\"ORDERS\" (note) VALUES ('one'), ('two')".encode()
            )
    repository = RepositoryRequest(location=str(tmp_path / "repository"), name="capitals")
    made = backup(BackupRequest(repository=repository, target=TargetRequest(target=database)))
    assert (made.status, made.rows) == ("verified", 8)
    for tables in ((), ("DATA.ORDERS",)):
        if tables:
            with psycopg.connect(new_database) as connection:
                connection.execute('DROP TABLE "DATA"."ORDERS"')
        target = TargetRequest(target=new_database)
        restore(RestoreRequest(repository=repository, backup="latest", target=target, tables=tables))
        assert dump_as_text(server.bindir, new_database) == dump_as_text(server.bindir, database)


def test_a_foreign_key_of_an_older_backup_is_found_though_its_kind_has_a_line_feed() -> None:
    older = SchemaObject(kind="foreign\nkey", schema="public", table="orders", name="orders_customer_id_fkey")
    assert list(compare_objects([older], [replace(older, kind="foreign key")])) == []
    assert [found.found for found in compare_objects([older], [])] == ["missing"]


def test_a_table_that_is_there_is_not_overwritten(kept: Kept, new_database: str) -> None:
    restore(restore_request(kept, new_database))
    with psycopg.connect(new_database) as connection:
        connection.execute("DELETE FROM orders WHERE id > 1")
    with pytest.raises(RefusedError, match="not overwritten"):
        restore(restore_request(kept, new_database, tables=("public.orders",)))
    assert ask(new_database, "SELECT count(*) FROM orders") == [(1,)]


def test_a_single_table_goes_into_a_new_database_to_be_looked_at(kept: Kept, new_database: str) -> None:
    report = restore(restore_request(kept, new_database, tables=("orders",)))
    assert report.status == "done"
    assert ask(new_database, "SELECT count(*) FROM orders") == [(3000,)]


def test_an_unknown_table_is_named(kept: Kept, new_database: str) -> None:
    with pytest.raises(UsageError, match="no table 'invoices'"):
        restore(restore_request(kept, new_database, tables=("invoices",)))


def test_rows_written_while_the_dump_runs_are_in_neither_dump_nor_digests(
    sample: str, tmp_path: Path, new_database: str
) -> None:
    """A writer goes on all the time; what is restored is one moment, and what the manifest says."""
    import threading

    stop = threading.Event()

    def write() -> None:
        with psycopg.connect(sample, autocommit=True) as writer:
            while not stop.is_set():
                writer.execute("INSERT INTO customers (name) VALUES ('late')")
                writer.execute("INSERT INTO orders (customer_id, total) SELECT max(id), 1 FROM customers")

    thread = threading.Thread(target=write)
    thread.start()
    place = RepositoryRequest(location=str(tmp_path / "repo"), name="busy")
    try:
        backup(BackupRequest(repository=place, target=TargetRequest(target=sample), drill="never"))
    finally:
        stop.set()
        thread.join()
    report = restore(
        RestoreRequest(repository=place, backup="latest", target=TargetRequest(target=new_database))
    )
    assert report.status == "done"
    assert ask(new_database, "SELECT count(*) FROM orders") < ask(sample, "SELECT count(*) FROM orders")


def test_no_password_is_in_a_manifest_and_roles_come_without(
    sample: str, tmp_path: Path, server: Any
) -> None:
    with psycopg.connect(sample, autocommit=True) as connection:
        connection.execute("CREATE ROLE keeper LOGIN CREATEDB PASSWORD 'Sup3rS3cret'")
        connection.execute("ALTER TABLE orders OWNER TO keeper")
    try:
        place = RepositoryRequest(location=str(tmp_path / "repo"), name="roles")
        made = backup(BackupRequest(repository=place, target=TargetRequest(target=sample), drill="never"))
        text = (tmp_path / "repo/roles/backups" / made.backup / "manifest.json").read_text()
        role = next(role for role in json.loads(text)["manifest"]["roles"] if role["name"] == "keeper")
        assert role["login"] is True
        assert role["create_db"] is True
        for secret in ("Sup3rS3cret", "SCRAM", server.embedded.password):
            assert secret not in text
    finally:
        with psycopg.connect(sample, autocommit=True) as connection:
            connection.execute("REASSIGN OWNED BY keeper TO CURRENT_USER")
            connection.execute("DROP ROLE keeper")


def test_missing_roles_are_said_or_made(sample: str, tmp_path: Path, new_database: str, server: Any) -> None:
    place = RepositoryRequest(location=str(tmp_path / "repo"), name="roles")
    with psycopg.connect(sample, autocommit=True) as connection:
        connection.execute("CREATE ROLE gone LOGIN IN ROLE pg_monitor")
        connection.execute("ALTER TABLE orders OWNER TO gone")
        backup(BackupRequest(repository=place, target=TargetRequest(target=sample), drill="never"))
        connection.execute("ALTER TABLE orders OWNER TO CURRENT_USER")
        connection.execute("DROP ROLE gone")
    request = RestoreRequest(repository=place, backup="latest", target=TargetRequest(target=new_database))
    report = restore(request)
    assert any("Roles missing on the server: gone." in note for note in report.notes)
    owner = "SELECT relowner::regrole::text FROM pg_class WHERE relname = 'orders'"
    assert ask(new_database, owner) == [("postgres",)]
    report = restore(
        RestoreRequest(
            repository=place,
            backup="latest",
            target=TargetRequest(target=new_database),
            replace=True,
            create_roles=True,
        )
    )
    assert ask(new_database, owner) == [("gone",)]
    # A group that is there is not the backup's to let anybody into.
    assert not ask(server.dsn(), "SELECT FROM pg_auth_members WHERE member = 'gone'::regrole")
    assert any('GRANT "pg_monitor" TO "gone"' in note for note in report.notes)
    assert ask(server.dsn(), "SELECT rolpassword FROM pg_authid WHERE rolname = 'gone'") == [(None,)]
    for name in ("restored_here", report.kept_as):
        with psycopg.connect(server.dsn(name), autocommit=True) as connection:
            connection.execute("REASSIGN OWNED BY gone TO CURRENT_USER")
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute("DROP ROLE gone")


def test_client_tools_of_another_major_are_refused_and_named(
    sample: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pg_dump of another major is there; the server's own is not."""
    other = tmp_path / "bin"
    other.mkdir()
    program = other / "pg_dump"
    program.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 13.2'\n")
    program.chmod(0o755)
    monkeypatch.setattr("howdah.postgres.binaries._system_directories", lambda: iter([other]))
    monkeypatch.setattr("howdah.postgres.binaries._wheel_directories", lambda: iter([]))
    place = RepositoryRequest(location=str(tmp_path / "repo"), name="none")
    with pytest.raises(EnvironmentFailedError) as refused:
        backup(BackupRequest(repository=place, target=TargetRequest(target=sample), drill="never"))
    assert refused.value.code == "E-102"
    assert "13.2" in refused.value.detail
    assert "postgresql-client-" in refused.value.hint
    assert not list((tmp_path / "repo").rglob("manifest.json"))


def test_a_pg_dump_that_fails_half_way_leaves_nothing(
    kept: Kept, sample: str, tmp_path: Path, server: Any
) -> None:
    """As when the server goes away: a file is there, and the status is not 0."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "pg_restore").symlink_to(server.bindir / "pg_restore")
    fake = programs / "pg_dump"
    fake.write_text(
        "#!/bin/sh\n"
        f'if [ "$1" = --version ]; then exec {server.bindir}/pg_dump --version; fi\n'
        'for word in "$@"; do case "$word" in --file=*) : > "${word#--file=}";; esac; done\n'
        "echo 'pg_dump: error: connection to server was lost' >&2\nexit 1\n"
    )
    fake.chmod(0o755)
    request = TargetRequest(target=sample, pg_bindir=programs)
    with pytest.raises(EnvironmentFailedError, match="there is no backup"):
        backup(BackupRequest(repository=kept.request, target=request, drill="never"))
    assert kept.repository.ids() == [kept.id]
    assert {path.name for path in (kept.path / "sample").iterdir()} <= {"backups", ".lease.json.guard"}


def test_a_table_that_may_not_be_read_is_said_and_the_last_good_backup_stays(
    kept: Kept, database: str
) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE secret AS SELECT 1 AS one")
        connection.execute(
            "DO $$ BEGIN CREATE ROLE reader LOGIN PASSWORD 'x'; EXCEPTION WHEN OTHERS THEN END $$"
        )
    as_reader = psycopg.conninfo.make_conninfo(database, user="reader", password="x")
    with pytest.raises((EnvironmentFailedError, UsageError)):
        backup(BackupRequest(repository=kept.request, target=TargetRequest(target=as_reader), drill="never"))
    assert kept.repository.ids() == [kept.id]
    assert not (kept.path / "sample" / "partial").exists()
    kept.repository.check_files(kept.repository.open(kept.id).manifest)


def test_the_drill_of_a_backup_passes_in_a_server_of_its_own_and_says_how_long(kept: Kept) -> None:
    report = drill(DrillRequest(repository=kept.request))
    assert (report.status, report.exit_status, report.differences) == ("pass", 0, ())
    assert report.rto_seconds is not None
    assert report.rpo_seconds is not None
    assert {phase.name for phase in report.phases} >= {
        "check and fetch",
        "server",
        "rows",
        "digests",
        "index check",
    }
    listed = kept.repository.list_backups()
    assert [item.verified for item in listed] == [True]


def test_a_backup_and_a_drill_of_the_directory_hold_no_trace_of_the_password(kept: Kept, server: Any) -> None:
    drill(DrillRequest(repository=kept.request, server=server.dsn()))
    for path in kept.path.rglob("*"):
        if path.is_file():
            assert server.embedded.password.encode() not in path.read_bytes(), path


def test_a_copy_of_the_repository_elsewhere_is_as_good(kept: Kept, tmp_path: Path, server: Any) -> None:
    moved = tmp_path / "elsewhere"
    shutil.move(kept.path, moved)
    whole = f"{moved}/sample/backups/{kept.id}"
    report = drill(DrillRequest(repository=RepositoryRequest(), backup=whole, server=server.dsn()))
    assert report.status == "pass"


@pytest.mark.parametrize(
    ("kind", "version", "major"),
    [("postgresql", "16.14", 16), ("postgresql", "18beta1", 18), ("sqlite", "3.45.1", 0)],
)
def test_a_manifest_knows_the_major_of_its_server(kind: str, version: str, major: int) -> None:
    manifest = Manifest(
        kind=kind,
        id="1",
        name="app",
        taken_at="",
        started_at="",
        finished_at="",
        howdah_version="",
        server_version=version,
        tool_version="",
        source="",
    )
    assert manifest.major == major
