"""
Statements carried out, and answers kept for as long as nothing in the database has changed.

Every read is one statement. It begins with the server's own snapshot: where that is the one under which
the kept answer was read, no transaction has become visible since, and the server sends nothing but
that. So an answer is never old, whoever writes to the database, and the server does the work once.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass

from howdah.content.query.statement import Statement
from howdah.service.pooled_connection import PooledConnection

#: What a kept answer costs besides its bytes.
_ENTRY_BYTES = 512


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer, and the state of the database that it belongs to."""

    snapshot: str
    #: Monotonic time of its reading: a connection opened later may lead to a restarted server.
    read_at: float
    #: None: no row.
    body: bytes | None


class AnswerStore:
    """Answers by key, the least used of them given up beyond a number of bytes."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._kept: OrderedDict[object, Kept] = OrderedDict()

    async def read(self, connection: PooledConnection, statement: Statement, key: object) -> Kept:
        """Return the answer to a statement as of now; `key` stands for it and its parameters."""
        known = self._kept.get(key)
        if known is not None and known.read_at < connection.opened_at:
            known = None
        cursor = await connection.execute(
            conditional(statement.sql),
            {**statement.parameters, "known": known.snapshot if known is not None else ""},
            prepare=True,
        )
        result = cursor.pgresult
        assert result is not None
        snapshot = (result.get_value(0, 0) or b"").decode()
        if known is not None and known.snapshot == snapshot:
            self._kept.move_to_end(key)
            return known
        kept = Kept(snapshot, time.monotonic(), result.get_value(0, 1))
        self._keep(key, kept)
        return kept

    def _keep(self, key: object, kept: Kept) -> None:
        before = self._kept.pop(key, None)
        if before is not None:
            self._bytes -= len(before.body or b"") + _ENTRY_BYTES
        size = len(kept.body or b"") + _ENTRY_BYTES
        if size > self._bytes_max // 4:
            return
        self._kept[key] = kept
        self._bytes += size
        while self._bytes > self._bytes_max:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= len(oldest.body or b"") + _ENTRY_BYTES


def conditional(sql: str) -> str:
    """Return a statement that computes `sql` only where the snapshot is not the known one."""
    return (
        "SELECT s.now, CASE WHEN s.now <> %(known)s::text THEN ("
        f"{sql}) END FROM (SELECT pg_current_snapshot()::text AS now) s"
    )
