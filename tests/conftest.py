"""
A real PostgreSQL for every test that wants one.

`server` is an embedded server of this test process (each xdist worker has its own), `database`
a fresh database in it, `any_server_major` one server for each major whose programs are at hand.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

from howdah.postgres.binaries import ServerBinaries, list_server_binaries
from howdah.postgres.embedded import EmbeddedServer, start_embedded
from support.databases import new_database

# Two cores shared with a server: how long an example takes says nothing.
hypothesis.settings.register_profile("howdah", deadline=None)
hypothesis.settings.load_profile("howdah")


@dataclass(frozen=True)
class TestServer:
    """A running server of the test session."""

    __test__ = False

    embedded: EmbeddedServer
    bindir: Path

    def dsn(self, dbname: str = "postgres") -> str:
        """Return a libpq conninfo string, with password."""
        return self.embedded.conninfo(dbname)


def _newest_of_each_major() -> dict[int, ServerBinaries]:
    found: dict[int, ServerBinaries] = {}
    for binaries in list_server_binaries():
        found.setdefault(binaries.major, binaries)
    return found


def _run_server(binaries: ServerBinaries) -> Iterator[TestServer]:
    # Not below pytest's own temporary directory: its path is too long for a socket.
    with tempfile.TemporaryDirectory(prefix="howdah-test-", ignore_cleanup_errors=True) as directory:
        embedded = start_embedded(
            Path(directory) / "pg",
            bindir=binaries.bindir,
            durable=False,
            settings={"shared_buffers": "64MB", "max_connections": "100"},
            end_with_parent=True,
        )
        try:
            yield TestServer(embedded=embedded, bindir=binaries.bindir)
        finally:
            embedded.stop(mode="immediate")


@pytest.fixture(scope="session")
def server_bindir() -> Path:
    """The programs of the server that most tests run on."""
    return list_server_binaries()[0].bindir


@pytest.fixture(scope="session")
def server() -> Iterator[TestServer]:
    """One embedded server for this test process."""
    yield from _run_server(list_server_binaries()[0])


@pytest.fixture
def database(server: TestServer) -> Iterator[str]:
    """A fresh, empty database: its conninfo, for the superuser."""
    with new_database(server.dsn(), "test") as conninfo:
        yield conninfo


@pytest.fixture(scope="module")
def module_database(server: TestServer) -> Iterator[str]:
    """A database that the tests of a module share."""
    with new_database(server.dsn(), "test") as conninfo:
        yield conninfo


@pytest.fixture(scope="session", params=sorted(_newest_of_each_major()), ids=lambda major: f"pg{major}")
def any_server_major(request: pytest.FixtureRequest) -> Iterator[TestServer]:
    """A server of each major at hand, one after the other."""
    yield from _run_server(_newest_of_each_major()[request.param])


@pytest.fixture
def any_server_database(any_server_major: TestServer) -> Iterator[str]:
    """A fresh database on a server of each major at hand."""
    with new_database(any_server_major.dsn(), "test") as conninfo:
        yield conninfo
