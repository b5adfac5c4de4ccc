"""Rows built for binary COPY arrive as they were, by what PostgreSQL itself says of them."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import psycopg
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import sql

from howdah.codecs.values import Wire
from howdah.postgres.connect import connect
from howdah.postgres.copy import COPY_HEADER, COPY_TRAILER, build_copy_rows, copy_in
from howdah.postgres.copy_rows import _SMALL_OFFSETS_MAX

#: PostgreSQL type, a strategy for its values, the field's bytes by `struct`.
_KINDS = {
    "bool": (st.booleans(), "?"),
    "int2": (st.integers(-(2**15), 2**15 - 1), ">h"),
    "int4": (st.integers(-(2**31), 2**31 - 1), ">i"),
    "int8": (st.integers(-(2**63), 2**63 - 1), ">q"),
    "float8": (st.floats(allow_nan=False), ">d"),
    "uuid": (st.uuids(), None),
    "text": (st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20), None),
    "bytea": (st.binary(max_size=20), None),
}


def _field(kind: str, value: object) -> bytes:
    layout = _KINDS[kind][1]
    if layout is not None:
        return struct.pack(layout, value)
    if kind == "uuid":
        return value.bytes  # type: ignore[attr-defined,no-any-return]
    return value.encode() if isinstance(value, str) else value  # type: ignore[return-value]


def _wire(kind: str, values: Sequence[object]) -> Wire:
    nulls = np.array([value is None for value in values], dtype=bool)
    filled = [_field(kind, value) for value in values if value is not None]
    # What stands under a NULL must not matter: put something there that is never empty.
    filler = filled[0] if filled else bytes(16)
    fields = [filler if value is None else _field(kind, value) for value in values]
    given_nulls = nulls if nulls.any() else None
    if kind in ("text", "bytea"):
        return Wire(variable=pa.array(fields, pa.binary()), nulls=given_nulls)
    width = 16 if kind == "uuid" else struct.calcsize(_KINDS[kind][1] or "")
    matrix = np.frombuffer(b"".join(field[:width] for field in fields), np.uint8).reshape(len(fields), width)
    return Wire(fixed=matrix, nulls=given_nulls)


@st.composite
def _tables(draw: st.DrawFn) -> tuple[list[str], list[tuple[object, ...]], list[bool]]:
    kinds = draw(st.lists(st.sampled_from(sorted(_KINDS)), min_size=1, max_size=8))
    cells = [
        st.one_of(st.none(), _KINDS[kind][0]) if draw(st.booleans()) else _KINDS[kind][0] for kind in kinds
    ]
    rows = draw(st.lists(st.tuples(*cells), max_size=12))
    keep = draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    return kinds, rows, keep


def _expected_block(kinds: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    """The documented format, field by field."""
    block = b""
    for row in rows:
        block += struct.pack(">h", len(kinds))
        for kind, value in zip(kinds, row, strict=True):
            field = None if value is None else _field(kind, value)
            block += struct.pack(">i", -1) if field is None else struct.pack(">i", len(field)) + field
    return block


def _wires(kinds: Sequence[str], rows: Sequence[Sequence[object]]) -> list[Wire]:
    return [_wire(kind, [row[index] for row in rows]) for index, kind in enumerate(kinds)]


@given(_tables())
def test_a_block_is_the_documented_format_byte_by_byte(
    table: tuple[list[str], list[tuple[object, ...]], list[bool]],
) -> None:
    kinds, rows, keep = table
    wires = _wires(kinds, rows)
    assert bytes(build_copy_rows(wires, len(rows))) == _expected_block(kinds, rows)
    kept = [row for row, wanted in zip(rows, keep, strict=True) if wanted]
    assert bytes(build_copy_rows(wires, len(rows), np.array(keep, dtype=bool))) == _expected_block(
        kinds, kept
    )


@given(_tables())
def test_a_block_with_64_bit_offsets_is_the_same(
    table: tuple[list[str], list[tuple[object, ...]], list[bool]],
) -> None:
    kinds, rows, _ = table
    with pytest.MonkeyPatch.context() as patch:
        # Two gigabytes are more than a test should take: the limit comes down to the block.
        patch.setattr("howdah.postgres.copy_rows._SMALL_OFFSETS_MAX", 0)
        assert bytes(build_copy_rows(_wires(kinds, rows), len(rows))) == _expected_block(kinds, rows)
    assert _SMALL_OFFSETS_MAX == 2147483647


def test_slices_of_arrow_arrays_are_read_from_where_they_begin() -> None:
    whole = pa.array([b"no", b"a", b"", b"bcd", b"no"], pa.binary())
    block = build_copy_rows([Wire(variable=whole.slice(1, 3))], 3)
    assert bytes(block) == _expected_block(["bytea"], [(b"a",), (b"",), (b"bcd",)])


@settings(max_examples=60, deadline=None)
@given(table=_tables())
def test_postgres_reads_back_what_was_sent(
    copy_target: psycopg.Connection, table: tuple[list[str], list[tuple[object, ...]], list[bool]]
) -> None:
    kinds, rows, _ = table
    names = [f"c{index}" for index in range(len(kinds))]
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(name), sql.Identifier("pg_catalog", kind))
        for name, kind in zip(names, kinds, strict=True)
    )
    with copy_target.transaction(force_rollback=True):
        copy_target.execute(
            sql.SQL("CREATE TABLE public.t ({}, n int8 GENERATED ALWAYS AS IDENTITY)").format(columns)
        )
        statement = sql.SQL("COPY public.t ({}) FROM STDIN (FORMAT binary)").format(
            sql.SQL(", ").join(map(sql.Identifier, names))
        )
        sent = copy_in(copy_target, statement, [build_copy_rows(_wires(kinds, rows), len(rows))])
        found = copy_target.execute(
            sql.SQL("SELECT {} FROM public.t ORDER BY n").format(
                sql.SQL(", ").join(map(sql.Identifier, names))
            )
        ).fetchall()
    assert sent == len(rows)
    assert found == rows


@pytest.fixture(scope="module")
def copy_target(server: object) -> psycopg.Connection:
    return connect(server.dsn())  # type: ignore[attr-defined]


def test_an_error_of_the_producer_ends_the_copy_and_keeps_nothing(database: str) -> None:
    def blocks() -> object:
        yield build_copy_rows([_wire("int8", [1])], 1)
        raise RuntimeError("the reader failed")

    with connect(database) as connection:
        connection.execute("CREATE TABLE public.t (a int8)")
        connection.commit()
        with pytest.raises(RuntimeError, match="the reader failed"), connection.transaction():
            copy_in(connection, sql.SQL("COPY public.t FROM STDIN (FORMAT binary)"), blocks())  # type: ignore[arg-type]
        assert connection.execute("SELECT count(*) FROM public.t").fetchone() == (0,)


def test_the_frame_is_what_postgres_itself_writes(database: str) -> None:
    query = "COPY (SELECT 1 WHERE false) TO STDOUT (FORMAT binary)"
    with connect(database) as connection, connection.cursor().copy(query) as copy:
        written = b"".join(bytes(chunk) for chunk in copy)
    assert written == COPY_HEADER + COPY_TRAILER
