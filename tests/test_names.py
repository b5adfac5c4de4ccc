"""Names survive quoting, cutting and collisions, and PostgreSQL agrees."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from howdah.errors import RefusedError
from howdah.names import (
    NAME_BYTES_MAX,
    SYSTEM_COLUMNS,
    Namespace,
    assign_column_names,
    assign_names,
    fits,
    qualified,
    quote,
    quote_literal,
    quote_sqlite,
    shorten,
)

any_name = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=120)


def test_quoting_doubles_the_quotes_inside() -> None:
    assert quote('a"b') == '"a""b"'
    assert qualified("s", 'T"') == '"s"."T"""'


def test_case_is_kept_because_every_name_is_quoted() -> None:
    assert quote("Orders") == '"Orders"'


@pytest.mark.parametrize("name", ["", "a\0b"])
def test_a_name_postgresql_cannot_hold_is_refused(name: str) -> None:
    with pytest.raises(RefusedError, match="cannot hold the name") as caught:
        quote(name)
    assert caught.value.code == "P-001"


def test_sqlite_takes_an_empty_name_and_refuses_a_nul() -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE TABLE t ({quote_sqlite('')} TEXT, {quote_sqlite(chr(34))} TEXT)")
    assert [row[1] for row in connection.execute("PRAGMA table_info(t)")] == ["", '"']
    with pytest.raises(RefusedError):
        quote_sqlite("a\0")


@pytest.mark.parametrize(
    ("text", "expected"), [("it's", "'it''s'"), ("a\\b", "E'a\\\\b'"), ("\\'", "E'\\\\'''"), ("", "''")]
)
def test_literals_are_quoted_as_libpq_does(text: str, expected: str) -> None:
    assert quote_literal(text) == expected


def test_a_literal_with_a_nul_is_refused() -> None:
    with pytest.raises(RefusedError):
        quote_literal("a\0b")


def test_long_names_with_one_beginning_stay_apart() -> None:
    first, second = "x" * 70 + "a", "x" * 70 + "b"
    assert shorten(first) != shorten(second)
    assert len(shorten(first)) == NAME_BYTES_MAX


def test_a_name_is_cut_between_characters() -> None:
    assert shorten("ü" * 40).encode().decode().startswith("ü" * 27 + "_")


def test_a_name_of_63_bytes_stays_and_one_of_64_is_cut() -> None:
    assert shorten("y" * 63) == "y" * 63
    assert shorten("y" * 64) != "y" * 64


@given(st.lists(any_name, unique=True, max_size=12))
def test_assigned_names_are_distinct_fit_and_do_not_depend_on_order(names: list[str]) -> None:
    assigned = assign_names(names)
    assert list(assigned) == names
    assert len(set(assigned.values())) == len(names)
    assert all(fits(target) for target in assigned.values())
    assert assign_names(list(reversed(names))) == assigned
    assert all(assigned[name] == name for name in names if fits(name))


def test_a_short_name_that_looks_like_a_cut_one_keeps_its_place() -> None:
    long = "z" * 80
    lookalike = shorten(long)
    assigned = assign_names([long, lookalike])
    assert assigned[lookalike] == lookalike
    assert assigned[long] != lookalike


def test_system_columns_are_renamed_and_their_upper_case_is_not() -> None:
    assigned = assign_column_names([*SYSTEM_COLUMNS, "CTID", "oid"])
    assert not SYSTEM_COLUMNS & set(assigned.values())
    assert assigned["CTID"] == "CTID"
    assert assigned["oid"] == "oid"


def test_an_empty_name_gets_one() -> None:
    assert assign_names([""]) == {"": "unnamed"}
    assert assign_names(["", "unnamed"])[""] != "unnamed"


def test_a_namespace_never_hands_out_a_name_twice() -> None:
    space = Namespace(["orders"])
    assert space.take("orders_pkey") == "orders_pkey"
    assert space.take("orders") != "orders"
    assert space.take("orders_pkey") != "orders_pkey"
