"""
The user's own file while its application writes to it: journal, fence, and short looks at rows.

One APSW connection; no other library and no plain open() may touch the file in this process.
Every transaction here is short, and every statement that writes is one that a person agreed to.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import apsw

from howdah.errors import EnvironmentFailedError, RefusedError
from howdah.model.limits import BATCH_BYTES
from howdah.model.source import SourceCatalog, Table
from howdah.names import quote_sqlite
from howdah.sqlite.batches import SourceBatch
from howdah.sqlite.catalog import OUR_PREFIX, is_ours, read_catalog
from howdah.sqlite.catalog_queries import SEQUENCES
from howdah.sqlite.connect import Connection, open_for_writing, register_stand_in
from howdah.sqlite.failures import check_file, explain_failure
from howdah.sqlite.location import source_path
from howdah.sqlite.python_columns import batch_of
from howdah.sqlite.row_chunks import read_encoding
from howdah.sqlite.row_select import RowSelect, bindings_of, matching

#: Seconds to wait for a writer of the application, which holds up what nothing else can do.
_BUSY_TIMEOUT = 10.0
_ROWS_AT_ONCE = 4_096

#: Exact values of a noted key.
NotedKey = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class JournalState:
    """The row of _howdah_state."""

    epoch: str
    armed: bool
    #: Entries up to this one have been applied and may be gone.
    base: int
    fenced: bool
    #: Number of the last batch that came home from PostgreSQL.
    home: int
    #: Number of the newest entry that lies there, 0 where there is none.
    newest: int


@dataclass(frozen=True, kw_only=True)
class Noted:
    """What the journal holds beyond a watermark, at one moment."""

    #: The largest entry, or the watermark where there is none beyond it.
    upto: int
    #: Table number → distinct keys.
    keys: Mapping[int, tuple[NotedKey, ...]]
    #: Table number → times that a table without a key was written to.
    touched: Mapping[int, int]
    #: Numbers of tables of which some noted key is text that is not Unicode: their keys are not here.
    unreadable: frozenset[int] = frozenset()
    #: Entries, repeated keys included.
    entries: int = 0


class LiveFile:
    """A context manager; serves one thread at a time."""

    def __init__(self, source: str) -> None:
        """Raises what `open_source` raises, for a file that cannot be opened for writing."""
        self.path = source_path(source)
        check_file(self.path)
        self._connection = open_for_writing(self.path, busy_timeout=_BUSY_TIMEOUT)
        # Only tables of ours are written to, which know no collation of the application.
        self._connection.collation_needed(register_stand_in)
        self._inode = _inode(self.path)
        self._held = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._connection.close()

    @property
    def connection(self) -> Connection:
        """For reading within `looking()`."""
        return self._connection

    @property
    def replaced(self) -> bool:
        """Whether another file has taken the place of the one that was opened. Raises where there is none."""
        return _inode(self.path) != self._inode

    def require_same_file(self) -> None:
        """Raise RefusedError (L-110) where another file has taken the place of the one that was opened."""
        if self.replaced:
            raise RefusedError(
                "L-110",
                f'file "{self.path}" was replaced by another one',
                detail="What was written to the new file is not in the journal of the old one.",
                hint='Begin anew: "howdah follow --stop", "howdah rollback", "howdah follow".',
            )

    @contextmanager
    def looking(self) -> Iterator[None]:
        """One consistent look. Raises HowdahError where the file is locked or cannot be read."""
        with self._transaction("BEGIN"):
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction that writes. Raises HowdahError where the file stays locked or the disk is full."""
        with self._transaction("BEGIN IMMEDIATE"):
            yield

    def hold(self) -> None:
        """
        Keep every writer waiting, and change nothing, until `let_go` or the end of this process.

        Raises HowdahError where somebody else writes for longer than the busy timeout.
        """
        try:
            if not self._connection.readonly("main"):
                self._connection.execute("BEGIN IMMEDIATE")
        except apsw.Error as error:
            raise explain_failure(error, self.path) from error
        self._held = True

    def let_go(self) -> None:
        """Let others write again."""
        self._undo()
        self._held = False

    @property
    def held(self) -> bool:
        """Whether writers are kept waiting."""
        return self._held

    def data_version(self) -> int:
        """Return a number that changes whenever somebody else has written to the file."""
        return int(self._connection.pragma("data_version"))

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        within = self._held and self._connection.in_transaction
        try:
            if not within:
                self._connection.execute(begin)
            yield
            if not within:
                self._connection.execute("COMMIT")
        except apsw.Error as error:
            if not within:
                self._undo()
            raise explain_failure(error, self.path) from error
        except BaseException:
            if not within:
                self._undo()
            raise

    def _undo(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def execute_all(self, statements: Iterable[str]) -> None:
        """Run statements within `writing()`."""
        for statement in statements:
            self._connection.execute(statement).fetchall()

    def read_catalog(self) -> SourceCatalog:
        """Return what the application declares, ours left out."""
        return read_catalog(self._connection, self.path)

    def leave_wal_mode(self) -> None:
        """Bring everything into the one file. Raises HowdahError where somebody else has it open."""
        try:
            self._connection.execute("PRAGMA journal_mode = DELETE").fetchall()
        except apsw.Error as error:
            raise explain_failure(error, self.path) from error

    def schema_version(self) -> int:
        """Return the schema cookie, which every DDL statement changes."""
        return int(self._connection.pragma("schema_version"))

    def our_objects(self) -> dict[str, tuple[str, str]]:
        """Return what is ours in the file: name → (type, CREATE statement)."""
        rows = self._rows(
            "SELECT name, type, sql FROM sqlite_schema WHERE name LIKE ? ESCAPE '!'",
            (OUR_PREFIX.replace("_", "!_") + "%",),
        )
        return {name: (kind, sql or "") for name, kind, sql in rows if is_ours(name)}

    def remove_our_objects(self) -> None:
        """Drop everything of ours, in one transaction; without anything of ours the file is only read."""
        with self.looking():
            if not self.our_objects():
                return
        with self.writing():
            objects = self.our_objects()
            for wanted in ("trigger", "table"):
                self.execute_all(
                    f"DROP {wanted.upper()} {name}" for name, (kind, _) in objects.items() if kind == wanted
                )

    def journal_state(self) -> JournalState | None:
        """Return the state of the journal, None where there is none in the file."""
        if "_howdah_state" not in self.our_objects():
            return None
        epoch, armed, base, fenced, home, newest = self._rows(
            "SELECT epoch, armed, base, fenced, home, (SELECT max(seq) FROM _howdah_journal)"
            " FROM _howdah_state"
        )[0]
        return JournalState(
            epoch=epoch,
            armed=bool(armed),
            base=base,
            fenced=bool(fenced),
            home=home,
            newest=newest or 0,
        )

    def journaled_tables(self) -> dict[str, int]:
        """Return the numbers that tables have in the journal, {} where there is none."""
        if "_howdah_tables" not in self.our_objects():
            return {}
        return dict(self._rows("SELECT name, tbl FROM _howdah_tables"))

    def read_noted(self, after: int, widths: Mapping[int, int]) -> Noted:
        """Return what was noted beyond `after`; `widths` gives how many columns each table's key has."""
        upto, entries = self._rows("SELECT max(seq), count(*) FROM _howdah_journal WHERE seq > ?", (after,))[
            0
        ]
        keys: dict[int, tuple[NotedKey, ...]] = {}
        unreadable: set[int] = set()
        if entries:
            for number, width in widths.items():
                if not width:
                    continue
                names = [f"k{place}" for place in range(1, width + 1)]
                # 1 and 1.0 are equal, and two keys.
                columns = ", ".join([*names, *(f"typeof({name})" for name in names)])
                try:
                    found = self._rows(
                        f"SELECT DISTINCT {columns} FROM _howdah_journal WHERE seq > ? AND tbl = ?",
                        (after, number),
                    )
                except UnicodeDecodeError:
                    unreadable.add(number)
                    continue
                if found:
                    keys[number] = tuple(row[:width] for row in found)
        touched = dict(self._rows("SELECT tbl, touched FROM _howdah_tables WHERE touched > 0"))
        return Noted(
            upto=after if upto is None else upto,
            keys=keys,
            touched=touched,
            unreadable=frozenset(unreadable),
            entries=entries,
        )

    def count_entries(self, after: int) -> int:
        """Return how many entries wait."""
        return int(self._rows("SELECT count(*) FROM _howdah_journal WHERE seq > ?", (after,))[0][0])

    def forget_upto(self, seq: int) -> None:
        """Delete entries that are applied, within `writing()`; the last one stays, so that numbers go on."""
        self._connection.execute("DELETE FROM _howdah_journal WHERE seq < ?", (seq,))
        self._connection.execute("UPDATE _howdah_state SET base = ?", (seq,))

    def read_sequences(self) -> dict[str, int]:
        """Return sqlite_sequence by table name."""
        if not self._rows("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'"):
            return {}
        return dict(self._rows(SEQUENCES))

    def largest(self, table: str, column: str) -> int | None:
        """Return the largest integer of a column, None where there is none."""
        value = self._rows(f"SELECT max({quote_sqlite(column)}) FROM {quote_sqlite(table)}")[0][0]
        return value if isinstance(value, int) else None

    def has_more_rows(self, table: str, limit: int) -> bool:
        """Tell whether a table has more than `limit` rows; not more than those are read."""
        counted = self._rows(
            f"SELECT count(*) FROM (SELECT 1 FROM {quote_sqlite(table)} LIMIT ?)", (limit + 1,)
        )
        return int(counted[0][0]) > limit

    def _rows(self, query: str, bindings: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self._connection.execute(query, tuple(bindings)).fetchall()
        return rows


def fetch_present(
    connection: Connection, table: Table, columns: Sequence[str], key: Sequence[str], keys: Iterable[NotedKey]
) -> Iterator[SourceBatch]:
    """
    Yield the rows that have those keys now, in batches of a few megabytes; keys that are gone give nothing.

    Values come whole, however long they are.
    """
    select = _select(connection, table, columns)
    # A key of 1 does not find the row of 1.0, which has a key of its own.
    same_class = "".join(f" AND typeof({quote_sqlite(name)}) = typeof(?)" for name in key)
    statement = select.sql(matching(table, key) + same_class, by_index=True)
    yield from _batches(
        select,
        columns,
        (row for values in keys for row in connection.execute(statement, (*bindings_of(values), *values))),
    )


def fetch_all(connection: Connection, table: Table, columns: Sequence[str]) -> Iterator[SourceBatch]:
    """Yield all rows of a table, values whole, in batches of a few megabytes."""
    select = _select(connection, table, columns)
    yield from _batches(select, columns, iter(connection.execute(select.sql())))


def _select(connection: Connection, table: Table, columns: Sequence[str]) -> RowSelect:
    return RowSelect(
        table_name=table.name,
        rowid_name=table.rowid_name,
        columns=tuple(columns),
        encoding=read_encoding(connection),
        as_bytes=True,
    )


def _batches(
    select: RowSelect, columns: Sequence[str], rows: Iterator[tuple[Any, ...]]
) -> Iterator[SourceBatch]:
    taken: list[tuple[Any, ...]] = []
    size = 0
    for row in rows:
        taken.append(row)
        size += sum(len(value) if isinstance(value, (str, bytes)) else 8 for value in row)
        if size >= BATCH_BYTES or len(taken) >= _ROWS_AT_ONCE:
            yield batch_of(select.split(taken), columns)
            taken, size = [], 0
    if taken:
        yield batch_of(select.split(taken), columns)


def _inode(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError as error:
        raise EnvironmentFailedError("L-111", f'file "{path}" is gone', detail=str(error.strerror)) from error
    return status.st_dev, status.st_ino
