"""
The journal of the way back: keys of rows that the application changed on PostgreSQL.

One small table per carried table, filled by a trigger that nothing can switch off short of
ALTER TABLE (ENABLE ALWAYS). Keys only: the current row is read when it goes home, so the order of
entries does not matter. There is no cursor: numbers are drawn before a transaction commits, so
whoever remembers the largest misses the late ones. Entries are read, and later deleted, in one
snapshot, and what commits afterwards is there the next time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from psycopg import sql
from psycopg.types.json import Json

from howdah.model.plan import Plan, TablePlan
from howdah.state.store import Connection, StateSchema

TRIGGER = "_howdah_note"
TRUNCATE_TRIGGER = "_howdah_note_truncate"


@dataclass(frozen=True, kw_only=True)
class NotedTable:
    """One table whose changes are noted."""

    number: int
    run_id: str
    #: Source name.
    source_table: str
    target_schema: str
    target_name: str
    #: Target names of the key's columns; () where only "something changed" is noted.
    key: tuple[str, ...]
    #: [name, type] of every column when the journal began, to see later what was altered.
    columns: tuple[tuple[str, str], ...]


_TABLES = """
CREATE TABLE IF NOT EXISTS {schema}.way_back (
    number         integer PRIMARY KEY,
    run_id         text NOT NULL,
    source_table   text NOT NULL,
    target_schema  text NOT NULL,
    target_name    text NOT NULL,
    key            json NOT NULL,
    columns        json NOT NULL,
    installed_at   timestamptz NOT NULL DEFAULT now()
);
-- Tables of which the keys alone do not tell enough: truncated, or without any key.
CREATE TABLE IF NOT EXISTS {schema}.way_back_whole (
    number    integer NOT NULL,
    noted_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
"""

# Security definer: the application's role need not know of the state schema.
_NOTE_KEYS = """
CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS {body}
"""
_KEYS_BODY = """
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO {dirty} VALUES ({old});
    END IF;
    IF TG_OP = 'INSERT' THEN
        INSERT INTO {dirty} VALUES ({new});
    ELSIF TG_OP = 'UPDATE' THEN
        IF ROW({new}) IS DISTINCT FROM ROW({old}) THEN
            INSERT INTO {dirty} VALUES ({new});
        END IF;
    END IF;
    RETURN NULL;
END
"""
_WHOLE_BODY = """
BEGIN
    INSERT INTO {whole} (number) VALUES ({number});
    RETURN NULL;
END
"""


@dataclass(frozen=True, kw_only=True)
class WayBack:
    """The journal in one state schema, on the connection given to each call."""

    state: StateSchema

    def exists(self, connection: Connection) -> bool:
        """Whether a journal was ever begun in this target and not removed."""
        return self.state.has_table(connection, "way_back")

    def install(self, connection: Connection, run_id: str, plan: Plan) -> None:
        """Begin to note changes of every planned table, in the caller's transaction."""
        self.prepare(connection, run_id, plan)
        self.arm(connection)

    def prepare(self, connection: Connection, run_id: str, plan: Plan) -> None:
        """Make everything but the triggers, so that these alone are left for a moment that is short."""
        connection.execute(self.state.query(_TABLES))
        for number, table in enumerate(plan.loaded_tables, start=1):
            self._prepare_table(connection, run_id, number, table)

    def _prepare_table(self, connection: Connection, run_id: str, number: int, table: TablePlan) -> None:
        target = sql.Identifier(table.target_schema, table.target_name)
        key = [table.column(name).target_name for name in table.key]
        if not _are_not_null(connection, table.target_schema, table.target_name, key):
            # NULL names no row: what changed is known of the table as a whole.
            key = []
        connection.execute(
            self.state.query(
                "INSERT INTO {schema}.way_back (number, run_id, source_table, target_schema, target_name,"
                " key, columns) VALUES (%s, %s, %s, %s, %s, %s, %s)"
            ),
            (
                number,
                run_id,
                table.name,
                table.target_schema,
                table.target_name,
                Json(key),
                Json(read_columns(connection, table.target_schema, table.target_name)),
            ),
        )
        self._create_function(
            connection,
            f"note_whole_{number}",
            sql.SQL(cast("Any", _WHOLE_BODY)).format(
                whole=sql.Identifier(self.state.name, "way_back_whole"), number=sql.Literal(number)
            ),
        )
        if key:
            dirty = self.dirty(number)
            connection.execute(
                sql.SQL(
                    "CREATE TABLE {} WITH (autovacuum_vacuum_scale_factor = 0,"
                    " autovacuum_vacuum_threshold = 1000) AS SELECT {} FROM {} WITH NO DATA"
                ).format(dirty, sql.SQL(", ").join(map(sql.Identifier, key)), target)
            )
            body = sql.SQL(cast("Any", _KEYS_BODY)).format(
                dirty=dirty, old=_of("OLD", key), new=_of("NEW", key)
            )
            self._create_function(connection, f"note_{number}", body)

    def arm(self, connection: Connection) -> None:
        """Put the triggers on every prepared table, in the caller's transaction."""
        for table in self.tables(connection):
            self._arm_table(connection, table)

    def disarm(self, connection: Connection) -> None:
        """Take the triggers off again and forget what they noted, in the caller's transaction."""
        for table in self.tables(connection):
            target = sql.Identifier(table.target_schema, table.target_name)
            for name in (TRIGGER, TRUNCATE_TRIGGER):
                connection.execute(
                    sql.SQL("DROP TRIGGER IF EXISTS {} ON {}").format(sql.Identifier(name), target)
                )
            self.forget(connection, table)

    def _arm_table(self, connection: Connection, table: NotedTable) -> None:
        target = sql.Identifier(table.target_schema, table.target_name)
        whole = sql.Identifier(self.state.name, f"note_whole_{table.number}")
        note, level = whole, "STATEMENT"
        if table.key:
            note, level = sql.Identifier(self.state.name, f"note_{table.number}"), "ROW"
        for name, event, each, function in (
            (TRIGGER, "INSERT OR UPDATE OR DELETE", level, note),
            (TRUNCATE_TRIGGER, "TRUNCATE", "STATEMENT", whole),
        ):
            connection.execute(
                sql.SQL(
                    cast(
                        "Any",
                        f"CREATE TRIGGER {{}} AFTER {event} ON {{}} FOR EACH {each} EXECUTE FUNCTION {{}}()",
                    )
                ).format(sql.Identifier(name), target, function)
            )
            # A session that replicates or restores would not fire ordinary triggers.
            connection.execute(
                sql.SQL("ALTER TABLE {} ENABLE ALWAYS TRIGGER {}").format(target, sql.Identifier(name))
            )

    def _create_function(self, connection: Connection, name: str, body: sql.Composed) -> sql.Identifier:
        function = sql.Identifier(self.state.name, name)
        connection.execute(
            sql.SQL(cast("Any", _NOTE_KEYS)).format(
                function=function, body=sql.Literal(body.as_string(connection))
            )
        )
        return function

    def dirty(self, number: int) -> sql.Identifier:
        """Return the name of the table that holds the keys noted for one table."""
        return sql.Identifier(self.state.name, f"dirty_{number}")

    def tables(self, connection: Connection) -> tuple[NotedTable, ...]:
        """Return the tables whose changes are noted, () where there is no journal."""
        if not self.exists(connection):
            return ()
        rows = connection.execute(
            self.state.query(
                "SELECT number, run_id, source_table, target_schema, target_name, key, columns"
                " FROM {schema}.way_back ORDER BY number"
            )
        ).fetchall()
        return tuple(
            NotedTable(
                number=number,
                run_id=run_id,
                source_table=source,
                target_schema=schema,
                target_name=name,
                key=tuple(key),
                columns=tuple((column, kind) for column, kind in columns),
            )
            for number, run_id, source, schema, name, key, columns in rows
        )

    def whole(self, connection: Connection) -> frozenset[int]:
        """Return the numbers of the tables that must be read whole."""
        rows = connection.execute(
            self.state.query("SELECT DISTINCT number FROM {schema}.way_back_whole")
        ).fetchall()
        return frozenset(number for (number,) in rows)

    def count(self, connection: Connection) -> int:
        """Return how many entries the journal holds, repeated ones included."""
        total = 0
        for table in self.tables(connection):
            if table.key:
                total += _count(connection, self.dirty(table.number))
        if self.exists(connection):
            total += _count(connection, sql.Identifier(self.state.name, "way_back_whole"))
        return total

    def forget(self, connection: Connection, table: NotedTable) -> None:
        """Delete the entries of a table that the caller's snapshot sees."""
        if table.key:
            connection.execute(sql.SQL("DELETE FROM {}").format(self.dirty(table.number)))
        connection.execute(
            self.state.query("DELETE FROM {schema}.way_back_whole WHERE number = %s"), (table.number,)
        )

    def missing_triggers(self, connection: Connection) -> list[NotedTable]:
        """Return the tables that are there but have lost a trigger, or whose trigger does not always fire."""
        rows = connection.execute(
            "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c"
            " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
            " WHERE (SELECT count(*) FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid"
            " AND t.tgname IN (%s, %s) AND t.tgenabled = 'A') = 2",
            (TRIGGER, TRUNCATE_TRIGGER),
        ).fetchall()
        guarded = {(schema, name) for schema, name in rows}
        return [
            table
            for table in self.tables(connection)
            if (table.target_schema, table.target_name) not in guarded
        ]

    def remove(self, connection: Connection) -> None:
        """Take every trigger, function and table of the journal away, in the caller's transaction."""
        # By what is there, not by what is recorded: a restored database has the objects without the rows.
        functions = connection.execute(
            "SELECT p.proname FROM pg_catalog.pg_proc p"
            " JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace"
            " WHERE n.nspname = %s AND p.proname ~ '^note_(whole_)?[0-9]+$'",
            (self.state.name,),
        ).fetchall()
        for (name,) in functions:
            # The triggers depend on their function and go with it, whatever the table is called by now.
            connection.execute(
                sql.SQL("DROP FUNCTION IF EXISTS {}() CASCADE").format(sql.Identifier(self.state.name, name))
            )
        tables = connection.execute(
            "SELECT c.relname FROM pg_catalog.pg_class c"
            " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = %s AND c.relname ~ '^dirty_[0-9]+$' AND c.relkind = 'r'",
            (self.state.name,),
        ).fetchall()
        for (name,) in tables:
            connection.execute(
                sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(self.state.name, name))
            )
        if self.exists(connection):
            connection.execute(self.state.query("DROP TABLE {schema}.way_back, {schema}.way_back_whole"))


def _are_not_null(connection: Connection, schema: str, table: str, columns: Sequence[str]) -> bool:
    row = connection.execute(
        "SELECT coalesce(bool_and(a.attnotnull), true) FROM pg_catalog.pg_attribute a"
        " JOIN pg_catalog.pg_class c ON c.oid = a.attrelid"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p') AND a.attname = ANY (%s)",
        (schema, table, list(columns)),
    ).fetchone()
    return row is not None and bool(row[0])


def read_columns(connection: Connection, schema: str, table: str) -> list[list[str]]:
    """Return [name, type] of every column of a table, in order; [] where there is no such table."""
    rows = connection.execute(
        "SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)"
        " FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p')"
        " AND a.attnum > 0 AND NOT a.attisdropped"
        " ORDER BY a.attnum",
        (schema, table),
    ).fetchall()
    return [[name, kind] for name, kind in rows]


def _of(row: str, key: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.SQL(cast("Any", row + ".{}")).format(sql.Identifier(name)) for name in key)


def _count(connection: Connection, table: sql.Identifier) -> int:
    row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(table)).fetchone()
    return int(row[0]) if row else 0
