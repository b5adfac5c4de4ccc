"""
Count by SQLite's own json_valid() which texts are JSON, and which blobs are SQLite's JSONB.

It is C, needs no copy of the value, and knows RFC 8259 to the letter. One pass over the table for
all columns that are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import apsw

from howdah.model.limits import BIG_VALUE_BYTES
from howdah.names import quote_sqlite
from howdah.sqlite.utf16 import PYTHON_CODECS, Encoding

#: sqlite.org/json1.html#jvalid: 1 is RFC 8259 text, 8 is strictly checked JSONB.
_TEXT_TEST = "json_valid({}, 1)"
_BLOB_TEST = "json_valid({}, 8)"

#: White space of JSON, as SQL.
_WHITE_SPACE = "char(32, 9, 10, 13)"

#: Code points of "[" and "{".
_OPENING = "(91, 123)"

_IS_SOUND = "_howdah_is_sound"


@dataclass(frozen=True, kw_only=True)
class JsonQuestion:
    """A column whose texts, or blobs, are to be looked at; those too long for a batch apart."""

    column: str
    blobs: bool = False
    #: Some texts hold NUL, at which json_valid() stops reading, or are not valid in their encoding.
    unsound: bool = False


@dataclass(frozen=True, kw_only=True)
class JsonAnswer:
    #: Values that are JSON (JSONB for blobs).
    valid: int
    #: Those of them that are objects or arrays; 0 for blobs.
    documents: int


def count_json(
    connection: apsw.Connection, table_name: str, questions: Sequence[JsonQuestion], encoding: Encoding
) -> list[JsonAnswer]:
    """Return the answers in the order of the questions. Raises apsw.Error where the table cannot be read."""
    if not questions:
        return []

    def is_sound(*values: Any) -> bool:
        try:
            return "\0" not in values[0].decode(PYTHON_CODECS[encoding])
        except UnicodeDecodeError:
            return False

    if any(question.unsound for question in questions):
        connection.create_scalar_function(_IS_SOUND, is_sound, 1, deterministic=True)
    kinds = ", ".join(f"{_kind(question)} AS k{number}" for number, question in enumerate(questions))
    sums = ", ".join(f"total(k{number} > 0), total(k{number} > 1)" for number in range(len(questions)))
    # The limit keeps SQLite from computing each kind twice.
    query = f"SELECT {sums} FROM (SELECT {kinds} FROM {quote_sqlite(table_name)} NOT INDEXED LIMIT -1)"
    rows: list[Any] = connection.execute(query).fetchall()
    counts = [int(count) for count in rows[0]]
    return [
        JsonAnswer(valid=valid, documents=documents)
        for valid, documents in zip(counts[0::2], counts[1::2], strict=True)
    ]


def is_json(
    connection: apsw.Connection, value_sql: str, source_sql: str, bindings: tuple[object, ...]
) -> bool:
    """Return whether one text is JSON: an expression over what follows SELECT, with its bindings."""
    statement = f"SELECT {_TEXT_TEST.format(value_sql)} {source_sql}"
    return bool(connection.execute(statement, bindings).fetchall()[0][0])


def _kind(question: JsonQuestion) -> str:
    """Return an expression: 0 is not JSON, 1 a value, 2 an object or array."""
    column = quote_sqlite(question.column)
    conditions = [
        f"typeof({column}) = '{'blob' if question.blobs else 'text'}'",
        f"octet_length({column}) <= {BIG_VALUE_BYTES}",
    ]
    if question.unsound:
        conditions.append(f"{_IS_SOUND}(CAST({column} AS BLOB))")
    conditions.append((_BLOB_TEST if question.blobs else _TEXT_TEST).format(column))
    document = ""
    if not question.blobs:
        document = (
            f" WHEN unicode({column}) IN {_OPENING}"
            f" OR unicode(ltrim({column}, {_WHITE_SPACE})) IN {_OPENING} THEN 2"
        )
    return f"CASE WHEN NOT ({' AND '.join(conditions)}) THEN 0{document} ELSE 1 END"
