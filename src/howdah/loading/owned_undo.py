"""
Undo a run into an application's schema: the rows that were there come back, and everything else with them.

Works from whatever point a run got to, since what it owes is recorded in the transaction
that took it.
"""

from __future__ import annotations

from psycopg import sql

from howdah.errors import RefusedError
from howdah.loading.owned_prepare import application_path, empty_table, put_interims_back, take_interims
from howdah.loading.owned_rows import bring_rows_back
from howdah.model.owned import OwnedSequence
from howdah.model.plan import Plan
from howdah.state.saved import SavedState
from howdah.state.store import Connection


def undo_owned_run(connection: Connection, plan: Plan, saved: SavedState) -> tuple[str, ...]:
    """
    Make the application's tables what they were, in the caller's transaction; return their names.

    Raises RefusedError (M-404) where "finalize" has ended the way back.
    """
    assert plan.owned is not None
    places = {(place.schema, place.table): place for place in saved.tables(connection)}
    if not places:
        # It had not begun with the tables.
        return ()
    if any(place.finalized for place in places.values()):
        raise RefusedError(
            "M-404",
            "The way back has ended: the rows that were replaced are gone.",
            hint="Load the rows that you want from a backup.",
        )
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    take_interims(connection, saved, plan.owned)
    tables = [table for table in plan.tables if (table.target_schema, table.target_name) in places]
    for table in tables:
        empty_table(connection, table)
        with application_path(connection, plan):
            bring_rows_back(
                connection, plan.owned, table, saved, places[table.target_schema, table.target_name]
            )
    put_interims_back(connection, saved)
    for sequence in plan.owned.sequences:
        _set_back(connection, sequence)
    saved.forget(connection)
    return tuple(table.target_name for table in tables)


def _set_back(connection: Connection, sequence: OwnedSequence) -> None:
    name = sql.Identifier(sequence.schema, sequence.name)
    if sequence.may_alter:
        # Its new file belongs to this transaction: setval() below vanishes with it too.
        connection.execute(
            sql.SQL("ALTER SEQUENCE {} RESTART WITH {}").format(name, sql.Literal(sequence.last_value))
        )
    connection.execute(
        sql.SQL("SELECT setval({}, {}, {})").format(
            sql.Literal(name.as_string(connection)),
            sql.Literal(sequence.last_value),
            sql.Literal(sequence.is_called),
        )
    )
