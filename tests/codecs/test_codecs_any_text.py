"""Mixed columns become text; where SQLite's affinity allows it, the classes come back."""

from __future__ import annotations

import math
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from howdah.codecs.registry import get_codec
from support.codec_crossing import Crossing, Text, Value, make_column, values_of

SQL_TYPES = {"numeric": "NUMERIC", "integer": "INTEGER", "real": "REAL", "text": "TEXT", "blob": "BLOB"}

NUMBER_LIKE = st.from_regex(r"\A[ +-]?[0-9]{0,20}(\.[0-9]{0,4})?([eE][+-]?[0-9]{1,3})?[ ]?\Z")

ANYTHING = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"]), max_size=6)
    | NUMBER_LIKE
    | st.sampled_from(["inf", "-inf", "nan", "9e999", "0x10", "1_000", "5", "5.0", "1e+20", "-0.0", "٣"])
)


def stored_by_sqlite(values: list[Value], affinity: str) -> list[Value]:
    """What a SQLite column of that affinity makes of the values."""
    with sqlite3.connect(":memory:") as connection:
        connection.execute(f"CREATE TABLE t (v {SQL_TYPES[affinity]})")
        connection.executemany("INSERT INTO t VALUES (?)", [(value,) for value in values])
        return [row[0] for row in connection.execute("SELECT v FROM t ORDER BY rowid")]


@given(
    values=st.lists(ANYTHING, min_size=1, max_size=30),
    affinity=st.sampled_from(["numeric", "integer", "real", "text"]),
)
@settings(max_examples=120, deadline=None)
def test_whatever_sqlite_stores_under_an_affinity_comes_back(
    crossing: Crossing, values: list[Value], affinity: str
) -> None:
    stored = stored_by_sqlite(values, affinity)
    carried = crossing.assert_exact("any-text", stored, "text", {"affinity": affinity})
    assert carried.reasons == {}
    assert carried.encoded.changed == {}


def test_numbers_are_spelled_so_that_they_read_back(crossing: Crossing) -> None:
    values: list[Value] = [5, -5, 2**63 - 1, -(2**63), 1.5, 1e20, 2.0**63, math.inf, -math.inf, "n/a", "inf"]
    carried = crossing.assert_exact("any-text", values, "text", {"affinity": "numeric"})
    assert carried.shown == [
        "5", "-5", "9223372036854775807", "-9223372036854775808", "1.5", "1e+20", "9.223372036854776e+18",
        "9e999", "-9e999", "n/a", "inf",
    ]  # fmt: skip


def test_a_text_that_the_affinity_excludes_is_set_aside(crossing: Crossing) -> None:
    values: list[Value] = ["5", "1.5", "9e999", "05", "1.50", "x", 5]
    carried = crossing.assert_exact("any-text", values, "text", {"affinity": "numeric"})
    assert carried.reasons == dict.fromkeys((0, 1, 2), "class-unlike-affinity")


def test_without_affinity_the_text_form_is_kept_and_counted(crossing: Crossing) -> None:
    codec = get_codec("any-text")
    values: list[Value] = [5, "5", 5.0, "x", None, -0.0, math.inf]
    carried = crossing.carry("any-text", values, "text")
    assert carried.shown == ["5", "5", "5.0", "x", None, "-0.0", "9e999"]
    assert carried.encoded.changed == {"stored-as-text": 4}
    assert codec.equality_with({}) == "by text form"
    assert values_of(codec.projected(make_column(values), {})) == carried.values


@given(values=st.lists(ANYTHING, min_size=1, max_size=30))
@settings(max_examples=40, deadline=None)
def test_the_proof_spells_values_as_the_load_does(crossing: Crossing, values: list[Value]) -> None:
    carried = crossing.carry("any-text", values, "text")
    assert carried.reasons == {}
    assert values_of(get_codec("any-text").projected(make_column(values), {})) == carried.values


def test_blobs_are_set_aside_unless_they_are_text_and_the_plan_says_so(crossing: Crossing) -> None:
    values: list[Value] = ["a", b"b", b"\xff", b"c\0", 1]
    strict = crossing.carry("any-text", values, "text", {"affinity": "numeric"})
    assert strict.reasons == dict.fromkeys((1, 2, 3), "blob-in-text")
    assert strict.values == ["a", None, None, None, 1]
    params = {"affinity": "numeric", "blob": "utf8"}
    loose = crossing.carry("any-text", values, "text", params)
    assert loose.reasons == {2: "blob-in-text", 3: "nul-in-text"}
    assert loose.shown == ["a", "b", None, None, "1"]
    assert loose.encoded.changed == {"stored-as-text": 2}
    projected = values_of(get_codec("any-text").projected(make_column(values), params))
    assert [projected[row] for row in (0, 1, 4)] == [loose.values[row] for row in (0, 1, 4)]


def test_policies_of_text_hold_here_too(crossing: Crossing) -> None:
    codec = get_codec("any-text")
    params = {"affinity": "numeric", "nul": "strip", "invalid_utf8": "latin1"}
    values: list[Value] = [5, "a\0", Text(b"\xe9"), "x"]
    carried = crossing.carry("any-text", values, "text", params)
    assert carried.shown == ["5", "a", "é", "x"]
    assert carried.encoded.changed == {"nul-stripped": 1, "utf8-read-as-latin1": 1}
    assert values_of(codec.projected(make_column(values), params)) == carried.values
    # '5\0' is text under NUMERIC affinity; stripped it would read back as the number.
    assert crossing.carry("any-text", ["5\0"], "text", params).reasons == {0: "class-unlike-affinity"}


def test_varchar_holds_the_spelling_or_sets_the_value_aside(crossing: Crossing) -> None:
    carried = crossing.assert_exact("any-text", [123, 1234, 1.5], "varchar(3)", {"affinity": "numeric"})
    assert carried.reasons == {1: "too-long"}


@pytest.mark.parametrize("value", [5, 5.5])
def test_numbers_are_not_stored_under_text_affinity(crossing: Crossing, value: Value) -> None:
    carried = crossing.carry("any-text", [value], "text", {"affinity": "text"})
    assert carried.reasons == {0: "class-unlike-affinity"}
