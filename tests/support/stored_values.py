"""What SQLite files hold according to Python's own sqlite3, for comparison with our readers."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from howdah.codecs.values import SourceColumn
from howdah.model.source import SourceCatalog, Table
from howdah.names import quote_sqlite
from howdah.sqlite.batches import SourceBatch
from howdah.sqlite.catalog import read_catalog
from howdah.sqlite.connect import open_snapshot

#: Storage class and value: int, the eight bytes of a real, or the bytes of a text (as stored) or blob.
StoredValue = tuple[str, int | bytes | None]

_TRICKY_INTEGERS = [0, 1, -1, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63), 2**31, 1_609_459_200_000]
_TRICKY_REALS = [0.0, -0.0, 0.1, 1e300, -1e-300, float("inf"), float("-inf"), 9007199254740993.0, 5e-324]
_TRICKY_TEXTS = [
    b"",
    b"\0",
    b"a\0b",
    b"\xff",
    b"abc\xc3",
    b"\xed\xa0\x80",
    b"12",
    b"1.50",
    b"\xf0\x9f\x90\x98",
]


class Text(bytes):
    """The bytes of a TEXT to be stored, valid or not."""


#: Values of every storage class, as `insert_values` stores them.
stored_values = st.one_of(
    st.none(),
    st.sampled_from(_TRICKY_INTEGERS) | st.integers(-(2**63), 2**63 - 1),
    st.sampled_from(_TRICKY_REALS) | st.floats(allow_nan=False),
    st.sampled_from(_TRICKY_TEXTS).map(Text) | st.text(max_size=40).map(lambda text: Text(text.encode())),
    st.binary(max_size=40),
)


def insert_values(connection: sqlite3.Connection, table: str, rows: Sequence[Sequence[Any]]) -> None:
    """Insert rows of such values; `Text` becomes TEXT whatever its bytes are."""
    for row in rows:
        places = ", ".join("CAST(? AS TEXT)" if isinstance(value, Text) else "?" for value in row)
        values = [bytes(value) if isinstance(value, Text) else value for value in row]
        connection.execute(f"INSERT INTO {quote_sqlite(table)} VALUES ({places})", values)


def read_expected(path: Path, table: str, columns: Sequence[str], order: str) -> list[list[StoredValue]]:
    """Return the rows as sqlite3 and SQL describe them; texts as the UTF-8 that sqlite3 hands out."""
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = bytes
        described = ", ".join(f"typeof({quote_sqlite(name)}), {quote_sqlite(name)}" for name in columns)
        query = f"SELECT {described} FROM {quote_sqlite(table)} NOT INDEXED ORDER BY {order}"
        return [
            [(row[at].decode(), _comparable(row[at + 1])) for at in range(0, len(row), 2)]
            for row in connection.execute(query)
        ]


def _comparable(value: Any) -> int | bytes | None:
    # The bits of a real, so that -0.0 is not 0.0.
    return struct.pack(">d", value) if isinstance(value, float) else value


def rows_of(batches: Sequence[SourceBatch], columns: Sequence[str]) -> list[list[StoredValue]]:
    """Return the rows of batches in the same form; every value must be in one part only."""
    rows: list[list[StoredValue]] = []
    for batch in batches:
        by_column = [_values_of(batch.columns[name], batch.length) for name in columns]
        rows += [list(row) for row in zip(*by_column, strict=True)]
    return rows


def _values_of(column: SourceColumn, length: int) -> list[StoredValue]:
    assert column.length == length
    found: list[StoredValue] = [("null", None)] * length
    for name in ("integer", "real", "text", "blob"):
        array = getattr(column, name)
        if array is None:
            continue
        assert len(array) == length
        for row, value in enumerate(array.to_pylist()):
            if value is not None:
                assert found[row] == ("null", None)
                found[row] = (name, _comparable(value))
    return found


def catalog_of(path: Path) -> SourceCatalog:
    """Return what a file declares."""
    with closing(open_snapshot(str(path))) as connection:
        return read_catalog(connection, str(path))


def table_of(path: Path, name: str) -> Table:
    """Return one table of a file."""
    return catalog_of(path).table(name)
