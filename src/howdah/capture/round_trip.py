"""
The other half of the proof on the way back: what SQLite holds now, sent out again, is what PostgreSQL holds.

The verifier reads PostgreSQL by `decode`, as the way home does, so a fault there could hide. Here
the rows that were written are read from the SQLite file, pass `encode` and binary COPY into a
temporary table, and PostgreSQL itself compares them with its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

from psycopg import sql

from howdah.loading.copy_statement import compose_table
from howdah.loading.encode_batch import encode_batch
from howdah.model.plan import ColumnPlan, TablePlan
from howdah.model.source import Table
from howdah.postgres.copy import copy_in
from howdah.sqlite.connect import open_snapshot
from howdah.sqlite.python_rows import fetch_rows_by_key
from howdah.state.store import Connection

#: Types whose values PostgreSQL compares by value; the others by their exact text.
_BY_VALUE = ("numeric", "real", "double precision", "float4", "float8", "jsonb")
_ROWS_AT_ONCE = 2_000


def count_unlike(
    connection: Connection, path: str, plan: TablePlan, table: Table, keys: Sequence[tuple[Any, ...]]
) -> int:
    """Return how many of the rows with those keys are not on PostgreSQL what the file makes of them."""
    names: dict[str, sql.Composable] = {
        "table": compose_table(plan),
        "columns": sql.SQL(", ").join(sql.Identifier(column.target_name) for column in plan.copied_columns),
        "match": sql.SQL(" AND ").join(
            sql.SQL("t.{0} = r.{0}").format(sql.Identifier(plan.column(name).target_name))
            for name in plan.key
        ),
        "differ": sql.SQL(" OR ").join(_differ(column) for column in plan.copied_columns),
        "first": sql.Identifier(plan.column(plan.key[0]).target_name),
    }
    copy = sql.SQL("COPY pg_temp.howdah_round_trip ({columns}) FROM STDIN (FORMAT binary)").format(**names)
    unlike = 0
    connection.execute(
        sql.SQL(
            "CREATE TEMPORARY TABLE howdah_round_trip AS SELECT {columns} FROM {table} WITH NO DATA"
        ).format(**names)
    )
    with closing(open_snapshot(path)) as source:
        for start in range(0, len(keys), _ROWS_AT_ONCE):
            batch = fetch_rows_by_key(source, table, plan.key, keys[start : start + _ROWS_AT_ONCE])
            encoded = encode_batch(batch, plan, table)
            unlike += batch.length - encoded.row_count
            copy_in(connection, copy, [encoded.copy_rows()])
    row = connection.execute(
        sql.SQL(
            "SELECT count(*) FROM pg_temp.howdah_round_trip r LEFT JOIN {table} t ON {match}"
            " WHERE t.{first} IS NULL OR {differ}"
        ).format(**names)
    ).fetchone()
    connection.execute("DROP TABLE pg_temp.howdah_round_trip")
    return unlike + (int(row[0]) if row else 0)


def _differ(column: ColumnPlan) -> sql.Composed:
    by_value = column.type.split("(")[0].strip().lower() in _BY_VALUE
    cast = "" if by_value else "::text"
    name = sql.Identifier(column.target_name)
    return sql.SQL("r.{0}" + cast + " IS DISTINCT FROM t.{0}" + cast).format(name)
