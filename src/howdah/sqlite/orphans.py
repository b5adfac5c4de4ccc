"""
Find rows whose foreign key points nowhere, and correct them in our own copy where a policy asks.

SQLite itself finds them, by its rules for foreign keys (sqlite.org/foreignkeys.html section 3): the child's
value takes the affinity of the parent's column and compares by the parent's collation; a key with a NULL in
it points nowhere and needs not. Neither triggers nor actions of foreign keys take part, and CHECKs hold
nothing up: they are judged later, with all other rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from typing import Any

import apsw

from howdah.errors import RefusedError
from howdah.model.limits import NAMED_VALUES_MAX
from howdah.model.orphans import CORRECTING, Orphans, Reference
from howdah.model.quarantine import Cell, SourceKey
from howdah.model.report import TouchedValue
from howdah.model.source import Table
from howdah.names import quote_sqlite
from howdah.sqlite.connect import BUILT_IN_COLLATIONS, open_for_writing, open_snapshot
from howdah.sqlite.failures import explain_failure
from howdah.sqlite.literals import cell_literal
from howdah.sqlite.row_chunks import read_encoding
from howdah.sqlite.row_select import ColumnChunk, RowSelect

#: Values that are named where orphans are only counted.
_SHOWN = 5
_CACHE_KIB = 64 * 1024


def count_orphans(path: str, references: Sequence[Reference]) -> tuple[Orphans, ...]:
    """
    Count the orphans of these foreign keys in the private file `path`, and name a few; alter nothing.

    A key that SQLite cannot follow, because only the application knows how, is not among them.
    """
    with closing(open_snapshot(path)) as connection:
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        found = []
        for reference in references:
            with suppress(apsw.SQLError):
                found.append(_count(connection, reference))
    return tuple(each for each in found if each.rows)


def _count(connection: apsw.Connection, reference: Reference) -> Orphans:
    orphans, child = _orphans_sql(reference), quote_sqlite(reference.child.name)
    count: Any = connection.execute(f"SELECT count(*) FROM {child} WHERE {orphans}").fetchall()[0][0]
    named = tuple(_name(connection, reference, orphans, _SHOWN)) if count else ()
    return replace(_describe(reference), rows=count, named=named)


def correct_orphans(path: str, references: Sequence[Reference]) -> tuple[Orphans, ...]:
    """
    Empty the columns, or delete the rows, of every orphan of these foreign keys in the private file `path`.

    What is deleted or emptied may leave others without their parent: they follow, if their key is among
    `references`. Raises RefusedError (S-043) where a constraint or something that only the application has
    stands against it, and what `explain_failure` makes of a damaged file or a full disk.
    """
    made: dict[tuple[str, tuple[str, ...], str], Orphans] = {}
    with _writing(path) as connection:
        changed = True
        while changed:
            changed = False
            for reference in references:
                with _explained(reference):
                    found = _correct(connection, reference)
                key = (found.table, found.columns, found.parent_table)
                known = made.get(key)
                if found.rows and found.corrected:
                    changed = True
                    made[key] = found if known is None else _add(known, found)
                elif found.rows:
                    made[key] = found
    return tuple(made.values())


@contextmanager
def _writing(path: str) -> Iterator[apsw.Connection]:
    """Open the file for one change that is not taken back: should it fail, the copy is thrown away."""
    with closing(open_for_writing(path)) as connection:
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
        try:
            for pragma in ("journal_mode = OFF", "foreign_keys = OFF", "ignore_check_constraints = ON"):
                connection.execute(f"PRAGMA {pragma}").fetchall()
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        except apsw.Error as error:
            raise explain_failure(error, path) from error


@contextmanager
def _explained(reference: Reference) -> Iterator[None]:
    try:
        yield
    except (apsw.ConstraintError, apsw.SQLError, apsw.MismatchError) as error:
        columns = ", ".join(f'"{name}"' for name in reference.columns)
        raise RefusedError(
            "S-043",
            f'The orphans of table "{reference.child.name}", column {columns}, cannot be corrected '
            f"({reference.choice}).",
            detail=f"SQLite says: {error}",
            hint='Choose another policy for them: "keep" or "quarantine".',
        ) from error


def _add(known: Orphans, more: Orphans) -> Orphans:
    named = (known.named + more.named)[:NAMED_VALUES_MAX]
    return replace(known, rows=known.rows + more.rows, named=named)


def _correct(connection: apsw.Connection, reference: Reference) -> Orphans:
    table = quote_sqlite(reference.child.name)
    orphans = _orphans_sql(reference)
    emptied = tuple(name for name in reference.columns if _may_be_null(reference.child, name))
    if reference.choice == "null" and not emptied:
        return _count(connection, reference)
    named = tuple(_name(connection, reference, orphans, NAMED_VALUES_MAX))
    if reference.choice == "null":
        changes = ", ".join(f"{quote_sqlite(name)} = NULL" for name in emptied)
        connection.execute(f"UPDATE {table} SET {changes} WHERE {orphans}")
    else:
        connection.execute(f"DELETE FROM {table} WHERE {orphans}")
    rows = connection.changes() if named else 0
    return replace(_describe(reference), rows=rows, named=named, corrected=True)


def _describe(reference: Reference) -> Orphans:
    return Orphans(
        table=reference.child.name,
        columns=reference.columns,
        parent_table=reference.parent.name,
        choice=reference.choice,
    )


def _may_be_null(table: Table, name: str) -> bool:
    column = table.column(name)
    in_key = table.without_rowid and column.pk_position > 0
    return not (column.not_null or in_key or column.generated or name == table.rowid_alias)


def _orphans_sql(reference: Reference) -> str:
    """Return the condition over a row of the child: its key has no NULL and no parent."""
    child, alias = quote_sqlite(reference.child.name), quote_sqlite(reference.child.name + " (parent)")
    filled = [f"{child}.{quote_sqlite(name)} IS NOT NULL" for name in reference.columns]
    matches = [
        # A unary plus takes the affinity away, so that the parent's column alone says how they compare.
        f"{alias}.{quote_sqlite(theirs)}{_collate(reference.parent, theirs)} = +{child}.{quote_sqlite(ours)}"
        for ours, theirs in zip(reference.columns, reference.parent_columns, strict=True)
    ]
    parent = quote_sqlite(reference.parent.name)
    found = f"SELECT 1 FROM {parent} AS {alias} WHERE {' AND '.join(matches)}"
    return f"{' AND '.join(filled)} AND NOT EXISTS ({found})"


def _collate(parent: Table, name: str) -> str:
    # An order that only the application knows tells nothing here.
    return "" if parent.column(name).collation.upper() in BUILT_IN_COLLATIONS else " COLLATE BINARY"


def _name(
    connection: apsw.Connection, reference: Reference, orphans: str, named_max: int
) -> Iterator[TouchedValue]:
    child = reference.child
    naming = () if child.rowid_name is not None else child.naming_columns
    select = RowSelect(
        table_name=child.name,
        rowid_name=child.rowid_name,
        columns=(*naming, *reference.columns),
        encoding=read_encoding(connection),
        as_bytes=True,
    )
    chunk = select.split(connection.execute(select.sql(orphans, limit=named_max)).fetchall())
    for row in range(chunk.length):
        cells = [_cell_at(column, row) for column in chunk.columns]
        names, values = cells[: len(naming)], cells[len(naming) :]
        key = SourceKey(cells=tuple(names)) if chunk.rowids is None else SourceKey(rowid=chunk.rowids[row])
        yield TouchedValue(
            table=child.name,
            key=key.text,
            column=", ".join(reference.columns),
            rule=CORRECTING.get(reference.choice, ""),
            value=", ".join(map(cell_literal, values)),
        )


def _cell_at(column: ColumnChunk, row: int) -> Cell:
    text = None if column.texts is None else column.texts[row]
    return Cell.of(column.values[row]) if text is None else Cell.of_text(text)
