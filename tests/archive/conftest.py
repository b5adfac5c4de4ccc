"""A database worth backing up, one backup of it to damage, and a state directory for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from howdah.ops.backup import BackupRequest, backup
from howdah.ops.repositories import RepositoryRequest
from howdah.ops.target import TargetRequest
from support.archives import SAMPLE_SQL, Kept
from support.databases import create_database


@pytest.fixture(autouse=True)
def howdah_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory for this test alone, and nothing of a repository in the environment."""
    home = tmp_path_factory.mktemp("howdah-home")
    monkeypatch.setenv("HOWDAH_HOME", str(home))
    for name in ("HOWDAH_BACKUP_KEY", "HOWDAH_REPO"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture
def sample(database: str) -> str:
    """A database with every kind of object that a backup must carry: its conninfo."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(SAMPLE_SQL)
    return database


@pytest.fixture(scope="session")
def pristine(server: Any, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """One backup, made once; tests get copies of it."""
    path = tmp_path_factory.mktemp("pristine") / "repository"
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        create_database(admin, "pristine")
    with psycopg.connect(server.dsn("pristine"), autocommit=True) as connection:
        connection.execute(SAMPLE_SQL)
    report = backup(
        BackupRequest(
            repository=RepositoryRequest(location=str(path), name="sample"),
            target=TargetRequest(target=server.dsn("pristine")),
            drill="never",
        )
    )
    return Kept(path=path, id=report.backup)


@pytest.fixture
def kept(pristine: Kept, tmp_path: Path) -> Kept:
    """A copy of that repository, to be damaged."""
    path = tmp_path / "repository"
    shutil.copytree(pristine.path, path)
    return Kept(path=path, id=pristine.id)


@pytest.fixture
def new_database(server: Any) -> Iterator[str]:
    """The conninfo of a database that does not exist, dropped afterwards with all that came beside it."""
    name = "restored_here"
    yield server.dsn(name)
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        for (found,) in admin.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE 'restored_here%'"
        ).fetchall():
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(found)))
