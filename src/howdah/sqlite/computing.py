"""
Find out which VIRTUAL generated columns this SQLite cannot compute.

Their values are nowhere stored. One may call a function that only the application defines, or fail on a row
(json() of a text that is none, an overflow): SQLite computes nothing when such a column is added, and an
older version may have let in what a newer one refuses. And what can be computed, and to what, may depend
on how SQLite was built.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import apsw

from howdah.model.source import Table
from howdah.names import quote_sqlite
from howdah.sqlite.lexer import read_tokens

#: What SQLite raises where a generated column cannot be computed: a function that it does not know or that
#: fails, a value that the STRICT table does not take.
NOT_COMPUTABLE = (apsw.SQLError, apsw.ConstraintError, apsw.MismatchError)


def find_uncomputable(
    connection: apsw.Connection, table: str, columns: Iterable[str], *, every_row: bool
) -> dict[str, str]:
    """
    Return SQLite's message for each of the VIRTUAL columns that it cannot compute.

    With `every_row` it is computed for each row, which visits the whole table; without, only whether SQLite
    knows the functions. Raises apsw.CorruptError where the table is damaged.
    """
    found = {}
    for column in columns:
        limit = "" if every_row else " LIMIT 0"
        # An index would have values that were computed long ago.
        query = (
            f"SELECT typeof({quote_sqlite(column)}) AS class FROM {quote_sqlite(table)} NOT INDEXED{limit}"
        )
        try:
            connection.execute(f"SELECT count(*) FROM ({query}) WHERE class = ''").fetchall()
        except NOT_COMPUTABLE as error:
            found[column] = str(error)
    return found


def computes_any(table: Table, columns: Collection[str]) -> bool:
    """Return whether SQLite computes one of the columns when it is read."""
    return any(column.generated == "virtual" and column.name in columns for column in table.columns)


def differs_by_build(table: Table, columns: Collection[str]) -> bool:
    """
    Return whether one of the columns is computed, and may come out otherwise in another build of SQLite.

    Whether LIKE and GLOB look into a BLOB at all is decided when SQLite is compiled
    (SQLITE_LIKE_DOESNT_MATCH_BLOBS): APSW's and Debian's say no, ADBC's says yes. A computed column may
    be computed from another one.
    """
    return computes_any(table, columns) and any(
        token.value.upper() in ("LIKE", "GLOB")
        for column in table.columns
        if column.generated == "virtual"
        for token in read_tokens(column.generated_sql or "")
    )
