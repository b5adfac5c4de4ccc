"""
Keep autovacuum away from tables for a while, and give it back as the application had it.

An autovacuum on a table would hold up its foreign keys for a second, until it gives way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg import sql

from howdah.model.plan import Plan
from howdah.state.store import Connection

#: Ordinary tables with all settings of their own, and whether autovacuum is on by them.
_SETTINGS = """
SELECT c.relname, coalesce(c.reloptions, '{}'),
       (SELECT o.option_value::bool FROM pg_catalog.pg_options_to_table(c.reloptions) AS o
         WHERE o.option_name = 'autovacuum_enabled')
  FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname = %s AND c.relname = ANY (%s) AND c.relkind = 'r'
"""


def pause_autovacuum(connection: Connection, plan: Plan) -> dict[str, list[str]]:
    """
    Switch it off for the tables that take rows, in the caller's transaction.

    Returns what `resume_autovacuum` wants: table → "name=value" of all settings of its own where one
    of them is about autovacuum, else []. Tables for which it was off already are not among them.
    """
    names = [table.name for table in plan.owned.tables] if plan.owned is not None else []
    names += [table.target_name for table in plan.loaded_tables]
    rows = connection.execute(_SETTINGS, (plan.options.schema, names)).fetchall()
    former = {name: options if enabled else [] for name, options, enabled in rows if enabled is not False}
    for name in former:
        _alter(connection, plan, name, sql.SQL("SET (autovacuum_enabled = false)"))
    return former


def resume_autovacuum(connection: Connection, plan: Plan, former: Mapping[str, Sequence[str]]) -> None:
    """Let it back, in the caller's transaction."""
    for name, options in former.items():
        change: sql.Composable = sql.SQL("RESET (autovacuum_enabled)")
        if options:
            # All of them, so that they come to stand in the order that they had.
            pairs = [option.partition("=") for option in options]
            given = [
                sql.SQL("{} = {}").format(sql.Identifier(key), sql.Literal(value)) for key, _, value in pairs
            ]
            change = sql.SQL("SET ({})").format(sql.SQL(", ").join(given))
        _alter(connection, plan, name, change)


def _alter(connection: Connection, plan: Plan, table: str, change: sql.Composable) -> None:
    name = sql.Identifier(plan.options.schema, table)
    connection.execute(sql.SQL("ALTER TABLE IF EXISTS {} {}").format(name, change))
