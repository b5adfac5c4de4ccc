"""UUIDs arrive as Python's uuid prints them, and come back in the one spelling of their column."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.codec_crossing import Crossing, Text, Value

FIRST = uuid.UUID("01234567-89ab-cdef-fedc-ba9876543210")


@given(identifiers=st.lists(st.none() | st.uuids(), min_size=1, max_size=20))
@settings(max_examples=25, deadline=None)
def test_every_spelling_comes_back(crossing: Crossing, identifiers: list[uuid.UUID | None]) -> None:
    shown = [None if item is None else str(item) for item in identifiers]
    spellings: list[tuple[str, dict[str, str], list[Value]]] = [
        ("uuid-text", {}, [None if item is None else str(item) for item in identifiers]),
        (
            "uuid-text",
            {"case": "upper"},
            [None if item is None else str(item).upper() for item in identifiers],
        ),
        ("uuid-hex32", {}, [None if item is None else item.hex for item in identifiers]),
        (
            "uuid-hex32",
            {"case": "upper"},
            [None if item is None else item.hex.upper() for item in identifiers],
        ),
        ("uuid-blob", {}, [None if item is None else item.bytes for item in identifiers]),
        (
            "uuid-blob",
            {"order": "little-endian"},
            [None if item is None else item.bytes_le for item in identifiers],
        ),
    ]
    for codec, params, values in spellings:
        carried = crossing.assert_exact(codec, values, "uuid", params)
        assert carried.reasons == {}
        assert carried.shown == shown


@pytest.mark.parametrize(
    "text",
    [
        "", "x", str(FIRST).upper(), "{" + str(FIRST) + "}", FIRST.hex, "urn:uuid:" + str(FIRST),
        str(FIRST)[:-1], str(FIRST) + "0", str(FIRST).replace("-", "_"), str(FIRST)[:-1] + "g",
        "0123456-789ab-cdef-fedc-ba98765432100", str(FIRST)[:-1] + "G", str(FIRST)[:-1] + "\0",
    ],
)  # fmt: skip
def test_another_spelling_is_set_aside(crossing: Crossing, text: str) -> None:
    values: list[Value] = [str(FIRST), text, FIRST.bytes, 5, Text(b"\xff" * 36), None]
    carried = crossing.assert_exact("uuid-text", values, "uuid")
    assert carried.reasons == dict.fromkeys((1, 2, 3, 4), "not-uuid")


def test_blobs_of_another_length_are_set_aside(crossing: Crossing) -> None:
    values: list[Value] = [FIRST.bytes, b"", FIRST.bytes[:15], FIRST.bytes + b"\0", str(FIRST)]
    carried = crossing.assert_exact("uuid-blob", values, "uuid")
    assert carried.reasons == dict.fromkeys((1, 2, 3, 4), "not-uuid")
