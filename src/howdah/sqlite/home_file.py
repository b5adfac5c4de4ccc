"""
Bring rows home: write them into a SQLite file so that it holds what PostgreSQL holds.

The file is a private copy, or the fenced one. Its triggers (the application's, and ours) and
foreign keys are off for this connection: what they would do has happened on PostgreSQL already.
Rows are staged in a temporary table of the same affinities, compared there, and only those
that differ are taken out and put back, all taken out before any is put back, so that unique
values may change places. In a table with a key, rowids and columns that PostgreSQL does not know stay
as they were.

SQLite writes to no table that has an index by a collation of the application's. In a private copy such
indexes are dropped where their table has to be written; the application makes them again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import apsw

from howdah.errors import RefusedError
from howdah.model.quarantine import Cell, SourceKey
from howdah.model.source import Index
from howdah.names import quote_sqlite
from howdah.sqlite.connect import open_for_writing
from howdah.sqlite.failures import explain_failure
from howdah.sqlite.home_table import Changes, HomeTable
from howdah.sqlite.row_chunks import read_encoding
from howdah.sqlite.row_select import bound

_STAGE, _GONE, _KEPT, _OLD = (f"temp._howdah_{name}" for name in ("stage", "gone", "kept", "old"))


class HomeFile:
    """One connection that writes; a context manager. Everything happens inside `transaction()`."""

    def __init__(self, path: str, *, drops_indexes: bool = False) -> None:
        """
        Open the file; `drops_indexes` where an index by a collation of the application's may go.

        Raises what `open_for_writing` raises.
        """
        self._path = path
        self._drops_indexes = drops_indexes
        #: Those that went.
        self.dropped: list[Index] = []
        self._connection = open_for_writing(path)
        self._connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
        self._connection.config(apsw.SQLITE_DBCONFIG_ENABLE_FKEY, 0)

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
    def connection(self) -> apsw.Connection:
        """For what else belongs into the same transaction."""
        return self._connection

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything in the block, or nothing. Raises HowdahError where the file is locked or full."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except apsw.Error as error:
            raise explain_failure(error, self._path) from error
        try:
            yield
            self._connection.execute("COMMIT")
        except apsw.Error as error:
            self._undo()
            raise explain_failure(error, self._path) from error
        except BaseException:
            self._undo()
            raise

    def _undo(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def begin_table(self, home: HomeTable) -> None:
        """Make room for the rows of a table; what was staged before is gone."""
        for name in (_STAGE, _GONE, _KEPT, _OLD):
            self._connection.execute(f"DROP TABLE IF EXISTS {name}")
        table = quote_sqlite(home.table.name)
        self._connection.execute(
            # As a SELECT the temporary tables take the columns' affinities, and nothing else.
            f"CREATE TEMP TABLE _howdah_stage AS SELECT {_bare(home.columns)} FROM main.{table} WHERE 0"
        )
        if home.key:
            self._connection.execute(
                f"CREATE TEMP TABLE _howdah_gone AS SELECT {_bare(home.key)} FROM main.{table} WHERE 0"
            )
            self._connection.execute(
                f"CREATE INDEX temp._howdah_stage_key ON _howdah_stage ({_list(home.key)})"
            )
        by_key = home.table.rowid_name is None and home.table.primary_key
        kept = _list(home.table.primary_key) if by_key else "rid INTEGER"
        self._connection.execute(
            f"CREATE TEMP TABLE _howdah_kept (_howdah_place INTEGER PRIMARY KEY, {kept})"
        )

    def stage_rows(self, rows: Iterable[Sequence[Any]], width: int) -> None:
        """Add rows as they are on PostgreSQL, in SQLite's terms."""
        self._add(_STAGE, rows, width)

    def stage_gone(self, keys: Iterable[Sequence[Any]], width: int) -> None:
        """Add keys of rows that PostgreSQL does not have any more."""
        self._add(_GONE, keys, width)

    def stage_kept(self, keys: Iterable[SourceKey]) -> None:
        """Name rows that never went to PostgreSQL: they stay, unless a staged row takes their place."""
        encoding = read_encoding(self._connection)
        for place, key in enumerate(keys):
            cells = key.cells if key.rowid is None else (Cell.of(key.rowid),)
            marks, values = zip(*(bound(cell, encoding) for cell in cells), strict=True)
            self._connection.execute(
                f"INSERT INTO {_KEPT} VALUES ({', '.join(['?', *marks])})", (place, *values)
            )

    def _add(self, name: str, rows: Iterable[Sequence[Any]], width: int) -> None:
        marks = ", ".join("?" * width)
        self._connection.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)

    def kept_overwritten(self, home: HomeTable) -> list[int]:
        """Return the places (as they were staged) of the rows to be kept whose key a staged row has."""
        names = (str(home.table.rowid_name),) if home.table.rowid_name else home.table.primary_key
        if not home.key or not names:
            return []
        there = ("rid",) if home.table.rowid_name else names
        same = " AND ".join(
            f"t.{quote_sqlite(name)} COLLATE BINARY = k.{quote_sqlite(other)}"
            for name, other in zip(names, there, strict=True)
        )
        found = self._connection.execute(
            f"SELECT k._howdah_place FROM {_STAGE} s"
            f" CROSS JOIN main.{quote_sqlite(home.table.name)} t ON {_match(home, 't', 's')}"
            f" JOIN {_KEPT} k ON {same} ORDER BY 1"
        )
        return [int(str(place)) for (place,) in found]

    def apply_whole(self, home: HomeTable) -> Changes:
        """Make the table hold the staged rows, and those kept; what differed is left on the stage."""
        if not home.key:
            return self._replace_all(home)
        table = quote_sqlite(home.table.name)
        self._execute(
            f"INSERT INTO {_GONE} SELECT {_list(home.key, 't')} FROM main.{table} t"
            f" WHERE {self._not_kept(home)}"
            f" AND NOT EXISTS (SELECT 1 FROM {_STAGE} s WHERE {_equal(home.key, 's', 't')})"
        )
        same = " AND ".join(_same(name) for name in home.columns)
        self._execute(
            f"DELETE FROM {_STAGE} AS s WHERE EXISTS (SELECT 1 FROM main.{table} t"
            f" WHERE {_match(home, 't', 's')} AND {same})"
        )
        return self.apply_some(home)

    def apply_some(self, home: HomeTable) -> Changes:
        """Put the staged rows in the place of those with their keys, and take the gone ones out."""
        table = quote_sqlite(home.table.name)
        staged = self._count(f"SELECT count(*) FROM {_STAGE}")
        if not staged and not self._count(f"SELECT count(*) FROM {_GONE}"):
            return Changes()
        self._make_writable(home)
        deleted = self._take_out(home, _GONE, self._not_kept(home))
        known = home.known_columns
        # By key, not by row number: a column of the table may be called rowid.
        named = ", ".join(f"s.{quote_sqlite(name)} AS n{place}" for place, name in enumerate(home.key))
        taken = "".join(f", t.{quote_sqlite(name)} AS k{place}" for place, name in enumerate(known))
        self._execute(
            f"CREATE TEMP TABLE _howdah_old AS SELECT {named}{taken}"
            f" FROM {_STAGE} s CROSS JOIN main.{table} t ON {_match(home, 't', 's')}"
        )
        names = [f"n{place}" for place in range(len(home.key))]
        self._execute(f"CREATE INDEX temp._howdah_old_key ON _howdah_old ({', '.join(names)})")
        same = " AND ".join(
            f"s.{quote_sqlite(key)} = o.{name}" for key, name in zip(home.key, names, strict=True)
        )
        if home.keeps_rowids:
            self._execute(
                f"DELETE FROM main.{table} WHERE {quote_sqlite(known[0])} IN (SELECT k0 FROM {_OLD})"
            )
            updated = self._connection.changes()
        else:
            updated = self._take_out(home, _STAGE)
        # Known rowids first: a new row takes the next number, which one of them may have.
        given = "".join(f", o.k{place}" for place in range(len(known)))
        self._execute(
            f"INSERT INTO main.{table} ({_list((*home.columns, *known))})"
            f" SELECT {_list(home.columns, 's')}{given} FROM {_OLD} o CROSS JOIN {_STAGE} s ON {same}"
        )
        self._execute(
            f"INSERT INTO main.{table} ({_list(home.columns)})"
            f" SELECT {_list(home.columns, 's')} FROM {_STAGE} s"
            f" WHERE NOT EXISTS (SELECT 1 FROM {_OLD} o WHERE {same})"
        )
        return Changes(inserted=staged - updated, updated=updated, deleted=deleted)

    def _take_out(self, home: HomeTable, name: str, condition: str = "1") -> int:
        keys = f"(SELECT {_list(home.key)} FROM {name})"
        # By the table's own index, and then exactly: a key may be unique by another collation than the
        # one that its columns compare by.
        found = f"{_row(home.key, 't')} IN {keys} AND {_row(home.key, 't', exact=True)} IN {keys}"
        self._execute(f"DELETE FROM main.{quote_sqlite(home.table.name)} AS t WHERE {found} AND {condition}")
        return self._connection.changes()

    def _replace_all(self, home: HomeTable) -> Changes:
        table = quote_sqlite(home.table.name)
        counted = ", ".join(
            f"typeof({name}), {name} COLLATE BINARY" for name in map(quote_sqlite, home.columns)
        )
        condition = self._not_kept(home)

        def groups(source: str, where: str) -> str:
            places = ", ".join(str(place) for place in range(1, 2 * len(home.columns) + 1))
            return f"SELECT {counted}, count(*) FROM {source} t WHERE {where} GROUP BY {places}"

        here, there = groups(f"main.{table}", condition), groups(_STAGE, "1")
        differ = self._count(
            f"SELECT EXISTS (SELECT * FROM ({here}) EXCEPT SELECT * FROM ({there}))"
            f" OR EXISTS (SELECT * FROM ({there}) EXCEPT SELECT * FROM ({here}))"
        )
        if not differ:
            self._execute(f"DELETE FROM {_STAGE}")
            return Changes()
        self._make_writable(home)
        self._execute(f"DELETE FROM main.{table} AS t WHERE {condition}")
        deleted = self._connection.changes()
        self._execute(
            f"INSERT INTO main.{table} ({_list(home.columns)}) SELECT {_list(home.columns)} FROM {_STAGE}"
        )
        return Changes(inserted=self._connection.changes(), deleted=deleted)

    def _make_writable(self, home: HomeTable) -> None:
        """Drop the indexes that keep the table from being written. Raises RefusedError (H-109)."""
        for index in home.by_unknown_collations:
            if index.origin != "create" or not self._drops_indexes:
                names = ", ".join(sorted({part.collation for part in index.columns} - {"BINARY"}))
                what = f'index "{index.name}"' if index.origin == "create" else "one of its keys"
                raise _not_writable(
                    f'Table "{home.table.name}"',
                    f"By {names} {what} is sorted, which only the application has.",
                )
            self._execute(f"DROP INDEX IF EXISTS main.{quote_sqlite(index.name)}")
            self.dropped.append(index)

    def staged_keys(self, home: HomeTable) -> list[tuple[Any, ...]]:
        """Return the keys of the rows that the last apply wrote."""
        rows: list[tuple[Any, ...]] = self._connection.execute(
            f"SELECT {_list(home.key)} FROM {_STAGE}"
        ).fetchall()
        return rows

    def set_sequence(self, table: str, last: int) -> None:
        """Let AUTOINCREMENT go on behind `last`, or behind what it has given out if that is more."""
        self._execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (last, table))
        if not self._connection.changes():
            self._execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, last))

    def rebuild_search_index(self, name: str) -> bool:
        """Let a full-text table read its content table again; False where only the application can."""
        quoted = quote_sqlite(name)
        try:
            self._connection.execute(f"INSERT INTO main.{quoted} ({quoted}) VALUES ('rebuild')").fetchall()
        except apsw.SQLError:
            # Its tokenizer, or a function that it calls, is the application's.
            return False
        return True

    def read_overwritten(self) -> dict[str, frozenset[str]]:
        """Return what `note_overwritten` wrote, nothing where it never did."""
        if not self._count("SELECT count(*) FROM main.sqlite_schema WHERE name = '_howdah_overwritten'"):
            return {}
        rows: list[tuple[Any, ...]] = self._connection.execute(
            "SELECT name, key FROM _howdah_overwritten"
        ).fetchall()
        found: dict[str, set[str]] = {}
        for name, key in rows:
            found.setdefault(name, set()).add(key)
        return {name: frozenset(keys) for name, keys in found.items()}

    def note_overwritten(self, keys: Mapping[str, frozenset[str]]) -> None:
        """Write into the fenced file which rows in quarantine, by table, have given way in it."""
        self._execute(
            "CREATE TABLE IF NOT EXISTS _howdah_overwritten (name TEXT NOT NULL, key TEXT NOT NULL)"
        )
        self._execute("DELETE FROM _howdah_overwritten")
        self._connection.executemany(
            "INSERT INTO _howdah_overwritten VALUES (?, ?)",
            [(name, key) for name, found in keys.items() for key in found],
        )

    def broken_references(self) -> frozenset[tuple[Any, ...]]:
        """Return what PRAGMA foreign_key_check lists."""
        return frozenset(self._connection.execute("PRAGMA foreign_key_check").fetchall())

    def _not_kept(self, home: HomeTable) -> str:
        if home.table.rowid_name:
            return f"t.{quote_sqlite(home.table.rowid_name)} NOT IN (SELECT rid FROM {_KEPT})"
        if not home.table.primary_key:
            return "1"
        key = home.table.primary_key
        return f"{_row(key, 't', exact=True)} NOT IN (SELECT {_list(key)} FROM {_KEPT})"

    def _count(self, query: str) -> int:
        rows: list[tuple[Any, ...]] = self._connection.execute(query).fetchall()
        return int(rows[0][0])

    def _execute(self, statement: str, bindings: Sequence[Any] = ()) -> None:
        try:
            self._connection.execute(statement, tuple(bindings)).fetchall()
        except (apsw.ConstraintError, apsw.MismatchError, apsw.SQLError) as error:
            if str(error).startswith("no such collation sequence"):
                raise _not_writable("A table", f"SQLite says: {error}.") from error
            raise RefusedError(
                "H-106",
                "The SQLite file does not take a row that PostgreSQL holds; nothing was changed.",
                detail=f"SQLite says: {error}.",
                hint="Correct the row on PostgreSQL, then run the same command again.",
            ) from error


def _not_writable(what: str, detail: str) -> RefusedError:
    return RefusedError(
        "H-109",
        f"{what} has to be written, which SQLite does not do without a collation of the application's; "
        "nothing was changed.",
        detail=detail,
        hint="Let the application write its rows, or migrate a file whose tables have no such index.",
    )


def _list(names: Iterable[str], alias: str = "") -> str:
    prefix = f"{alias}." if alias else ""
    return ", ".join(prefix + quote_sqlite(name) for name in names)


def _bare(names: Iterable[str]) -> str:
    """Name columns without their collations, which may be the application's."""
    return ", ".join(f"{name} COLLATE BINARY AS {name}" for name in map(quote_sqlite, names))


def _row(names: Sequence[str], alias: str, *, exact: bool = False) -> str:
    """Write the columns as what may stand before IN, by their own collations or `exact`."""
    collation = " COLLATE BINARY" if exact else ""
    columns = ", ".join(f"{alias}.{quote_sqlite(name)}{collation}" for name in names)
    return f"({columns})" if len(names) > 1 else columns


def _equal(names: Iterable[str], left: str, right: str) -> str:
    """Compare by the collations of the left side: of a temporary table, which has none, exactly."""
    return " AND ".join(f"{left}.{name} = {right}.{name}" for name in map(quote_sqlite, names))


def _match(home: HomeTable, table: str, stage: str) -> str:
    """By the table's own index, whatever its collation, and then exactly."""
    exact = " AND ".join(
        f"+{table}.{name} = {stage}.{name} COLLATE BINARY" for name in map(quote_sqlite, home.key)
    )
    return f"{_equal(home.key, table, stage)} AND {exact}"


def _same(name: str) -> str:
    column = quote_sqlite(name)
    # 0.0 and -0.0 compare equal: such a row is written again rather than looked at.
    return (
        f"t.{column} COLLATE BINARY IS s.{column} AND typeof(t.{column}) = typeof(s.{column})"
        f" AND NOT (typeof(s.{column}) = 'real' AND s.{column} = 0.0)"
    )
