"""The tokens are SQLite's own: what it does not know is illegal here, names and strings mean the same."""

from __future__ import annotations

import apsw
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from howdah.names import quote_sqlite
from howdah.sqlite.lexer import TokenKind, quote_string, read_tokens, significant_tokens

#: What SQLite can hold in a name or a literal: no NUL, no lone surrogate.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
awkward_texts = st.text(st.sampled_from("'\"`[]-/* \n\t\\;()a0.é\U0001f418"), max_size=12)


def _tokens(sql: str) -> list[tuple[TokenKind, str]]:
    return [(token.kind, token.text) for token in significant_tokens(sql)]


@given(st.text() | awkward_texts)
@example("/*")
@example("'open")
@example("x'0")
def test_tokens_put_together_again_are_the_input(sql: str) -> None:
    tokens = read_tokens(sql)
    assert "".join(token.text for token in tokens) == sql
    assert all(sql[token.start : token.end] == token.text for token in tokens)


@given(texts | awkward_texts)
def test_a_string_literal_means_what_sqlite_reads(text: str) -> None:
    literal = quote_string(text)
    [token] = read_tokens(literal)
    assert token.kind is TokenKind.STRING
    assert token.value == apsw.Connection(":memory:").execute(f"SELECT {literal}").get == text


@given((texts | awkward_texts).filter(lambda name: not name.lower().startswith("sqlite_")))
def test_a_quoted_name_means_what_sqlite_reads(name: str) -> None:
    [token] = read_tokens(quote_sqlite(name))
    assert token.kind is TokenKind.QUOTED
    connection = apsw.Connection(":memory:")
    connection.execute(f"CREATE TABLE {quote_sqlite(name)} (a)")
    assert connection.execute("SELECT name FROM sqlite_schema").get == token.value == name


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ('"q""x"', 'q"x'),
        ("`back``tick`", "back`tick"),
        ("[has space]", "has space"),
        ('[quote"in]', 'quote"in'),
        ("'single'", "single"),
        ('"line\nbreak"', "line\nbreak"),
        ("ünï", "ünï"),
        ("a$b", "a$b"),
        ('""', ""),
    ],
)
def test_every_way_to_quote_a_name(written: str, name: str) -> None:
    connection = apsw.Connection(":memory:")
    connection.execute(f"CREATE TABLE {written} (a)")
    assert connection.execute("SELECT name FROM sqlite_schema").get == name
    [token] = significant_tokens(written)
    assert token.value == name


@given(st.text(st.sampled_from("0123456789xXeE+-._aF"), min_size=1, max_size=8))
@example("0x_1")
@example("1_000")
@example("1__0")
@example("1_")
@example("1.5e+3")
@example("1e")
@example(".5")
@example("1._5")
@example("1_0.0_1e1_0")
def test_numbers_are_cut_as_sqlite_cuts_them(text: str) -> None:
    kinds = {"integer": TokenKind.INTEGER, "real": TokenKind.FLOAT, "unrecognized": TokenKind.ILLEGAL}
    for token in significant_tokens(text):
        sqlite_says = _storage_class(token.text)
        assert (sqlite_says in kinds) == (token.kind in kinds.values())
        assert kinds.get(sqlite_says, token.kind) is token.kind


def _storage_class(literal: str) -> str:
    """What SQLite takes a text for: a storage class, "unrecognized", or "other" for what is no literal."""
    try:
        return str(apsw.Connection(":memory:").execute(f"SELECT typeof({literal})").get)
    except apsw.SQLError as error:
        return "unrecognized" if "unrecognized token" in str(error) else "other"


@given(st.text(st.sampled_from("abxX09'\"`[]!#$@:?|<>=-/*~&%.,;é \n_\\^{}"), min_size=1, max_size=10))
@example("!")
@example("x'abc'")
@example("x'0g'")
@example("#")
@example("[open")
def test_a_first_token_that_sqlite_does_not_know_is_illegal(text: str) -> None:
    tokens = significant_tokens(text)
    if not tokens:
        return
    message = ""
    try:
        apsw.Connection(":memory:").execute("SELECT " + text).fetchall()
    except (apsw.SQLError, apsw.BindingsError) as error:
        message = str(error)
    unrecognized = message.startswith("unrecognized token")
    if tokens[0].kind is TokenKind.ILLEGAL:
        assert unrecognized
    elif unrecognized:
        assert any(token.kind is TokenKind.ILLEGAL for token in tokens)


def test_comments_and_white_space_are_passed_over() -> None:
    assert _tokens("a -- one\n/* two\n* / */ b --three") == [(TokenKind.WORD, "a"), (TokenKind.WORD, "b")]


def test_a_comment_may_end_with_the_text() -> None:
    assert _tokens("a /* never closed") == [(TokenKind.WORD, "a")]


def test_quotes_within_comments_and_comments_within_quotes_stay_what_they_are() -> None:
    assert _tokens("'--' /* ' */ \"/*\" -- \"\n[--]") == [
        (TokenKind.STRING, "'--'"),
        (TokenKind.QUOTED, '"/*"'),
        (TokenKind.QUOTED, "[--]"),
    ]


def test_operators_are_taken_as_long_as_they_can_be() -> None:
    assert [text for _, text in _tokens("a->>b->c-d||e<=f<>g<<h==i!=j")] == [
        "a", "->>", "b", "->", "c", "-", "d", "||", "e", "<=", "f", "<>", "g",
        "<<", "h", "==", "i", "!=", "j",
    ]  # fmt: skip


@pytest.mark.parametrize("written", ["?", "?12", ":name", "@name", "$name", "#1"])
def test_parameters_are_one_token(written: str) -> None:
    assert _tokens(written) == [(TokenKind.PARAMETER, written)]


def test_a_byte_order_mark_is_space() -> None:
    assert _tokens("\ufeffCREATE") == [(TokenKind.WORD, "CREATE")]


def test_words_are_compared_without_case_and_quoted_words_are_no_keywords() -> None:
    word, quoted = significant_tokens('pRiMaRy "PRIMARY"')
    assert word.is_word("KEY", "PRIMARY")
    assert not quoted.is_word("PRIMARY")
