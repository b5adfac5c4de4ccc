"""
Salvage of a table WITHOUT ROWID: by its key, from both ends and from every place that can be reached.

Row numbers have a middle, keys have none: where to look between two places of damage is read from the
pages that are left (`tree_keys`). What no walk came by is listed by the keys around it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import apsw

from howdah.names import quote_sqlite
from howdah.sqlite.tree_keys import Key, KeyValue, read_tree_keys
from howdah.sqlite.utf16 import PYTHON_CODECS

_ROWS_PER_INSERT = 5_000


@dataclass(frozen=True, kw_only=True)
class KeyedLoss:
    """What of a table could not be carried."""

    #: The keys, as people write them, between which rows are lost; "" for an open end.
    gaps: tuple[tuple[str, str], ...] = ()
    #: Rows that could be read and that the new table would not take.
    refused: int = 0
    #: What SQLite said of the damage.
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class _Walk:
    """Rows that were read one after the other, until damage or the end."""

    count: int = 0
    #: The key of every row with which a new piece begins.
    marks: tuple[Key, ...] = ()
    last: Key | None = None
    #: What stopped it; "" where it came to its end.
    damage: str = ""


def copy_keyed_rows(connection: apsw.Connection, path: str, table: str, columns: list[str]) -> KeyedLoss:
    """
    Copy what can be read of `main`'s table into that of `fresh`; return what is missing.

    `path` is the damaged file, `columns` are quoted. Raises apsw.Error where not even the key is known.
    """
    with suppress(apsw.Error):
        # So that the file itself has every page.
        connection.execute("PRAGMA main.wal_checkpoint(TRUNCATE)").fetchall()
    return _Salvage(connection, path, table, columns).run()


class _Salvage:
    """The walks over one table and what they have covered so far, which is what is in the new table."""

    def __init__(self, connection: apsw.Connection, path: str, table: str, columns: list[str]) -> None:
        self._connection = connection
        self._path = path
        self._table = table
        self._listed = ", ".join(columns)
        # Compared, not measured: the length of a value is known without its own pages.
        self._touched = " + ".join(f"({column} IS x'')" for column in columns)
        self._key = _read_key_columns(connection, table)
        self._uniform = len({descending for _, descending in self._key}) == 1
        self._codec = PYTHON_CODECS[connection.pragma("encoding")]
        self._refused = 0
        self._reason = ""
        #: Where a walk was stopped: the key it had come to (None: none), and whether it went backward.
        self._stops: list[tuple[Key | None, bool]] = []

    def run(self) -> KeyedLoss:
        """Carry all that can be reached."""
        if self._go(None, None, backward=False):
            return KeyedLoss(refused=self._refused)
        self._go(None, None, backward=True)
        for key in self._places():
            if any(value.kind == "null" for value in key) or self._is_there(key):
                continue
            above, below = self._next(key), self._next(key, backward=True)
            self._go(key, above, backward=False)
            self._go(key, below, backward=True)
        return KeyedLoss(gaps=tuple(self._gaps()), refused=self._refused, reason=self._reason)

    def _places(self) -> Iterator[Key]:
        if not self._uniform:
            # No single comparison finds a place in such a key, so a walk could not begin there.
            return
        row = self._connection.execute(
            "SELECT rootpage FROM main.sqlite_schema WHERE type = 'table' AND name = ?", (self._table,)
        ).fetchone()
        if row is not None and isinstance(row[0], int):
            yield from read_tree_keys(self._path, row[0], len(self._key))

    def _go(self, start: Key | None, stop: Key | None, *, backward: bool) -> bool:
        """Walk and copy from `start` (included, but backward) to before `stop`; return whether it ended."""
        walk = self._walk(start, stop, backward=backward)
        left = walk.count
        for mark in walk.marks:
            size = min(left, _ROWS_PER_INSERT)
            where, values = self._where([(mark, "<=" if backward else ">=")])
            before = self._connection.total_changes()
            # Texts that are not UTF-8 pass as they are: values of rows never leave SQLite. The limit ends
            # it on the last row: a step further would be into the damage.
            self._connection.execute(
                f"INSERT OR IGNORE INTO fresh.{quote_sqlite(self._table)} ({self._listed})"
                f" SELECT {self._listed} FROM main.{quote_sqlite(self._table)} {where}"
                f" ORDER BY {self._order(backward)} LIMIT {size}",
                values,
            ).fetchall()
            self._refused += size - (self._connection.total_changes() - before)
            left -= size
        if walk.damage:
            self._reason = self._reason or walk.damage
            self._stops.append((walk.last if walk.last is not None else start, backward))
        return not walk.damage

    def _walk(self, start: Key | None, stop: Key | None, *, backward: bool) -> _Walk:
        where, values = self._where([(start, "<" if backward else ">=")] if start is not None else [])
        query = (
            f"SELECT {self._key_items()}, {self._touched} FROM main.{quote_sqlite(self._table)} {where}"
            f" ORDER BY {self._order(backward)}"
        )
        count, marks, last = 0, [], None
        damage = ""
        try:
            for row in self._connection.execute(query, values):
                key = _key_of(row[:-1])
                if key == stop:
                    # Seen here and not by a condition, under which SQLite may look further than it needs to.
                    break
                if any(value.kind == "null" for value in key) or key == last:
                    # On a page of which a part is zero or old.
                    damage = "a row without a key, or with that of its neighbour"
                    break
                if count % _ROWS_PER_INSERT == 0:
                    marks.append(key)
                count, last = count + 1, key
        except (apsw.CorruptError, apsw.IOError, apsw.SQLError, apsw.NotADBError) as error:
            damage = str(error)
        return _Walk(count=count, marks=tuple(marks), last=last, damage=damage)

    def _gaps(self) -> Iterator[tuple[str, str]]:
        found: list[tuple[Key | None, Key | None]] = []
        for key, backward in self._stops:
            gap = self._gap_at(key, backward=backward)
            if gap not in found and not self._nothing_between(*gap):
                found.append(gap)
        for low, high in found:
            yield self._written(low), self._written(high)

    def _written(self, key: Key | None) -> str:
        """Write a key as SQL would."""
        if key is None:
            return ""
        parts = []
        for value in key:
            if not isinstance(value.content, bytes):
                parts.append(str(value.content))
            elif value.kind == "text":
                parts.append(repr(value.content.decode(self._codec, "backslashreplace")))
            else:
                parts.append(f"x'{value.content.hex()}'")
        return parts[0] if len(parts) == 1 else f"({', '.join(parts)})"

    def _gap_at(self, key: Key | None, *, backward: bool) -> tuple[Key | None, Key | None]:
        """Return the rows of the new table around the place where a walk was stopped."""
        if key is None:
            return (self._next(None, backward=True), None) if backward else (None, self._next(None))
        if not self._is_there(key):
            return self._next(key, backward=True), self._next(key)
        return (self._next(key, backward=True), key) if backward else (key, self._next(key))

    def _nothing_between(self, low: Key | None, high: Key | None) -> bool:
        """
        Whether the two rows are neighbours in the damaged table too.

        SQLite comes to a row by way of the pages before it, so that one direction may fail for damage
        that is none of theirs.
        """
        if low is None or high is None:
            return False
        forward, back = self._walk(low, high, backward=False), self._walk(high, low, backward=True)
        return (not forward.damage and forward.count == 1) or (not back.damage and back.count == 0)

    def _is_there(self, key: Key) -> bool:
        where, values = self._where([(key, "=")])
        return bool(self._ask(where, values, backward=False))

    def _next(self, key: Key | None, *, backward: bool = False) -> Key | None:
        """Return the key in the new table after `key`, or before it; the first or last for None."""
        where, values = self._where([(key, "<" if backward else ">")] if key is not None else [])
        row = self._ask(where, values, backward=backward)
        return _key_of(row) if row else None

    def _ask(
        self, where: str, values: list[int | float | bytes | None], *, backward: bool
    ) -> tuple[object, ...]:
        row = self._connection.execute(
            f"SELECT {self._key_items()} FROM fresh.{quote_sqlite(self._table)} {where}"
            f" ORDER BY {self._order(backward)} LIMIT 1",
            values,
        ).fetchone()
        return row or ()

    def _key_items(self) -> str:
        # A text is read as its bytes, because they need not be UTF-8.
        return ", ".join(
            f"typeof({name}), CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) ELSE {name} END"
            for name, _ in self._key
        )

    def _order(self, backward: bool) -> str:
        return ", ".join(f"{name} {'DESC' if down is not backward else 'ASC'}" for name, down in self._key)

    def _where(self, bounds: list[tuple[Key, str]]) -> tuple[str, list[int | float | bytes | None]]:
        """Write conditions on the key; the operators are of the key's own order."""
        conditions: list[str] = []
        values: list[int | float | bytes | None] = []
        for key, operator in bounds:
            if self._uniform or operator == "=":
                down = self._key[0][1]
                names = ", ".join(name for name, _ in self._key)
                given = ", ".join(_placeholder(value) for value in key)
                conditions.append(f"({names}) {_turned(operator) if down else operator} ({given})")
                values += [value.content for value in key]
                continue
            ways = []
            for place, (name, down) in enumerate(self._key):
                same = [
                    f"{other} = {_placeholder(value)}"
                    for (other, _), value in zip(self._key[:place], key[:place], strict=True)
                ]
                last = place == len(self._key) - 1
                strict = operator if last else operator.rstrip("=")
                own = f"{name} {_turned(strict) if down else strict} {_placeholder(key[place])}"
                ways.append(" AND ".join([*same, own]))
                values += [value.content for value in key[: place + 1]]
            conditions.append("(" + " OR ".join(f"({way})" for way in ways) + ")")
        return ("WHERE " + " AND ".join(conditions) if conditions else "", values)


def _turned(operator: str) -> str:
    return operator.translate(str.maketrans("<>", "><"))


def _placeholder(value: KeyValue) -> str:
    # Joined to nothing, so that it has no affinity, which a CAST alone would have.
    return "(CAST(? AS TEXT) || '')" if value.kind == "text" else "?"


def _read_key_columns(connection: apsw.Connection, table: str) -> list[tuple[str, bool]]:
    """Return the quoted columns of the primary key in its order, and which of them descend."""
    (index,) = next(
        iter(
            connection.execute("SELECT name FROM pragma_index_list(?, 'fresh') WHERE origin = 'pk'", (table,))
        )
    )
    return [
        (quote_sqlite(name), bool(descending))
        for name, descending in connection.execute(
            'SELECT name, "desc" FROM pragma_index_xinfo(?, \'fresh\') WHERE "key" = 1 ORDER BY seqno',
            (index,),
        )
    ]


def _key_of(row: tuple[object, ...]) -> Key:
    pairs = zip(row[::2], row[1::2], strict=True)
    return tuple(KeyValue(str(kind), content) for kind, content in pairs)  # type: ignore[arg-type]
