"""
The statements that build what was derived, each complete and with every name quoted.

Pure. Tables come first, foreign keys after all tables; a unique index is a constraint and the id is
a serial, as Strapi makes them, so that a database made here and one made there are the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from howdah.model.content import (
    ColumnDefinition,
    ForeignKeyDefinition,
    IndexDefinition,
    MigrationStep,
    TableDefinition,
)
from howdah.names import qualified, quote


def create_schema(schema: str) -> MigrationStep:
    """CREATE SCHEMA."""
    return MigrationStep(
        kind="create-schema",
        table="",
        object=schema,
        sql=f"CREATE SCHEMA {quote(schema)}",
        description=f'create schema "{schema}"',
    )


def create_table(schema: str, table: TableDefinition) -> MigrationStep:
    """CREATE TABLE with its columns and primary key."""
    lines = [f"    {_column(column)}" for column in table.columns]
    lines.append(f"    CONSTRAINT {quote(table.primary_key_name)} PRIMARY KEY (id)")
    body = ",\n".join(lines)
    return MigrationStep(
        kind="create-table",
        table=table.name,
        object=table.name,
        sql=f"CREATE TABLE {qualified(schema, table.name)} (\n{body}\n)",
        description=f'create table "{table.name}"',
    )


def add_column(schema: str, table: str, column: ColumnDefinition) -> MigrationStep:
    """ADD COLUMN."""
    return MigrationStep(
        kind="add-column",
        table=table,
        object=column.name,
        sql=f"ALTER TABLE {qualified(schema, table)} ADD COLUMN {_column(column)}",
        description=f'add column "{table}"."{column.name}" {column.type}',
    )


def alter_type(
    schema: str, table: str, column: ColumnDefinition, old_type: str, *, destructive: bool
) -> MigrationStep:
    """ALTER COLUMN … TYPE, converting what is stored."""
    name = quote(column.name)
    return MigrationStep(
        kind="alter-type",
        table=table,
        object=column.name,
        sql=f"ALTER TABLE {qualified(schema, table)} ALTER COLUMN {name} TYPE {column.type}"
        f" USING CAST({name} AS {column.type})",
        description=f'change column "{table}"."{column.name}" from {old_type} to {column.type}',
        destructive=destructive,
    )


def set_not_null(schema: str, table: str, column: str, *, wanted: bool) -> MigrationStep:
    """SET or DROP NOT NULL."""
    return MigrationStep(
        kind="not-null",
        table=table,
        object=column,
        sql=f"ALTER TABLE {qualified(schema, table)} ALTER COLUMN {quote(column)}"
        f" {'SET' if wanted else 'DROP'} NOT NULL",
        description=f'{"require" if wanted else "no longer require"} a value in "{table}"."{column}"',
    )


def set_default(schema: str, table: str, column: ColumnDefinition) -> MigrationStep:
    """SET or DROP DEFAULT."""
    action = "DROP DEFAULT" if column.default_sql is None else f"SET DEFAULT {column.default_sql}"
    return MigrationStep(
        kind="default",
        table=table,
        object=column.name,
        sql=f"ALTER TABLE {qualified(schema, table)} ALTER COLUMN {quote(column.name)} {action}",
        description=f'{action.lower()} of column "{table}"."{column.name}"',
    )


def add_index(schema: str, table: str, index: IndexDefinition) -> MigrationStep:
    """CREATE INDEX, or ADD CONSTRAINT … UNIQUE."""
    columns = ", ".join(quote(name) for name in index.columns)
    sql = (
        f"ALTER TABLE {qualified(schema, table)} ADD CONSTRAINT {quote(index.name)} UNIQUE ({columns})"
        if index.unique
        else f"CREATE INDEX {quote(index.name)} ON {qualified(schema, table)} USING btree ({columns})"
    )
    return MigrationStep(
        kind="add-index",
        table=table,
        object=index.name,
        sql=sql,
        description=f'build {"unique index" if index.unique else "index"} "{index.name}" of "{table}"',
    )


def add_foreign_key(schema: str, table: str, key: ForeignKeyDefinition) -> MigrationStep:
    """ADD CONSTRAINT … FOREIGN KEY."""
    return MigrationStep(
        kind="add-foreign-key",
        table=table,
        object=key.name,
        sql=f"ALTER TABLE {qualified(schema, table)} ADD CONSTRAINT {quote(key.name)}"
        f" FOREIGN KEY ({quote(key.column)})"
        f" REFERENCES {qualified(schema, key.referenced_table)} ({quote(key.referenced_column)})"
        f" ON DELETE {key.on_delete}",
        description=f'build foreign key "{key.name}" from "{table}" to "{key.referenced_table}"',
    )


def drop_column(schema: str, table: str, column: str) -> MigrationStep:
    """DROP COLUMN; fails where something of somebody else depends on it."""
    return MigrationStep(
        kind="drop-column",
        table=table,
        object=column,
        sql=f"ALTER TABLE {qualified(schema, table)} DROP COLUMN {quote(column)}",
        description=f'drop column "{table}"."{column}" with what it holds',
        destructive=True,
    )


def drop_tables(schema: str, tables: Sequence[str]) -> MigrationStep:
    """DROP TABLE of all at once, whatever their order; fails where somebody else's object depends on one."""
    names = ", ".join(f'"{name}"' for name in tables)
    return MigrationStep(
        kind="drop-table",
        table=tables[0],
        object=", ".join(tables),
        sql=f"DROP TABLE {', '.join(qualified(schema, name) for name in tables)}",
        description=f"drop {'table' if len(tables) == 1 else 'tables'} {names} with all rows",
        destructive=True,
    )


def drop_constraint(schema: str, table: str, name: str) -> MigrationStep:
    """DROP CONSTRAINT of a foreign key or unique constraint; no value is lost."""
    return MigrationStep(
        kind="drop-constraint",
        table=table,
        object=name,
        sql=f"ALTER TABLE {qualified(schema, table)} DROP CONSTRAINT {quote(name)}",
        description=f'drop constraint "{name}" of "{table}"',
    )


def drop_index(schema: str, table: str, name: str) -> MigrationStep:
    """DROP INDEX; no value is lost."""
    return MigrationStep(
        kind="drop-index",
        table=table,
        object=name,
        sql=f"DROP INDEX {qualified(schema, name)}",
        description=f'drop index "{name}" of "{table}"',
    )


def _column(column: ColumnDefinition) -> str:
    # The server makes the sequence of a serial as Strapi's is: integer, owned by the column.
    words = [quote(column.name), "serial" if column.serial else column.type]
    if column.default_sql is not None:
        words.append(f"DEFAULT {column.default_sql}")
    if column.not_null:
        words.append("NOT NULL")
    return " ".join(words)
