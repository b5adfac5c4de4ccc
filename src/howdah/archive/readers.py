"""
Read restored tables to their end while pg_restore is still at work on others: digests and statistics.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Collection, Iterable

import psycopg

from howdah.archive.digests import TableName, digest_table, prepare_session
from howdah.archive.statistics import analyze_tables
from howdah.errors import BugError, HowdahError
from howdah.model.backup import TableContent
from howdah.postgres.connect import Connection, connect
from howdah.postgres.errors import translate_error


class TableReaders:
    """Threads that read tables as these become ready, each on a connection of its own."""

    def __init__(
        self,
        conninfo: str,
        expected: Iterable[TableContent],
        *,
        readers: int,
        analyze: Collection[TableName],
    ) -> None:
        self._analyze = analyze
        self._analyzed: set[TableName] = set()
        self._expected = {(table.schema, table.name): table.digest for table in expected}
        self._queue: queue.SimpleQueue[TableName | None] = queue.SimpleQueue()
        self._known: set[TableName] = set()
        self._contents: list[TableContent] = []
        self._failures: list[BaseException] = []
        self._connections: list[Connection] = []
        self._threads = [
            threading.Thread(
                target=self._read, args=(conninfo,), name=f"howdah-digests-{number}", daemon=True
            )
            for number in range(readers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def analyzed(self) -> frozenset[TableName]:
        """The tables whose statistics were gathered, once `finish` has returned."""
        return frozenset(self._analyzed)

    def add(self, table: TableName) -> None:
        """Have a table read, once."""
        if table not in self._known:
            self._known.add(table)
            self._queue.put(table)

    def finish(self) -> tuple[TableContent, ...]:
        """Wait for all and return them. Raises what went wrong."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()
        for failure in self._failures:
            if isinstance(failure, HowdahError):
                raise failure
            if isinstance(failure, psycopg.Error):
                raise translate_error(failure, doing="reading the restored tables") from None
            raise BugError("B-901", "The tables could not be digested.", detail=str(failure)) from failure
        return tuple(sorted(self._contents, key=lambda table: (table.schema, table.name)))

    def abandon(self) -> None:
        """Stop: something else went wrong."""
        while not self._queue.empty():
            self._queue.get()
        for _ in self._threads:
            self._queue.put(None)
        for connection in list(self._connections):
            if not connection.closed:
                connection.cancel()
        for thread in self._threads:
            thread.join(timeout=10)

    def _read(self, conninfo: str) -> None:
        try:
            with connect(conninfo, application_name="howdah restore digests", autocommit=True) as connection:
                self._connections.append(connection)
                prepare_session(connection)
                # Keys are built meanwhile, under locks that are ours; and the other processors are busy.
                connection.execute(
                    "SELECT set_config('lock_timeout', '0', false),"
                    " set_config('max_parallel_workers_per_gather', '0', false)"
                )
                while (table := self._queue.get()) is not None:
                    like = self._expected.get((table.schema, table.name), "")
                    self._contents.append(digest_table(connection, table, like=like))
                    if table in self._analyze:
                        # Its pages are at hand now.
                        analyze_tables(connection, [table])
                        self._analyzed.add(table)
        except BaseException as error:
            self._failures.append(error)
