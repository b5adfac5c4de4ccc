"""What people and settings call a SQLite file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from howdah.errors import UsageError
from howdah.sqlite.location import side_files, source_path


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("app.db", "app.db"),
        ("./data/app.db", "./data/app.db"),
        ("file:./dev.db", "./dev.db"),
        ("file:dev.db?connection_limit=1&socket_timeout=5", "dev.db"),
        ("file:/srv/app.db", "/srv/app.db"),
        ("file:///srv/a%20b.db?mode=ro", "/srv/a b.db"),
        ("file://localhost/srv/app.db", "/srv/app.db"),
        ("sqlite:///instance/app.db", "instance/app.db"),
        ("sqlite:////srv/app.db", "/srv/app.db"),
        ("sqlite+aiosqlite:///app.db", "app.db"),
        ("sqlite://todos.db", "todos.db"),
        ("sqlite:todos.db?mode=rwc", "todos.db"),
        ("sqlite3:db/development.sqlite3", "db/development.sqlite3"),
        ("jdbc:sqlite:/srv/app.db", "/srv/app.db"),
        ("SQLITE:///app.db", "app.db"),
        ("sqlitefile.db", "sqlitefile.db"),
    ],
)
def test_urls_and_uris_name_files(source: str, path: str) -> None:
    assert source_path(source) == path


def test_a_file_with_the_very_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file:odd.db?x").write_bytes(b"")
    assert source_path("file:odd.db?x") == "file:odd.db?x"


def test_three_slashes_are_absolute_where_only_that_file_exists(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    path.write_bytes(b"")
    assert source_path(f"sqlite://{path}") == os.fspath(path)


@pytest.mark.parametrize(
    "source", ["", ":memory:", "sqlite://", "sqlite:///:memory:", "file::memory:", "a\0b"]
)
def test_what_names_no_file_is_refused(source: str) -> None:
    with pytest.raises(UsageError) as caught:
        source_path(source)
    assert caught.value.code == "S-001"


@pytest.mark.parametrize(
    "source", ["postgresql://u:secret@h/db", "mysql://u:secret@h/db", "file://host/app.db"]
)
def test_urls_of_other_databases_are_refused_without_their_password(source: str) -> None:
    with pytest.raises(UsageError) as caught:
        source_path(source)
    assert "secret" not in str(caught.value)


def test_side_files_stand_beside_the_file_that_a_link_points_to(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "app.db").write_bytes(b"")
    (tmp_path / "link.db").symlink_to(tmp_path / "data" / "app.db")
    assert side_files(os.fspath(tmp_path / "link.db")).wal == os.fspath(tmp_path / "data" / "app.db-wal")
