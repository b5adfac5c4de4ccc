"""
The history of our own migrations: one row each in the state schema, written in the same transaction.

A row holds the digest of what was derived, the statements that were run, and what is ours in the
database since then. It is what makes "run it again" do nothing and "this column was ours" an answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from howdah.content.migration import Owned, OwnedTable
from howdah.model.content import MigrationStep
from howdah.postgres.connect import Connection
from howdah.state.store import StateSchema, state_exists

_CREATE = """
CREATE TABLE IF NOT EXISTS {schema}.content_migration (
    number          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    target_schema   text NOT NULL,
    digest          text NOT NULL,
    statements      jsonb NOT NULL,
    owned           jsonb NOT NULL,
    howdah_version  text NOT NULL,
    applied_at      timestamptz NOT NULL DEFAULT now()
)
"""


@dataclass(frozen=True, kw_only=True)
class AppliedMigration:
    #: How many migrations of this schema were applied, this one included.
    version: int
    #: SHA-256 of the definitions.
    digest: str
    owned: Owned


def read_last_migration(connection: Connection, state: StateSchema, schema: str) -> AppliedMigration | None:
    """Return the newest migration of a schema, None where none of ours was applied."""
    if not state_exists(connection, state):
        return None
    found = connection.execute(
        "SELECT to_regclass(quote_ident(%s) || '.content_migration')", (state.name,)
    ).fetchone()
    if found is None or found[0] is None:
        return None
    row = connection.execute(
        state.query(
            "SELECT digest, owned, count(*) OVER () FROM {schema}.content_migration"
            " WHERE target_schema = %s ORDER BY number DESC LIMIT 1"
        ),
        (schema,),
    ).fetchone()
    if row is None:
        return None
    return AppliedMigration(version=row[2], digest=row[0], owned=_owned_from(row[1]))


def record_migration(
    connection: Connection,
    state: StateSchema,
    schema: str,
    *,
    digest: str,
    steps: Sequence[MigrationStep],
    owned: Owned,
    howdah_version: str,
) -> int:
    """Write a migration down, in the transaction that applied it; return its version."""
    connection.execute(state.query(_CREATE))
    connection.execute(
        state.query(
            "INSERT INTO {schema}.content_migration"
            " (target_schema, digest, statements, owned, howdah_version)"
            " VALUES (%s, %s, %s::pg_catalog.jsonb, %s::pg_catalog.jsonb, %s)"
        ),
        (schema, digest, json.dumps([step.sql for step in steps]), _owned_to(owned), howdah_version),
    )
    row = connection.execute(
        state.query("SELECT count(*) FROM {schema}.content_migration WHERE target_schema = %s"), (schema,)
    ).fetchone()
    assert row is not None
    return int(row[0])


def _owned_to(owned: Owned) -> str:
    return json.dumps(
        {
            name: {
                "columns": table.columns,
                "indexes": table.indexes,
                "foreign_keys": table.foreign_keys,
            }
            for name, table in owned.items()
        }
    )


def _owned_from(value: Mapping[str, Any]) -> Owned:
    return {
        name: OwnedTable(
            columns=tuple(table["columns"]),
            indexes=tuple(table["indexes"]),
            foreign_keys=tuple(table["foreign_keys"]),
        )
        for name, table in value.items()
    }
