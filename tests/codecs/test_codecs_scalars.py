"""Integers, booleans and reals arrive as PostgreSQL prints them and come back bit for bit."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from howdah.codecs.registry import get_codec
from support.codec_crossing import Crossing, Value, make_column, values_of

INT64 = st.integers(-(2**63), 2**63 - 1)
DOUBLES = st.floats(allow_nan=False)

EDGE_REALS = [
    0.0, -0.0, 1.0, -1.5, 0.1, 0.1 + 0.2, 2.0**53 - 1, 2.0**53, 2.0**53 + 2, 1e22, 1e23, 5e-324,
    2.2250738585072014e-308, 1.7976931348623157e308, math.inf, -math.inf, 16777217.0, 1700000000.123,
]  # fmt: skip


@pytest.mark.parametrize(
    ("pg_type", "low", "high"),
    [
        ("smallint", -(2**15), 2**15 - 1),
        ("integer", -(2**31), 2**31 - 1),
        ("bigint", -(2**63), 2**63 - 1),
    ],
)
def test_integers_up_to_the_limits_of_the_type_arrive(
    crossing: Crossing, pg_type: str, low: int, high: int
) -> None:
    values = [0, 1, -1, low, low + 1, high, high - 1, None]
    carried = crossing.assert_exact("integer", values, pg_type)
    assert carried.shown == ["0", "1", "-1", str(low), str(low + 1), str(high), str(high - 1), None]
    assert carried.reasons == {}


@pytest.mark.parametrize(("pg_type", "limit"), [("int2", 2**15), ("int4", 2**31)])
def test_integers_beyond_the_type_are_set_aside(crossing: Crossing, pg_type: str, limit: int) -> None:
    carried = crossing.carry("integer", [limit - 1, limit, -limit, -limit - 1, 2**63 - 1], pg_type)
    assert carried.reasons == {
        1: "integer-out-of-range",
        3: "integer-out-of-range",
        4: "integer-out-of-range",
    }
    assert carried.values == [limit - 1, None, -limit, None, None]


def test_values_of_other_classes_are_not_converted_to_integers(crossing: Crossing) -> None:
    carried = crossing.carry("integer", [1, 1.0, "1", b"1", None], "bigint")
    assert carried.reasons == {1: "not-integer", 2: "not-integer", 3: "not-integer"}
    assert carried.values == [1, None, None, None, None]


@given(values=st.lists(st.none() | INT64, min_size=1, max_size=40))
@settings(max_examples=25, deadline=None)
def test_any_integer_comes_back(crossing: Crossing, values: list[int | None]) -> None:
    crossing.assert_exact("integer", values, "bigint")


def test_zero_and_one_become_booleans(crossing: Crossing) -> None:
    carried = crossing.assert_exact("boolean", [0, 1, None], "boolean")
    assert carried.shown == ["false", "true", None]


def test_what_is_neither_zero_nor_one_is_no_boolean(crossing: Crossing) -> None:
    values: list[Value] = [2, -1, 2**53 + 1, 256, 1.0, "1", b"\x01", 1]
    carried = crossing.carry("boolean", values, "bool")
    assert carried.reasons == dict.fromkeys(range(7), "not-boolean")
    assert carried.values == [None] * 7 + [1]


def test_words_become_booleans_and_words_again(crossing: Crossing) -> None:
    carried = crossing.assert_exact("boolean-word", ["Y", "N", None, "y", "", 1], "bool", {"words": "Y/N"})
    assert carried.shown == ["true", "false", None, None, None, None]
    assert carried.reasons == dict.fromkeys((3, 4, 5), "not-boolean-word")


def test_reals_arrive_bit_for_bit(crossing: Crossing) -> None:
    carried = crossing.assert_exact("real", [*EDGE_REALS, None], "double precision")
    for value, shown in zip(EDGE_REALS, carried.shown, strict=False):
        assert shown is not None
        assert struct.pack(">d", float(shown)) == struct.pack(">d", value)


@given(values=st.lists(st.none() | DOUBLES, min_size=1, max_size=40))
@settings(max_examples=25, deadline=None)
def test_any_real_comes_back(crossing: Crossing, values: list[float | None]) -> None:
    crossing.assert_exact("real", values, "float8")


def test_float4_takes_only_what_it_can_hold(crossing: Crossing) -> None:
    values = [1.5, -0.0, math.inf, 16777216.0, 16777217.0, 0.1, 1e39, 1e-50]
    carried = crossing.assert_exact("real", values, "real")
    assert carried.reasons == {
        4: "float4-rounds",
        5: "float4-rounds",
        6: "float4-overflow",
        7: "float4-rounds",
    }


def test_an_integer_is_not_silently_a_real(crossing: Crossing) -> None:
    assert crossing.carry("real", [9007199254740993, 1.0], "float8").reasons == {0: "not-real"}


def test_slices_of_a_batch_are_encoded_by_their_own_values() -> None:
    column = make_column([10, None, 30, 40, None, 60])
    assert column.integer is not None
    part = type(column)(length=3, integer=column.integer.slice(2, 3))
    result = get_codec("integer").encode(part, {}, "int4")
    assert result.wire.fixed is not None
    assert result.wire.nulls is not None
    assert result.wire.nulls.tolist() == [False, False, True]
    assert result.wire.fixed[:2].tobytes() == struct.pack(">ii", 30, 40)
    assert values_of(part) == [30, 40, None]


def test_a_column_without_a_value_is_all_null(crossing: Crossing) -> None:
    for name, pg_type in (("integer", "int4"), ("boolean", "bool"), ("real", "float8"), ("text", "text"),
                          ("bytes", "bytea"), ("numeric", "numeric"), ("epoch-s", "date"), ("json", "json"),
                          ("jsonb", "jsonb"), ("uuid-text", "uuid"), ("uuid-blob", "uuid"),
                          ("any-text", "text"), ("iso-date", "date"), ("iso-time", "time"),
                          ("boolean-word", "bool"), ("epoch-real", "timestamp")):  # fmt: skip
        assert crossing.assert_exact(name, [None, None, None], pg_type).shown == [None] * 3
