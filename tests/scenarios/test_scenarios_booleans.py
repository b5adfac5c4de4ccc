"""Cases 31 to 35: a boolean is what is stored as 0 and 1, and nothing else becomes one unasked."""

from __future__ import annotations

import pytest

from support.scenario import Carry, Scenario, check_scenario

_WORDS = ["true", "TRUE", "t", "f", "yes", "no", "on", "off", "0", "1", ""]

SCENARIOS = [
    Scenario(
        case=31,
        name="0, 1 and NULL under every name of the type",
        sql="CREATE TABLE booleans"
        " (id INTEGER PRIMARY KEY, a BOOLEAN, b BOOL, c TINYINT(1), d BIT, e INTEGER);"
        "INSERT INTO booleans VALUES (1, 0, 0, 0, 0, 0), (2, 1, 1, 1, 1, 1),"
        " (3, NULL, NULL, NULL, NULL, NULL);",
        types={
            "booleans.a": "boolean",
            "booleans.b": "boolean",
            "booleans.c": "boolean",
            "booleans.d": "boolean",
            "booleans.e": "bigint",
        },
        rows={
            "SELECT a, b, c, d, e FROM booleans ORDER BY id": [
                (False, False, False, False, 0),
                (True, True, True, True, 1),
                (None,) * 5,
            ]
        },
    ),
    Scenario(
        case=31,
        name="any column whose type was asked to be boolean",
        sql="CREATE TABLE asked_boolean (id INTEGER PRIMARY KEY, e INTEGER);"
        "INSERT INTO asked_boolean VALUES (1, 0), (2, 1), (3, NULL);",
        policy='[tables.asked_boolean.columns.e]\ntype = "boolean"\ncodec = "boolean"\n',
        types={"asked_boolean.e": "boolean"},
        rows={"SELECT e FROM asked_boolean ORDER BY id": [(False,), (True,), (None,)]},
    ),
    Scenario(
        case=32,
        name="words in a BOOLEAN column are kept as they are",
        sql="CREATE TABLE boolean_words (id INTEGER PRIMARY KEY, b BOOLEAN);",
        inserts=[("INSERT INTO boolean_words (b) VALUES (?)", (word,)) for word in _WORDS],
        types={"boolean_words.b": "text"},
        rows={"SELECT b FROM boolean_words ORDER BY id": [(word,) for word in _WORDS]},
        findings=["F-208"],
    ),
    Scenario(
        case=32,
        name="two words by policy, all others set aside",
        sql="CREATE TABLE yes_or_no (id INTEGER PRIMARY KEY, b TEXT);"
        "INSERT INTO yes_or_no (b) VALUES ('yes'), ('no'), (''), ('YES'), (NULL);",
        policy="""
            [tables.yes_or_no.columns.b]
            type = "boolean"
            codec = "boolean-word"
            params = {words = "yes/no"}
        """,
        types={"yes_or_no.b": "boolean"},
        rows={"SELECT id, b FROM yes_or_no ORDER BY id": [(1, True), (2, False), (5, None)]},
        quarantined=[
            ("yes_or_no", 3, "not-boolean-word"),
            ("yes_or_no", 4, "not-boolean-word"),
        ],
    ),
    Scenario(
        case=33,
        name="other integers in a BOOLEAN column keep it a number",
        sql="CREATE TABLE more_than_two (id INTEGER PRIMARY KEY, b BOOLEAN);"
        "INSERT INTO more_than_two VALUES (1, 2), (2, -1), (3, 9007199254740993), (4, 1.0), (5, 0);",
        types={"more_than_two.b": "bigint"},
        # 1.0 is stored as the integer 1 under NUMERIC affinity.
        rows={"SELECT b FROM more_than_two ORDER BY id": [(2,), (-1,), (9007199254740993,), (1,), (0,)]},
        findings=["F-208"],
    ),
    Scenario(
        case=33,
        name="boolean asked for sets other integers aside",
        sql="CREATE TABLE forced_boolean (id INTEGER PRIMARY KEY, b BOOLEAN);"
        "INSERT INTO forced_boolean VALUES (1, 2), (2, -1), (3, 1), (4, 0);",
        policy='[tables.forced_boolean.columns.b]\ntype = "boolean"\ncodec = "boolean"\n',
        rows={"SELECT id, b FROM forced_boolean ORDER BY id": [(3, True), (4, False)]},
        findings=["F-218"],
        quarantined=[("forced_boolean", 1, "not-boolean"), ("forced_boolean", 2, "not-boolean")],
    ),
    Scenario(
        case=34,
        name="defaults of booleans",
        sql="CREATE TABLE boolean_defaults (id INTEGER PRIMARY KEY, a BOOLEAN DEFAULT 0,"
        " b BOOLEAN DEFAULT 1, c BOOLEAN DEFAULT '0', d BOOLEAN DEFAULT false, e BOOLEAN DEFAULT TRUE,"
        ' f BOOLEAN DEFAULT "0");',
        rows={
            "INSERT INTO boolean_defaults DEFAULT VALUES RETURNING a, b, c, d, e, f": [
                (False, True, False, False, True, False)
            ]
        },
    ),
    Scenario(
        case=35,
        name="booleans in partial indexes and checks",
        sql="CREATE TABLE flagged (id INTEGER PRIMARY KEY, n TEXT, active BOOLEAN CHECK (active IN (0, 1)),"
        " gone BOOLEAN, CHECK (active = 1 OR gone = 0));"
        "CREATE UNIQUE INDEX flagged_active ON flagged (n) WHERE active = 1;"
        "CREATE INDEX flagged_gone ON flagged (n) WHERE gone;"
        "INSERT INTO flagged VALUES (1, 'a', 1, 1), (2, 'a', 0, 0);",
        rows={
            "INSERT INTO flagged (id, n, active, gone) VALUES (3, 'a', false, false) RETURNING id": [(3,)],
            "SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
            " WHERE relname IN ('flagged_active', 'flagged_gone') AND indpred IS NOT NULL": [(2,)],
        },
        refuses={
            "INSERT INTO flagged (id, n, active) VALUES (4, 'a', true)": "UniqueViolation",
            "INSERT INTO flagged (id, active, gone) VALUES (4, false, true)": "CheckViolation",
        },
    ),
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_booleans(scenario: Scenario, carry: Carry) -> None:
    check_scenario(scenario, carry(SCENARIOS, scenario))
