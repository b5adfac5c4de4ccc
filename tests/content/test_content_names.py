"""Names as Strapi gives them. Expected values are lodash's and Strapi 5.54.0's own answers."""

from __future__ import annotations

import pytest

from howdah.content.identifiers import (
    build_name,
    hash_of,
    id_column_name,
    link_table_name,
    order_column_name,
    shorten_part,
)
from howdah.content.words import snake_case
from howdah.errors import UsageError


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # lodash 4.17.21, snakeCase
        ("agentState", "agent_state"),
        ("oauth2Token", "oauth_2_token"),
        ("HTMLParser", "html_parser"),
        ("attr1", "attr_1"),
        ("v2Beta3", "v_2_beta_3"),
        ("URLPath", "url_path"),
        ("related_to", "related_to"),
        ("first1st", "first_1st"),
        ("1stPlace", "1st_place"),
        ("x2ND", "x_2nd"),
        ("aBC", "a_bc"),
        ("ABc", "a_bc"),
        ("Ünïcode", "unicode"),
        ("straße", "strasse"),
        ("it's", "its"),
        ("mcp-server", "mcp_server"),
        ("__x__", "x"),
        ("XMLHttpRequest2", "xml_http_request_2"),
        ("größeÄnderung", "grosse_anderung"),
        ("łódź", "lodz"),
        ("приветМир", "приветмир"),
        ("日本", "日本"),
        ("ÆON", "ae_on"),
        ("utf8mb4", "utf_8_mb_4"),
        ("ISO8601Date", "iso_8601_date"),
        ("IPv6Address", "i_pv_6_address"),
        ("11th", "11_th"),
        ("112th", "112_th"),
        ("10th", "10th"),
        ("ŒuvreX", "oeuvre_x"),
    ],
)
def test_words_end_where_lodash_ends_them(name: str, expected: str) -> None:
    assert snake_case(name) == expected


@pytest.mark.parametrize(
    ("parts", "suffixes", "prefix", "length_max", "expected"),
    [
        # From Strapi's own tests of its shortener.
        (["1234567890", "12345"], ["links"], "", 22, "1234567890_12345_links"),
        (["1234_56789", "123_4"], ["links"], "", 22, "1234_56789_123_4_links"),
        (["123456789012345"], [], "", 13, "1234567878db8"),
        (["1234567_9012345"], [], "", 13, "1234567_47b4e"),
        (["12345"], [], "", 5, "12345"),
        (["1234567890", "12345"], ["links"], "", 21, "1234cd65a_12345_links"),
        (["1234567890", "1234567890"], ["links"], "", 23, "123cd65a_123cd65a_links"),
        (["12", "12", "12", "12"], [], "", 12, "12_12_12_12"),
        (["1234567890", "12345", "0987654321"], ["links"], "", 30, "1234cd65a_12345_0984addb_links"),
        (["1234567890", "12345", "0987654321"], [], "inv_order", 34, "inv_order_1234cd65a_12345_0984addb"),
    ],
)
def test_long_names_are_shortened_as_strapi_does_it(
    parts: list[str], suffixes: list[str], prefix: str, length_max: int, expected: str
) -> None:
    assert build_name(parts, suffixes, prefix, length_max=length_max) == expected


@pytest.mark.parametrize(
    ("parts", "suffixes", "length_max"),
    [
        (["1234567890", "1234567890"], ["links"], 21),
        (["12", "12", "12", "1", "12"], [], 12),
        ([], ["123456"], 5),
    ],
)
def test_a_name_that_cannot_be_shortened_is_refused(
    parts: list[str], suffixes: list[str], length_max: int
) -> None:
    with pytest.raises(UsageError, match="does not fit") as raised:
        build_name(parts, suffixes, length_max=length_max)
    assert raised.value.code == "K-110"


def test_the_hash_is_shake_256() -> None:
    assert hash_of("123456789", 2) == "24"
    assert hash_of("123456789", 3) == "243"
    assert hash_of("123456789", 50) == "24347b9c4b6da2fc9cde08c87f33edd2e603c8dcd6840e6b39"
    assert shorten_part("1234567890", 9) == "1234cd65a"
    with pytest.raises(UsageError):
        shorten_part("1234567890", 7)


def test_columns_of_a_link_are_named_by_singular_names() -> None:
    assert link_table_name("chat_sessions", "lastAgent") == "chat_sessions_last_agent_lnk"
    assert id_column_name("chat-session") == "chat_session_id"
    assert id_column_name("chat-session", inverse=True) == "inv_chat_session_id"
    assert order_column_name("chat-session", inverse=True) == "inv_chat_session_ord"
