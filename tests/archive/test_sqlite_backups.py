"""A live SQLite file goes into the same repository, and comes back byte for byte as SQLite read it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from howdah.errors import HowdahError, IntegrityError, RefusedError
from howdah.model.backup_reports import BackupReport
from howdah.model.plan import PlanOptions
from howdah.ops.backup import BackupRequest, backup
from howdah.ops.drill import DrillRequest, drill
from howdah.ops.migrate import MigrateRequest, migrate
from howdah.ops.repositories import RepositoryRequest
from howdah.ops.restore import RestoreRequest, restore
from howdah.ops.target import TargetRequest
from support.archives import ask, flip_bit
from support.files import make_database
from support.processes import sqlite_process


@pytest.fixture
def place(tmp_path: Path) -> RepositoryRequest:
    return RepositoryRequest(location=str(tmp_path / "repo"))


@pytest.fixture
def app(tmp_path: Path) -> Path:
    path = tmp_path / "app.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, data BLOB)")
        connection.executemany(
            "INSERT INTO item (name, data) VALUES (?, ?)",
            [(f"item {i}", bytes([i % 256]) * i) for i in range(500)],
        )
    connection.close()
    return path


def rows(path: Path) -> list[tuple[object, ...]]:
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT * FROM item ORDER BY id").fetchall()
    connection.close()
    return found


def back_up(path: Path, place: RepositoryRequest) -> BackupReport:
    return backup(BackupRequest(repository=place, target=TargetRequest(target=str(path))))


def restore_to(path: Path, place: RepositoryRequest, *, replace: bool = False) -> str:
    request = RestoreRequest(
        repository=place, backup="latest", target=TargetRequest(target=str(path)), replace=replace
    )
    return restore(request).kept_as


def test_a_file_that_is_being_written_is_backed_up_with_its_wal_and_drilled(
    app: Path, place: RepositoryRequest, tmp_path: Path
) -> None:
    # Committed rows that are in the -wal alone, with the writer still there.
    script = (
        "connection.execute('PRAGMA wal_autocheckpoint = 0')\n"
        "connection.execute(\"INSERT INTO item (name) VALUES ('in the wal')\")\n"
        "ready()\nstop.wait()\n"
    )
    with sqlite_process(app, script):
        report = back_up(app, place)
        expected = rows(app)
    assert (report.status, report.exit_status, report.name) == ("verified", 0, "app")
    assert report.rows == len(expected) == 501
    restore_to(tmp_path / "back.db", place)
    assert rows(tmp_path / "back.db") == expected
    with sqlite3.connect(tmp_path / "back.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_a_file_that_exists_is_kept_and_the_undo_brings_it_back(
    app: Path, place: RepositoryRequest, tmp_path: Path
) -> None:
    back_up(app, place)
    with sqlite3.connect(app) as connection:
        connection.execute("INSERT INTO item (name) VALUES ('since')")
    connection.close()
    with pytest.raises(RefusedError, match="exists"):
        restore_to(app, place)
    assert len(rows(app)) == 501
    request = RestoreRequest(
        repository=place, backup="latest", target=TargetRequest(target=str(app)), replace=True
    )
    report = restore(request)
    assert len(rows(app)) == 500
    import subprocess

    subprocess.run(["sh", "-c", report.undo[0]], check=True)
    assert len(rows(app)) == 501


def test_a_second_restore_of_the_same_backup_keeps_what_the_first_one_kept(
    app: Path, place: RepositoryRequest, tmp_path: Path
) -> None:
    back_up(app, place)
    with sqlite3.connect(app) as connection:
        connection.execute("INSERT INTO item (name) VALUES ('since')")
    connection.close()
    first = restore_to(app, place, replace=True)
    second = restore_to(app, place, replace=True)
    assert first != second
    assert rows(Path(first))[-1][1] == "since"
    assert len(rows(app)) == len(rows(Path(second))) == 500


def test_a_wal_that_lost_its_file_is_not_read_into_the_restored_one(
    app: Path, place: RepositoryRequest
) -> None:
    back_up(app, place)
    expected = rows(app)
    with sqlite3.connect(app) as connection:
        connection.execute("DELETE FROM item")
        connection.commit()
        # As an application leaves it that was killed, before somebody removes the damaged file.
        stray = Path(f"{app}-wal").read_bytes()
    connection.close()
    app.unlink()
    Path(f"{app}-wal").write_bytes(stray)
    kept = restore_to(app, place)
    assert rows(app) == expected
    with sqlite3.connect(app) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    assert Path(kept).read_bytes() == stray


def test_a_file_behind_a_link_is_replaced_where_it_lies_with_its_mode(
    app: Path, place: RepositoryRequest, tmp_path: Path
) -> None:
    back_up(app, place)
    app.chmod(0o640)
    link = tmp_path / "linked" / "current.db"
    link.parent.mkdir()
    link.symlink_to(app)
    with sqlite3.connect(app) as connection:
        connection.execute("INSERT INTO item (name) VALUES ('since')")
        connection.commit()
        stray = Path(f"{app}-wal").read_bytes()
    connection.close()
    # What a killed application leaves beside the file, not beside the link.
    Path(f"{app}-wal").write_bytes(stray)
    kept = restore_to(link, place, replace=True)
    assert link.is_symlink()
    assert (len(rows(link)), app.stat().st_mode & 0o777) == (500, 0o640)
    assert Path(kept).parent == Path(f"{kept}-wal").parent == app.parent
    assert Path(f"{kept}-wal").exists()


def test_a_file_that_is_open_elsewhere_is_not_replaced(app: Path, place: RepositoryRequest) -> None:
    back_up(app, place)
    with (
        sqlite_process(app, "connection.execute('SELECT count(*) FROM item')\nready()\nstop.wait()\n"),
        pytest.raises(RefusedError, match="open in another program"),
    ):
        restore_to(app, place, replace=True)
    assert len(rows(app)) == 500


def test_flipped_bits_of_the_stored_file_are_found(
    app: Path, place: RepositoryRequest, tmp_path: Path
) -> None:
    made = back_up(app, place)
    stored = tmp_path / "repo/app/backups" / made.backup / "database.sqlite.zst"
    size = stored.stat().st_size
    for bit in range(0, size * 8, size * 8 // 40):
        flip_bit(stored, bit)
        with pytest.raises(IntegrityError):
            restore_to(tmp_path / "back.db", place)
        flip_bit(stored, bit)
    assert not (tmp_path / "back.db").exists()
    assert not list(tmp_path.glob(".back.db*"))
    flip_bit(stored, 777)
    report = drill(DrillRequest(repository=place))
    assert (report.status, report.exit_status) == ("fail", 8)


def test_a_damaged_source_makes_no_backup_and_the_last_one_stays(app: Path, place: RepositoryRequest) -> None:
    made = back_up(app, place)
    with sqlite3.connect(app) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page_size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    content = bytearray(app.read_bytes())
    content[page_size * 3 : page_size * 4] = b"\xff" * page_size
    app.write_bytes(content)
    with pytest.raises(HowdahError):
        back_up(app, place)
    assert drill(DrillRequest(repository=place)).backup == made.backup


@pytest.mark.parametrize("form", ["file:{}", "file:{}?mode=ro", "sqlite:///{}"])
def test_a_file_may_be_named_as_applications_name_it(app: Path, place: RepositoryRequest, form: str) -> None:
    report = backup(
        BackupRequest(repository=place, target=TargetRequest(target=form.format(app)), drill="never")
    )
    assert (report.name, report.rows, report.source) == ("app", 500, str(app))


def test_what_is_neither_file_nor_server_is_said(place: RepositoryRequest, tmp_path: Path) -> None:
    with pytest.raises(HowdahError, match="neither a file nor a connection"):
        back_up(tmp_path / "typo.db", place)


def test_migrate_keeps_its_snapshot_proven_before_it_writes(
    app: Path, place: RepositoryRequest, database: str, tmp_path: Path
) -> None:
    lines: list[str] = []
    migrate(
        MigrateRequest(
            source=str(app),
            target=TargetRequest(target=database, announce=lines.append),
            keep_snapshot=place.location,
        )
    )
    assert any(line.startswith("snapshot kept: ") for line in lines)
    assert ask(database, "SELECT count(*) FROM item") == [(500,)]
    restore_to(tmp_path / "back.db", place)
    assert rows(tmp_path / "back.db") == rows(app)


def test_the_snapshot_that_is_kept_has_the_rows_that_a_policy_leaves_out(
    place: RepositoryRequest, database: str, tmp_path: Path
) -> None:
    source = make_database(
        tmp_path / "family.db",
        "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE item (id INTEGER PRIMARY KEY, p REFERENCES p);"
        "INSERT INTO p VALUES (1); INSERT INTO item VALUES (1, 1), (2, 99)",
    )
    migrate(
        MigrateRequest(
            source=str(source),
            target=TargetRequest(target=database),
            options=PlanOptions(policies=("orphans=delete",)),
            keep_snapshot=place.location,
        )
    )
    assert ask(database, "SELECT id FROM item") == [(1,)]
    restore_to(tmp_path / "back.db", place)
    assert rows(tmp_path / "back.db") == rows(source)


def test_a_snapshot_that_cannot_be_kept_stops_the_migration_before_it_writes(
    app: Path, database: str, tmp_path: Path
) -> None:
    (tmp_path / "no-directory").write_text("")
    with pytest.raises(HowdahError):
        migrate(
            MigrateRequest(
                source=str(app),
                target=TargetRequest(target=database),
                keep_snapshot=str(tmp_path / "no-directory"),
            )
        )
    assert ask(database, "SELECT to_regclass('item'), to_regnamespace('howdah')") == [(None, None)]
