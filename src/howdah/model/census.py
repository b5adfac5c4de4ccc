"""
What a SQLite file really stores, column by column: storage classes and shapes.

Exact counts over every row, never a sample. A *shape* is a statement that holds
for every value of one storage class in the column (all are ISO timestamps with
a 'T' and three digits, all are 0 or 1…), so the planner can rely on it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from howdah.model.orphans import Orphans


@dataclass(frozen=True, kw_only=True)
class ColumnCensus:
    name: str
    nulls: int = 0
    integers: int = 0
    reals: int = 0
    texts: int = 0
    blobs: int = 0
    integer_min: int | None = None
    integer_max: int | None = None
    real_min: float | None = None
    real_max: float | None = None
    #: REAL values that are infinite (SQLite stores no NaN).
    real_infinities: int = 0
    #: REAL values equal to an integer.
    real_integral: int = 0
    #: Most digits after the point in the shortest decimal of any finite REAL; None without one.
    real_scale_max: int | None = None
    #: Most digits before the point of any finite REAL or INTEGER.
    numeric_digits_max: int = 0
    #: Bytes (UTF-8) of the longest text and blob; characters of the longest text.
    text_bytes_max: int = 0
    text_chars_max: int = 0
    blob_bytes_max: int = 0
    #: Sum over all values, bytes (8 for a number).
    bytes_total: int = 0
    texts_empty: int = 0
    texts_with_nul: int = 0
    texts_invalid_utf8: int = 0
    #: Values stored in more bytes than ordinary batches take (`model.limits.BIG_VALUE_BYTES`).
    big_values: int = 0
    #: Shapes that hold for EVERY text value (empty set when there is no text). Names:
    #: "integer" (canonical int64 literal), "decimal" (digits with or without a point, no needless
    #: zeros in front, no negative zero), "iso-date" (YYYY-MM-DD, a real date in year 0001-9999),
    #: "iso-time" (HH:MM:SS[.f]), "iso-datetime" (see `datetime_format`), "json" (valid by RFC 8259,
    #: at most 1000 levels deep), "jsonb-safe" (JSON that PostgreSQL's jsonb takes: no \u0000, no half
    #: surrogate pair, numbers within numeric), "uuid" (36 characters), "uuid-lower", "uuid-upper",
    #: "uuid-hex32" (32 lower-case hex digits), "boolean-word" (true, no, on…).
    text_shapes: frozenset[str] = frozenset()
    #: How many texts are valid JSON objects or arrays; counted for columns declared JSON or whose
    #: every text is JSON, otherwise 0.
    json_documents: int = 0
    #: The one format of every ISO timestamp: "<sep><fraction><zone>" with sep " " or "T"; fraction
    #: "0" to "6" (always that many digits) or "0/6" (none, or six: Python's isoformat); zone "",
    #: "Z", "+00:00", " +00:00". E.g. "T3Z". "" when the texts do not share one format.
    datetime_format: str = ""
    #: Likewise fraction of ISO times: "0" to "6", "0/6" or "".
    time_format: str = ""
    #: Shapes that hold for EVERY integer: "boolean" (0/1), "epoch-s", "epoch-ms", "epoch-us"
    #: (each value falls between 1990 and 2100 in that unit), "year" (1000-2999).
    integer_shapes: frozenset[str] = frozenset()
    #: Shapes that hold for EVERY real: "epoch-s" (1990-2100), "julian-day" (1990-2100).
    real_shapes: frozenset[str] = frozenset()
    #: Shapes that hold for EVERY blob: "uuid16" (16 bytes), "jsonb" (SQLite JSONB), "utf8",
    #: "without-nul".
    blob_shapes: frozenset[str] = frozenset()
    #: Up to five distinct stored values as SQLite literals, for people.
    samples: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """All rows of the table."""
        return self.nulls + self.values

    @property
    def values(self) -> int:
        """Rows where the column is not NULL."""
        return self.integers + self.reals + self.texts + self.blobs


@dataclass(frozen=True, kw_only=True)
class TableCensus:
    name: str
    rows: int
    columns: tuple[ColumnCensus, ...]
    #: Smallest and largest rowid, None for an empty table or one without rowid.
    rowid_min: int | None = None
    rowid_max: int | None = None
    #: Sum of `bytes_total` of the columns.
    bytes_total: int = 0
    #: Rows that hold at least one big value.
    big_rows: int = 0
    #: Rowids in ascending order where a range may begin. From one to the next lie at most
    #: `model.limits.BATCH_ROWS` rows and about `BATCH_BYTES`, big values not counted.
    rowid_marks: tuple[int, ...] = ()

    def column(self, name: str) -> ColumnCensus:
        """Return the column of exactly that name. Raises KeyError."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


@dataclass(frozen=True, kw_only=True)
class Census:
    tables: tuple[TableCensus, ...] = ()
    #: Tables that could not be read to the end: name and SQLite's message.
    unreadable: tuple[tuple[str, str], ...] = field(default=())
    #: Orphans that were corrected in the copy before it was counted, and others where they are looked for.
    orphans: tuple[Orphans, ...] = ()

    def table(self, name: str) -> TableCensus:
        """Return the table of exactly that name. Raises KeyError."""
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, TableCensus]:
        return {table.name: table for table in self.tables}
