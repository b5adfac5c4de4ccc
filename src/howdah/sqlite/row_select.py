"""
The SELECT by which rows are read as Python values, and how its rows are taken apart.

Pure. The plain form costs nothing. `guarded` leaves values that are too long where
they are and reports class and length instead; `as_bytes` gives texts as bytes, for
tables in which some are not valid UTF-8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from howdah.model.limits import BIG_VALUE_BYTES
from howdah.model.quarantine import Cell
from howdah.model.source import StorageClass, Table
from howdah.names import quote_sqlite
from howdah.sqlite.connect import BUILT_IN_COLLATIONS
from howdah.sqlite.utf16 import PYTHON_CODECS, Encoding, utf8_of_utf16


def is_big_sql(column: str) -> str:
    """
    Return the condition that the value of a quoted column is too long for a batch; it is never NULL.

    SQLite answers from the header of the record and does not visit the value's own pages.
    """
    return f"(typeof({column}) IN ('text', 'blob') AND octet_length({column}) > {BIG_VALUE_BYTES})"


def matching(table: Table, key: Sequence[str]) -> str:
    """Return the condition that a row has exactly some values in the columns `key`: see `bindings_of`."""
    return " AND ".join(_equals(table, name) for name in key)


def _equals(table: Table, name: str) -> str:
    column = quote_sqlite(name)
    # An index in the order of a collation that only the application knows finds nothing: no index.
    known = table.column(name).collation.upper() in BUILT_IN_COLLATIONS
    searched = f"{column} IS ?" if known else f"+{column} COLLATE BINARY IS ?"
    # The first finds 'A' for 'a' where the column says NOCASE, and 1 for '1' where it is numeric.
    return f"{searched} AND +{column} COLLATE BINARY IS ?"


def bindings_of(values: Sequence[Any]) -> tuple[Any, ...]:
    """Return the bindings of `matching` for the values of a key."""
    return tuple(value for value in values for _ in range(2))


def bound(cell: Cell, encoding: Encoding) -> tuple[str, int | float | str | bytes | None]:
    """Return what stands for a value in a statement on a database of that encoding, and its binding."""
    content = cell.content
    if cell.storage_class is StorageClass.TEXT and isinstance(content, bytes):
        try:
            return "?", content.decode()
        except UnicodeDecodeError:
            # No str of Python's. The cast takes bytes for those of the database's own encoding.
            if encoding != "UTF-8":
                text = content.decode(errors="surrogatepass")
                content = text.encode(PYTHON_CODECS[encoding], "surrogatepass")
            return "CAST(? AS TEXT)", content
    return "?", content


@dataclass(frozen=True, kw_only=True)
class BigMark:
    """A value that is too long for a batch."""

    storage_class: StorageClass
    #: Bytes as they are stored.
    length: int


@dataclass(frozen=True, kw_only=True)
class ColumnChunk:
    """One column of some rows: each value is in exactly one of the three, NULL in none."""

    #: int, float, str, bytes (a BLOB) or None.
    values: Sequence[Any]
    #: Texts as UTF-8 bytes, as long as `values`, where they were read so.
    texts: Sequence[bytes | None] | None = None
    #: By row.
    big: dict[int, BigMark] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Some consecutive rows of a table."""

    length: int
    columns: tuple[ColumnChunk, ...]
    #: None where the table has no rowid that can be read.
    rowids: Sequence[int] | None


@dataclass(frozen=True, kw_only=True)
class RowSelect:
    table_name: str
    #: None where the table has no rowid that can be read.
    rowid_name: str | None
    columns: tuple[str, ...]
    encoding: Encoding = "UTF-8"
    guarded: bool = False
    as_bytes: bool = False

    @property
    def rowid_sql(self) -> str:
        assert self.rowid_name is not None
        return quote_sqlite(self.rowid_name)

    def sql(self, condition: str = "", *, offset: int = 0, limit: int = -1, by_index: bool = False) -> str:
        """
        Return the statement; rows come in the order of the table itself.

        Without `by_index` SQLite is kept from its indexes: it prefers one that holds all columns,
        and would return the rows in its order.
        """
        parts = [f"SELECT {', '.join(self._outputs())} FROM {quote_sqlite(self.table_name)}"]
        if not by_index:
            parts.append("NOT INDEXED")
        if condition:
            parts.append(f"WHERE {condition}")
        if self.rowid_name is not None:
            parts.append(f"ORDER BY {self.rowid_sql}")
        if offset or limit >= 0:
            parts.append(f"LIMIT {limit} OFFSET {offset}")
        return " ".join(parts)

    def split(self, rows: Sequence[tuple[Any, ...]]) -> Chunk:
        """Take rows of the statement apart."""
        outputs = list(zip(*rows, strict=True)) if rows else [() for _ in self._outputs()]
        taken = iter(outputs)
        rowids = next(taken) if self.rowid_name is not None else None
        columns = []
        for _ in self.columns:
            values = next(taken)
            is_text = next(taken) if self.as_bytes else None
            marks = next(taken) if self.guarded else None
            columns.append(self._column(values, is_text, marks))
        return Chunk(
            length=len(rows),
            columns=tuple(columns),
            rowids=rowids,
        )

    def _outputs(self) -> list[str]:
        outputs = [self.rowid_sql] if self.rowid_name is not None else []
        for name in self.columns:
            column = quote_sqlite(name)
            outputs.append(self._guard(column, self._value(column)))
            if self.as_bytes:
                outputs.append(f"typeof({column}) = 'text'")
            if self.guarded:
                mark = f"typeof({column}) || ' ' || octet_length({column})"
                outputs.append(f"CASE WHEN {is_big_sql(column)} THEN {mark} END")
        return outputs or ["NULL"]

    def _value(self, column: str) -> str:
        if not self.as_bytes:
            return column
        return f"CASE typeof({column}) WHEN 'text' THEN CAST({column} AS BLOB) ELSE {column} END"

    def _guard(self, column: str, value: str) -> str:
        return f"CASE WHEN {is_big_sql(column)} THEN NULL ELSE {value} END" if self.guarded else value

    def _column(
        self, values: Sequence[Any], is_text: Sequence[int] | None, marks: Sequence[str | None] | None
    ) -> ColumnChunk:
        big = {}
        if marks is not None and any(marks):
            big = {row: _read_mark(mark) for row, mark in enumerate(marks) if mark is not None}
        texts: Sequence[bytes | None] | None = None
        if is_text is not None and any(is_text):
            texts = [
                self._utf8(value) if text and value is not None else None
                for value, text in zip(values, is_text, strict=True)
            ]
            values = [None if text else value for value, text in zip(values, is_text, strict=True)]
        return ColumnChunk(values=values, texts=texts, big=big)

    def _utf8(self, content: bytes) -> bytes:
        if self.encoding == "UTF-8":
            return content
        try:
            return content.decode(PYTHON_CODECS[self.encoding]).encode()
        except UnicodeDecodeError:
            return utf8_of_utf16(content, "little" if self.encoding == "UTF-16le" else "big")


def _read_mark(mark: str) -> BigMark:
    storage_class, length = mark.split(" ")
    return BigMark(storage_class=StorageClass(storage_class), length=int(length))
