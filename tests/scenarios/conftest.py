"""Scenarios that can share a file share one migration, made when the first of them asks."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import psycopg
import pytest

from support.databases import create_database, drop_database
from support.scenario import Carry, Outcome, Scenario, run_migration


class Server(Protocol):
    """What `tests/conftest.py` calls a server."""

    def dsn(self, dbname: str = ...) -> str: ...


@pytest.fixture(scope="module")
def carry(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Carry]:
    """Carry the file of a scenario over, once for all that share it."""
    outcomes: dict[tuple[Any, ...], Outcome] = {}
    numbers = itertools.count(1)
    databases: list[str] = []

    def run(theme: Sequence[Scenario], scenario: Scenario) -> Outcome:
        if scenario.file_key not in outcomes:
            name = f"scenarios_{next(numbers)}"
            databases.append(name)
            create_database(admin, name)
            together = [other for other in theme if other.file_key == scenario.file_key]
            outcomes[scenario.file_key] = run_migration(
                tmp_path_factory.mktemp("scenarios"), server.dsn(name), together
            )
        return outcomes[scenario.file_key]

    with pytest.MonkeyPatch.context() as patch, psycopg.connect(server.dsn(), autocommit=True) as admin:
        patch.setenv("HOWDAH_HOME", str(tmp_path_factory.mktemp("howdah-home")))
        yield run
        for name in databases:
            drop_database(admin, name)


@pytest.fixture
def howdah_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state directory for this test alone."""
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path_factory.mktemp("howdah-home")))
