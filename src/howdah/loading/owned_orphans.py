"""Rows of an application's tables that a foreign key of theirs cannot hold."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from howdah.model.owned import OwnedForeignKey
from howdah.state.store import Connection


def compose_owned_orphans(key: OwnedForeignKey) -> sql.Composed:
    """Compose FROM and WHERE of the rows "c" that the foreign key cannot hold."""
    columns = [sql.Identifier("c", name) for name in key.columns]
    missing = sql.SQL("NOT EXISTS (SELECT FROM {parent} AS p WHERE {match})").format(
        parent=sql.Identifier(key.parent_schema, key.parent_table),
        match=sql.SQL(" AND ").join(
            sql.SQL("{} = {}").format(sql.Identifier("p", theirs), ours)
            for theirs, ours in zip(key.parent_columns, columns, strict=True)
        ),
    )
    listed = sql.SQL(", ").join(columns)
    # MATCH SIMPLE lets a row pass that has a NULL in any column, MATCH FULL only one with NULL in all.
    nulls = (
        sql.SQL("num_nulls({0}) < {1} AND (num_nulls({0}) > 0 OR {2})").format(
            listed, sql.Literal(len(columns)), missing
        )
        if key.match_full
        else sql.SQL("num_nulls({}) = 0 AND {}").format(listed, missing)
    )
    return sql.SQL("{} AS c WHERE {}").format(sql.Identifier(key.schema, key.table), nulls)


def count_owned_orphans(connection: Connection, key: OwnedForeignKey) -> tuple[int, Sequence[str]]:
    """Return how many rows it cannot hold, and some of the values that point nowhere."""
    found = connection.execute(
        sql.SQL("SELECT count(*), (array_agg(DISTINCT concat_ws(', ', {})))[1:5] FROM {}").format(
            sql.SQL(", ").join(sql.Identifier("c", name) for name in key.columns), compose_owned_orphans(key)
        )
    ).fetchone()
    assert found is not None
    return found[0], found[1] or ()
