"""The durable record of a live migration: one row in the target's state schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import psycopg
from psycopg import sql
from psycopg.types.json import Json

from howdah.capture.machine import Goal, Phase
from howdah.state.store import Connection, StateSchema

AsyncConnection = psycopg.AsyncConnection[tuple[Any, ...]]

_TABLE = """
CREATE TABLE IF NOT EXISTS {schema}.capture (
    run_id          text PRIMARY KEY,
    source          text NOT NULL,
    epoch           text NOT NULL,
    phase           text NOT NULL,
    goal            text NOT NULL,
    watermark       bigint NOT NULL,
    schema_version  bigint NOT NULL,
    -- Table number → writes to a table without a key that have been copied.
    touched         json NOT NULL,
    backlog         bigint NOT NULL DEFAULT 0,
    rows_applied    bigint NOT NULL DEFAULT 0,
    applied_at      timestamptz,
    -- When the journal was last seen empty: how far behind we can be at the most.
    caught_up_at    timestamptz NOT NULL DEFAULT now(),
    home_batch      bigint NOT NULL DEFAULT 0,
    fenced_at       timestamptz,
    released_at     timestamptz,
    proof           text NOT NULL DEFAULT '',
    -- Tables for which autovacuum is off for now → their own settings.
    autovacuum      json NOT NULL DEFAULT '{{}}'
);
"""

#: Whether the record is there, and whether one who is not its owner may read it.
_VISIBLE = (
    "SELECT pg_catalog.has_schema_privilege(n.oid, 'USAGE')"
    " AND pg_catalog.has_table_privilege(c.oid, 'SELECT')"
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = %s AND c.relname = 'capture'"
)

_COLUMNS = (
    "run_id, source, epoch, phase, goal, watermark, schema_version, touched, backlog, rows_applied,"
    " extract(epoch FROM clock_timestamp() - caught_up_at)::float8, home_batch, fenced_at, released_at,"
    " proof, autovacuum"
)


@dataclass(frozen=True, kw_only=True)
class Capture:
    run_id: str
    source: str
    epoch: str
    phase: Phase
    goal: Goal
    watermark: int
    schema_version: int
    touched: Mapping[int, int]
    backlog: int
    rows_applied: int
    #: Seconds since the journal was last seen empty.
    behind_seconds: float
    home_batch: int
    fenced_at: datetime | None
    released_at: datetime | None
    proof: str
    #: Tables for which autovacuum is off for now → what `capture.autovacuum` gives it back by.
    autovacuum: Mapping[str, Sequence[str]]

    @property
    def journaled(self) -> bool:
        """Whether the source has a journal; without one both sides are compared, over and over."""
        return bool(self.epoch)


@dataclass(frozen=True, kw_only=True)
class Position:
    """Where a live migration stands, as one sees it who does not work on it."""

    #: None where this role may not read the record.
    phase: Phase | None
    #: The SQLite file, as the record has it.
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class CaptureRecord:
    """Reads and writes the record, on the connection given to each call."""

    state: StateSchema

    def read(self, connection: Connection) -> Capture | None:
        """Return the record, None where nothing is followed into this target."""
        if not self.state.has_table(connection, "capture"):
            return None
        found = connection.execute(
            self.state.query("SELECT " + _COLUMNS + " FROM {schema}.capture")
        ).fetchone()
        if found is None:
            return None
        run_id, source, epoch, phase, goal, mark, version, touched, backlog, rows, behind, home, *rest = found
        return Capture(
            run_id=run_id,
            source=source,
            epoch=epoch,
            phase=Phase(phase),
            goal=Goal(goal),
            watermark=mark,
            schema_version=version,
            touched={int(number): count for number, count in touched.items()},
            backlog=backlog,
            rows_applied=rows,
            behind_seconds=behind,
            home_batch=home,
            fenced_at=rest[0],
            released_at=rest[1],
            proof=rest[2],
            autovacuum=rest[3],
        )

    async def position(self, connection: AsyncConnection) -> Position | None:
        """Return where it stands, None where nothing is followed into this database."""
        visible = await (await connection.execute(_VISIBLE, (self.state.name,))).fetchone()
        if visible is None:
            return None
        if not visible[0]:
            return Position(phase=None)
        query = self.state.query("SELECT phase, source FROM {schema}.capture")
        try:
            # A savepoint where the caller has a transaction: it goes on if the record is gone.
            async with connection.transaction():
                found = await (await connection.execute(query)).fetchone()
        except psycopg.errors.UndefinedTable:
            # `finalize` took it away between the two questions.
            return None
        return Position(phase=Phase(found[0]), source=found[1]) if found is not None else None

    def begin(
        self, connection: Connection, run_id: str, source: str, epoch: str, schema_version: int
    ) -> None:
        """Write the record, in the caller's transaction."""
        connection.execute(self.state.query(_TABLE))
        connection.execute(
            self.state.query(
                "INSERT INTO {schema}.capture (run_id, source, epoch, phase, goal, watermark, schema_version,"
                " touched) VALUES (%s, %s, %s, 'following', 'follow', 0, %s, '{{}}')"
            ),
            (run_id, source, epoch, schema_version),
        )

    def set(self, connection: Connection, **values: Any) -> None:
        """Change fields, in the caller's transaction; `now` as a value is the server's clock."""
        parts, parameters = [], []
        for name, value in values.items():
            if value == "now":
                parts.append(sql.SQL("{} = clock_timestamp()").format(sql.Identifier(name)))
                continue
            parts.append(sql.SQL("{} = %s").format(sql.Identifier(name)))
            parameters.append(Json(value) if isinstance(value, dict) else value)
        statement = sql.SQL("UPDATE {schema}.capture SET {parts}").format(
            schema=sql.Identifier(self.state.name), parts=sql.SQL(", ").join(parts)
        )
        connection.execute(statement, cast("Any", parameters))

    def remove(self, connection: Connection) -> None:
        """Drop the record, in the caller's transaction."""
        connection.execute(self.state.query("DROP TABLE IF EXISTS {schema}.capture"))
