"""JSON keeps its bytes in json and its value in jsonb; what either cannot hold is set aside."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from howdah.codecs.canonical_json import canonical_json
from howdah.codecs.registry import get_codec
from support.codec_crossing import Crossing, Text, Value, make_column, values_of

VALID = [
    "{}", "[]", "null", "true", "0", "-0", '""', ' {"a" : 1 }\n', '{"b":1,"a":2}',
    '{"a":1,"a":2}', "1.0", "1e2",
    "1E+2", "1.50", "-0.0", "12345678901234567890", "0.1000000000000000055", '"\\u00e9\\/"', '"é😀"',
    '"\\ud83d\\ude00"', "1e400", "-1e-400", '{"":{"":[]}}', '"\\\\u0000"', "9" * 5000, "[" * 200 + "]" * 200,
]  # fmt: skip

#: After seriot.ch "Parsing JSON is a minefield", the cases that implementations disagree on.
INVALID = [
    "", " ", "{a:1}", "{'a':1}", '{"a":1,}', "[1,]", "NaN", "Infinity", "-Infinity", "nan", "01", "1.", ".5",
    "+1", "1e", "0x1", "tru", "True", "None", "{} {}", "1 2", '"\t"', '"\n"', '"\\x"', '"\\u12"', "[",
    '{"a"}',     '{"a":1 "b":2}', "\ufeff{}", "// c\n1", '"a', "\u00a01", "-", "--1", "1,2", "]", "{1:2}",
]  # fmt: skip

#: What jsonb refuses though json takes it.
NOT_IN_JSONB = [
    '"\\u0000"', '{"\\u0000":1}', '"\\ud800"', '"\\udc00x"', '["\\ude00\\ud83d"]', "1e200000",
    '{"a":1e-20000}', "1" * 140_000,
]  # fmt: skip

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=6)
)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=4), inner
        )
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("params", [{}, {"validity": "census"}])
def test_valid_json_keeps_every_byte(crossing: Crossing, params: dict[str, str]) -> None:
    carried = crossing.assert_exact("json", [*VALID, *NOT_IN_JSONB, None], "json", params)
    assert carried.reasons == {}
    assert carried.shown == [*VALID, *NOT_IN_JSONB, None]


@pytest.mark.parametrize("text", INVALID)
def test_what_is_no_json_is_set_aside_as_postgresql_would(crossing: Crossing, text: str) -> None:
    for codec in ("json", "jsonb"):
        assert crossing.carry(codec, ["{}", text], codec).reasons == {1: "not-json"}
        with pytest.raises(psycopg.DataError):
            crossing.query(f"SELECT %s::{codec}", (text,))


def test_json_is_text_without_nul_and_in_utf8(crossing: Crossing) -> None:
    values: list[Value] = ['"a\0"', Text(b'"\xff"'), 1, 1.5, b"{}", "{}"]
    for codec in ("json", "jsonb"):
        assert crossing.carry(codec, values, codec).reasons == {
            0: "nul-in-text",
            1: "invalid-utf8",
            2: "not-json",
            3: "not-json",
            4: "not-json",
        }


def test_a_census_that_was_wrong_is_caught_by_the_server(crossing: Crossing) -> None:
    with pytest.raises(psycopg.DataError):
        crossing.carry("json", ["{a:1}"], "json", {"validity": "census"})


def test_json_nested_too_deeply_is_set_aside(crossing: Crossing) -> None:
    deep = "[" * 100_000 + "]" * 100_000
    for codec in ("json", "jsonb"):
        assert crossing.carry(codec, [deep, "[]"], codec).reasons == {0: "json-too-deep"}


def project(values: list[Value]) -> list[Value]:
    return values_of(get_codec("jsonb").projected(make_column(values), {}))


def test_jsonb_keeps_the_value(crossing: Crossing) -> None:
    values: list[Value] = [*VALID, None]
    carried = crossing.carry("jsonb", values, "jsonb")
    assert carried.reasons == {}
    assert carried.values == project(values)
    assert carried.encoded.changed == {"duplicate-keys-dropped": 1}
    assert get_codec("jsonb").equality_with({}) == "JSON by value"
    expected = [
        None if value is None else crossing.query("SELECT %s::jsonb::text", (value,))[0][0]
        for value in values
    ]
    assert carried.shown == expected


@pytest.mark.parametrize("text", NOT_IN_JSONB)
def test_what_jsonb_refuses_is_set_aside(crossing: Crossing, text: str) -> None:
    assert crossing.carry("jsonb", [text, "{}"], "jsonb").reasons == {0: "json-not-in-jsonb"}


@pytest.mark.parametrize("text", NOT_IN_JSONB)
def test_the_server_refuses_the_same(crossing: Crossing, text: str) -> None:
    with pytest.raises(psycopg.DataError):
        crossing.query("SELECT %s::jsonb", (text,))


def test_a_bad_string_under_a_dropped_key_is_found(crossing: Crossing) -> None:
    text = '{"a":"\\u0000","a":1}'
    assert crossing.carry("jsonb", [text], "jsonb").reasons == {0: "json-not-in-jsonb"}


@given(documents=st.lists(DOCUMENTS, min_size=1, max_size=10), pretty=st.booleans())
@settings(max_examples=60, deadline=None)
def test_any_document_keeps_its_value(crossing: Crossing, documents: list[Any], pretty: bool) -> None:
    texts: list[Value] = [
        json.dumps(item, indent=1 if pretty else None, ensure_ascii=pretty) for item in documents
    ]
    carried = crossing.carry("jsonb", texts, "jsonb")
    assert carried.reasons == {}
    assert carried.values == project(texts)
    assert crossing.assert_exact("json", texts, "json").reasons == {}


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("1", "1.0"), ("100", "1e2"), ("0", "-0"), ("0", "0e5"), ("1.50", "15e-1"),
        ('{"a":1,"b":2}', '{"b":2,"a":1}'),
        ('{"a":1,"a":2}', '{"a":2}'), ('"\\u00e9"', '"é"'), ("[1, 2]", "[1,2]"), ("1e1500", "1" + "0" * 1500),
        ("[" + "1.0," * 300 + "1]", "[" + "1," * 300 + "1]"),
    ],
)  # fmt: skip
def test_spellings_of_one_value_are_equal_for_postgresql_and_for_us(
    crossing: Crossing, left: str, right: str
) -> None:
    assert crossing.query("SELECT %s::jsonb = %s::jsonb", (left, right))[0][0] is True
    assert canonical_json(left.encode()) == canonical_json(right.encode())


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("1", "2"), ("1", '"1"'), ("1", "true"), ("null", "0"), ("[1,2]", "[2,1]"),
        ('{"a":1}', '{"a":null}'), ("{}", "[]"),
        ("0.1", "0.1000000000000000055"), ("12345678901234567890", "12345678901234567891"), ('""', "null"),
        ("1e400", "1e401"), ("1.5", '"15e-1"'), ("1.5", '"number:15e-1"'), ('{"a":1}', '{"A":1}'),
        ('"a"', '"a "'), ("-1.5", "1.5"),
        ("1e1500", "1e1501"), ('{"a":{"b":1}}', '{"a":{"b":2}}'),
    ],
)  # fmt: skip
def test_different_values_are_different_for_postgresql_and_for_us(
    crossing: Crossing, left: str, right: str
) -> None:
    assert crossing.query("SELECT %s::jsonb = %s::jsonb", (left, right))[0][0] is False
    assert canonical_json(left.encode()) != canonical_json(right.encode())


def test_damage_inside_a_document_is_seen(crossing: Crossing) -> None:
    values: list[Value] = ['{"a": [1, 2, {"b": 0.1}]}']
    crossing.carry("jsonb", values, "jsonb")
    crossing.execute("""UPDATE t SET value = jsonb_set(value, '{a,2,b}', '0.10000000000000001')""")
    assert values_of(crossing.read_back(get_codec("jsonb"), {})) != project(values)
