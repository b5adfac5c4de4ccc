"""Sessions that are opened before the pause of a live migration begins: opening one costs a part of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from howdah.postgres.arrow_reader import ArrowReader
from howdah.postgres.connect import Connection, connect

_NAME = "howdah live"


class LiveSessions:
    """Give the sessions that were opened ahead, or open them when they are asked for."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._exporting: Connection | None = None
        self._readers: list[ArrowReader] = []

    def open_ahead(self, *, readers: int) -> None:
        """Open one session to export a snapshot from, and so many to read with."""
        self._exporting = self._connect()
        self._readers = [ArrowReader(self._conninfo, application_name=_NAME) for _ in range(readers)]

    def take_reader(self) -> ArrowReader:
        """Return a reader that has not asked anything yet; the caller closes it."""
        if self._readers:
            return self._readers.pop()
        return ArrowReader(self._conninfo, application_name=_NAME)

    @contextmanager
    def exporting_session(self) -> Iterator[Connection]:
        """Give the session that was opened ahead, or one for the block."""
        if self._exporting is not None:
            yield self._exporting
            return
        with self._connect() as session:
            yield session

    def export(self) -> tuple[Connection, str]:
        """Begin a snapshot that lasts until `close`; return the session that holds it and its name."""
        if self._exporting is None:
            self._exporting = self._connect()
        self._exporting.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        row = self._exporting.execute("SELECT pg_catalog.pg_export_snapshot()").fetchone()
        assert row is not None
        return self._exporting, str(row[0])

    def close(self) -> None:
        """Let go of all of them."""
        for reader in self._readers:
            reader.close()
        self._readers = []
        if self._exporting is not None:
            self._exporting.close()
            self._exporting = None

    def _connect(self) -> Connection:
        return connect(self._conninfo, application_name=_NAME, autocommit=True)
