"""The planned schema is taken by a real PostgreSQL, and its catalog says what SQLite's said."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from howdah.model.plan import Plan, PlanOptions, StepKind
from support.files import make_database
from support.plans import apply_plan, codes, facts_of, read_facts, steps_of
from support.runs import migrate_file

TORTURE = """
CREATE TABLE "Order" (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    "has space" TEXT NOT NULL DEFAULT 'x''y',
    "q""x" VARCHAR(20) DEFAULT "dq",
    active BOOLEAN NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
    made DATETIME DEFAULT CURRENT_TIMESTAMP,
    price DECIMAL(10,2) DEFAULT 0.00 CHECK (price >= 0),
    token TEXT DEFAULT (lower(hex(randomblob(16)))),
    raw BLOB DEFAULT x'00ff',
    minus INTEGER DEFAULT -1,
    plus INTEGER DEFAULT +1,
    none_yet TEXT DEFAULT NULL,
    seconds INTEGER DEFAULT (strftime('%s','now')),
    millis INTEGER DEFAULT (unixepoch() * 1000),
    lucky INTEGER DEFAULT (random()),
    parent INTEGER REFERENCES "Order",
    stored TEXT GENERATED ALWAYS AS (upper("q""x")) STORED,
    virtual INTEGER GENERATED ALWAYS AS (minus * 2 + 1),
    bad TEXT GENERATED ALWAYS AS (hex(zeroblob(id))),
    ctid TEXT,
    doc TEXT DEFAULT '{}',
    email TEXT COLLATE NOCASE UNIQUE,
    CONSTRAINT named CHECK (length("has space") > 0 OR active = 1),
    CONSTRAINT "typed" CHECK (zeroblob(2) IS NOT minus)
);
CREATE TABLE line (
    "order" INTEGER NOT NULL REFERENCES "order"(id) ON DELETE CASCADE ON UPDATE SET NULL,
    number INTEGER NOT NULL,
    product TEXT,
    size REAL,
    PRIMARY KEY (number, "order"),
    UNIQUE (product, size),
    FOREIGN KEY (product) REFERENCES product(code) DEFERRABLE INITIALLY DEFERRED
) WITHOUT ROWID;
CREATE TABLE product (code VARCHAR(10) PRIMARY KEY, twin TEXT REFERENCES product (code), maker INT, nr INT,
    FOREIGN KEY (maker, nr) REFERENCES maker (id, nr), FOREIGN KEY (maker) REFERENCES nowhere(id),
    FOREIGN KEY (nr) REFERENCES maker (nr));
CREATE TABLE maker (id INT, nr INT, best VARCHAR(10) REFERENCES product, UNIQUE (id, nr));
CREATE TABLE loose (a, b ANY, c);
CREATE INDEX "by active" ON "Order" (made DESC) WHERE active = 1;
CREATE UNIQUE INDEX only_active ON "Order" (minus) WHERE active = 1;
CREATE INDEX by_lower ON "Order" (lower("has space"), price);
CREATE INDEX by_json ON "Order" (json_extract(doc, '$.a'));
CREATE UNIQUE INDEX by_day ON "Order" (date(made));
CREATE INDEX line_product ON line (product COLLATE NOCASE, size DESC);
CREATE VIEW act AS SELECT id, "has space" AS label FROM "Order" WHERE active ORDER BY label;
CREATE VIEW counts AS SELECT "order", count(*) AS lines, sum(size) FROM line GROUP BY "order";
CREATE VIEW both AS SELECT a.label, c.lines FROM act a LEFT JOIN counts c ON c."order" = a.id;
CREATE VIEW broken AS SELECT * FROM missing;
CREATE VIEW odd AS SELECT printf('%g', id) FROM "Order";
CREATE TRIGGER tr AFTER INSERT ON loose BEGIN DELETE FROM loose WHERE a IS NULL; END;
INSERT INTO "Order" ("has space", "q""x", made, email, minus)
    VALUES ('a', 'abc', '2024-01-01 00:00:00', 'A@x', 99);
"""


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return facts_of(tmp_path, TORTURE).plan(PlanOptions(schema="app"))


@pytest.fixture
def applied(plan: Plan, database: str) -> psycopg.Connection[Any]:
    apply_plan(plan, database)
    connection = psycopg.connect(database, autocommit=True)
    connection.execute("SET search_path = app")
    return connection


def rows(connection: psycopg.Connection[Any], query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode()).fetchall()


def test_every_table_and_column_is_there_with_its_name(plan: Plan, applied: psycopg.Connection[Any]) -> None:
    found = rows(
        applied,
        "SELECT table_name, column_name FROM information_schema.columns c JOIN information_schema.tables t "
        "USING (table_schema, table_name) WHERE table_schema = 'app' AND table_type = 'BASE TABLE'",
    )
    expected = {(table.target_name, column.target_name) for table in plan.tables for column in table.columns}
    assert set(found) == expected
    assert ("Order", 'q"x') in expected
    assert ("Order", "ctid") not in expected
    assert "F-121" in codes(plan)


def test_nullability_and_types_agree_with_the_catalog(plan: Plan, applied: psycopg.Connection[Any]) -> None:
    found = rows(
        applied,
        "SELECT relname, attname, format_type(atttypid, atttypmod), attnotnull "
        "FROM pg_attribute a JOIN pg_class r ON r.oid = attrelid "
        "WHERE relnamespace = 'app'::regnamespace AND relkind = 'r' AND attnum > 0",
    )
    spelled = {
        "timestamp": "timestamp without time zone",
        "timestamptz": "timestamp with time zone",
        "varchar(20)": "character varying(20)",
        "varchar(10)": "character varying(10)",
    }
    assert set(found) == {
        (table.target_name, column.target_name, spelled.get(column.type, column.type), column.not_null)
        for table in plan.tables
        for column in table.columns
    }


def test_the_primary_key_keeps_the_order_of_its_columns(applied: psycopg.Connection[Any]) -> None:
    query = (
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE conrelid = 'line'::regclass AND contype = 'p'"
    )
    assert rows(applied, query) == [("line_pkey", 'PRIMARY KEY (number, "order")')]


def test_foreign_keys_are_complete(applied: psycopg.Connection[Any]) -> None:
    found = {
        (table, definition)
        for table, definition in rows(
            applied,
            "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE contype = 'f' AND connamespace = 'app'::regnamespace",
        )
    }
    assert found == {
        ('"Order"', 'FOREIGN KEY (parent) REFERENCES "Order"(id)'),
        ("line", 'FOREIGN KEY ("order") REFERENCES "Order"(id) ON UPDATE SET NULL ON DELETE CASCADE'),
        ("line", "FOREIGN KEY (product) REFERENCES product(code) DEFERRABLE INITIALLY DEFERRED"),
        ("product", "FOREIGN KEY (twin) REFERENCES product(code)"),
        ("product", "FOREIGN KEY (maker, nr) REFERENCES maker(id, nr)"),
        ("maker", "FOREIGN KEY (best) REFERENCES product(code)"),
    }


def test_foreign_keys_to_nothing_and_to_what_is_not_unique_are_findings(plan: Plan) -> None:
    assert {"F-312", "F-313"} <= codes(plan)


def test_indexes_keep_predicate_direction_and_name(applied: psycopg.Connection[Any]) -> None:
    found = dict(rows(applied, "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'app'"))
    assert found["by active"].endswith("USING btree (made DESC) WHERE active")
    assert found["only_active"].startswith("CREATE UNIQUE INDEX")
    assert found["only_active"].endswith("WHERE active")
    assert (
        found["by_lower"].endswith('(lower("has space" COLLATE "C")), price)')
        or "lower(" in found["by_lower"]
    )
    assert found["line_product"].endswith("(product, size DESC)")
    assert (
        'lower((email)::text COLLATE "C")' in found["Order_email_key"] or "lower(" in found["Order_email_key"]
    )
    assert "by_json" not in found
    assert "by_day" not in found


def test_what_is_left_out_is_a_finding_with_its_sql(plan: Plan) -> None:
    found = {(finding.code, finding.object): finding for finding in plan.findings}
    assert "json_extract" in found["F-306", 'index "by_json" of table "Order"'].detail
    assert "date(made)" in found["F-307", 'index "by_day" of table "Order"'].detail
    assert "zeroblob(2)" in found["F-302", 'check "typed" of table "Order"'].detail
    assert "zeroblob(id)" in found["F-303", 'column "Order"."bad"'].detail
    assert "printf" in found["F-104", 'view "odd"'].detail
    assert "DELETE FROM loose" in found["F-103", 'trigger "tr" of "loose"'].detail
    assert found["F-105", 'view "broken"'].message


def test_nocase_uniqueness_folds_ascii_only(applied: psycopg.Connection[Any]) -> None:
    """SQLite: 'É' and 'é' are distinct under NOCASE, 'a' and 'A' are not."""
    insert = 'INSERT INTO "Order" (active, email) VALUES '
    applied.execute(f"{insert} (FALSE, 'É'), (FALSE, 'é'), (FALSE, 'z')".encode())
    with pytest.raises(psycopg.errors.UniqueViolation, match="Order_email_key"):
        applied.execute(f"{insert} (FALSE, 'Z')".encode())


def test_partial_uniqueness_holds_only_where_the_predicate_does(applied: psycopg.Connection[Any]) -> None:
    applied.execute('INSERT INTO "Order" (active, minus) VALUES (FALSE, 5), (FALSE, 5), (TRUE, 5)')
    with pytest.raises(psycopg.errors.UniqueViolation):
        applied.execute('INSERT INTO "Order" (active, minus) VALUES (TRUE, 5)')


def test_generated_columns_compute_what_sqlite_computes(applied: psycopg.Connection[Any]) -> None:
    applied.execute('INSERT INTO "Order" ("q""x", minus) VALUES (\'straße é\', 21)')
    assert rows(applied, 'SELECT stored, virtual FROM "Order" WHERE minus = 21') == [("STRAßE é", 43)]


def test_defaults_give_the_values_that_sqlite_gives(applied: psycopg.Connection[Any], tmp_path: Path) -> None:
    applied.execute('INSERT INTO "Order" DEFAULT VALUES')
    columns = '"has space", "q""x", active, price, raw, minus, plus, none_yet'
    (ours,) = rows(applied, f'SELECT {columns} FROM "Order"')
    lite = sqlite3.connect(tmp_path / "app.db")
    lite.execute('INSERT INTO "Order" DEFAULT VALUES')
    (theirs,) = lite.execute(f'SELECT {columns} FROM "Order" ORDER BY id DESC LIMIT 1').fetchall()
    assert tuple(float(value) if index == 3 else value for index, value in enumerate(ours)) == theirs
    difference = "abs(extract(epoch FROM now()) - seconds) < 2, abs(seconds * 1000 - millis) < 2000"
    utc = "abs(extract(epoch FROM (now() AT TIME ZONE 'utc') - made)) < 2"
    assert rows(applied, f"SELECT {difference}, {utc}, token ~ '^[0-9a-f]{{32}}$' FROM \"Order\"") == [
        (True, True, True, True)
    ]
    lite.close()


def test_defaults_as_room_prisma_and_navidrome_write_them_are_carried(tmp_path: Path, database: str) -> None:
    source = make_database(
        tmp_path / "app.db",
        "CREATE TABLE item (id INTEGER PRIMARY KEY, created INTEGER DEFAULT (strftime('%s','now') * 1000),"
        " began DATETIME NOT NULL DEFAULT current_timestamp, pid VARCHAR DEFAULT id,"
        " on_it BOOLEAN DEFAULT true);"
        "INSERT INTO item (id, began) VALUES (1, 1704067200123)",
    )
    report = migrate_file(source, database)
    assert [finding for finding in report.findings if finding.code == "F-301"] == []
    with psycopg.connect(database) as connection, closing(sqlite3.connect(source)) as lite:
        connection.execute("INSERT INTO item DEFAULT VALUES")
        lite.execute("INSERT INTO item DEFAULT VALUES")
        ours = "abs(created / 1000 - extract(epoch FROM now())) < 2, pid, on_it::int, id"
        theirs = "abs(created / 1000 - unixepoch()) < 2, pid, on_it, id"
        query = "SELECT {} FROM item WHERE id = 2"
        assert connection.execute(query.format(ours)).fetchone() == (True, "id", 1, 2)
        assert lite.execute(query.format(theirs)).fetchone() == (1, "id", 1, 2)
        (told,) = lite.execute(query.format("typeof(began)")).fetchone()
        assert told == "text"
        began = "date_trunc('second', began) = began, abs(extract(epoch FROM now() - began)) < 2"
        assert connection.execute(query.format(began)).fetchone() == (True, True)


def test_a_default_that_sqlite_does_not_read_as_a_number_is_told_and_no_number(
    tmp_path: Path, database: str
) -> None:
    facts = facts_of(
        tmp_path,
        """CREATE TABLE t (id INTEGER PRIMARY KEY, r REAL DEFAULT 'nan', n NUMERIC DEFAULT 'Infinity',
            u DECIMAL DEFAULT '1_0', d INTEGER DEFAULT '\u0663', big INTEGER DEFAULT 1e30,
            j JSON DEFAULT 'NaN', x DEFAULT '5', h REAL DEFAULT 9e999, ok INTEGER DEFAULT ' 7 ',
            e REAL DEFAULT '1e2', p NUMERIC DEFAULT '+.5');
        INSERT INTO t (r, n, u, d, big, j, x, h) VALUES (0.5, 1.5, 1.5, 1, 1, '{}', 1, 0.5);""",
    )
    plan = facts.plan()
    told = {finding.object for finding in plan.findings if finding.code == "F-301"}
    assert told == {f'column "t"."{name}"' for name in ("r", "n", "u", "d", "big", "j", "x", "h")}
    apply_plan(plan, database)
    with sqlite3.connect(facts.path) as lite, psycopg.connect(database) as post:
        for connection in (lite, post):
            connection.execute("INSERT INTO t (id) VALUES (9)")
        theirs = lite.execute("SELECT ok, e, p FROM t WHERE id = 9").fetchone()
        ours = post.execute("SELECT ok, e, p FROM t WHERE id = 9").fetchone()
    assert ours is not None
    assert tuple(map(float, ours)) == theirs == (7, 100.0, 0.5)


def test_a_default_for_which_the_type_has_no_room_is_told(tmp_path: Path, database: str) -> None:
    facts = facts_of(
        tmp_path,
        """CREATE TABLE t (id INTEGER PRIMARY KEY, long VARCHAR(3) DEFAULT 'abcd',
            digits VARCHAR(3) DEFAULT 12345, fits VARCHAR(3) DEFAULT 'äöü', large DECIMAL(5,2) DEFAULT 1000,
            fine DECIMAL(5,2) DEFAULT 1.239, price DECIMAL(5,2) DEFAULT '999.99',
            whole DECIMAL(4,0) DEFAULT -9999, wide NUMERIC(38,10) DEFAULT 9223372036854775807,
            small NUMERIC(40,30) DEFAULT 1e-30, smaller NUMERIC(40,30) DEFAULT 1e-31,
            endless NUMERIC(38,10) DEFAULT 9e999);
        INSERT INTO t VALUES (1, 'x', 'x', 'x', 1, 1, 1, 1, 1, 1, 1, 1);""",
    )
    plan = facts.plan()
    told = {finding.object for finding in plan.findings if finding.code == "F-301"}
    assert told == {
        f'column "t"."{name}"' for name in ("long", "digits", "large", "fine", "smaller", "endless")
    }
    apply_plan(plan, database)
    with psycopg.connect(database) as connection:
        connection.execute("INSERT INTO t (id) VALUES (9)")
        found = connection.execute("SELECT fits, price, whole, wide, small FROM t WHERE id = 9").fetchone()
    assert found == ("äöü", Decimal("999.99"), -9999, 2**63 - 1, Decimal("1e-30"))


def test_random_defaults_differ_from_row_to_row(applied: psycopg.Connection[Any]) -> None:
    for _ in range(50):
        applied.execute('INSERT INTO "Order" (active) VALUES (FALSE)')
    counted = (
        'SELECT count(DISTINCT token), count(DISTINCT lucky), min(lucky) < 0, max(lucky) > 0 FROM "Order"'
    )
    assert rows(applied, counted) == [(50, 50, True, True)]


def test_the_next_number_is_behind_every_number_ever_used(database: str, tmp_path: Path) -> None:
    facts = facts_of(
        tmp_path,
        """CREATE TABLE used (id INTEGER PRIMARY KEY AUTOINCREMENT);
        INSERT INTO used VALUES (10); DELETE FROM used;
        CREATE TABLE plain (id INTEGER PRIMARY KEY); INSERT INTO plain VALUES (7);
        CREATE TABLE fresh (id INTEGER PRIMARY KEY AUTOINCREMENT);
        CREATE TABLE negative (id INTEGER PRIMARY KEY); INSERT INTO negative VALUES (-5);
        CREATE TABLE full (id INTEGER PRIMARY KEY); INSERT INTO full VALUES (9223372036854775807);""",
    )
    plan = facts.plan()
    apply_plan(plan, database)
    with psycopg.connect(database, autocommit=True) as connection:
        for table, expected in (("used", 11), ("plain", 8), ("fresh", 1), ("negative", 1)):
            query = f'INSERT INTO "{table}" DEFAULT VALUES RETURNING id'
            assert rows(connection, query) == [(expected,)]
        with pytest.raises(psycopg.errors.SequenceGeneratorLimitExceeded):
            rows(connection, 'INSERT INTO "full" DEFAULT VALUES RETURNING id')
    assert "F-318" in codes(plan)


def test_a_table_called_like_a_sequence_does_not_stop_the_others(database: str, tmp_path: Path) -> None:
    script = """CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT UNIQUE); CREATE TABLE t_id_seq (x);
    CREATE TABLE t_pkey (x); CREATE INDEX t_a_key ON t_pkey (x); CREATE VIEW t_a_key1 AS SELECT 1 AS one;"""
    plan = facts_of(tmp_path, script).plan()
    apply_plan(plan, database)
    with psycopg.connect(database, autocommit=True) as connection:
        assert rows(connection, "INSERT INTO t (a) VALUES ('x') RETURNING id") == [(1,)]
        names = {
            name
            for (name,) in rows(connection, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        }
    assert names == {"t", "t_id_seq", "t_pkey"}


def test_names_that_differ_behind_63_bytes_stay_apart(database: str, tmp_path: Path) -> None:
    first, second = "ü" * 40 + "1", "ü" * 40 + "2"
    script = (
        f'CREATE TABLE "{first}" ("{first}" TEXT UNIQUE, "{second}" TEXT UNIQUE); CREATE TABLE "{second}" (a)'
    )
    plan = facts_of(tmp_path, script).plan()
    apply_plan(plan, database)
    assert len({table.target_name for table in plan.tables}) == 2
    assert codes(plan) == {"F-121"}


def test_a_primary_key_with_nulls_becomes_unique(database: str, tmp_path: Path) -> None:
    script = """CREATE TABLE t (a TEXT PRIMARY KEY, b INT);
    INSERT INTO t VALUES (NULL, 1), (NULL, 2), ('x', 3); CREATE TABLE c (a TEXT REFERENCES t(a));"""
    plan = facts_of(tmp_path, script).plan()
    apply_plan(plan, database)
    assert "F-305" in codes(plan)
    assert plan.table("t").key == ()
    assert not plan.table("t").column("a").not_null
    with psycopg.connect(database) as connection:
        definitions = rows(
            connection,
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE contype IN ('u', 'f') AND connamespace = 'public'::regnamespace",
        )
    assert sorted(definitions) == [("FOREIGN KEY (a) REFERENCES t(a)",), ("UNIQUE (a)",)]


@pytest.mark.parametrize(
    ("script", "key", "integer_key"),
    [
        ("CREATE TABLE t (id INTEGER PRIMARY KEY, a)", ("id",), True),
        ("CREATE TABLE t (id INT PRIMARY KEY, a)", ("id",), False),
        ("CREATE TABLE t (a TEXT, b TEXT, PRIMARY KEY (b, a))", ("b", "a"), False),
        ("CREATE TABLE t (a TEXT, b TEXT NOT NULL UNIQUE)", ("b",), False),
        ("CREATE TABLE t (a TEXT, b TEXT)", (), False),
        ("CREATE TABLE t (a TEXT PRIMARY KEY) WITHOUT ROWID", ("a",), False),
        ("CREATE TABLE t (a TEXT); CREATE UNIQUE INDEX i ON t (a) WHERE a > 'b'", (), False),
    ],
)
def test_the_key_by_which_rows_are_proven(
    tmp_path: Path, script: str, key: tuple[str, ...], integer_key: bool
) -> None:
    table = facts_of(tmp_path, script).plan().table("t")
    assert (table.key, table.integer_key) == (key, integer_key)


def test_a_unique_column_with_nulls_is_no_key(tmp_path: Path) -> None:
    plan = facts_of(tmp_path, "CREATE TABLE t (a TEXT UNIQUE); INSERT INTO t VALUES (NULL), ('x')").plan()
    assert plan.table("t").key == ()
    assert "F-319" in codes(plan)


def test_long_values_in_an_index_are_announced_and_optional(tmp_path: Path) -> None:
    plan = facts_of(
        tmp_path, "CREATE TABLE t (a TEXT UNIQUE); INSERT INTO t VALUES (hex(randomblob(5000)))"
    ).plan()
    assert "F-311" in codes(plan)
    assert all(step.optional for step in steps_of(plan, StepKind.UNIQUE))


def test_an_index_over_too_many_columns_is_left_out(tmp_path: Path) -> None:
    columns = ", ".join(f"c{number}" for number in range(33))
    plan = facts_of(tmp_path, f"CREATE TABLE t ({columns}); CREATE INDEX wide ON t ({columns})").plan()
    assert "F-306" in codes(plan)
    assert steps_of(plan, StepKind.INDEX) == []


def test_what_is_nested_deeper_than_python_goes_is_told(tmp_path: Path) -> None:
    either = " OR ".join(f"a = {number}" for number in range(900))
    total, ones = " + ".join(["a"] * 900), " + ".join(["1"] * 900)
    plan = facts_of(
        tmp_path,
        f"CREATE TABLE t (a INTEGER CHECK ({either}), made AS ({total}), d INTEGER DEFAULT ({ones}));"
        f"CREATE INDEX i ON t ({total}); CREATE VIEW v AS SELECT {total} AS s FROM t;"
        f"CREATE TRIGGER g AFTER INSERT ON t WHEN {either.replace('a', 'new.a')} BEGIN DELETE FROM t; END;",
    ).plan()
    told = {finding.code: finding.message for finding in plan.findings}
    assert {"F-103", "F-104", "F-301", "F-302", "F-303", "F-306"} <= told.keys()
    assert "nested too deeply" in told["F-302"]


def test_an_index_over_a_text_in_double_quotes_is_told_as_such(tmp_path: Path) -> None:
    plan = facts_of(
        tmp_path,
        'CREATE TABLE t (a TEXT); CREATE INDEX odd ON t ("no column"); CREATE INDEX plain ON t ("a")',
    ).plan()
    assert [step.object for step in steps_of(plan, StepKind.INDEX)] == ["plain"]
    (finding,) = [finding for finding in plan.findings if finding.code == "F-306"]
    assert finding.message == "It is not carried: a constant in an index"


def test_a_key_that_is_unique_by_the_applications_collation_is_told(tmp_path: Path) -> None:
    path = make_database(tmp_path / "app.db", "CREATE TABLE t (a TEXT)")
    with closing(sqlite3.connect(path)) as connection:
        connection.create_collation("mine", lambda left, right: (left > right) - (left < right))
        connection.execute("CREATE UNIQUE INDEX u ON t (a COLLATE mine)")
    plan = read_facts(path).plan()
    (finding,) = [finding for finding in plan.findings if finding.code == "F-310"]
    assert finding.message.endswith("is indexed by mine, and unique by it; here by its bytes")


def test_repeated_foreign_keys_are_built_once(tmp_path: Path) -> None:
    plan = facts_of(
        tmp_path,
        """CREATE TABLE p (id INTEGER PRIMARY KEY);
        CREATE TABLE c (p INT, CONSTRAINT x FOREIGN KEY (p) REFERENCES p (id),
        CONSTRAINT x FOREIGN KEY (p) REFERENCES p (id), FOREIGN KEY (p) REFERENCES p)""",
    ).plan()
    assert len(steps_of(plan, StepKind.FOREIGN_KEY)) == 1
    assert "F-315" in codes(plan)


def test_text_columns_get_the_collation_asked_for(database: str, tmp_path: Path) -> None:
    plan = facts_of(tmp_path, "CREATE TABLE t (a TEXT, b VARCHAR(9), c INT)").plan(PlanOptions(collation="C"))
    apply_plan(plan, database)
    assert [column.collation for column in plan.table("t").columns] == ["C", "C", None]
    with psycopg.connect(database) as connection:
        query = (
            "SELECT collname FROM pg_attribute JOIN pg_collation c ON c.oid = attcollation "
            "WHERE attnum > 0 AND attrelid = 't'::regclass"
        )
        assert rows(connection, query) == [("C",), ("C",)]


def test_conflict_clauses_are_reported(tmp_path: Path) -> None:
    plan = facts_of(
        tmp_path, "CREATE TABLE t (a TEXT UNIQUE ON CONFLICT REPLACE, b TEXT NOT NULL ON CONFLICT IGNORE)"
    ).plan()
    assert len([finding for finding in plan.findings if finding.code == "F-317"]) == 2


def test_shadow_tables_and_system_tables_are_left_out(tmp_path: Path) -> None:
    plan = facts_of(
        tmp_path,
        "CREATE TABLE doc (id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT);"
        "CREATE VIRTUAL TABLE fts USING fts5(body, content='doc'); ANALYZE",
    ).plan()
    assert [table.name for table in plan.tables] == ["doc"]
    assert {"F-101", "F-102"} <= codes(plan)
    assert dict(plan.skipped)["fts_data"] == 'storage of virtual table "fts"'
    assert dict(plan.skipped)["sqlite_sequence"] == "SQLite's own"


def test_steps_have_unique_ids_that_do_not_change(plan: Plan, tmp_path: Path) -> None:
    ids = [step.id for step in plan.steps]
    assert len(set(ids)) == len(ids)
    (tmp_path / "again").mkdir()
    again = facts_of(tmp_path / "again", TORTURE).plan(PlanOptions(schema="app"))
    assert [step.id for step in again.steps] == ids
    assert "copy:Order:1" in ids


def test_parents_come_before_their_children(plan: Plan) -> None:
    names = [table.name for table in plan.tables]
    assert names.index("Order") < names.index("line")


def test_a_foreign_key_to_a_column_that_is_unique_without_case_is_built(
    database: str, tmp_path: Path
) -> None:
    plan = facts_of(
        tmp_path,
        """CREATE TABLE p (name TEXT COLLATE NOCASE UNIQUE); CREATE TABLE c (name TEXT REFERENCES p(name));
        CREATE TABLE k (name TEXT COLLATE NOCASE PRIMARY KEY);""",
    ).plan()
    apply_plan(plan, database)
    assert "F-313" not in codes(plan)
    with psycopg.connect(database, autocommit=True) as connection:
        for table in ("p", "k"):
            connection.execute(f"INSERT INTO {table} VALUES ('Ann')".encode())
            with pytest.raises(psycopg.errors.UniqueViolation):
                connection.execute(f"INSERT INTO {table} VALUES ('ANN')".encode())


def test_a_wide_table_with_many_expressions_is_planned_in_seconds(tmp_path: Path) -> None:
    columns = ", ".join(f"c{number} INTEGER" for number in range(1000))
    checks = ", ".join(f"CHECK (c{number} > 0)" for number in range(60))
    indexes = "".join(f"CREATE INDEX i{number} ON t (c{number}) WHERE c{number} > 0;" for number in range(60))
    facts = facts_of(tmp_path, f"CREATE TABLE t ({columns}, {checks}); {indexes}")
    started = time.monotonic()
    plan = facts.plan()
    # It took 16 seconds while every expression made the names of all columns anew.
    assert time.monotonic() - started < 10
    assert len(steps_of(plan, StepKind.CHECK)) == len(steps_of(plan, StepKind.INDEX)) == 60
