"""Many migrations in one test: each gets a database and a directory of its own."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import psycopg
import pytest

from howdah.ops.quarantine import list_rows
from support.crossing import assert_everything_arrived
from support.databases import create_database, drop_database
from support.random_databases import RandomDatabase
from support.runs import migrate_file, target_request


class Server(Protocol):
    """What `tests/conftest.py` calls a server."""

    def dsn(self, dbname: str = ...) -> str: ...


#: Builds the file, carries it over and checks that everything arrived.
Cross = Callable[[RandomDatabase], None]

_numbers = itertools.count(1)


@pytest.fixture
def cross(server: Server, monkeypatch: pytest.MonkeyPatch, howdah_home: Path) -> Cross:
    """Carry a database over and say what did not arrive."""

    def run(database: RandomDatabase) -> None:
        name = f"property_{next(_numbers)}"
        with (
            closing(psycopg.connect(server.dsn(), autocommit=True)) as admin,
            TemporaryDirectory(prefix="howdah-property-") as directory,
        ):
            create_database(admin, name)
            try:
                source = database.build(Path(directory) / "random.db")
                report = migrate_file(source, server.dsn(name))
                quarantined = list_rows(target_request(server.dsn(name))).rows
                assert_everything_arrived(source, server.dsn(name), report, quarantined)
            finally:
                shutil.rmtree(howdah_home / "runs", ignore_errors=True)
                drop_database(admin, name)

    return run


@pytest.fixture
def howdah_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory for this test alone."""
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "howdah-home"))
    return tmp_path / "howdah-home"
