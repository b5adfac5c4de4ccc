"""
The SELECT by which rows are read as Python values, and how its rows are taken apart.

Pure. The plain form costs nothing. `guarded` leaves values that are too long where
they are and reports class and length instead; `as_bytes` gives texts as bytes, for
tables in which some are not valid UTF-8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from howdah.model.limits import BIG_VALUE_BYTES
from howdah.model.source import Table
from howdah.names import quote_sqlite
from howdah.sqlite.utf16 import utf8_of_utf16

Encoding = Literal["UTF-8", "UTF-16le", "UTF-16be"]


@dataclass(frozen=True, kw_only=True)
class BigValue:
    """A value that is too long for a batch."""

    storage_class: Literal["text", "blob"]
    #: Bytes, of text in UTF-8.
    length: int


@dataclass(frozen=True, kw_only=True)
class ColumnChunk:
    """One column of some rows: each value is in exactly one of the three, NULL in none."""

    #: int, float, str, bytes (a BLOB) or None.
    values: Sequence[Any]
    #: Texts as UTF-8 bytes, as long as `values`, where they were read so.
    texts: Sequence[bytes | None] | None = None
    #: By row.
    big: dict[int, BigValue] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Some consecutive rows of a table."""

    length: int
    columns: tuple[ColumnChunk, ...]
    #: None where the table has no rowid that can be read.
    rowids: Sequence[int] | None
    #: Results of the tests, by column.
    tests: dict[str, Sequence[Any]]


@dataclass(frozen=True, kw_only=True)
class RowSelect:
    table: Table
    columns: tuple[str, ...]
    encoding: Encoding = "UTF-8"
    guarded: bool = False
    as_bytes: bool = False
    #: Column → an expression to compute beside it, "{}" standing for its value.
    tests: tuple[tuple[str, str], ...] = ()

    @property
    def has_rowid(self) -> bool:
        return self.table.rowid_name is not None and not self.table.without_rowid

    @property
    def rowid_sql(self) -> str:
        assert self.table.rowid_name is not None
        return quote_sqlite(self.table.rowid_name)

    def sql(self, condition: str = "", *, offset: int = 0) -> str:
        """
        Return the statement; rows come in the order of the table itself.

        NOT INDEXED, because SQLite prefers an index that holds all columns, in its order.
        """
        parts = [f"SELECT {', '.join(self._outputs())} FROM {quote_sqlite(self.table.name)} NOT INDEXED"]
        if condition:
            parts.append(f"WHERE {condition}")
        if self.has_rowid:
            parts.append(f"ORDER BY {self.rowid_sql}")
        if offset:
            parts.append(f"LIMIT -1 OFFSET {offset}")
        return " ".join(parts)

    def split(self, rows: Sequence[tuple[Any, ...]]) -> Chunk:
        """Take rows of the statement apart."""
        outputs = list(zip(*rows, strict=True)) if rows else [() for _ in self._outputs()]
        taken = iter(outputs)
        rowids = next(taken) if self.has_rowid else None
        columns = []
        for name in self.columns:
            if self._is_rowid(name):
                assert rowids is not None
                columns.append(ColumnChunk(values=rowids))
                continue
            values = next(taken)
            is_text = next(taken) if self.as_bytes else None
            marks = next(taken) if self.guarded else None
            columns.append(self._column(values, is_text, marks))
        return Chunk(
            length=len(rows),
            columns=tuple(columns),
            rowids=rowids,
            tests={name: next(taken) for name, _ in self.tests},
        )

    def _is_rowid(self, name: str) -> bool:
        return self.has_rowid and name == self.table.rowid_alias

    def _outputs(self) -> list[str]:
        outputs = [self.rowid_sql] if self.has_rowid else []
        for name in self.columns:
            if self._is_rowid(name):
                continue
            column = quote_sqlite(name)
            outputs.append(self._guard(column, self._value(column)))
            if self.as_bytes:
                outputs.append(f"typeof({column}) = 'text'")
            if self.guarded:
                outputs.append(
                    f"CASE WHEN {self._too_long(column)} THEN typeof({column}) || ' ' || octet_length({column}) END"
                )
        for name, template in self.tests:
            column = quote_sqlite(name)
            outputs.append(self._guard(column, template.format(column)))
        return outputs or ["NULL"]

    def _value(self, column: str) -> str:
        if not self.as_bytes:
            return column
        return f"CASE typeof({column}) WHEN 'text' THEN CAST({column} AS BLOB) ELSE {column} END"

    def _guard(self, column: str, value: str) -> str:
        return f"CASE WHEN {self._too_long(column)} THEN NULL ELSE {value} END" if self.guarded else value

    def _too_long(self, column: str) -> str:
        # octet_length() and typeof() do not load a value's overflow pages. The length of UTF-16 text
        # in UTF-8 is not known before it is read, so such text is read, and judged in Python.
        classes = "('text', 'blob')" if self.encoding == "UTF-8" else "('blob')"
        return f"(typeof({column}) IN {classes} AND octet_length({column}) > {BIG_VALUE_BYTES})"

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
        if self.encoding != "UTF-8":
            values, texts = _set_apart_long_texts(values, texts, big)
        return ColumnChunk(values=values, texts=texts, big=big)

    def _utf8(self, content: bytes) -> bytes:
        if self.encoding == "UTF-8":
            return content
        order: Literal["little", "big"] = "little" if self.encoding == "UTF-16le" else "big"
        try:
            return content.decode("utf-16-le" if order == "little" else "utf-16-be").encode()
        except UnicodeDecodeError:
            return utf8_of_utf16(content, order)


def _read_mark(mark: str) -> BigValue:
    storage_class, length = mark.split(" ")
    return BigValue(storage_class="text" if storage_class == "text" else "blob", length=int(length))


def _set_apart_long_texts(
    values: Sequence[Any], texts: Sequence[bytes | None] | None, big: dict[int, BigValue]
) -> tuple[Sequence[Any], Sequence[bytes | None] | None]:
    """Move texts that are too long in UTF-8 from the values to `big`."""
    lengths = {
        row: len(value.encode())
        for row, value in enumerate(values)
        # A character has four bytes at the most: nearly every text is passed over here.
        if type(value) is str and len(value) > BIG_VALUE_BYTES // 4
    }
    if texts is not None:
        lengths.update({row: len(text) for row, text in enumerate(texts) if text is not None})
    long = {row: length for row, length in lengths.items() if length > BIG_VALUE_BYTES}
    if not long:
        return values, texts
    big.update({row: BigValue(storage_class="text", length=length) for row, length in long.items()})
    values = [None if row in long else value for row, value in enumerate(values)]
    if texts is not None:
        texts = [None if row in long else text for row, text in enumerate(texts)]
    return values, texts
