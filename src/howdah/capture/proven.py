"""
Pieces of the full proof after a cutover, recorded as they are done.

They speak of one copy of the fenced file, and of PostgreSQL as it was at the release, for which a
snapshot was held, or as it was when they were compared, if they were equal then.
"""

from __future__ import annotations

from dataclasses import dataclass

from psycopg.types.json import Json

from howdah.model.report import to_json
from howdah.model.serialize import from_json
from howdah.proof.job import Outcome
from howdah.proof.memory import PieceName
from howdah.state.store import Connection, StateSchema

_TABLE = """
CREATE TABLE IF NOT EXISTS {schema}.proven_piece (
    sha256        text NOT NULL,
    source_table  text NOT NULL,
    low           bigint,
    high          bigint,
    outcome       json NOT NULL,
    proven_at     timestamptz NOT NULL DEFAULT now()
)
"""


@dataclass(frozen=True, kw_only=True)
class ProvenPieces:
    """The pieces of one file; each call is a transaction of its own."""

    state: StateSchema
    connection: Connection
    #: Of the copy of the fenced file.
    sha256: str
    #: Keep pieces without a difference alone: live rows may differ because they were written since.
    clean_only: bool

    def recall(self) -> dict[PieceName, Outcome]:
        """Return what is done."""
        with self.connection.transaction():
            self.connection.execute(self.state.query(_TABLE))
            rows = self.connection.execute(
                self.state.query(
                    "SELECT source_table, low, high, outcome FROM {schema}.proven_piece WHERE sha256 = %s"
                ),
                (self.sha256,),
            ).fetchall()
        return {
            PieceName(table=table, low=low, high=high): from_json(Outcome, outcome)
            for table, low, high, outcome in rows
        }

    def keep(self, name: PieceName, outcome: Outcome) -> None:
        """Remember that a piece is done."""
        if self.clean_only and outcome.difference_count:
            return
        with self.connection.transaction():
            self.connection.execute(
                self.state.query(
                    "INSERT INTO {schema}.proven_piece (sha256, source_table, low, high, outcome)"
                    " VALUES (%s, %s, %s, %s, %s)"
                ),
                (self.sha256, name.table, name.low, name.high, Json(to_json(outcome))),
            )


def forget_pieces(connection: Connection, state: StateSchema) -> None:
    """Begin anew, in the caller's transaction: another release is another moment."""
    connection.execute(state.query("DROP TABLE IF EXISTS {schema}.proven_piece"))
