"""Cases 48 to 56: JSON keeps its text, a UUID its digits, and what is no such thing is left alone."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from howdah.errors import UsageError
from howdah.ops.plan import PlanRequest, plan
from howdah.ops.quarantine import list_rows
from support.files import make_database
from support.runs import migrate_file, target_request
from support.scenario import Carry, Scenario, check_scenario, run_migration

_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
_UUID = UUID(_ID)

#: SQLite's JSONB of [1,"a"] and of {"k":null} (sqlite.org/jsonb.html): size and type in one byte, then
#: the elements.
_JSONB_LIST, _JSONB_OBJECT = bytes.fromhex("4b13311761"), bytes.fromhex("3c176b00")

SCENARIOS = [
    Scenario(
        case=48,
        name="json keeps repeated keys, order and spelling of numbers",
        sql="CREATE TABLE json_text (id INTEGER PRIMARY KEY, j JSON);",
        inserts=[("INSERT INTO json_text VALUES (1, ?), (2, ?)", ('{"a":1,"a":2}', '{"b":1.0, "a":1e2}'))],
        types={"json_text.j": "json"},
        rows={"SELECT j::text FROM json_text ORDER BY id": [('{"a":1,"a":2}',), ('{"b":1.0, "a":1e2}',)]},
    ),
    Scenario(
        case=48,
        name="jsonb asked for counts what it drops",
        sql="CREATE TABLE jsonb_asked (id INTEGER PRIMARY KEY, j JSON);",
        inserts=[("INSERT INTO jsonb_asked VALUES (1, ?), (2, ?)", ('{"a":1,"a":2}', '{"b":1.0, "a":1e2}'))],
        policy='[tables.jsonb_asked.columns.j]\ntype = "jsonb"\ncodec = "jsonb"\n',
        types={"jsonb_asked.j": "jsonb"},
        rows={"SELECT j::text FROM jsonb_asked ORDER BY id": [('{"a": 2}',), ('{"a": 100, "b": 1.0}',)]},
        changed={"duplicate-keys-dropped": 1},
    ),
    Scenario(
        case=49,
        name="an escaped NUL stays in json",
        sql="CREATE TABLE json_nul (id INTEGER PRIMARY KEY, j JSON);",
        inserts=[("INSERT INTO json_nul VALUES (1, ?)", ('"a\\u0000b"',))],
        types={"json_nul.j": "json"},
        rows={"SELECT j::text FROM json_nul": [('"a\\u0000b"',)]},
    ),
    Scenario(
        case=49,
        name="an escaped NUL is set aside where jsonb was asked for",
        sql="CREATE TABLE jsonb_nul (id INTEGER PRIMARY KEY, j JSON);",
        inserts=[("INSERT INTO jsonb_nul VALUES (1, ?), (2, ?)", ('"a\\u0000b"', '"ok"'))],
        policy='[tables.jsonb_nul.columns.j]\ntype = "jsonb"\ncodec = "jsonb"\n',
        types={"jsonb_nul.j": "jsonb"},
        rows={"SELECT id, j::text FROM jsonb_nul": [(2, '"ok"')]},
        findings=["F-218"],
        quarantined=[("jsonb_nul", 1, "json-not-in-jsonb")],
    ),
    Scenario(
        case=50,
        name="what looks like JSON and is none stays text",
        sql="CREATE TABLE no_json (id INTEGER PRIMARY KEY, j JSON);",
        inserts=[
            ("INSERT INTO no_json (j) VALUES (?)", (text,))
            for text in ("{a:1,}", "NaN", "{'a': 1}", "{'a': None}", "", "{}")
        ],
        types={"no_json.j": "text"},
        rows={
            "SELECT j FROM no_json ORDER BY id": [
                ("{a:1,}",),
                ("NaN",),
                ("{'a': 1}",),
                ("{'a': None}",),
                ("",),
                ("{}",),
            ]
        },
        findings=["F-209"],
        told=["1 JSON document"],
    ),
    Scenario(
        case=50,
        name="json asked for sets aside what is no JSON, and never makes it {}",
        sql="CREATE TABLE json_asked (id INTEGER PRIMARY KEY, j TEXT);",
        inserts=[
            ("INSERT INTO json_asked (j) VALUES (?)", (text,))
            for text in ("{a:1,}", "NaN", "{'a': 1}", "", "{}")
        ],
        policy='[tables.json_asked.columns.j]\ntype = "json"\ncodec = "json"\n',
        rows={"SELECT id, j::text FROM json_asked": [(5, "{}")]},
        findings=["F-218"],
        quarantined=[("json_asked", number, "not-json") for number in range(1, 5)],
    ),
    Scenario(
        case=51,
        name="SQLite's JSONB stays the bytes it is, and is told",
        sql="CREATE TABLE own_jsonb (id INTEGER PRIMARY KEY, declared JSONB, plain BLOB);",
        inserts=[
            (
                "INSERT INTO own_jsonb VALUES (1, ?, ?), (2, ?, ?)",
                (_JSONB_LIST, _JSONB_LIST, _JSONB_OBJECT, _JSONB_OBJECT),
            )
        ],
        types={"own_jsonb.declared": "bytea", "own_jsonb.plain": "bytea"},
        rows={
            "SELECT declared, plain FROM own_jsonb ORDER BY id": [
                (_JSONB_LIST, _JSONB_LIST),
                (_JSONB_OBJECT, _JSONB_OBJECT),
            ]
        },
        findings=["F-209"],
        told=["JSONB", "json("],
    ),
    Scenario(
        case=52,
        name="UUIDs of one spelling become uuid, and so do the columns that reference them",
        sql="CREATE TABLE uuid_parent (id UUID PRIMARY KEY NOT NULL, hex UUID, loud UUID);"
        "CREATE TABLE uuid_child (id INTEGER PRIMARY KEY, parent CHAR(36) REFERENCES uuid_parent);",
        inserts=[
            ("INSERT INTO uuid_parent VALUES (?, ?, ?)", (_ID, _UUID.hex, _ID.upper())),
            ("INSERT INTO uuid_child VALUES (1, ?), (2, NULL)", (_ID,)),
        ],
        types={
            "uuid_parent.id": "uuid",
            "uuid_parent.hex": "uuid",
            "uuid_parent.loud": "text",
            "uuid_child.parent": "uuid",
        },
        rows={
            "SELECT id, hex, loud FROM uuid_parent": [(_UUID, _UUID, _ID.upper())],
            "SELECT parent FROM uuid_child ORDER BY id": [(_UUID,), (None,)],
        },
        refuses={
            "INSERT INTO uuid_child VALUES (3, '00000000-0000-0000-0000-000000000000')": "ForeignKeyViolation"
        },
        findings=["F-201", "F-210", "F-216"],
    ),
    Scenario(
        case=52,
        name="other spellings, and spellings mixed, stay text",
        sql="CREATE TABLE uuid_spellings"
        " (id INTEGER PRIMARY KEY, braces GUID, urn GUID, cases GUID, broken GUID);",
        inserts=[
            (
                "INSERT INTO uuid_spellings (braces, urn, cases, broken) VALUES (?, ?, ?, ?)",
                ("{" + _ID + "}", "urn:uuid:" + _ID, mixed, broken),
            )
            for mixed, broken in ((_ID, _ID), (_ID.upper(), "no UUID"))
        ],
        types={f"uuid_spellings.{name}": "text" for name in ("braces", "urn", "cases", "broken")},
        rows={
            "SELECT braces, urn, cases, broken FROM uuid_spellings ORDER BY id": [
                ("{" + _ID + "}", "urn:uuid:" + _ID, _ID, _ID),
                ("{" + _ID + "}", "urn:uuid:" + _ID, _ID.upper(), "no UUID"),
            ]
        },
        findings=["F-210"],
    ),
    Scenario(
        case=52,
        name="upper case asked to be uuid comes back in upper case in the proof",
        sql="CREATE TABLE uuid_upper (id INTEGER PRIMARY KEY, u GUID);",
        inserts=[("INSERT INTO uuid_upper VALUES (1, ?)", (_ID.upper(),))],
        policy="""
            [tables.uuid_upper.columns.u]
            type = "uuid"
            codec = "uuid-text"
            params = {case = "upper"}
        """,
        types={"uuid_upper.u": "uuid"},
        rows={"SELECT u FROM uuid_upper": [(_UUID,)]},
    ),
    Scenario(
        case=53,
        name="16 bytes may be a UUID in either order of bytes: they stay bytes",
        sql="CREATE TABLE uuid_bytes (id INTEGER PRIMARY KEY, u GUID);",
        inserts=[("INSERT INTO uuid_bytes VALUES (1, ?)", (_UUID.bytes,))],
        types={"uuid_bytes.u": "bytea"},
        rows={"SELECT u FROM uuid_bytes": [(_UUID.bytes,)]},
        findings=["F-210"],
        told=["either byte order", "uuid-blob"],
    ),
    Scenario(
        case=53,
        name="either order of bytes can be asked for",
        sql="CREATE TABLE uuid_bytes_asked (id INTEGER PRIMARY KEY, u BLOB, dotnet BLOB);",
        inserts=[("INSERT INTO uuid_bytes_asked VALUES (1, ?, ?)", (_UUID.bytes, _UUID.bytes_le))],
        policy="""
            [tables.uuid_bytes_asked.columns.u]
            type = "uuid"
            codec = "uuid-blob"
            [tables.uuid_bytes_asked.columns.dotnet]
            type = "uuid"
            codec = "uuid-blob"
            params = {order = "little-endian"}
        """,
        types={"uuid_bytes_asked.u": "uuid", "uuid_bytes_asked.dotnet": "uuid"},
        rows={"SELECT u, dotnet FROM uuid_bytes_asked": [(_UUID, _UUID)]},
    ),
    Scenario(
        case=55,
        name="lists in text stay text",
        sql="CREATE TABLE lists (id INTEGER PRIMARY KEY, tags TEXT, ids TEXT[]);"
        "INSERT INTO lists VALUES (1, 'a,b,c', '[1,2]');",
        types={"lists.tags": "text", "lists.ids": "text"},
        rows={"SELECT tags, ids FROM lists": [("a,b,c", "[1,2]")]},
    ),
    Scenario(
        case=56,
        name="vectors of float32 stay bytes",
        sql="CREATE TABLE vectors (id INTEGER PRIMARY KEY, v BLOB);"
        "INSERT INTO vectors VALUES (1, x'0000803f00000040');",
        types={"vectors.v": "bytea"},
        rows={"SELECT v FROM vectors": [(bytes.fromhex("0000803f00000040"),)]},
    ),
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_json_uuid_and_lists(scenario: Scenario, carry: Carry) -> None:
    check_scenario(scenario, carry(SCENARIOS, scenario))


@pytest.mark.parametrize(
    ("case", "wanted"), [(54, "mood"), (55, "text[]"), (55, "integer[]"), (56, "vector(2)"), (54, "citext")]
)
def test_a_type_that_no_codec_writes_is_refused_before_anything_is_written(
    case: int, wanted: str, database: str, howdah_home: None, tmp_path: object
) -> None:
    # An enum, an array and a vector need a rule for each value; nothing is guessed from the text.
    scenario = Scenario(
        case=case,
        name=wanted,
        sql="CREATE TABLE asked (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO asked VALUES (1, 'a,b');",
        policy=f'[tables.asked.columns.v]\ntype = "{wanted}"\n',
    )
    with pytest.raises(UsageError) as refusal:
        run_migration(tmp_path, database, [scenario])  # type: ignore[arg-type]

    assert refusal.value.code == "P-104"
    assert '"asked"."v"' in str(refusal.value)


def test_case_54_labels_that_an_enum_lacks_are_listed_before_and_set_aside_by_the_load(
    tmp_path: Path, database: str, howdah_home: None
) -> None:
    source = make_database(
        tmp_path / "enum.db",
        "CREATE TABLE cats (id INTEGER PRIMARY KEY, mood TEXT);"
        "INSERT INTO cats (mood) VALUES ('calm'), ('Calm'), ('furious'), (''), (NULL), ('wild');",
    )
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TYPE mood AS ENUM ('calm', 'wild')")
        connection.execute("CREATE TABLE cats (id integer PRIMARY KEY, mood mood)")

    planned = plan(PlanRequest(source=str(source), target=target_request(database)))

    (told,) = [finding for finding in planned.findings if finding.code == "F-227"]
    assert told.object == 'column "cats"."mood"'
    assert all(repr(label) in told.message for label in ("Calm", "furious", ""))
    report = migrate_file(source, database)
    assert report.exit_status == 5
    assert [row.key.rowid for row in list_rows(target_request(database)).rows] == [2, 3, 4]
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT id, mood::text FROM cats ORDER BY id").fetchall() == [
            (1, "calm"),
            (5, None),
            (6, "wild"),
        ]
