"""
A snapshot that statements are tried on: they see each other's changes, and not a byte of the file changes.

SQLite opens it through a file layer of ours that reads and refuses to write; what a statement changes stays
in its page cache, within one transaction that is never committed. The clock of this layer stands still, so
that the present moment is the same as on the other side. Only functions of a list are called, and only
tables are read and written.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import apsw

from howdah.model.source import SourceCatalog, fold_name
from howdah.names import quote_sqlite
from howdah.sqlite.answers import (
    READING_ACTIONS,
    NotAnsweredError,
    delete_rows,
    is_callable,
    limited,
)
from howdah.sqlite.connect import apply_safety, register_stand_in

_WRITING_ACTIONS = frozenset({apsw.SQLITE_INSERT, apsw.SQLITE_UPDATE, apsw.SQLITE_DELETE})
_ALLOWED_ACTIONS = READING_ACTIONS | _WRITING_ACTIONS | {apsw.SQLITE_SAVEPOINT}
_SYSTEM_TABLES = ("sqlite_schema", "sqlite_master", "sqlite_temp_schema", "sqlite_temp_master")
_UNIX_EPOCH_DAY = 2440587.5
_SECONDS_PER_DAY = 86400

#: Table → number of times that a row of these values came (positive) or went (negative).
Changes = Mapping[str, Counter[tuple[Any, ...]]]


class StatementRefusedError(Exception):
    """SQLite did not carry a statement out; `by_trigger` where RAISE() said so. Never leaves the load."""

    def __init__(self, message: str, *, by_trigger: bool, by_constraint: bool) -> None:
        super().__init__(message)
        self.by_trigger = by_trigger
        self.by_constraint = by_constraint


class _ReadingFile(apsw.VFSFile):
    """Says that it can be written to, and cannot."""

    def __init__(self, name: Any, flags: list[int]) -> None:
        asked = flags[0]
        reading = asked & ~(apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE) | apsw.SQLITE_OPEN_READONLY
        super().__init__("", name, [reading, 0])
        flags[1] = asked

    def xLock(self, level: int) -> None:  # noqa: N802
        """Nobody else has the file."""

    def xUnlock(self, level: int) -> None:  # noqa: N802
        """Nobody else has the file."""

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        """Nobody else has the file."""
        return False

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802
        """Refuse."""
        raise apsw.IOError("the snapshot is not written to")

    def xTruncate(self, size: int) -> None:  # noqa: N802
        """Refuse."""
        raise apsw.IOError("the snapshot is not written to")


class _ReadingLayer(apsw.VFS):
    """Opens databases for reading, and has a clock that stands still."""

    def __init__(self, name: str, now: float) -> None:
        self._day = _UNIX_EPOCH_DAY + now / _SECONDS_PER_DAY
        self._milliseconds = int((_UNIX_EPOCH_DAY * _SECONDS_PER_DAY + now) * 1000)
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        """Open the database so that it cannot be written to, and whatever else as usual."""
        if flags[0] & apsw.SQLITE_OPEN_MAIN_DB:
            return _ReadingFile(name, flags)
        return super().xOpen(name, flags)

    def xCurrentTime(self) -> float:  # noqa: N802
        """Return the moment that it stands at, as a Julian day."""
        return self._day

    def xCurrentTimeInt64(self) -> int:  # noqa: N802
        """Return the moment that it stands at, in milliseconds of the Julian day."""
        return self._milliseconds


class Rehearsal:
    """One snapshot within one transaction; see `open_rehearsal`."""

    def __init__(
        self,
        connection: apsw.Connection,
        catalog: SourceCatalog,
        quarantined: Mapping[str, Collection[str]],
        seconds: float,
    ) -> None:
        self._connection = connection
        self._quarantined = quarantined
        self._catalog = catalog
        self._seconds = seconds
        self._triggers: dict[str, str] = {}
        self._noted: list[tuple[str, int, tuple[Any, ...]]] = []
        #: A table whose changes cannot be seen, "" as long as there is none.
        self._unseen = ""
        self._begin()

    def _begin(self) -> None:
        """Begin again: without rows in quarantine, and with the triggers that are tried and no others."""
        connection = self._connection
        connection.authorizer = None
        # What goes here is nobody's change, and may hold what cannot be read.
        connection.preupdate_hook(None)
        connection.execute("BEGIN IMMEDIATE")
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
        delete_rows(connection, self._catalog, self._quarantined)
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 1)
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for (name,) in names:
            connection.execute(f"DROP TRIGGER {quote_sqlite(str(name))}")
        for statement in self._triggers.values():
            connection.execute(statement)
        connection.preupdate_hook(self._note)
        connection.authorizer = _authorize

    def add_trigger(self, name: str, statement: str) -> None:
        """Let a trigger of the file act. Raises NotAnsweredError where SQLite does not take it."""
        self._change_schema(statement)
        self._triggers[name] = statement

    def remove_trigger(self, name: str) -> None:
        """Let it act no longer."""
        del self._triggers[name]
        self._change_schema(f"DROP TRIGGER {quote_sqlite(name)}")

    def _change_schema(self, statement: str) -> None:
        self._connection.authorizer = None
        try:
            self._connection.execute(statement)
        except apsw.Error as error:
            raise NotAnsweredError(f"SQLite says: {error}") from error
        finally:
            self._connection.authorizer = _authorize

    @contextmanager
    def without_trigger(self, name: str) -> Iterator[None]:
        """Be without a trigger for the block."""
        statement = self._triggers[name]
        self.remove_trigger(name)
        try:
            yield
        finally:
            self.add_trigger(name, statement)

    def ask(self, query: str, bindings: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query. Raises NotAnsweredError."""
        try:
            with limited(self._connection, self._seconds):
                return list(self._connection.execute(query, tuple(bindings)))
        except (apsw.Error, UnicodeDecodeError) as error:
            raise NotAnsweredError(f"SQLite says: {error}") from error

    def attempt(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> Changes:
        """
        Carry statements out, take them back, and return what they changed in all.

        Raises StatementRefusedError where SQLite refuses one, NotAnsweredError where it cannot tell.
        """
        self._noted.clear()
        self._unseen = ""
        try:
            self._connection.execute("SAVEPOINT attempt")
            with limited(self._connection, self._seconds):
                for statement, bindings in statements:
                    self._connection.execute(statement, tuple(bindings)).fetchall()
            if self._unseen:
                raise NotAnsweredError(f'what changes in "{self._unseen}" cannot be seen')
            return _add_up(self._noted)
        except apsw.InterruptError as error:
            raise NotAnsweredError(f"SQLite took longer than {self._seconds:.0f} s") from error
        except (apsw.ConstraintError, apsw.MismatchError, apsw.TooBigError, apsw.SQLError) as error:
            raise StatementRefusedError(
                str(error).removeprefix("ConstraintError: "),
                by_trigger=getattr(error, "extendedresult", 0) == apsw.SQLITE_CONSTRAINT_TRIGGER,
                by_constraint=isinstance(error, apsw.ConstraintError),
            ) from error
        except (apsw.Error, UnicodeDecodeError) as error:
            raise NotAnsweredError(f"SQLite says: {error}") from error
        finally:
            self._take_back()

    def _take_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK TO attempt")
            self._connection.execute("RELEASE attempt")
        else:
            # RAISE(ROLLBACK) and INSERT OR ROLLBACK end the transaction.
            self._begin()

    def _note(self, update: apsw.PreUpdate) -> None:
        if update.database_name != "main":
            return
        try:
            rows = ((-1, update.old), (1, update.new))
        except apsw.RangeError:
            # The hook counts no column that is computed when it is read, and fails at the last ones.
            self._unseen = update.table_name
            return
        self._noted += [(update.table_name, sign, row) for sign, row in rows if row is not None]


def _add_up(noted: Sequence[tuple[str, int, tuple[Any, ...]]]) -> dict[str, Counter[tuple[Any, ...]]]:
    # 1, 1.0 and True are one key of a dictionary: the class of each value goes into it.
    changes: dict[str, Counter[tuple[Any, ...]]] = {}
    for table, sign, row in noted:
        changes.setdefault(table, Counter())[tuple((type(value).__name__, value) for value in row)] += sign
    return {table: Counter({row: n for row, n in rows.items() if n}) for table, rows in changes.items()}


@contextmanager
def open_rehearsal(
    snapshot_path: str,
    catalog: SourceCatalog,
    quarantined: Mapping[str, Collection[str]],
    *,
    now: float,
    seconds: float,
    foreign_keys: bool,
) -> Iterator[Rehearsal]:
    """
    Open the snapshot to try statements on, without the rows that are in quarantine.

    `now` is what SQLite takes for the present, in seconds since 1970; `seconds` bound each
    attempt. Raises NotAnsweredError where it cannot be opened so.
    """
    name = f"howdah-{uuid.uuid4()}"
    layer = _ReadingLayer(name, now)
    try:
        connection = apsw.Connection(snapshot_path, flags=apsw.SQLITE_OPEN_READWRITE, vfs=name)
        try:
            apply_safety(connection)
            connection.collation_needed(register_stand_in)
            # Changed pages stay in memory: the layer would refuse them.
            for pragma in ("journal_mode = MEMORY", "temp_store = MEMORY", "cache_spill = OFF"):
                connection.execute(f"PRAGMA {pragma}").fetchall()
            connection.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}").fetchall()
            yield Rehearsal(connection, catalog, quarantined, seconds)
        finally:
            connection.preupdate_hook(None)
            connection.close()
    except apsw.Error as error:
        raise NotAnsweredError(f"SQLite says: {error}") from error
    finally:
        layer.unregister()


def _authorize(
    action: int, first: str | None, second: str | None, database: str | None, source: str | None
) -> int:
    if action not in _ALLOWED_ACTIONS or not is_callable(action, second):
        return apsw.SQLITE_DENY
    if action in _WRITING_ACTIONS and fold_name(first or "") in _SYSTEM_TABLES:
        return apsw.SQLITE_DENY
    return apsw.SQLITE_OK
