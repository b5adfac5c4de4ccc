"""
The journal in the SQLite file: which objects `follow` puts there, as SQL. Pure.

Keys only, in the storage class that they have; the current row is read when it goes over. AFTER
triggers note what a statement wrote. BEFORE triggers note the rows that INSERT OR REPLACE is about
to evict by another unique key, because SQLite fires no DELETE trigger for those. The statements
use nothing that SQLite 3.8 does not have: they are run by the application's own library.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from types import MappingProxyType

from howdah.model.source import Affinity, Index, SourceCatalog, Table
from howdah.names import quote_sqlite
from howdah.sqlite.lexer import quote_string

#: Entries after which the journal disarms itself rather than fill the disk.
JOURNAL_LIMIT = 2_000_000

#: No table has this number.
_GONE = -1
_ARMED = "(SELECT armed FROM _howdah_state)"


@dataclass(frozen=True, kw_only=True)
class JournaledTable:
    number: int
    #: Source name.
    name: str
    #: Columns whose values are noted, () where only a counter is kept.
    key: tuple[str, ...]
    #: Name → CREATE TRIGGER, as sqlite_schema will hold it.
    triggers: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class JournalDesign:
    tables: tuple[JournaledTable, ...]
    #: Columns of the journal that hold keys.
    width: int

    def table(self, name: str) -> JournaledTable:
        """Return the table of that source name; of one that is gone from the file nothing is noted."""
        for table in self.tables:
            if table.name == name:
                return table
        return JournaledTable(number=_GONE, name=name, key=(), triggers={})


def design_journal(
    catalog: SourceCatalog, numbers: Mapping[str, int] = MappingProxyType({})
) -> JournalDesign:
    """
    Decide what is noted of each table.

    `numbers` are those that tables have in a journal which is there already.
    """
    ordinary = [table for table in catalog.tables if table.kind == "table"]
    new = count(max(numbers.values(), default=0) + 1)
    tables = tuple(
        _design_table(numbers[table.name] if table.name in numbers else next(new), table)
        for table in ordinary
    )
    return JournalDesign(tables=tables, width=max((len(table.key) for table in tables), default=0) or 1)


def _choose_key(table: Table) -> tuple[str, ...]:
    """Return the columns that name a row before anybody has looked at the rows, () for none."""
    primary = table.primary_key or ((table.rowid_alias,) if table.rowid_alias else ())
    if primary:
        return primary
    for index in table.indexes:
        # NULL names no row: any number of them may have it, now or later.
        names = [
            column.name
            for column in index.columns
            if column.name is not None and table.column(column.name).not_null
        ]
        if index.unique and index.predicate_sql is None and len(names) == len(index.columns):
            return tuple(names)
    return ()


def begin_statements(design: JournalDesign, epoch: str, limit: int) -> list[str]:
    """Return the statements that put tables and triggers into the file, for one transaction."""
    columns = "".join(f", k{place}" for place in range(1, design.width + 1))
    return [
        f"CREATE TABLE _howdah_journal (seq INTEGER PRIMARY KEY, tbl INTEGER NOT NULL{columns})",
        "CREATE TABLE _howdah_tables (tbl INTEGER PRIMARY KEY, name TEXT NOT NULL, touched INTEGER NOT NULL)",
        "CREATE TABLE _howdah_state (id INTEGER PRIMARY KEY, epoch TEXT NOT NULL, armed INTEGER NOT NULL,"
        " base INTEGER NOT NULL, journal_limit INTEGER NOT NULL, fenced INTEGER NOT NULL,"
        " home INTEGER NOT NULL)",
        f"INSERT INTO _howdah_state VALUES (1, '{epoch}', 1, 0, {limit}, 0, 0)",
        *(
            f"INSERT INTO _howdah_tables VALUES ({table.number}, {_literal(table.name)}, 0)"
            for table in design.tables
        ),
        "CREATE TRIGGER _howdah_cap AFTER INSERT ON _howdah_journal"
        " WHEN NEW.seq > (SELECT base + journal_limit FROM _howdah_state)"
        " BEGIN UPDATE _howdah_state SET armed = 0; DELETE FROM _howdah_journal; END",
        *(sql for table in design.tables for sql in table.triggers.values()),
    ]


def fence_triggers(catalog: SourceCatalog, address: str) -> dict[str, str]:
    """
    Return the triggers that refuse every write, by name; `address` says where the data is now.

    Shadow tables are guarded too, so that a virtual table's module cannot write behind them.
    """
    message = _literal(f"moved to {address}: this file takes no more writes")
    guarded = [table for table in catalog.tables if table.kind in ("table", "shadow")]
    return {
        f"_howdah_fence_{number}_{event.lower()}": (
            f"CREATE TRIGGER _howdah_fence_{number}_{event.lower()} BEFORE {event}"
            f" ON {quote_sqlite(table.name)} BEGIN SELECT RAISE(ABORT, {message}); END"
        )
        for number, table in enumerate(guarded, start=1)
        for event in ("INSERT", "UPDATE", "DELETE")
    }


def _design_table(number: int, table: Table) -> JournaledTable:
    key = _choose_key(table)
    return JournaledTable(
        number=number,
        name=table.name,
        key=key,
        triggers=dict(_key_triggers(number, table, key) if key else _counter_triggers(number, table)),
    )


def _counter_triggers(number: int, table: Table) -> Iterator[tuple[str, str]]:
    for event in ("INSERT", "UPDATE", "DELETE"):
        name = f"_howdah_{number}_{event.lower()}"
        yield (
            name,
            f"CREATE TRIGGER {name} AFTER {event} ON {quote_sqlite(table.name)}"
            f" BEGIN UPDATE _howdah_tables SET touched = touched + 1 WHERE tbl = {number}; END",
        )


def _key_triggers(number: int, table: Table, key: Sequence[str]) -> Iterator[tuple[str, str]]:
    columns = "tbl" + "".join(f", k{place}" for place in range(1, len(key) + 1))

    def note(row: str) -> str:
        values = "".join(f", {row}.{quote_sqlite(name)}" for name in key)
        return f"INSERT INTO _howdah_journal ({columns}) SELECT {number}{values}"

    # By its own collation a column may call values the same that are two keys on PostgreSQL.
    same = " AND ".join(
        f"OLD.{name} IS NEW.{name} COLLATE BINARY AND typeof(OLD.{name}) = typeof(NEW.{name})"
        for name in map(quote_sqlite, key)
    )
    for event, body in (
        ("insert", f"{note('NEW')};"),
        ("update", f"{note('NEW')}; {note('OLD')} WHERE NOT ({same});"),
        ("delete", f"{note('OLD')};"),
    ):
        name = f"_howdah_{number}_{event}"
        yield (
            name,
            f"CREATE TRIGGER {name} AFTER {event.upper()} ON {quote_sqlite(table.name)}"
            f" WHEN {_ARMED} BEGIN {body} END",
        )
    evictions = [
        f"{note('t')} FROM {quote_sqlite(table.name)} AS t WHERE {condition};"
        for condition in _evicted(table, key)
    ]
    for event in ("insert", "update") if evictions else ():
        name = f"_howdah_{number}_evict_{event}"
        yield (
            name,
            f"CREATE TRIGGER {name} BEFORE {event.upper()} ON {quote_sqlite(table.name)}"
            f" WHEN {_ARMED} BEGIN {' '.join(evictions)} END",
        )


def _evicted(table: Table, key: Sequence[str]) -> Iterator[str]:
    """Yield the conditions under which a row "t" would have to make room for NEW."""
    if table.rowid_alias is None and table.rowid_name is not None:
        rowid = quote_sqlite(table.rowid_name)
        # Before an INSERT that leaves the choice to SQLite, NEW.rowid is -1.
        yield f"t.{rowid} = NEW.{rowid}"
    for index in table.indexes:
        if index.unique and not _is_exactly(index, table, key):
            yield _index_condition(table, index)


def _is_exactly(index: Index, table: Table, key: Sequence[str]) -> bool:
    """Whether a row that the index has no room for beside NEW has NEW's very key, which is noted anyway."""
    return tuple(column.name for column in index.columns) == tuple(key) and all(
        column.collation.upper() == "BINARY" and table.column(name).affinity is not Affinity.BLOB
        for column, name in zip(index.columns, key, strict=True)
    )


def _index_condition(table: Table, index: Index) -> str:
    parts = []
    for column in index.columns:
        if column.name is not None:
            left, right = f"t.{quote_sqlite(column.name)}", _coming(table, column.name)
        else:
            # Resolved in a row that has NEW's values under the columns' own names.
            left = f"({column.expression_sql})"
            right = f"(SELECT {column.expression_sql} FROM {_row_of_new(table)})"
        parts.append(f"{left} = {right} COLLATE {quote_sqlite(column.collation)}")
    if index.predicate_sql is not None:
        parts.append(f"({index.predicate_sql})")
        parts.append(f"EXISTS (SELECT 1 FROM {_row_of_new(table)} WHERE {index.predicate_sql})")
    return " AND ".join(parts)


def _coming(table: Table, name: str) -> str:
    """Return the value that will be stored: OR REPLACE puts the default where NULL is not allowed."""
    column = table.column(name)
    value = f"NEW.{quote_sqlite(name)}"
    if column.not_null and column.default_sql is not None:
        return f"coalesce({value}, ({column.default_sql}))"
    return value


def _row_of_new(table: Table) -> str:
    values = ", ".join(
        f"NEW.{name} AS {name}" for name in (quote_sqlite(each.name) for each in table.columns)
    )
    return f"(SELECT {values})"


def _literal(text: str) -> str:
    return quote_string(text.replace("\0", ""))
