"""
Statements carried out, and answers kept for as long as nothing in the database has changed.

A read is one statement, which gives the server's own snapshot beside the answer. Where an answer is kept,
the server is asked for its snapshot alone: if that is the one under which the answer was read, no transaction
has become visible since, and the answer is as it would be now. So an answer is never old, whoever
writes to the database, and the server does the work once.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncCursor

from howdah.content.query.statement import Statement
from howdah.service.pooled_connection import PooledConnection

_SNAPSHOT = "SELECT pg_current_snapshot()::text"
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
        if known is not None and known.read_at >= connection.opened_at:
            cursor = await connection.execute(_SNAPSHOT, prepare=True)
            if _text(cursor, 0) == known.snapshot.encode():
                self._kept.move_to_end(key)
                return known
        cursor = await connection.execute(with_snapshot(statement.sql), statement.parameters, prepare=True)
        kept = Kept((_text(cursor, 0) or b"").decode(), time.monotonic(), _text(cursor, 1))
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


def with_snapshot(sql: str) -> str:
    """Return a statement that gives the snapshot, and what `sql` gives under it."""
    return f"SELECT pg_current_snapshot()::text, ({sql})"


def _text(cursor: AsyncCursor[Any], column: int) -> bytes | None:
    """Return a column of the only row as the server sent it: nothing is decoded on the way."""
    assert cursor.pgresult is not None
    return cursor.pgresult.get_value(0, column)
