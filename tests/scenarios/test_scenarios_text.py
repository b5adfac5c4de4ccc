"""Cases 1 to 14: every text and every blob arrives byte for byte, or is set aside and told."""

from __future__ import annotations

import pytest

from support.scenario import Carry, Scenario, check_scenario

_NFC, _NFD = "\u00e9", "e\u0301"
_LONG = "".join(f"{number:x}" for number in range(9000))

SCENARIOS = [
    Scenario(
        case=1,
        name="NUL in text is set aside",
        sql="CREATE TABLE nul (id INTEGER PRIMARY KEY, s TEXT);"
        "INSERT INTO nul VALUES (1, 'before'), (2, 'a' || char(0) || 'b'), (3, 'after');",
        types={"nul.s": "text"},
        rows={"SELECT id, s FROM nul ORDER BY id": [(1, "before"), (3, "after")]},
        findings=["F-211"],
        quarantined=[("nul", 2, "nul-in-text")],
    ),
    Scenario(
        case=1,
        name="NUL in text by policy: strip, replace, bytea",
        sql="CREATE TABLE nul_policy (id INTEGER PRIMARY KEY, strip TEXT, swap TEXT, bytes TEXT);"
        "INSERT INTO nul_policy VALUES (1, 'a' || char(0) || 'b', 'a' || char(0) || 'b',"
        " 'a' || char(0) || 'b'), (2, 'c', 'd', 'e');",
        policy="""
            [tables.nul_policy.columns.strip]
            params = {nul = "strip"}
            [tables.nul_policy.columns.swap]
            params = {nul = "replace"}
            [tables.nul_policy.columns.bytes]
            type = "bytea"
            codec = "bytes"
            params = {text = "utf8"}
        """,
        types={"nul_policy.strip": "text", "nul_policy.swap": "text", "nul_policy.bytes": "bytea"},
        rows={
            "SELECT * FROM nul_policy ORDER BY id": [
                (1, "ab", "a\u2400b", b"a\x00b"),
                (2, "c", "d", b"e"),
            ]
        },
        changed={"nul-stripped": 1, "nul-replaced": 1, "text-stored-as-bytes": 2},
    ),
    Scenario(
        case=2,
        name="text that is not UTF-8 is set aside and the rows behind it arrive",
        sql="CREATE TABLE not_utf8 (id INTEGER PRIMARY KEY, s TEXT);"
        "INSERT INTO not_utf8 VALUES (1, CAST(x'61ff62' AS TEXT)), (2, 'after');",
        types={"not_utf8.s": "text"},
        rows={"SELECT id, s FROM not_utf8": [(2, "after")]},
        findings=["F-212"],
        quarantined=[("not_utf8", 1, "invalid-utf8")],
    ),
    Scenario(
        case=2,
        name="text that is not UTF-8 by policy: latin1, escape, replace",
        sql="CREATE TABLE not_utf8_policy (id INTEGER PRIMARY KEY, latin TEXT, esc TEXT, swap TEXT);"
        "INSERT INTO not_utf8_policy VALUES (1, CAST(x'61ff62' AS TEXT), CAST(x'61ff62' AS TEXT),"
        " CAST(x'61ff62' AS TEXT)), (2, 'é', 'é', 'é');",
        policy="""
            [tables.not_utf8_policy.columns.latin]
            params = {invalid_utf8 = "latin1"}
            [tables.not_utf8_policy.columns.esc]
            params = {invalid_utf8 = "escape"}
            [tables.not_utf8_policy.columns.swap]
            params = {invalid_utf8 = "replace"}
        """,
        rows={
            "SELECT * FROM not_utf8_policy ORDER BY id": [
                (1, b"a\xffb".decode("latin1"), b"a\xffb".decode(errors="backslashreplace"), "a\ufffdb"),
                (2, "é", "é", "é"),
            ]
        },
        changed={"utf8-read-as-latin1": 1, "utf8-escaped": 1, "utf8-replaced": 1},
    ),
    Scenario(
        case=3,
        name="half of a surrogate pair is no UTF-8",
        sql="CREATE TABLE surrogate (id INTEGER PRIMARY KEY, s TEXT);"
        "INSERT INTO surrogate VALUES (1, CAST(x'eda080' AS TEXT)), (2, 'after');",
        rows={"SELECT id, s FROM surrogate": [(2, "after")]},
        findings=["F-212"],
        quarantined=[("surrogate", 1, "invalid-utf8")],
    ),
    *(
        Scenario(
            case=4,
            name=f"{encoding} with characters beyond the first plane",
            settings=f"PRAGMA encoding = '{encoding}';",
            sql="CREATE TABLE astral (id INTEGER PRIMARY KEY, s TEXT);",
            inserts=[("INSERT INTO astral VALUES (1, ?), (2, ?)", ("𝒜🐘é", "plain"))],
            types={"astral.s": "text"},
            rows={"SELECT s, length(s) FROM astral ORDER BY id": [("𝒜🐘é", 3), ("plain", 5)]},
        )
        for encoding in ("UTF-16le", "UTF-16be")
    ),
    Scenario(
        case=5,
        name="what COPY's text format gives a meaning",
        sql="CREATE TABLE copy_marks (id INTEGER PRIMARY KEY, s TEXT);",
        inserts=[
            ("INSERT INTO copy_marks VALUES (?, ?)", (number, text))
            for number, text in enumerate(["\\N", "\t", "\n", "\r", "\\", "\\.", "a\\.\nb", "\r\n"])
        ],
        rows={
            "SELECT s FROM copy_marks ORDER BY id": [
                ("\\N",),
                ("\t",),
                ("\n",),
                ("\r",),
                ("\\",),
                ("\\.",),
                ("a\\.\nb",),
                ("\r\n",),
            ]
        },
    ),
    Scenario(
        case=7,
        name="an empty text is no NULL",
        sql="CREATE TABLE empty_text (id INTEGER PRIMARY KEY, s TEXT);"
        "INSERT INTO empty_text VALUES (1, ''), (2, NULL);",
        rows={"SELECT s FROM empty_text ORDER BY id": [("",), (None,)]},
    ),
    Scenario(
        case=8,
        name="an empty blob is no NULL",
        sql="CREATE TABLE empty_blob (id INTEGER PRIMARY KEY, b BLOB);"
        "INSERT INTO empty_blob VALUES (1, zeroblob(0)), (2, NULL);",
        types={"empty_blob.b": "bytea"},
        rows={"SELECT b FROM empty_blob ORDER BY id": [(b"",), (None,)]},
    ),
    Scenario(
        case=9,
        name="text in a BLOB column keeps its bytes and is never taken for base64",
        sql="CREATE TABLE text_in_blob (id INTEGER PRIMARY KEY, only_text BLOB, mixed BLOB);"
        "INSERT INTO text_in_blob VALUES (1, 'test', 'hello world'), (2, 'hello world', x'00ff');",
        types={"text_in_blob.only_text": "text", "text_in_blob.mixed": "bytea"},
        rows={
            "SELECT only_text, mixed FROM text_in_blob ORDER BY id": [
                ("test", b"hello world"),
                ("hello world", b"\x00\xff"),
            ]
        },
        findings=["F-205", "F-207"],
        changed={"text-stored-as-bytes": 1},
    ),
    Scenario(
        case=10,
        name="a readable blob in a TEXT column becomes text, counted",
        sql="CREATE TABLE blob_in_text (id INTEGER PRIMARY KEY, s TEXT);"
        "INSERT INTO blob_in_text VALUES (1, x'6869'), (2, 'text'), (3, 'more');",
        types={"blob_in_text.s": "text"},
        rows={"SELECT s FROM blob_in_text ORDER BY id": [("hi",), ("text",), ("more",)]},
        findings=["F-207"],
        changed={"stored-as-text": 1},
    ),
    Scenario(
        case=10,
        name="a blob in a TEXT column that is no UTF-8 is set aside",
        sql="CREATE TABLE bytes_in_text (id INTEGER PRIMARY KEY, s TEXT);"
        "INSERT INTO bytes_in_text VALUES (1, x'ff00'), (2, 'text'), (3, 'more');",
        types={"bytes_in_text.s": "text"},
        rows={"SELECT s FROM bytes_in_text ORDER BY id": [("text",), ("more",)]},
        findings=["F-206"],
        quarantined=[("bytes_in_text", 1, "not-text")],
    ),
    Scenario(
        case=11,
        name="composed and decomposed letters stay apart in a unique column",
        sql="CREATE TABLE normal_forms (s TEXT UNIQUE NOT NULL);",
        inserts=[("INSERT INTO normal_forms VALUES (?), (?)", (_NFC, _NFD))],
        rows={'SELECT s FROM normal_forms ORDER BY s COLLATE "C"': [(_NFD,), (_NFC,)]},
        refuses={"INSERT INTO normal_forms VALUES (E'e\\u0301')": "UniqueViolation"},
    ),
    Scenario(
        case=12,
        name="char(n) is never chosen, so blanks at the end count",
        sql="CREATE TABLE padded (id INTEGER PRIMARY KEY, c CHAR(5));"
        "INSERT INTO padded VALUES (1, 'ab'), (2, 'ab  '), (3, '');",
        types={"padded.c": "character varying(5)"},
        rows={
            "SELECT c, octet_length(c) FROM padded ORDER BY id": [("ab", 2), ("ab  ", 4), ("", 0)],
            "SELECT count(DISTINCT c) FROM padded": [(3,)],
        },
    ),
    Scenario(
        case=12,
        name="char(n) asked for sets aside what it cannot tell apart",
        sql="CREATE TABLE padded_on_request (id INTEGER PRIMARY KEY, c CHAR(5));"
        "INSERT INTO padded_on_request VALUES (1, 'ab'), (2, 'ab  ');",
        policy='[tables.padded_on_request.columns.c]\ntype = "char(5)"\n',
        types={"padded_on_request.c": "character(5)"},
        rows={"SELECT id FROM padded_on_request": [(1,)]},
        findings=["F-218"],
        quarantined=[("padded_on_request", 2, "trailing-space")],
    ),
    Scenario(
        case=14,
        name="a text too long for its index costs the index and not the row",
        sql="CREATE TABLE long_key (id INTEGER PRIMARY KEY, s TEXT);"
        "CREATE INDEX long_key_s ON long_key (s);"
        "CREATE TABLE long_unique (id INTEGER PRIMARY KEY, s TEXT UNIQUE);",
        inserts=[
            ("INSERT INTO long_key VALUES (1, ?)", (_LONG,)),
            ("INSERT INTO long_unique VALUES (1, ?)", (_LONG,)),
        ],
        rows={
            "SELECT s FROM long_key": [(_LONG,)],
            "SELECT s FROM long_unique": [(_LONG,)],
            "SELECT count(*) FROM pg_indexes WHERE indexname = 'long_key_s'": [(0,)],
        },
        findings=["F-311", "F-904"],
    ),
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_texts_and_bytes(scenario: Scenario, carry: Carry) -> None:
    check_scenario(scenario, carry(SCENARIOS, scenario))
