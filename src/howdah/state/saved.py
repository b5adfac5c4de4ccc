"""
What a run into an application's schema owes it: rows that were there before, and things put out of the way.

Both are recorded in the transaction that takes them, so that nothing can be forgotten. The tables
stand beside the ledger's and are made when the first such run begins.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from psycopg import sql

from howdah.model.owned import KEPT_COLUMN, Interim, OwnedPlan, RowPolicy
from howdah.state.store import Connection, StateSchema

_TABLES = """
CREATE TABLE IF NOT EXISTS {schema}.saved (
    run_id         text NOT NULL REFERENCES {schema}.run ON DELETE CASCADE,
    target_schema  text NOT NULL,
    target_table   text NOT NULL,
    saved_table    text NOT NULL,
    policy         text NOT NULL,
    rows           bigint NOT NULL,
    rows_kept      bigint NOT NULL DEFAULT 0,
    -- "howdah finalize" ends the way back: the rows are gone.
    finalized      boolean NOT NULL DEFAULT false,
    PRIMARY KEY (run_id, target_schema, target_table)
);
CREATE TABLE IF NOT EXISTS {schema}.interim (
    run_id       text NOT NULL REFERENCES {schema}.run ON DELETE CASCADE,
    number       integer NOT NULL,
    id           text NOT NULL,
    kind         text NOT NULL,
    object       text NOT NULL,
    take_sql     text NOT NULL,
    restore_sql  text NOT NULL,
    PRIMARY KEY (run_id, id)
)
"""


@dataclass(frozen=True, kw_only=True)
class SavedTable:
    """Rows that a table held before a run, and where they are."""

    schema: str
    table: str
    saved_table: str
    policy: RowPolicy
    rows: int
    rows_kept: int = 0
    finalized: bool = False


def name_saved_tables(owned: OwnedPlan, state: StateSchema, run_id: str) -> OwnedPlan:
    """Say in the plan where rows that were there before will be; pure."""
    return replace(owned, saved_schema=state.name, saved_prefix=f"saved_{run_id}_")


@dataclass(frozen=True, kw_only=True)
class SavedState:
    """The records of one run, on the connection given to each call, in the caller's transaction."""

    state: StateSchema
    run_id: str

    def install(self, connection: Connection) -> None:
        """Make the tables where they are not there yet."""
        connection.execute(self.state.query(_TABLES))

    def exists(self, connection: Connection) -> bool:
        """Whether any such run ever began in this target."""
        return self.state.has_table(connection, "saved")

    def take(self, connection: Connection, interim: Interim, number: int) -> None:
        """Record that something is about to be put out of the way."""
        connection.execute(
            self.state.query(
                "INSERT INTO {schema}.interim (run_id, number, id, kind, object, take_sql, restore_sql)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s)"
            ),
            (
                self.run_id,
                number,
                interim.id,
                interim.kind,
                interim.object,
                interim.take_sql,
                interim.restore_sql,
            ),
        )

    def taken(self, connection: Connection) -> tuple[Interim, ...]:
        """Return what is out of the way now, in the order in which it is to be put back."""
        rows = connection.execute(
            self.state.query(
                "SELECT id, kind, object, take_sql, restore_sql FROM {schema}.interim"
                " WHERE run_id = %s ORDER BY number"
            ),
            (self.run_id,),
        ).fetchall()
        return tuple(
            Interim(id=row[0], kind=row[1], object=row[2], take_sql=row[3], restore_sql=row[4])
            for row in rows
        )

    def put_back(self, connection: Connection, interim: Interim) -> None:
        """Record that it is as it was."""
        connection.execute(
            self.state.query("DELETE FROM {schema}.interim WHERE run_id = %s AND id = %s"),
            (self.run_id, interim.id),
        )

    def add(self, connection: Connection, saved: SavedTable) -> None:
        """Record where the rows of a table are."""
        connection.execute(
            self.state.query(
                "INSERT INTO {schema}.saved (run_id, target_schema, target_table, saved_table, policy, rows)"
                " VALUES (%s, %s, %s, %s, %s, %s)"
            ),
            (self.run_id, saved.schema, saved.table, saved.saved_table, saved.policy.value, saved.rows),
        )

    def tables(self, connection: Connection) -> tuple[SavedTable, ...]:
        """Return the tables whose rows are kept, () where the run kept none."""
        if not self.exists(connection):
            return ()
        rows = connection.execute(
            self.state.query(
                "SELECT target_schema, target_table, saved_table, policy, rows, rows_kept, finalized"
                " FROM {schema}.saved WHERE run_id = %s ORDER BY saved_table"
            ),
            (self.run_id,),
        ).fetchall()
        return tuple(
            SavedTable(
                schema=row[0],
                table=row[1],
                saved_table=row[2],
                policy=RowPolicy(row[3]),
                rows=row[4],
                rows_kept=row[5],
                finalized=row[6],
            )
            for row in rows
        )

    def table(self, connection: Connection, schema: str, name: str) -> SavedTable:
        """Return where the rows of that table of the target are. Raises KeyError where the run kept none."""
        for saved in self.tables(connection):
            if (saved.schema, saved.table) == (schema, name):
                return saved
        raise KeyError(name)

    def count_kept(self, connection: Connection, saved: SavedTable, rows: int) -> None:
        """Record how many rows went back beside the source's."""
        connection.execute(
            self.state.query(
                "UPDATE {schema}.saved SET rows_kept = %s"
                " WHERE run_id = %s AND target_schema = %s AND target_table = %s"
            ),
            (rows, self.run_id, saved.schema, saved.table),
        )

    def finalize(self, connection: Connection) -> tuple[SavedTable, ...]:
        """
        Give up the rows that were replaced; return the tables whose rows are gone.

        What stayed beside the source's rows is remembered, so that a proof can tell it from them.
        """
        ended = tuple(saved for saved in self.tables(connection) if not saved.finalized)
        if not ended:
            return ()
        for saved in ended:
            if saved.policy is RowPolicy.MERGE:
                connection.execute(
                    sql.SQL("DELETE FROM {} WHERE NOT {}").format(
                        self.locate(saved), sql.Identifier(KEPT_COLUMN)
                    )
                )
            else:
                connection.execute(sql.SQL("DROP TABLE {}").format(self.locate(saved)))
        connection.execute(
            self.state.query("UPDATE {schema}.saved SET finalized = true WHERE run_id = %s"), (self.run_id,)
        )
        return ended

    def forget(self, connection: Connection) -> None:
        """Drop the tables of rows, and the records."""
        for saved in self.tables(connection):
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(self.locate(saved)))
        if self.exists(connection):
            connection.execute(
                self.state.query("DELETE FROM {schema}.saved WHERE run_id = %s"), (self.run_id,)
            )

    def locate(self, saved: SavedTable) -> sql.Identifier:
        """Compose the qualified name of the table in which the rows are."""
        return sql.Identifier(self.state.name, saved.saved_table)
