"""
Join SQLite's facts with the text of the CREATE statements into the model. Pure.

Where both speak, SQLite's catalog wins: the text adds what the PRAGMAs leave out.
A statement that is not understood, or that disagrees with the catalog, is ignored
for the table it belongs to and kept in `unread_sql`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

from howdah.model.source import (
    Affinity,
    Column,
    ForeignKey,
    Index,
    IndexColumn,
    Table,
    Uncomputed,
    fold_name,
)
from howdah.names import quote_sqlite
from howdah.sqlite.affinity import affinity_of
from howdah.sqlite.catalog_fetch import TableFacts
from howdah.sqlite.catalog_queries import (
    EXPRESSION,
    ROWID_NAMES,
    VIRTUAL_COLUMN,
    ColumnRow,
    IndexColumnRow,
    IndexRow,
    SchemaRow,
)
from howdah.sqlite.ddl import read_index, read_virtual_table
from howdah.sqlite.ddl_cursor import UnreadSqlError
from howdah.sqlite.ddl_table import read_table
from howdah.sqlite.definitions import ColumnDefinition, KeyDefinition, TableDefinition

_GENERATED: dict[int, Literal["", "stored", "virtual"]] = {VIRTUAL_COLUMN: "virtual", 3: "stored"}
_ORIGINS: dict[str, Literal["create", "unique", "primary_key"]] = {
    "c": "create",
    "u": "unique",
    "pk": "primary_key",
}
#: Shadow tables of extensions that are not compiled in, for SQLite only knows those of modules it has:
#: module → what follows the virtual table's name and an underscore. Guessing wider would take a user's own
#: table for one.
_FOREIGN_SHADOWS = {
    "vec0": re.compile(r"chunks|rowids|info|auxiliary|(?:vector_chunks|metadatachunks|metadatatext)\d+"),
    "spellfix1": re.compile(r"vocab"),
    "fts1": re.compile(r"content|term"),
    "fts2": re.compile(r"content|segments|segdir"),
}
#: Names of what full text stores: c0, or c0 and the column's name, in FTS5 l0 for a locale.
_CONTENT_COLUMN = re.compile(r"c\d|l\d+\Z|langid\Z")
#: module → end of the name of the table behind it that holds the rows as they were given.
_ROWS_BEHIND = {"fts3": "content", "fts4": "content", "fts5": "content", "geopoly": "rowid"}


#: (kind, name) → the row of sqlite_schema.
Statements = dict[tuple[str, str], SchemaRow]


@dataclass(frozen=True, kw_only=True)
class _Unread:
    """An index whose text is needed and was not understood."""

    sql: str


def build_tables(
    facts: Sequence[TableFacts], schema: Sequence[SchemaRow], sequences: dict[str, int]
) -> tuple[Table, ...]:
    """Build all tables, in the order of creation."""
    statements = {(row.kind, row.name): row for row in schema}
    order = {row.name: number for number, row in enumerate(schema) if row.kind == "table"}
    tables = [
        _build_virtual(table, _statement(statements, "table", table.table.name).sql)
        if table.table.kind == "virtual"
        else _build_ordinary(table, statements, sequences)
        for table in facts
    ]
    tables.sort(key=lambda table: order.get(table.name, len(order)))
    return _find_shadow_owners(tables)


def _statement(statements: Statements, kind: str, name: str) -> SchemaRow:
    return statements.get((kind, name), SchemaRow(kind, name, "", ""))


def _build_ordinary(facts: TableFacts, statements: Statements, sequences: dict[str, int]) -> Table:
    name = facts.table.name
    statement = _statement(statements, "table", name)
    definition, unread = _read_definition(statement, facts)
    built = [_build_column(row, facts, definition) for row in facts.columns]
    columns = tuple(column for column in built if column.name not in facts.uncomputable)
    indexes = [_build_index(row, keys, facts, definition, statements) for row, keys in facts.indexes]
    foreign_keys = _build_foreign_keys(facts, definition)
    # WITHOUT ROWID is implied by the PRAGMA, the alias by the absence of an index: SQLite makes one for
    # every primary key but the rowid itself. That covers INT, DESC and WITHOUT ROWID without a rule of ours.
    keyed = sorted((row for row in facts.columns if row.pk_position), key=lambda row: row.pk_position)
    has_key_index = any(row.origin == "pk" for row, _ in facts.indexes)
    alias = keyed[0].name if len(keyed) == 1 and not has_key_index else None
    without_rowid = bool(facts.table.without_rowid)
    key = definition.primary_key if definition is not None else None
    return Table(
        name=name,
        columns=columns,
        kind=_kind(facts),
        sql=statement.sql,
        primary_key=tuple(row.name for row in keyed),
        primary_key_name=key.name if key is not None else None,
        primary_key_on_conflict=key.on_conflict if key is not None else "",
        rowid_alias=None if without_rowid else alias,
        rowid_name=None if without_rowid else _rowid_name(columns, alias),
        without_rowid=without_rowid,
        strict=bool(facts.table.strict),
        autoincrement=any(metadata.autoincrement for metadata in facts.metadata.values()),
        sequence_value=sequences.get(name),
        indexes=tuple(
            index
            for index in indexes
            if isinstance(index, Index) and not facts.uncomputable.keys() & _names_in(index)
        ),
        foreign_keys=tuple(key for key in foreign_keys if not facts.uncomputable.keys() & set(key.columns)),
        checks=definition.checks if definition is not None else (),
        uncomputed=tuple(
            Uncomputed(
                name=column.name,
                sql=column.generated_sql or "",
                message=facts.uncomputable[column.name],
                lost=tuple(_lost_with(column.name, indexes, foreign_keys)),
            )
            for column in built
            if column.name in facts.uncomputable
        ),
        unread_sql="\n".join(
            [unread, *(index.sql for index in indexes if isinstance(index, _Unread))]
        ).strip(),
    )


def _names_in(index: Index) -> set[str | None]:
    return {column.name for column in index.columns}


def _lost_with(
    column: str, indexes: Sequence[Index | _Unread], foreign_keys: Sequence[ForeignKey]
) -> Iterator[str]:
    """Say what a table loses besides the column itself."""
    for index in indexes:
        if isinstance(index, Index) and column in _names_in(index):
            yield index.sql or f"UNIQUE ({', '.join(str(key.name) for key in index.columns)})"
    for key in foreign_keys:
        if column in key.columns:
            yield f"FOREIGN KEY ({', '.join(key.columns)}) REFERENCES {key.parent_table}"


def _kind(facts: TableFacts) -> Literal["table", "shadow", "system"]:
    if fold_name(facts.table.name).startswith("sqlite_"):
        return "system"
    return "shadow" if facts.table.kind == "shadow" else "table"


def _read_definition(statement: SchemaRow, facts: TableFacts) -> tuple[TableDefinition | None, str]:
    """Return what the statement says, and the part of it that cannot be relied on."""
    sql = statement.sql
    if not sql or not statement.valid:
        return None, sql
    definition = read_table(sql)
    if definition.unread_sql:
        # What was read before the unknown place still holds: columns by name, checks, constraint names.
        return definition, definition.unread_sql
    written = [fold_name(column.name) for column in definition.columns]
    if written != [fold_name(row.name) for row in facts.columns]:
        return None, sql
    return definition, ""


def _build_column(row: ColumnRow, facts: TableFacts, definition: TableDefinition | None) -> Column:
    written = _written_column(row.name, definition)
    declared_type = row.declared_type
    # SQLite shows some types in upper case and takes the quotes off others.
    if fold_name(written.declared_type) == fold_name(declared_type):
        declared_type = written.declared_type
    metadata = facts.metadata.get(row.name)
    generated = _GENERATED.get(row.hidden, "")
    return Column(
        name=row.name,
        declared_type=declared_type,
        affinity=affinity_of(declared_type, strict=bool(facts.table.strict)),
        not_null=bool(row.not_null),
        not_null_on_conflict=written.not_null_on_conflict,
        default_sql=written.default_sql if written.default_sql is not None else row.default_sql,
        pk_position=row.pk_position,
        generated=generated,
        generated_sql=written.generated_sql if generated else None,
        collation=metadata.collation if metadata is not None else "BINARY",
    )


def _written_column(name: str, definition: TableDefinition | None) -> ColumnDefinition:
    for column in definition.columns if definition is not None else ():
        # SQLite folds the letters A to Z alone.
        if fold_name(column.name) == fold_name(name):
            return column
    return ColumnDefinition(name=name)


def _rowid_name(columns: Sequence[Column], alias: str | None) -> str | None:
    taken = {fold_name(column.name) for column in columns}
    for name in ROWID_NAMES:
        if name not in taken:
            return name
    return alias


def _build_index(
    row: IndexRow,
    keys: Sequence[IndexColumnRow],
    facts: TableFacts,
    definition: TableDefinition | None,
    statements: Statements,
) -> Index | _Unread:
    if row.origin == "c":
        return _build_created_index(row, keys, facts, _statement(statements, "index", row.name))
    columns = tuple(_build_index_column(key) for key in keys)
    constraint = _find_constraint(row.origin, columns, definition)
    return Index(
        name=row.name,
        table=facts.table.name,
        unique=bool(row.unique),
        origin=_ORIGINS[row.origin],
        columns=columns,
        on_conflict=constraint.on_conflict if constraint is not None else "",
        constraint_name=constraint.name if constraint is not None else None,
    )


def _build_created_index(
    row: IndexRow, keys: Sequence[IndexColumnRow], facts: TableFacts, statement: SchemaRow
) -> Index | _Unread:
    sql = statement.sql
    expressions: list[str | None] = [None] * len(keys)
    predicate = None
    if row.partial or any(key.name is None for key in keys):
        # An index without its predicate or expression would be another one: better none, and said so.
        try:
            written = read_index(sql)
        except UnreadSqlError:
            return _Unread(sql=sql)
        if (
            not statement.valid
            or len(written.parts) != len(keys)
            or bool(row.partial) != (written.predicate_sql is not None)
        ):
            return _Unread(sql=sql)
        # A name in double quotes that is no column is a text.
        expressions = [
            quote_sqlite(part.name) if part.name and key.position == EXPRESSION else part.expression_sql
            for part, key in zip(written.parts, keys, strict=True)
        ]
        predicate = written.predicate_sql
    return Index(
        name=row.name,
        table=facts.table.name,
        unique=bool(row.unique),
        origin="create",
        columns=tuple(
            _build_index_column(key, expression) for key, expression in zip(keys, expressions, strict=True)
        ),
        predicate_sql=predicate,
        sql=sql,
    )


def _build_index_column(key: IndexColumnRow, expression: str | None = None) -> IndexColumn:
    return IndexColumn(
        name=key.name,
        expression_sql=expression if key.name is None else None,
        collation=key.collation,
        descending=bool(key.descending),
    )


def _find_constraint(
    origin: str, columns: Sequence[IndexColumn], definition: TableDefinition | None
) -> KeyDefinition | None:
    """Find the constraint that an automatic index serves; SQLite makes one index for equal constraints."""
    if definition is None:
        return None
    if origin == "pk":
        return definition.primary_key
    names = [fold_name(column.name or "") for column in columns]
    equal = [key for key in definition.uniques if [fold_name(name) for name in key.columns] == names]
    if not equal:
        return None
    return KeyDefinition(
        parts=equal[0].parts,
        name=next((key.name for key in equal if key.name is not None), None),
        on_conflict=next((key.on_conflict for key in equal if key.on_conflict), ""),
    )


def _build_foreign_keys(facts: TableFacts, definition: TableDefinition | None) -> tuple[ForeignKey, ...]:
    listed = []
    for _, group in groupby(facts.foreign_keys, key=lambda row: row.id):
        rows = list(group)
        listed.append(
            ForeignKey(
                columns=tuple(row.column for row in rows),
                parent_table=rows[0].parent_table,
                parent_columns=tuple(row.parent_column for row in rows if row.parent_column is not None),
                on_update=rows[0].on_update,
                on_delete=rows[0].on_delete,
            )
        )
    written = definition.foreign_keys if definition is not None else ()
    if len(written) != len(listed):
        return tuple(listed)
    return tuple(_join_foreign_key(fact, text) for fact, text in zip(listed, written, strict=True))


def _join_foreign_key(fact: ForeignKey, text: ForeignKey) -> ForeignKey:
    if [fold_name(name) for name in fact.columns] != [fold_name(name) for name in text.columns]:
        return fact
    return replace(
        fact,
        deferrable=text.deferrable,
        initially_deferred=text.initially_deferred,
        name=text.name,
        match=text.match,
    )


def _build_virtual(facts: TableFacts, sql: str) -> Table:
    module = ""
    arguments: tuple[str, ...] = ()
    with suppress(UnreadSqlError):
        definition = read_virtual_table(sql)
        module, arguments = definition.module, definition.arguments
    columns = tuple(_build_column(row, facts, None) for row in facts.columns if row.hidden != 1)
    table = Table(
        name=facts.table.name,
        columns=columns,
        kind="virtual",
        sql=sql,
        module=module,
        unread_sql=facts.error,
        content_table=_option(arguments, "content"),
    )
    if facts.error or not columns or not _keeps_rows(fold_name(module), arguments):
        return table
    if fold_name(module).startswith("rtree"):
        # Its first column numbers the boxes; the coordinates have four bytes each, and no declared type.
        box = replace(columns[0], declared_type="INTEGER", affinity=Affinity.INTEGER, pk_position=1)
        return replace(
            table,
            columns=(box, *columns[1:]),
            keeps_rows=True,
            rowid_alias=box.name,
            primary_key=(box.name,),
        )
    if any(fold_name(column.name) == "rowid" for column in columns):
        return table
    # The number of a document, by which it is joined to the table that it describes.
    number = Column(name="rowid", declared_type="INTEGER", affinity=Affinity.INTEGER, pk_position=1)
    return replace(
        table,
        columns=(number, *columns),
        keeps_rows=True,
        rowid_alias="rowid",
        primary_key=("rowid",),
    )


def _option(arguments: Sequence[str], name: str) -> str:
    """Return the value of an option of a module, without its quotes."""
    for argument in arguments:
        key, equals, value = argument.partition("=")
        # A column may be called like an option.
        if equals and fold_name(key.strip()) == name:
            return value.strip().strip("'\"[]`")
    return ""


def _keeps_rows(module: str, arguments: Sequence[str]) -> bool:
    """Whether the module stores what is written to it: not for an index over another table's content."""
    if module in ("rtree", "rtree_i32"):
        return True
    if module not in ("fts3", "fts4", "fts5"):
        return False
    options = [fold_name(argument.partition("=")[0].strip()) for argument in arguments if "=" in argument]
    return not {"content", "compress", "languageid"} & set(options)


def _find_shadow_owners(tables: Sequence[Table]) -> tuple[Table, ...]:
    """Say which virtual table each shadow table belongs to, the one with the longest name that fits."""
    virtual = sorted(
        (table for table in tables if table.kind == "virtual"), key=lambda table: -len(table.name)
    )
    return tuple(_with_owner(table, virtual) for table in tables)


def _with_owner(table: Table, virtual: Sequence[Table]) -> Table:
    for owner in virtual:
        prefix = fold_name(owner.name) + "_"
        if not fold_name(table.name).startswith(prefix):
            continue
        suffix = fold_name(table.name)[len(prefix) :]
        if table.kind == "shadow" and not _made_by_module(table, owner, suffix):
            return replace(table, kind="table", shadow_of=owner.name)
        foreign = _FOREIGN_SHADOWS.get(fold_name(owner.module))
        is_foreign = foreign is not None and foreign.fullmatch(suffix) is not None
        if table.kind == "shadow" or (table.kind == "table" and is_foreign):
            # Rows that cannot be read through the module are nowhere else.
            holds = is_foreign or (
                not owner.keeps_rows and suffix == _ROWS_BEHIND.get(fold_name(owner.module))
            )
            return replace(table, kind="shadow", shadow_of=owner.name, keeps_rows=holds)
    return table


def _made_by_module(table: Table, owner: Table, suffix: str) -> bool:
    """
    Whether the columns are those of the module's own table.

    SQLite goes by the name alone, and full text does not make each of its tables always: the texts that
    it searches may well be a user's own, and called so.
    """
    names = [fold_name(column.name) for column in table.columns]
    if not fold_name(owner.module).startswith("fts"):
        return True
    match suffix:
        case "content":
            own = [name for name in names[1:] if _CONTENT_COLUMN.match(name)]
            return names[0] in ("docid", "id") and own == names[1:] != []
        case "docsize":
            return names[1:2] in (["size"], ["sz"])
        case "stat":
            return names == ["id", "value"]
        case _:
            return True
