"""
Says what of a SQLite file is in a PostgreSQL database, whoever put it there, without any of Howdah's code.

Rows come from Python's sqlite3 and from psycopg, and are matched by their primary key. A value counts as
arrived in any form that means the same: 1 as true, a text of JSON as a document, a number as the moment that
it means. What number means which moment is told by the caller, since the same number may be either.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import sql
from psycopg.adapt import Loader
from psycopg.types.datetime import DateLoader, TimestampLoader, TimestamptzLoader

from support.naive_checker import StoredText, alike, quoted


@dataclass
class Arrived:
    """Counts over a whole database; `examples` names the first of each kind."""

    rows: int = 0
    rows_missing: int = 0
    values: int = 0
    values_changed: int = 0
    #: Kind of object → (in the source, missing in the target).
    objects: dict[str, tuple[int, int]] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        return asdict(self)


def look(source: str, conninfo: str, moments: Mapping[str, str]) -> Arrived:
    """Compare a file with the schema public of a database; `moments`: table.column → unit of its numbers."""
    found = Arrived()
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as sqlite,
        psycopg.connect(conninfo, autocommit=True, options="-c timezone=UTC") as postgres,
    ):
        for loader in (DateLoader, TimestampLoader, TimestamptzLoader):
            name = loader.__name__.removesuffix("Loader").lower()
            postgres.adapters.register_loader(name, _or_text(loader))
        for name in ("json", "jsonb"):
            postgres.adapters.register_loader(name, _DocumentLoader)
        tables = sqlite.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'sqlite_sequence' ORDER BY 1"
        ).fetchall()
        for (table,) in tables:
            _look_at_rows(sqlite, postgres, table, moments, found)
        _look_at_objects(sqlite, postgres, [name for (name,) in tables], found)
    return found


class _Document(str):
    """JSON as PostgreSQL prints it."""


class _DocumentLoader(Loader):
    def load(self, data: Any) -> _Document:
        return _Document(bytes(data).decode())


def _or_text(loader: type[Any]) -> type[Any]:
    """Return a loader that gives the text of what Python has no value for, such as the year 55972."""

    class Lenient(loader):  # type: ignore[misc]
        def load(self, data: Any) -> Any:
            try:
                return super().load(data)
            except psycopg.DataError:
                return bytes(data).decode()

    return Lenient


def _look_at_rows(
    sqlite: sqlite3.Connection,
    postgres: psycopg.Connection[Any],
    table: str,
    moments: Mapping[str, str],
    found: Arrived,
) -> None:
    columns = sqlite.execute("SELECT name, pk FROM pragma_table_info(?) ORDER BY cid", (table,)).fetchall()
    names = [name for name, _ in columns]
    keys = [position for position, (_, pk) in enumerate(columns) if pk]
    sqlite.text_factory = StoredText
    try:
        rows = sqlite.execute(f"SELECT * FROM {quoted(table)}").fetchall()
    finally:
        sqlite.text_factory = str
    found.rows += len(rows)
    found.values += len(rows) * len(names)
    there = _read_target(postgres, table, names, keys)
    missing = [row for row in rows if _key(row, keys) not in there]
    found.rows_missing += len(missing)
    if missing:
        found.examples.append(f"{table}: {len(missing)} of {len(rows)} rows are missing")
    for row in rows:
        other = there.get(_key(row, keys), ())
        for name, mine, theirs in zip(names, row, other, strict=False):
            if not _same(mine, theirs, moments.get(f"{table}.{name}", "text")):
                found.values_changed += 1
                if sum(f"{table}.{name}" in text for text in found.examples) == 0:
                    found.examples.append(f"{table}.{name}: {mine!r:.60} became {theirs!r:.60}")


class _Missing:
    """Stands for a value of a column that is not there."""

    def __repr__(self) -> str:
        return "nothing: the column is missing"


def _read_target(
    postgres: psycopg.Connection[Any], table: str, names: Sequence[str], keys: Sequence[int]
) -> dict[tuple[str, ...], tuple[Any, ...]]:
    """Return the rows of the target by key, the values in the source's order; none without table or key."""
    place = _find(postgres, table)
    if place is None:
        return {}
    theirs = {
        name.lower(): name
        for (name,) in postgres.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped",
            (place[0],),
        )
    }
    known = [theirs.get(name.lower()) for name in names]
    if any(known[position] is None for position in keys):
        return {}
    selected = sql.SQL(", ").join(sql.SQL("NULL") if name is None else sql.Identifier(name) for name in known)
    query = sql.SQL("SELECT {} FROM public.{}").format(selected, sql.Identifier(place[1]))
    rows = {}
    for row in postgres.execute(query):
        whole = tuple(_Missing() if name is None else value for name, value in zip(known, row, strict=True))
        rows[_key(whole, keys)] = whole
    return rows


def _find(postgres: psycopg.Connection[Any], table: str) -> tuple[int, str] | None:
    """Return oid and name of the table that stands for one of the source, however it is capitalised."""
    row: tuple[int, str] | None = postgres.execute(
        "SELECT oid, relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND relkind IN ('r', 'p') AND lower(relname) = lower(%s) ORDER BY relname = %s DESC LIMIT 1",
        (table, table),
    ).fetchone()
    return row


def _key(row: Sequence[Any], keys: Sequence[int]) -> tuple[str, ...]:
    return tuple(_text(row[position]) for position in keys)


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _same(mine: Any, theirs: Any, codec: str) -> bool:
    if isinstance(theirs, _Missing):
        return False
    try:
        if isinstance(theirs, _Document) and mine is not None:
            return _same_document(mine, theirs)
        # A number that became a text of the same number.
        is_number = isinstance(theirs, str) and isinstance(mine, int | float)
        return alike(mine, theirs, codec) or (is_number and type(mine)(theirs) == mine)
    except Exception:  # what the rule cannot even read is not the same
        return False


def _same_document(mine: Any, theirs: _Document) -> bool:
    """Whether it is the same document, or a text that is none in a string of JSON, as Strapi writes it."""
    text = mine.decode() if isinstance(mine, bytes) else repr(mine)
    try:
        if json.loads(text, parse_float=Decimal) == json.loads(theirs, parse_float=Decimal):
            return True
    except ValueError:
        pass
    inner: Any = theirs
    while isinstance(inner, str):
        inner = json.loads(inner)
        if inner == text:
            return True
    return False


def _look_at_objects(
    sqlite: sqlite3.Connection, postgres: psycopg.Connection[Any], tables: Sequence[str], found: Arrived
) -> None:
    wanted: dict[str, int] = dict.fromkeys(("primary key", "foreign key", "unique", "index", "not null"), 0)
    numbered = []
    for table in tables:
        columns = sqlite.execute('SELECT type, "notnull", pk FROM pragma_table_info(?)', (table,)).fetchall()
        wanted["primary key"] += any(pk for _, _, pk in columns)
        wanted["not null"] += sum(bool(notnull or pk) for _, notnull, pk in columns)
        keys = sqlite.execute(
            'SELECT "table", "from", "to" FROM pragma_foreign_key_list(?)', (table,)
        ).fetchall()
        wanted["foreign key"] += len(set(keys))
        for unique, origin in sqlite.execute('SELECT "unique", origin FROM pragma_index_list(?)', (table,)):
            if origin != "pk":
                wanted["unique" if unique else "index"] += 1
        if [kind.upper() for kind, _, pk in columns if pk] == ["INTEGER"]:
            numbered.append(table)
    query = """
        SELECT count(*) FILTER (WHERE indisprimary), count(*) FILTER (WHERE indisunique AND NOT indisprimary),
               count(*) FILTER (WHERE NOT indisunique) FROM pg_index JOIN pg_class c ON c.oid = indrelid
         WHERE relnamespace = 'public'::regnamespace
    """
    primary, unique, plain = postgres.execute(query).fetchone() or (0, 0, 0)
    (foreign,) = postgres.execute(
        "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace"
    ).fetchone() or (0,)
    (notnull,) = postgres.execute(
        "SELECT count(*) FROM pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE attnotnull"
        " AND attnum > 0 AND relkind = 'r' AND relnamespace = 'public'::regnamespace"
    ).fetchone() or (0,)
    there = {
        "primary key": primary,
        "foreign key": foreign,
        "unique": unique,
        "index": plain,
        "not null": notnull,
    }
    for kind, count in wanted.items():
        found.objects[kind] = (count, max(0, count - there[kind]))
    behind = [table for table in numbered if not _goes_on(sqlite, postgres, table)]
    found.objects["numbering"] = (len(numbered), len(behind))
    views = [name for (name,) in sqlite.execute("SELECT name FROM sqlite_schema WHERE type = 'view'")]
    kept = {
        name
        for (name,) in postgres.execute("SELECT lower(relname) FROM pg_class WHERE relkind IN ('v', 'm')")
    }
    found.objects["view"] = (len(views), sum(name.lower() not in kept for name in views))


def _goes_on(sqlite: sqlite3.Connection, postgres: psycopg.Connection[Any], table: str) -> bool:
    """Whether the next row gets a number by itself, and none that is or was in use."""
    (key,) = sqlite.execute("SELECT name FROM pragma_table_info(?) WHERE pk", (table,)).fetchone()
    (highest,) = sqlite.execute(f"SELECT coalesce(max({quoted(key)}), 0) FROM {quoted(table)}").fetchone()
    if sqlite.execute("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'").fetchone():
        for (given,) in sqlite.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)):
            highest = max(highest, given)
    place = _find(postgres, table)
    if place is None:
        return False
    row = postgres.execute(
        "SELECT pg_get_serial_sequence(format('public.%%I', %s::text), attname) FROM pg_attribute"
        " WHERE attrelid = %s AND lower(attname) = lower(%s)",
        (place[1], place[0], key),
    ).fetchone()
    if row is None or row[0] is None:
        return False
    (following,) = postgres.execute("SELECT nextval(%s)", (row[0],)).fetchone() or (0,)
    return bool(following > highest)
