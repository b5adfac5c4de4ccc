"""
Values too long for a batch: compared by class, length and SHA-256 instead of side by side.

In the batches such a value is NULL and a fingerprint stands in a column beside it, so
the row is compared like any other. The target's fingerprint is computed by PostgreSQL
from what it stores, ours from slices of the snapshot. Only where SQLite has no way to
read in slices (WITHOUT ROWID, UTF-16, generated columns, values that a rule changed) is a
value whole in memory, one at a time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from howdah.codecs.base import EXACT
from howdah.codecs.registry import get_codec
from howdah.codecs.values import SourceColumn
from howdah.model.limits import BIG_VALUE_BYTES
from howdah.model.plan import ColumnPlan, TablePlan
from howdah.names import quote, quote_sqlite
from howdah.proof.rows import Rows, concat_columns, map_parts, normalise, take_column
from howdah.sqlite.connect import Connection as SourceConnection

#: Codecs that pass bytes through: only they can carry a value too long for a batch.
BIG_VALUE_CODECS = frozenset({"text", "json", "any-text", "bytes"})

#: Bytes read from SQLite at a time.
_SLICE_BYTES = 4 * 1024 * 1024

#: First byte of a fingerprint; eight bytes of length and 32 of SHA-256 follow.
_TAGS = {"text": b"t", "blob": b"b"}

#: Sets a fingerprint's column apart from every column of a table: SQLite's names hold no NUL.
_SUFFIX = "\0fingerprint"


def fingerprint_name(column: str) -> str:
    """Return the name under which the fingerprints of a column stand in `Rows.columns`."""
    return column + _SUFFIX


def column_of_fingerprint(name: str) -> str:
    """Return the column whose fingerprints stand under that name; an ordinary column's name as it is."""
    return name.removesuffix(_SUFFIX)


def describe_fingerprint(fingerprint: bytes) -> str:
    """Return a fingerprint for people."""
    kind = "text" if fingerprint[:1] == _TAGS["text"] else "blob"
    length = int.from_bytes(fingerprint[1:9], "big")
    return f"{kind} of {length:,} bytes, SHA-256 {fingerprint[9:].hex()}"


def target_value_sql(column: ColumnPlan) -> str:
    """Return the column, NULL where its value is too long for a batch."""
    return f"CASE WHEN {_octet_length(column)} <= {BIG_VALUE_BYTES} THEN {quote(column.target_name)} END"


def target_fingerprint_sql(column: ColumnPlan) -> str:
    """Return the fingerprint of the column's value where it is too long, else NULL."""
    name = quote(column.target_name)
    tag, content = ("b", name) if column.codec == "bytes" else ("t", f"convert_to({name}::text, 'UTF8')")
    length = _octet_length(column)
    return (
        f"CASE WHEN {length} > {BIG_VALUE_BYTES}"
        f" THEN '{tag}'::bytea || int8send({length}::bigint) || sha256({content}) END"
    )


def _octet_length(column: ColumnPlan) -> str:
    name = quote(column.target_name)
    # For text and bytea the length is known without reading the value; json has to become text first.
    return f"octet_length({name})" if column.codec == "bytes" else f"octet_length({name}::text)"


def _fingerprint(storage_class: str, pieces: Iterable[bytes]) -> bytes:
    digest, length = hashlib.sha256(), 0
    for piece in pieces:
        digest.update(piece)
        length += len(piece)
    return _TAGS[storage_class] + length.to_bytes(8, "big") + digest.digest()


class SourceFingerprints:
    """
    The long values of one table of the snapshot, or of an interval of its rowids.

    Found at once by their lengths, which SQLite keeps in the record's header; read when their
    batch comes. A row is known by its rowid, without one by its place in the table's order.
    """

    def __init__(
        self,
        connection: SourceConnection,
        table: TablePlan,
        columns: Iterable[str],
        low: int | None = None,
        high: int | None = None,
    ) -> None:
        self._connection = connection
        self._table = table
        self._utf8 = connection.pragma("encoding") == "UTF-8"
        self._long = {name: self._list_long(name, low, high) for name in columns}

    def add_to(self, rows: Rows, row_ids: np.ndarray) -> Rows:
        """
        Return the (projected) rows with a column of fingerprints for each column that may be long.

        What turns out to be short in the form that is compared is put back into its place.
        """
        columns = dict(rows.columns)
        for name, storage_classes in self._long.items():
            places = np.flatnonzero(np.isin(row_ids, np.fromiter(storage_classes, np.int64)))
            read = {
                int(place): self._read(name, int(row_ids[place]), storage_classes[int(row_ids[place])])
                for place in places
            }
            short = {place: value for place, value in read.items() if isinstance(value, SourceColumn)}
            column, fingerprints = _set_long_apart(_put_back(columns[name], short))
            fingerprints |= {place: value for place, value in read.items() if isinstance(value, bytes)}
            columns[name] = column
            columns[fingerprint_name(name)] = _fingerprint_column(rows.length, fingerprints)
        return Rows(length=rows.length, columns=columns)

    def _list_long(self, column: str, low: int | None, high: int | None) -> dict[int, str]:
        """Return row id → storage class of the values that the batches leave out."""
        name, source = quote_sqlite(column), f"{quote_sqlite(self._table.name)} NOT INDEXED"
        is_long = f"octet_length({name}) > {BIG_VALUE_BYTES}"
        if self._table.rowid_name is None:
            query = (
                "SELECT place, class FROM (SELECT row_number() OVER () - 1 AS place,"
                f" typeof({name}) AS class, {is_long} AS long FROM {source}) WHERE long"
            )
        else:
            rowid = quote_sqlite(self._table.rowid_name)
            limits = "".join(
                f" AND {rowid} {operator} {limit}"
                for operator, limit in ((">=", low), ("<=", high))
                if limit is not None
            )
            query = f"SELECT {rowid}, typeof({name}) FROM {source} WHERE {is_long}{limits}"
        rows: list[Any] = self._connection.execute(query).fetchall()
        return dict(rows)

    def _read(self, column: str, row_id: int, storage_class: str) -> bytes | SourceColumn:
        """Return the fingerprint of one value, or the value itself where it is short when compared."""
        plan = self._table.column(column)
        codec = get_codec(plan.codec)
        in_slices = self._utf8 or storage_class == "blob"
        if (
            in_slices
            and self._table.rowid_name is not None
            and plan.copied
            and codec.equality_with(plan.params) == EXACT
        ):
            with self._connection.blob_open("main", self._table.name, column, row_id, False) as value:
                return _fingerprint(storage_class, iter(lambda: value.read(_SLICE_BYTES), b""))
        content = self._read_whole(column, row_id)
        stored = SourceColumn(length=1, **{storage_class: pa.array([content], pa.binary())})
        compared = normalise(codec.projected(stored, plan.params))
        _, fingerprints = _set_long_apart(compared)
        return fingerprints.get(0, compared)

    def _read_whole(self, column: str, row_id: int) -> bytes:
        name, table = quote_sqlite(column), quote_sqlite(self._table.name)
        # In UTF-16 the cast would give that encoding's bytes; what is not Unicode there fails to load.
        value = f"CAST({name} AS BLOB)" if self._utf8 else name
        if self._table.rowid_name is None:
            query = f"SELECT {value} FROM {table} NOT INDEXED LIMIT 1 OFFSET ?"
        else:
            query = f"SELECT {value} FROM {table} WHERE {quote_sqlite(self._table.rowid_name)} = ?"
        rows: list[Any] = self._connection.execute(query, (row_id,)).fetchall()
        content: str | bytes = rows[0][0]
        return content.encode() if isinstance(content, str) else content


def _set_long_apart(column: SourceColumn) -> tuple[SourceColumn, dict[int, bytes]]:
    """Return the column without the values that are long, and their fingerprints by row."""
    fingerprints: dict[int, bytes] = {}
    for part in ("text", "blob"):
        array = getattr(column, part)
        if array is None:
            continue
        lengths = pc.fill_null(pc.binary_length(array), 0).to_numpy(zero_copy_only=False)
        for row in np.flatnonzero(lengths > BIG_VALUE_BYTES):
            fingerprints[int(row)] = _fingerprint(part, [array[int(row)].as_py()])
    if not fingerprints:
        return column, fingerprints
    keep = np.ones(column.length, np.bool_)
    keep[list(fingerprints)] = False
    mask = pa.array(keep)
    short = map_parts(
        column, column.length, lambda array: pc.if_else(mask, array, pa.scalar(None, array.type))
    )
    return normalise(short), fingerprints


def _put_back(column: SourceColumn, values: dict[int, SourceColumn]) -> SourceColumn:
    """Return the column with single values (columns of length 1) in the place of those rows."""
    if not values:
        return column
    order = np.arange(column.length)
    order[list(values)] = column.length + np.arange(len(values))
    return take_column(concat_columns([column, *values.values()]), order)


def _fingerprint_column(length: int, fingerprints: dict[int, bytes]) -> SourceColumn:
    if not fingerprints:
        return SourceColumn(length=length)
    entries: list[bytes | None] = [None] * length
    for row, fingerprint in fingerprints.items():
        entries[row] = fingerprint
    return SourceColumn(length=length, blob=pa.array(entries, pa.binary()))
