"""
What the server prints for an index or constraint that is as derived.

Pure, but for the names: the server quotes an identifier only where it must, by its own
list of keywords, so it is asked once (`read_server_names`) rather than imitated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from howdah.model.content import ForeignKeyDefinition, IndexDefinition, TableDefinition
from howdah.model.target import TargetTable
from howdah.names import quote_literal
from howdah.postgres.connect import Connection


@dataclass(frozen=True)
class ServerNames:
    """Identifiers as this server prints them."""

    printed: Mapping[str, str]

    def qualified(self, schema: str, name: str) -> str:
        """Return a name with its schema."""
        return f"{self.printed[schema]}.{self.printed[name]}"

    def listed(self, names: Iterable[str]) -> str:
        """Return names with commas between."""
        return ", ".join(self.printed[name] for name in names)

    def index(self, schema: str, table: str, index: IndexDefinition) -> str:
        """As `pg_get_indexdef()` prints an ordinary index."""
        return (
            f"CREATE INDEX {self.printed[index.name]} ON {self.qualified(schema, table)}"
            f" USING btree ({self.listed(index.columns)})"
        )

    def unique(self, index: IndexDefinition) -> str:
        """As `pg_get_constraintdef()` prints a unique constraint."""
        return f"UNIQUE ({self.listed(index.columns)})"

    def foreign_key(self, schema: str, key: ForeignKeyDefinition) -> str:
        """As `pg_get_constraintdef()` prints a validated foreign key."""
        referenced = self.qualified(schema, key.referenced_table)
        return (
            f"FOREIGN KEY ({self.printed[key.column]})"
            f" REFERENCES {referenced}({self.printed[key.referenced_column]})"
            f" ON DELETE {key.on_delete}"
        )

    def next_value(self, schema: str, sequence: str) -> str:
        """As `pg_get_expr()` prints the default of a serial column."""
        return f"nextval({quote_literal(self.qualified(schema, sequence))}::regclass)"


def read_server_names(
    connection: Connection, schema: str, tables: Iterable[TableDefinition], found: Iterable[TargetTable]
) -> ServerNames:
    """Ask the server how it prints every name that a comparison may mention."""
    names = {schema}
    for table in tables:
        names |= {table.name, table.sequence_name}
        names |= {column.name for column in table.columns}
        names |= {index.name for index in table.indexes}
        names |= {column for index in table.indexes for column in index.columns}
        for key in table.foreign_keys:
            names |= {key.referenced_table, key.referenced_column}
    names |= {name for table in found for item in table.sequences for name in (item.schema, item.name)}
    rows = connection.execute(
        "SELECT name, pg_catalog.quote_ident(name) FROM pg_catalog.unnest(%s::pg_catalog.text[]) AS name",
        (sorted(names),),
    )
    return ServerNames(dict(rows.fetchall()))
