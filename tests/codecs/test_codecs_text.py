"""Text arrives byte for byte, or is set aside, or is changed by a rule of the plan that counts it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from howdah.codecs.registry import get_codec
from howdah.codecs.values import SourceColumn
from howdah.errors import UsageError
from support.codec_crossing import Crossing, Text, Value, make_column, reasons_of, values_of

#: Kuhn's UTF-8 stress test kinds: lone continuation, overlong, surrogate, above U+10FFFF, cut short.
INVALID = [
    b"\x80", b"\xff", b"\xc0\x80", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf4\x90\x80\x80",
    b"\xf8\x88\x80\x80\x80", b"\xe2\x82", b"\xf0\x9f\x98", b"caf\xe9", b"ok \xc3( no",
]  # fmt: skip
VALID = [
    "",
    "a",
    "é",
    "€",
    "😀",
    "\ufeffx",
    "\uffff",
    "\U0010ffff",
    "a\tb\nc\r",
    "\x01\x7f",
    "x" * 70_000,
    " ",
]

ANY_BYTES = st.binary(max_size=12) | st.text(max_size=8).map(
    lambda text: text.encode("utf-8", "surrogatepass")
)


def test_valid_text_arrives_as_it_is(crossing: Crossing) -> None:
    carried = crossing.assert_exact("text", [*VALID, None], "text")
    assert carried.shown == [*VALID, None]
    assert carried.reasons == {}


@pytest.mark.parametrize("content", INVALID)
def test_invalid_utf8_is_set_aside(crossing: Crossing, content: bytes) -> None:
    values: list[Value] = ["before", Text(content), "after", None]
    assert crossing.assert_exact("text", values, "text").reasons == {1: "invalid-utf8"}


def test_invalid_rows_are_found_wherever_they_are_in_a_batch() -> None:
    bad = {0, 1, 63, 64, 700, 999}
    values: list[Value] = [Text(b"\xff") if row in bad else f"row {row}" for row in range(1000)]
    result = get_codec("text").encode(make_column(values), {}, "text")
    assert set(reasons_of(result)) == bad


@pytest.mark.parametrize("length", [1, 2])
def test_utf8_is_judged_as_pythons_decoder_judges_it(length: int) -> None:
    contents = [bytes(content) for content in itertools.product(range(1, 256), repeat=length)]
    result = get_codec("text").encode(make_column(list(map(Text, contents))), {}, "text")
    expected = set()
    for row, content in enumerate(contents):
        try:
            content.decode()
        except UnicodeDecodeError:
            expected.add(row)
    assert set(reasons_of(result)) == expected


def test_text_with_nul_is_set_aside(crossing: Crossing) -> None:
    values: list[Value] = ["", "a\0b", "\0", None, "end\0", "fine", ""]
    carried = crossing.assert_exact("text", values, "text")
    assert carried.reasons == {1: "nul-in-text", 2: "nul-in-text", 4: "nul-in-text"}


def test_nul_beside_a_slice_is_not_that_slices() -> None:
    column = make_column(["a\0", "b", "c\0d", "e", "\0"])
    assert column.text is not None
    part = SourceColumn(length=3, text=column.text.slice(1, 3))
    assert reasons_of(get_codec("text").encode(part, {}, "text")) == {1: "nul-in-text"}


def test_other_classes_are_no_text(crossing: Crossing) -> None:
    assert crossing.carry("text", [1, 1.5, b"x", "x"], "text").reasons == {
        0: "not-text",
        1: "not-text",
        2: "not-text",
    }


@given(values=st.lists(st.none() | ANY_BYTES.map(Text), min_size=1, max_size=30))
@settings(max_examples=40, deadline=None)
def test_any_bytes_come_back_or_are_set_aside(crossing: Crossing, values: list[Text | None]) -> None:
    same = values_of(make_column(values))
    carried = crossing.assert_exact("text", same, "text")
    for row, value in enumerate(same):
        if row in carried.reasons:
            assert isinstance(value, Text) or (isinstance(value, str) and "\0" in value)


def test_varchar_counts_characters(crossing: Crossing) -> None:
    values: list[Value] = ["abc", "äöü", "😀😀😀", "abcd", "äöüß", "ab  ", "", None]
    carried = crossing.assert_exact("text", values, "varchar(3)")
    assert carried.reasons == {3: "too-long", 4: "too-long", 5: "too-long"}


def test_char_is_filled_and_comes_back_without_its_filling(crossing: Crossing) -> None:
    values: list[Value] = ["abc", "a", "", "äö", "abcd", "a ", "   ", " a"]
    carried = crossing.assert_exact("text", values, "character(3)")
    assert carried.reasons == {4: "too-long", 5: "trailing-space", 6: "trailing-space"}


POLICIES = [
    ({"invalid_utf8": "latin1"}, b"caf\xe9 \xc3\xa9", "café Ã©", "utf8-read-as-latin1"),
    ({"invalid_utf8": "replace"}, b"caf\xe9 \xe2\x82!", "caf\ufffd \ufffd!", "utf8-replaced"),
    ({"invalid_utf8": "escape"}, b"caf\xe9 \xe2\x82!", "caf\\xe9 \\xe2\\x82!", "utf8-escaped"),
    ({"nul": "strip"}, b"a\0b\0\0", "ab", "nul-stripped"),
    ({"nul": "replace"}, b"a\0b", "a\u2400b", "nul-replaced"),
    ({"invalid_utf8": "latin1", "nul": "strip"}, b"\xe9\0", "é", "nul-stripped"),
]


@pytest.mark.parametrize(("params", "stored", "expected", "rule"), POLICIES)
def test_policies_change_only_what_needs_it_and_count_it(
    crossing: Crossing, params: dict[str, str], stored: bytes, expected: str, rule: str
) -> None:
    codec = get_codec("text")
    values: list[Value] = ["é fine", Text(stored), None, "too"]
    carried = crossing.carry("text", values, "text", params)
    assert carried.reasons == {}
    assert carried.shown == ["é fine", expected, None, "too"]
    assert carried.encoded.changed[rule] == 1
    assert codec.equality_with(params) != "exact"
    assert values_of(codec.projected(make_column(values), params)) == carried.values


@given(
    contents=st.lists(ANY_BYTES, min_size=1, max_size=30),
    invalid=st.sampled_from(["latin1", "replace", "escape"]),
    nul=st.sampled_from(["strip", "replace"]),
)
@settings(max_examples=60, deadline=None)
def test_the_proof_repairs_as_the_load_does(
    crossing: Crossing, contents: list[bytes], invalid: str, nul: str
) -> None:
    params = {"invalid_utf8": invalid, "nul": nul}
    values = values_of(make_column(list(map(Text, contents))))
    carried = crossing.carry("text", values, "text", params)
    assert values_of(get_codec("text").projected(make_column(values), params)) == carried.values


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        get_codec("text").encode(make_column(["x"]), {"nul": "drop"}, "text")
    assert caught.value.code == "C-103"


def test_values_set_aside_are_not_counted_as_changed(crossing: Crossing) -> None:
    params = {"invalid_utf8": "latin1"}
    carried = crossing.carry("text", [Text(b"\xe9\xe9\xe9\xe9"), Text(b"\xe9")], "varchar(3)", params)
    assert carried.reasons == {0: "too-long"}
    assert carried.encoded.changed == {"utf8-read-as-latin1": 1}


def test_blobs_arrive_byte_for_byte(crossing: Crossing) -> None:
    values: list[Value] = [b"", b"\0", bytes(range(256)), None, b"x" * 100_000]
    carried = crossing.assert_exact("bytes", values, "bytea")
    assert carried.reasons == {}
    assert carried.shown[0] == "\\x"
    assert carried.shown[2] == "\\x" + bytes(range(256)).hex()


def test_text_among_blobs_is_set_aside_unless_the_plan_takes_it(crossing: Crossing) -> None:
    values: list[Value] = [b"\xff", "é", Text(b"\xfe\0"), 1, 1.5, None]
    strict = crossing.assert_exact("bytes", values, "bytea")
    assert strict.reasons == {1: "text-in-bytes", 2: "text-in-bytes", 3: "not-bytes", 4: "not-bytes"}
    params = {"text": "utf8"}
    loose = crossing.carry("bytes", values, "bytea", params)
    assert loose.reasons == {3: "not-bytes", 4: "not-bytes"}
    assert loose.encoded.changed == {"text-stored-as-bytes": 2}
    codec = get_codec("bytes")
    assert codec.equality_with(params) == "by bytes"
    projected = values_of(codec.projected(make_column(values), params))
    assert projected[:3] == loose.values[:3] == [b"\xff", "é".encode(), b"\xfe\0"]
