"""
Which columns name a row: for PostgreSQL's primary key, and for the proof.

Pure. SQLite lets NULL into a primary key; PostgreSQL does not, so such a key becomes
a unique constraint.
"""

from __future__ import annotations

from collections.abc import Mapping

from howdah.codecs.pgtypes import parse_type
from howdah.model.census import TableCensus
from howdah.model.plan import ColumnPlan
from howdah.model.source import Table
from howdah.planning.design import column_census


def choose_primary_key(table: Table, census: TableCensus) -> tuple[tuple[str, ...], bool]:
    """Return the columns of the primary key, () for none, and whether NULLs keep it from being one."""
    columns = table.primary_key or ((table.rowid_alias,) if table.rowid_alias else ())
    if not columns:
        return (), False
    with_nulls = any(column_census(census, name).nulls for name in columns if name != table.rowid_alias)
    return ((), True) if with_nulls else (tuple(columns), False)


def choose_row_key(
    table: Table,
    census: TableCensus,
    primary_key: tuple[str, ...],
    columns: Mapping[str, ColumnPlan],
) -> tuple[str, ...]:
    """
    Return the columns by which the proof matches rows, () where there are none.

    They are unique and NOT NULL in what is stored, copied, and carried so that equal
    values stay equal and different ones different.
    """
    candidates = [primary_key] if primary_key else []
    for index in table.indexes:
        names = [part.name for part in index.columns]
        if index.unique and index.predicate_sql is None and all(name is not None for name in names):
            candidates.append(tuple(name for name in names if name is not None))
    for candidate in candidates:
        if all(
            is_exact(columns[name])
            and columns[name].copied
            and column_census(census, name).nulls == 0
            and parse_type(columns[name].type).base != "json"
            for name in candidate
        ):
            return candidate
    return ()


def is_exact(column: ColumnPlan) -> bool:
    """Whether the codec keeps storage class and bytes, so that a key stays the same key."""
    match column.codec:
        case "any-text" | "jsonb":
            return False
        case "bytes":
            return column.params.get("text", "reject") == "reject"
        case "numeric":
            return column.params.get("rounding", "exact") == "exact"
        case "text":
            return not set(column.params.values()) - {"quarantine"}
        case _:
            return True


def is_integer_key(table: Table, key: tuple[str, ...], columns: Mapping[str, ColumnPlan]) -> bool:
    """Whether rows are named by the INTEGER PRIMARY KEY alone, carried as it is."""
    return len(key) == 1 and key[0] == table.rowid_alias and columns[key[0]].codec == "integer"
