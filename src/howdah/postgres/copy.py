"""
Send blocks of binary COPY rows to PostgreSQL, in the caller's transaction.

`build_copy_rows` (see `copy_rows`) makes the blocks. The connection's time goes into the
server: sending costs half a second of processor time per gigabyte.
"""

from __future__ import annotations

from collections.abc import Iterable

from psycopg import sql
from psycopg.abc import Buffer

from howdah.postgres.connect import Connection
from howdah.postgres.copy_rows import build_copy_rows

__all__ = ["COPY_HEADER", "COPY_TRAILER", "build_copy_rows", "copy_in", "copy_stream"]

#: A whole COPY … FROM STDIN statement.
CopyStatement = sql.SQL | sql.Composed

#: Signature, flags and length of the header extension (sql-copy, "File Header").
COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(4) + bytes(4)

#: A field count of -1 ends the rows.
COPY_TRAILER = b"\xff\xff"


def copy_in(connection: Connection, statement: CopyStatement, blocks: Iterable[Buffer]) -> int:
    """
    Carry out a `COPY … FROM STDIN (FORMAT binary)` with the rows in `blocks`; return the server's row count.

    An exception of the iterator ends the COPY with an error, and is raised.
    """

    def framed() -> Iterable[Buffer]:
        yield COPY_HEADER
        yield from blocks
        yield COPY_TRAILER

    return copy_stream(connection, statement, framed())


def copy_stream(connection: Connection, statement: CopyStatement, chunks: Iterable[Buffer]) -> int:
    """Carry out a COPY with chunks that are already framed by header and trailer; return the row count."""
    with connection.cursor() as cursor:
        with cursor.copy(statement) as copy:
            for chunk in chunks:
                copy.write(chunk)
        return cursor.rowcount
