"""
Count what every column really holds: exact, over every row, in one pass per table.

Memory is bounded by the chunks of `python_rows`. Only JSON is checked in a second
look, by SQLite's own `json_valid`, and only in columns whose every text looks like a
document.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import closing

import apsw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from howdah.codecs.values import SourceColumn
from howdah.errors import IntegrityError
from howdah.model.census import Census, ColumnCensus, TableCensus
from howdah.model.source import Table
from howdah.names import quote_sqlite
from howdah.process.progress import NullProgress, Progress
from howdah.sqlite.big_values import is_big_sql
from howdah.sqlite.connect import open_snapshot
from howdah.sqlite.python_rows import read_rows
from howdah.sqlite.shapes import TextShapes, decimal_scale, integer_shapes, real_shapes

_SAMPLES = 5
#: Characters of a sample that are kept.
_SAMPLE_LENGTH = 60
#: Range boundaries kept per table.
_MARKS_MAX = 4096


def take_census(snapshot_path: str, tables: Sequence[Table], *, progress: Progress | None = None) -> Census:
    """
    Return the census of the tables; one that cannot be read to its end is named and left out.

    Raises what `open_snapshot` raises.
    """
    progress = progress or NullProgress()
    counted: list[TableCensus] = []
    unreadable: list[tuple[str, str]] = []
    with closing(open_snapshot(snapshot_path)) as connection:
        for table in tables:
            try:
                counted.append(take_table_census(connection, table, progress))
            except IntegrityError as error:
                unreadable.append((table.name, error.detail or error.message))
    return Census(tables=tuple(counted), unreadable=tuple(unreadable))


def take_table_census(
    connection: apsw.Connection, table: Table, progress: Progress | None = None
) -> TableCensus:
    """Return the census of one table. Raises IntegrityError where it cannot be read to its end."""
    progress = progress or NullProgress()
    names = [column.name for column in table.columns]
    tallies = {name: _ColumnTally(name) for name in names}
    rows = 0
    marks: list[int] = []
    last: int | None = None
    big: frozenset[str] = frozenset()
    for batch in read_rows(connection, table.name, names, rowid_name=table.rowid_name):
        for name, column in batch.columns.items():
            tallies[name].add(column)
        rows += batch.length
        if batch.rowids is not None:
            marks.append(int(batch.rowids[0]))
            last = int(batch.rowids[-1])
        big = batch.big_columns
        progress.advance(table.name, batch.length, 0)
    for name in big:
        tallies[name].add_big_values(_count_big_values(connection, table, name))
    valid_json = _count_valid_json(connection, table, tallies)
    columns = tuple(tally.build(rows, valid_json.get(name)) for name, tally in tallies.items())
    return TableCensus(
        name=table.name,
        rows=rows,
        columns=columns,
        rowid_min=marks[0] if marks else None,
        rowid_max=last,
        bytes_total=sum(column.bytes_total for column in columns),
        big_rows=_count_big_rows(connection, table, [name for name in names if name in big]),
        rowid_marks=tuple(marks[:: max(1, math.ceil(len(marks) / _MARKS_MAX))]),
    )


class _ColumnTally:
    """Counts of one column so far."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.counts = {"integers": 0, "reals": 0, "texts": 0, "blobs": 0}
        self.integer_range: tuple[int, int] | None = None
        self.real_range: tuple[float, float] | None = None
        self.real_infinities = 0
        self.real_integral = 0
        self.real_scale: int | None = None
        self.largest_number = 0
        self.text_bytes_max = 0
        self.text_chars_max = 0
        self.blob_bytes_max = 0
        self.blob_bytes_min: int | None = None
        self.blobs_are_utf8 = True
        self.variable_bytes = 0
        self.texts_empty = 0
        self.texts_with_nul = 0
        self.texts_invalid_utf8 = 0
        self.text_shapes = TextShapes()
        self.big_values = 0
        self.samples: dict[str, None] = {}

    def add(self, column: SourceColumn) -> None:
        """Count some more values."""
        if column.integer is not None:
            self._add_integers(column.integer.drop_null())
        if column.real is not None:
            self._add_reals(column.real.drop_null().to_numpy())
        if column.text is not None:
            self._add_texts(column.text.drop_null())
        if column.blob is not None:
            self._add_blobs(column.blob.drop_null())
        if len(self.samples) < _SAMPLES:
            self._add_samples(column)

    def _add_integers(self, values: pa.Int64Array) -> None:
        if not len(values):
            return
        self.counts["integers"] += len(values)
        extremes = pc.min_max(values).as_py()
        low, high = extremes["min"], extremes["max"]
        if self.integer_range is not None:
            low, high = min(low, self.integer_range[0]), max(high, self.integer_range[1])
        self.integer_range = (low, high)
        self.largest_number = max(self.largest_number, abs(low), abs(high))

    def _add_reals(self, values: np.ndarray) -> None:
        if not len(values):
            return
        self.counts["reals"] += len(values)
        low, high = float(values.min()), float(values.max())
        if self.real_range is not None:
            low, high = min(low, self.real_range[0]), max(high, self.real_range[1])
        self.real_range = (low, high)
        finite = values[np.isfinite(values)]
        self.real_infinities += len(values) - len(finite)
        if not len(finite):
            return
        self.real_integral += int(np.count_nonzero(np.floor(finite) == finite))
        self.largest_number = max(self.largest_number, int(np.abs(finite).max()))
        if self.real_scale is None or self.real_scale < 12:
            self.real_scale = max(self.real_scale or 0, decimal_scale(finite))

    def _add_texts(self, values: pa.BinaryArray) -> None:
        if not len(values):
            return
        self.counts["texts"] += len(values)
        lengths = pc.binary_length(values).to_numpy()
        longest = int(lengths.max())
        self.text_bytes_max = max(self.text_bytes_max, longest)
        self.variable_bytes += int(lengths.sum())
        self.texts_empty += int(np.count_nonzero(lengths == 0))
        if _holds_nul(values):
            self.texts_with_nul += int(pc.sum(pc.match_substring(values, b"\0")).as_py())
        texts = values.view(pa.string())
        if not _is_utf8(texts):
            self.texts_invalid_utf8 += sum(not _is_utf8(texts.slice(row, 1)) for row in range(len(texts)))
            self.text_shapes.refute()
            self.text_chars_max = max(self.text_chars_max, longest)
            return
        if longest > self.text_chars_max:
            self.text_chars_max = max(self.text_chars_max, int(pc.max(pc.utf8_length(texts)).as_py()))
        self.text_shapes.add(texts)

    def _add_blobs(self, values: pa.BinaryArray) -> None:
        if not len(values):
            return
        self.counts["blobs"] += len(values)
        lengths = pc.binary_length(values).to_numpy()
        self.variable_bytes += int(lengths.sum())
        self.blob_bytes_max = max(self.blob_bytes_max, int(lengths.max()))
        shortest = int(lengths.min())
        self.blob_bytes_min = shortest if self.blob_bytes_min is None else min(shortest, self.blob_bytes_min)
        self.blobs_are_utf8 = self.blobs_are_utf8 and _is_utf8(values.view(pa.string()))

    def _add_samples(self, column: SourceColumn) -> None:
        for part in (column.integer, column.real, column.text, column.blob):
            if part is None:
                continue
            for value in part.drop_null().slice(0, 50).to_pylist():
                if len(self.samples) < _SAMPLES:
                    self.samples[_literal(value, is_text=part is column.text)] = None

    def add_big_values(self, found: Sequence[tuple[str, int, int, int]]) -> None:
        """Count the values that were read as NULL for their length: class, count, longest, all bytes."""
        for storage_class, count, longest, byte_count in found:
            self.big_values += count
            self.variable_bytes += byte_count
            if storage_class == "text":
                self.counts["texts"] += count
                self.text_bytes_max = max(self.text_bytes_max, longest)
                self.text_chars_max = max(self.text_chars_max, longest)
                self.text_shapes.keep_documents_only()
            else:
                self.counts["blobs"] += count
                self.blob_bytes_max = max(self.blob_bytes_max, longest)
                self.blobs_are_utf8 = False

    def build(self, rows: int, valid_json: int | None) -> ColumnCensus:
        """Return the census of the column; `valid_json` where its texts were looked at again."""
        values = sum(self.counts.values())
        shapes = self.text_shapes.names
        if "json" in shapes and valid_json != self.counts["texts"]:
            shapes -= {"json", "jsonb-safe"}
        numbers = bool(self.counts["integers"] or self.counts["reals"])
        low_integer, high_integer = self.integer_range or (None, None)
        low_real, high_real = self.real_range or (None, None)
        return ColumnCensus(
            name=self.name,
            nulls=rows - values,
            integers=self.counts["integers"],
            reals=self.counts["reals"],
            texts=self.counts["texts"],
            blobs=self.counts["blobs"],
            integer_min=low_integer,
            integer_max=high_integer,
            real_min=low_real,
            real_max=high_real,
            real_infinities=self.real_infinities,
            real_integral=self.real_integral,
            real_scale_max=self.real_scale,
            numeric_digits_max=len(str(self.largest_number)) if numbers else 0,
            text_bytes_max=self.text_bytes_max,
            text_chars_max=self.text_chars_max,
            blob_bytes_max=self.blob_bytes_max,
            bytes_total=self.variable_bytes + 8 * (self.counts["integers"] + self.counts["reals"]),
            texts_empty=self.texts_empty,
            texts_with_nul=self.texts_with_nul,
            texts_invalid_utf8=self.texts_invalid_utf8,
            big_values=self.big_values,
            text_shapes=shapes,
            json_documents=valid_json or 0,
            datetime_format=self.text_shapes.datetime_format,
            time_format=self.text_shapes.time_format,
            integer_shapes=integer_shapes(*self.integer_range) if self.integer_range else frozenset(),
            real_shapes=real_shapes(*self.real_range) if self.real_range else frozenset(),
            blob_shapes=self._blob_shapes(),
            samples=tuple(self.samples),
        )

    def _blob_shapes(self) -> frozenset[str]:
        shapes = set()
        if self.counts["blobs"] and self.blob_bytes_min == self.blob_bytes_max == 16:
            shapes.add("uuid16")
        if self.counts["blobs"] and self.blobs_are_utf8:
            shapes.add("utf8")
        return frozenset(shapes)


def _count_big_values(
    connection: apsw.Connection, table: Table, name: str
) -> list[tuple[str, int, int, int]]:
    column = quote_sqlite(name)
    return [
        (storage_class, count, longest, byte_count)
        for storage_class, count, longest, byte_count in connection.execute(
            f"SELECT typeof({column}), count(*), max(octet_length({column})), sum(octet_length({column}))"
            f" FROM {quote_sqlite(table.name)} NOT INDEXED WHERE {is_big_sql(name)} GROUP BY 1"
        )
    ]


def _count_big_rows(connection: apsw.Connection, table: Table, names: Sequence[str]) -> int:
    if not names:
        return 0
    condition = " OR ".join(is_big_sql(name) for name in names)
    query = f"SELECT count(*) FROM {quote_sqlite(table.name)} NOT INDEXED WHERE {condition}"
    ((count,),) = connection.execute(query).fetchall()
    return int(count)


def _count_valid_json(
    connection: apsw.Connection, table: Table, tallies: Mapping[str, _ColumnTally]
) -> dict[str, int]:
    """Count the texts that are JSON by RFC 8259, in the columns whose every text looks like a document."""
    names = [name for name, tally in tallies.items() if "json" in tally.text_shapes.names]
    if not names:
        return {}
    counts = ", ".join(
        f"sum(typeof({column}) = 'text' AND json_valid({column}))" for column in map(quote_sqlite, names)
    )
    ((*found,),) = connection.execute(
        f"SELECT {counts} FROM {quote_sqlite(table.name)} NOT INDEXED"
    ).fetchall()
    return {name: count or 0 for name, count in zip(names, found, strict=True)}


def _is_utf8(texts: pa.StringArray) -> bool:
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _holds_nul(values: pa.BinaryArray) -> bool:
    offsets = np.frombuffer(values.buffers()[1], np.int32)[values.offset : values.offset + len(values) + 1]
    content = values.buffers()[2]
    if content is None:
        return False
    return bool((np.frombuffer(content, np.uint8)[offsets[0] : offsets[-1]] == 0).any())


def _literal(value: int | float | bytes, *, is_text: bool) -> str:
    if isinstance(value, bytes):
        if not is_text:
            return f"x'{value[: _SAMPLE_LENGTH // 2].hex()}'" + (
                "…" if len(value) > _SAMPLE_LENGTH // 2 else ""
            )
        text = value.decode("utf-8", "backslashreplace").replace("\0", "\\0")
        cut = text if len(text) <= _SAMPLE_LENGTH else text[:_SAMPLE_LENGTH] + "…"
        return "'" + cut.replace("'", "''") + "'"
    return repr(value)
