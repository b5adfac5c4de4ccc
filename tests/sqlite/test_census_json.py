"""What the census calls JSON, PostgreSQL takes as json; what it calls jsonb-safe, as jsonb."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from howdah.sqlite.census import take_census
from support.stored_values import table_of

ACCEPTED = [
    "1", "-0", "1e5", "-1.5E-3", '"x"', "null", "true", "[]", "{}", ' [1 , {"a" : null}]\r\n\t',
    '"\\/\\b\\f"',
    '"\\u00e4"', '{"a":1,"a":2}', '"ä🐘"', "0.0", "1" * 400, "1e400", '"\\\\u0000"', '"\\\\ud800"',
    '"\\ud83d\\ude00"', '{"\\ud83d\\ude00": "\\uD83D\\uDE00"}',
]  # fmt: skip
#: Valid by RFC 8259, and nothing that jsonb can keep.
JSON_ONLY = [
    '"\\u0000"', '{"\\u0000": 1}', '"\\ud800"', '"\\ude00\\ud83d"', '["a", "\\uDFFF"]',
    "1e200000", "1e-20000",
    '{"a": [1, "\\ud83d"]}', '{"a": "\\ud83d", "a": 1}', "0." + "1" * 17_000, "1e99999999999999999999",
    "9" * 140_000,
]  # fmt: skip
REFUSED = [
    "", " ", "01", "1.", ".5", "+1", "-", "NaN", "Infinity", "-Infinity", "nul", "True", "'x'", "{a:1}",
    "[1,]", "{,}", '{"a":1,}', '"\t"', '"\n"', '"\x1f"', '"\\x41"', '"\\v"', '"\\u12"', '"\\u12g4"', "[1] 2",
    "[1", "1]", "// x\n1", "/* x */ 1", "\ufeff1", "\f1", "\u00a01", '"abc', "0x1F", "1_000", "{1:2}",
    '{"a"}', '"a\\\n"',
    "[1]\0", "\0[1]", '"a\0b"', "1\0",
]  # fmt: skip
#: PostgreSQL, too, gives up somewhere; SQLite's limit of 1000 levels comes long before.
DEEP = ["[" * 900 + "]" * 900, '{"a":' * 900 + "1" + "}" * 900]


def shapes_of(path: Path, text: str) -> frozenset[str]:
    """Return the census's shapes of a column with that one text."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (a)")
        connection.execute("INSERT INTO t VALUES (?)", (text,))
        connection.commit()
    return take_census(str(path), [table_of(path, "t")]).table("t").column("a").text_shapes


@pytest.fixture
def target(database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


def server_takes(target: psycopg.Connection, text: str, kind: str) -> bool:
    """Return whether PostgreSQL's own input function takes a text; one with NUL cannot even be sent."""
    if "\0" in text:
        return False
    try:
        target.execute(f"SELECT %s::text::{kind}", (text,))
    except psycopg.DataError:
        return False
    return True


@pytest.mark.parametrize(
    ("texts", "expected"),
    [(ACCEPTED, (True, True)), (JSON_ONLY, (True, False)), (REFUSED, (False, False)), (DEEP, (True, True))],
    ids=["accepted", "json only", "refused", "deep"],
)
def test_census_and_server_agree(
    tmp_path: Path, target: psycopg.Connection, texts: list[str], expected: tuple[bool, bool]
) -> None:
    for text in texts:
        shapes = shapes_of(tmp_path / "t.db", text)
        said = ("json" in shapes, "jsonb-safe" in shapes)
        answers = (server_takes(target, text, "json"), server_takes(target, text, "jsonb"))
        assert said == expected, text[:60]
        assert answers == expected, text[:60]


characters = st.text(st.characters(codec="utf-8")) | st.sampled_from(['"', "\\", "\\u", "\n"])
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | characters,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(characters, inner, max_size=3),
    max_leaves=6,
).map(json.dumps)
#: Documents with one character put in, taken out or exchanged.
damaged = st.builds(
    lambda text, place, width, put: (
        text[: place % (len(text) + 1)] + put + text[place % (len(text) + 1) + width :]
    ),
    documents,
    st.integers(0, 100),
    st.integers(0, 2),
    st.sampled_from(
        ["", ",", "]", "{", '"', "\\", "0", "-", ".", "e5", "\\u0000", "\\ud800", "\\udc00", " ", "\x01"]
    ),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(documents, damaged, st.text(max_size=8)))
@example('"\\ud800\\\\udc00"')
@example('"\\\\\\ud800"')
def test_random_documents_whole_and_damaged(tmp_path: Path, target: psycopg.Connection, text: str) -> None:
    shapes = shapes_of(tmp_path / "t.db", text)
    assert ("json" in shapes) == server_takes(target, text, "json")
    assert ("jsonb-safe" in shapes) == server_takes(target, text, "jsonb")


def test_more_than_a_thousand_levels_are_not_called_json(tmp_path: Path) -> None:
    assert "json" not in shapes_of(tmp_path / "t.db", "[" * 1_002 + "]" * 1_002)
