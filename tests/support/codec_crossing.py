"""
Carry a column over to a real PostgreSQL and back, with nothing of Howdah but the codec.

The rows are written with struct (COPY binary, PostgreSQL documentation, section COPY) and
read twice: as the text the server prints, and through ADBC as the proof reads them.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import adbc_driver_postgresql.dbapi as adbc
import psycopg
import pyarrow as pa
from psycopg import sql

from howdah.codecs.base import Codec
from howdah.codecs.registry import get_codec
from howdah.codecs.values import Encoded, SourceColumn


@dataclass(frozen=True)
class Text:
    """A TEXT value by its bytes, for those that are not UTF-8."""

    content: bytes


Value = int | float | str | Text | bytes | None


def make_column(values: Sequence[Value]) -> SourceColumn:
    """Split Python values by storage class: int, float, str or Text, bytes."""
    kinds: dict[str, list[Value]] = {
        name: [None] * len(values) for name in ("integer", "real", "text", "blob")
    }
    for row, value in enumerate(values):
        if isinstance(value, int):
            kinds["integer"][row] = value
        elif isinstance(value, float):
            kinds["real"][row] = value
        elif isinstance(value, (str, Text)):
            kinds["text"][row] = value.encode() if isinstance(value, str) else value.content
        elif value is not None:
            kinds["blob"][row] = value
    types = {"integer": pa.int64(), "real": pa.float64(), "text": pa.binary(), "blob": pa.binary()}
    parts = {
        name: pa.array(part, types[name])
        for name, part in kinds.items()
        if any(value is not None for value in part)
    }
    return SourceColumn(length=len(values), **parts)


def values_of(column: SourceColumn) -> list[Value]:
    """Return the values of a column in Python's types, the inverse of `make_column`."""
    values: list[Value] = [None] * column.length
    for name in ("integer", "real", "text", "blob"):
        part = getattr(column, name)
        if part is None:
            continue
        assert len(part) == column.length
        for row, value in enumerate(part.to_pylist()):
            if value is not None:
                assert values[row] is None, f"row {row} has two storage classes"
                values[row] = _as_text(value) if name == "text" else value
    return values


def _as_text(content: bytes) -> str | Text:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return Text(content)


def fields_of(result: Encoded, length: int) -> list[bytes | None]:
    """Return the wire value by value, None for NULL."""
    wire = result.wire
    assert (wire.fixed is None) != (wire.variable is None)
    fields: list[bytes | None] = []
    for row in range(length):
        if wire.nulls is not None and wire.nulls[row]:
            fields.append(None)
        elif wire.fixed is not None:
            fields.append(wire.fixed[row].tobytes())
        else:
            assert wire.variable is not None
            fields.append(wire.variable[row].as_py())
    return fields


def reasons_of(result: Encoded) -> dict[int, str]:
    """Return why each rejected row was rejected; every one has one reason and is NULL on the wire."""
    reasons: dict[int, str] = {}
    for reason, rows in result.rejected.items():
        for row in rows.nonzero()[0].tolist():
            assert row not in reasons
            assert result.wire.nulls is not None
            assert result.wire.nulls[row]
            reasons[row] = reason
    return reasons


@dataclass(frozen=True)
class Carried:
    """What became of a column."""

    encoded: Encoded
    #: What PostgreSQL prints for each value.
    shown: list[str | None]
    #: What the codec reads back.
    decoded: SourceColumn

    @property
    def values(self) -> list[Value]:
        return values_of(self.decoded)

    @property
    def reasons(self) -> dict[int, str]:
        return reasons_of(self.encoded)


class Crossing:
    """Two connections to one database: psycopg to load, ADBC to read back."""

    def __init__(self, conninfo: str) -> None:
        self._load = psycopg.connect(conninfo, autocommit=True)
        self._proof = adbc.connect(conninfo, autocommit=True)
        self._load.execute("SET timezone = 'UTC'")
        with self._proof.cursor() as cursor:
            # As the proof's session is set.
            cursor.execute("SET timezone = 'UTC'")
            cursor.execute("SET intervalstyle = 'iso_8601'")

    def close(self) -> None:
        self._proof.close()
        self._load.close()

    def query(self, statement: str, parameters: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Ask PostgreSQL itself."""
        return self._load.execute(statement, parameters, prepare=False).fetchall()

    def binary_of(self, expression: str) -> bytes | None:
        """Return how the server itself sends a value in COPY binary."""
        with self._load.cursor().copy(f"COPY (SELECT {expression}) TO STDOUT (FORMAT BINARY)") as copy:
            stream = b"".join(bytes(chunk) for chunk in copy)
        _, _, _, columns, length = struct.unpack_from(">11siihi", stream)
        assert columns == 1
        return None if length < 0 else stream[25 : 25 + length]

    def load(self, fields: Sequence[bytes | None], pg_type: str) -> None:
        """Fill a new table `t (row_number, value)` from fields of the wire format."""
        self._load.execute("DROP TABLE IF EXISTS t")
        self._load.execute(sql.SQL("CREATE TABLE t (row_number int4, value {})").format(sql.SQL(pg_type)))
        with self._load.cursor().copy("COPY t FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
            for number, field in enumerate(fields):
                value = struct.pack(">i", -1) if field is None else struct.pack(">i", len(field)) + field
                copy.write(struct.pack(">hii", 2, 4, number) + value)
            copy.write(struct.pack(">h", -1))

    def execute(self, statement: str) -> None:
        """Damage what was loaded."""
        self._load.execute(statement)

    def read_back(self, codec: Codec, params: Mapping[str, str]) -> SourceColumn:
        """Read the table as the proof does."""
        expression = codec.read_as.format('"value"')
        with self._proof.cursor() as cursor:
            cursor.execute(f"SELECT {expression} FROM t ORDER BY row_number")
            array = cursor.fetch_arrow_table().column(0).combine_chunks()
        return codec.decode(array, params)

    def shown(self) -> list[str | None]:
        """Return what PostgreSQL prints for every value."""
        rows = self.query("SELECT value::text FROM t ORDER BY row_number")
        return [None if value is None else str(value) for (value,) in rows]

    def carry(
        self,
        name: str,
        values: Sequence[Value],
        pg_type: str,
        params: Mapping[str, str] | None = None,
        wire_type: str = "",
    ) -> Carried:
        """Encode, load, and read back."""
        codec = get_codec(name)
        column = make_column(values)
        result = codec.encode(column, params or {}, wire_type or pg_type)
        self.load(fields_of(result, column.length), pg_type)
        return Carried(encoded=result, shown=self.shown(), decoded=self.read_back(codec, params or {}))

    def assert_proven(
        self,
        name: str,
        values: Sequence[Value],
        pg_type: str,
        params: Mapping[str, str] | None = None,
        wire_type: str = "",
    ) -> Carried:
        """Carry the values and see each equal what the source's value projects to."""
        carried = self.carry(name, values, pg_type, params, wire_type)
        projected = values_of(get_codec(name).projected(make_column(values), params or {}))
        reasons = carried.reasons
        expected = [None if row in reasons else value for row, value in enumerate(projected)]
        assert list(map(repr, carried.values)) == list(map(repr, expected))
        return carried

    def assert_exact(
        self, name: str, values: Sequence[Value], pg_type: str, params: Mapping[str, str] | None = None
    ) -> Carried:
        """Carry the values and see each come back, class and bits; rejected ones come back as NULL."""
        carried = self.carry(name, values, pg_type, params)
        reasons = carried.reasons
        expected = [None if row in reasons else value for row, value in enumerate(values)]
        # repr tells 1 from 1.0, 0.0 from -0.0 and str from bytes, as == does not.
        assert list(map(repr, carried.values)) == list(map(repr, expected))
        return carried
