"""Cases 64 to 79: keys, constraints, defaults and views hold in PostgreSQL as they held, or are told."""

from __future__ import annotations

import sqlite3
from decimal import Decimal

import pytest

from support.scenario import Carry, Scenario, check_scenario

_KEY_COLUMNS = (
    "SELECT array_agg(attname ORDER BY place) FROM pg_index i, unnest(i.indkey) WITH ORDINALITY k(num, place)"
    " JOIN pg_attribute a ON attnum = num WHERE indisprimary AND indrelid = '{0}'::regclass"
    " AND attrelid = indrelid"
)
_IDENTITY = "SELECT attidentity FROM pg_attribute WHERE attrelid = '{0}'::regclass AND attname = '{1}'"

_KEYS = [
    Scenario(
        case=64,
        name="the order of a composite key is not that of the columns",
        sql="CREATE TABLE key_order (a TEXT, b INTEGER, c TEXT, PRIMARY KEY (c, b)) WITHOUT ROWID;"
        "INSERT INTO key_order VALUES ('x', 1, 'k'), ('y', 2, 'k');",
        rows={
            _KEY_COLUMNS.format("key_order"): [(["c", "b"],)],
            "SELECT a, b, c FROM key_order ORDER BY c, b": [("x", 1, "k"), ("y", 2, "k")],
        },
    ),
    Scenario(
        case=64,
        name="a primary key with NULLs becomes a unique constraint and keeps its rows",
        sql="CREATE TABLE null_key (a TEXT PRIMARY KEY, b TEXT);"
        "INSERT INTO null_key VALUES (NULL, '1'), (NULL, '2'), ('k', '3');",
        rows={"SELECT a, b FROM null_key ORDER BY b": [(None, "1"), (None, "2"), ("k", "3")]},
        refuses={"INSERT INTO null_key VALUES ('k', '4')": "UniqueViolation"},
        findings=["F-305", "F-319"],
    ),
    Scenario(
        case=65,
        name="equal rows without a key all arrive",
        sql="CREATE TABLE copies (a TEXT, b INTEGER);"
        "INSERT INTO copies VALUES ('x', 1), ('x', 1), ('x', 1), (NULL, NULL), (NULL, NULL), ('y', 2);",
        rows={
            "SELECT a, b, count(*) FROM copies GROUP BY a, b ORDER BY a": [
                ("x", 1, 3),
                ("y", 2, 1),
                (None, None, 2),
            ]
        },
        findings=["F-319"],
    ),
    Scenario(
        case=66,
        name="which keys number rows",
        sql="CREATE TABLE numbered (id INTEGER PRIMARY KEY, v TEXT);"
        "CREATE TABLE descending (id INTEGER PRIMARY KEY DESC, v TEXT);"
        "CREATE TABLE int_key (id INT PRIMARY KEY, v TEXT);"
        "INSERT INTO numbered VALUES (7, 'a'); INSERT INTO descending VALUES (7, 'a');"
        "INSERT INTO int_key VALUES (7, 'a');",
        types={"numbered.id": "bigint", "descending.id": "bigint", "int_key.id": "bigint"},
        rows={
            _IDENTITY.format("numbered", "id"): [("d",)],
            _IDENTITY.format("descending", "id"): [("",)],
            _IDENTITY.format("int_key", "id"): [("",)],
            "INSERT INTO numbered (v) VALUES ('b') RETURNING id": [(8,)],
            "INSERT INTO numbered (id, v) VALUES (100, 'own') RETURNING id": [(100,)],
        },
        refuses={"INSERT INTO int_key (v) VALUES ('b')": "NotNullViolation"},
    ),
    Scenario(
        case=67,
        name="numbers go on where SQLite's would",
        sql="CREATE TABLE deleted_max (id INTEGER PRIMARY KEY AUTOINCREMENT, v TEXT);"
        "INSERT INTO deleted_max VALUES (10, 'x'); DELETE FROM deleted_max;"
        "CREATE TABLE never_used (id INTEGER PRIMARY KEY AUTOINCREMENT, v TEXT);"
        "CREATE TABLE negative (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO negative VALUES (-5, 'x');"
        "CREATE TABLE last_number (id INTEGER PRIMARY KEY, v TEXT);"
        "INSERT INTO last_number VALUES (9223372036854775807, 'x');",
        rows={
            "INSERT INTO deleted_max (v) VALUES ('n') RETURNING id": [(11,)],
            "INSERT INTO never_used (v) VALUES ('n') RETURNING id": [(1,)],
            "INSERT INTO negative (v) VALUES ('n') RETURNING id": [(1,)],
            "SELECT id FROM last_number": [(2**63 - 1,)],
        },
        refuses={"INSERT INTO last_number (v) VALUES ('n')": "SequenceGeneratorLimitExceeded"},
        findings=["F-318"],
    ),
    Scenario(
        case=68,
        name="unique columns take many NULLs; clauses for conflicts are told",
        sql="CREATE TABLE unique_nulls (id INTEGER PRIMARY KEY, a TEXT UNIQUE ON CONFLICT REPLACE, b INTEGER,"
        " c INTEGER, UNIQUE (b, c));"
        "INSERT INTO unique_nulls VALUES (1, NULL, 1, NULL), (2, NULL, 1, NULL), (3, 'x', 1, 2);",
        rows={
            "INSERT INTO unique_nulls (id, a, b) VALUES (4, NULL, 1) RETURNING id": [(4,)],
        },
        refuses={
            "INSERT INTO unique_nulls (id, a) VALUES (5, 'x')": "UniqueViolation",
            "INSERT INTO unique_nulls (id, b, c) VALUES (5, 1, 2)": "UniqueViolation",
        },
        findings=["F-317"],
    ),
    Scenario(
        case=69,
        name="unique without case folds A to Z and no other letter",
        sql="CREATE TABLE accounts (id INTEGER PRIMARY KEY, email TEXT COLLATE NOCASE UNIQUE);"
        "CREATE TABLE trimmed (id INTEGER PRIMARY KEY, v TEXT COLLATE RTRIM UNIQUE);",
        inserts=[
            ("INSERT INTO accounts VALUES (1, ?), (2, ?), (3, ?)", ("Ann@x", "\u00c9", "\u00e9")),
            ("INSERT INTO trimmed VALUES (1, 'a  '), (2, ' a')", ()),
        ],
        rows={
            "SELECT email FROM accounts ORDER BY id": [("Ann@x",), ("\u00c9",), ("\u00e9",)],
            "SELECT v FROM trimmed ORDER BY id": [("a  ",), (" a",)],
        },
        refuses={
            "INSERT INTO accounts VALUES (4, 'ANN@X')": "UniqueViolation",
            "INSERT INTO accounts VALUES (4, 'é')": "UniqueViolation",
            "INSERT INTO trimmed VALUES (3, 'a')": "UniqueViolation",
        },
        findings=["F-308", "F-309", "F-310"],
    ),
    Scenario(
        case=70,
        name="partial, expression and descending indexes",
        sql="CREATE TABLE indexed (id INTEGER PRIMARY KEY, act INTEGER, nm TEXT, j JSON, ts TEXT, n INTEGER);"
        "CREATE UNIQUE INDEX indexed_act ON indexed (nm) WHERE act = 1;"
        "CREATE UNIQUE INDEX indexed_lower ON indexed (lower(nm), n);"
        "CREATE INDEX indexed_desc ON indexed (n DESC, nm);"
        "CREATE INDEX indexed_json ON indexed (json_extract(j, '$.a'));"
        "CREATE UNIQUE INDEX indexed_date ON indexed (date(ts), id);"
        "CREATE INDEX indexed_nocase ON indexed (nm COLLATE NOCASE);"
        "INSERT INTO indexed VALUES (1, 1, 'a', '{\"a\":1}', '2024-01-02', 1), (2, 0, 'a', '{}', 'x', 2);",
        rows={
            "SELECT indexname FROM pg_indexes WHERE tablename = 'indexed' ORDER BY indexname": [
                ("indexed_act",),
                ("indexed_desc",),
                ("indexed_lower",),
                ("indexed_nocase",),
                ("indexed_pkey",),
            ],
            "SELECT pg_get_indexdef('indexed_desc'::regclass) LIKE '%(n DESC, nm)'": [(True,)],
        },
        refuses={
            "INSERT INTO indexed (id, act, nm) VALUES (3, 1, 'a')": "UniqueViolation",
            "INSERT INTO indexed (id, nm, n) VALUES (3, 'A', 1)": "UniqueViolation",
        },
        findings=["F-306", "F-307"],
        told=["json_extract(j, '$.a')", "date(ts)"],
    ),
]

_EXPRESSIONS = [
    Scenario(
        case=71,
        name="double quotes around no column are a text",
        sql='CREATE TABLE quoted_text (id INTEGER PRIMARY KEY, s TEXT CHECK (s IN ("x", "y")));'
        'CREATE INDEX quoted_text_x ON quoted_text (id) WHERE s = "x";'
        'CREATE VIEW quoted_view AS SELECT id FROM quoted_text WHERE s = "y";'
        "INSERT INTO quoted_text VALUES (1, 'x'), (2, 'y');",
        rows={
            "SELECT id FROM quoted_view": [(2,)],
            "SELECT count(*) FROM pg_indexes WHERE indexname = 'quoted_text_x'": [(1,)],
        },
        refuses={"INSERT INTO quoted_text VALUES (3, 'z')": "CheckViolation"},
    ),
    Scenario(
        case=72,
        name="generated columns are computed by PostgreSQL where it has the function",
        sql="CREATE TABLE computed (id INTEGER PRIMARY KEY, a INTEGER, s TEXT,"
        " twice INTEGER AS (a * 2) STORED, loud TEXT AS (upper(s)) VIRTUAL,"
        " printed TEXT AS (printf('%05d', a)) STORED, bytes BLOB AS (zeroblob(a)) VIRTUAL);"
        "INSERT INTO computed (id, a, s) VALUES (1, 21, 'aé'), (2, NULL, NULL);",
        rows={
            "SELECT twice, loud, printed FROM computed ORDER BY id": [
                (42, "Aé", "00021"),
                (None, None, "00000"),
            ],
            "INSERT INTO computed (id, a, s) VALUES (3, 4, 'b') RETURNING twice, loud, printed": [
                (8, "B", "00004")
            ],
        },
        findings=["F-303"],
    ),
    Scenario(
        case=72,
        name="a generated column that SQLite cannot compute is left out, its table is carried",
        sql="CREATE TABLE uncomputed (id INTEGER PRIMARY KEY, a TEXT, b INTEGER);"
        "INSERT INTO uncomputed VALUES (1, '[1]', 5), (2, 'no JSON', -9223372036854775808);"
        # SQLite computes nothing when a column is added.
        "ALTER TABLE uncomputed ADD COLUMN parsed TEXT AS (json(a));"
        "ALTER TABLE uncomputed ADD COLUMN size INTEGER AS (abs(b));"
        "ALTER TABLE uncomputed ADD COLUMN next INTEGER AS (id + 1);"
        "CREATE VIEW computed_view AS SELECT id, b FROM uncomputed;",
        rows={
            "SELECT * FROM uncomputed ORDER BY id": [(1, "[1]", 5, 2), (2, "no JSON", -(2**63), 3)],
            "SELECT count(*) FROM computed_view": [(2,)],
            "INSERT INTO uncomputed (id, a, b) VALUES (7, 'x', 1) RETURNING next": [(8,)],
        },
        findings=["F-112"],
        told=["malformed JSON", "GENERATED ALWAYS AS (json(a))", "integer overflow"],
    ),
    Scenario(
        case=72,
        name="a generated column that only one of two builds of SQLite can compute is carried",
        # Whether LIKE and GLOB look into a BLOB is decided when SQLite is compiled; one that does not look
        # never comes to the ESCAPE, which is an error.
        sql="CREATE TABLE built (id INTEGER PRIMARY KEY, b BLOB);"
        "INSERT INTO built VALUES (1, x'61'), (2, x'62');"
        "ALTER TABLE built ADD COLUMN escaped ANY AS (b LIKE 'a' ESCAPE 'ab');"
        "CREATE TABLE matched (id INTEGER PRIMARY KEY, b BLOB, liked ANY AS (b LIKE 'a'),"
        " globbed ANY AS (glob('a', b)), derived ANY AS (liked + 1));"
        "INSERT INTO matched (b) VALUES (x'61');",
        rows={
            "SELECT id, b, escaped::text FROM built ORDER BY id": [(1, b"a", "0"), (2, b"b", "0")],
            "SELECT liked::text, globbed::text, derived::text FROM matched": [("0", "0", "1")],
        },
        findings=["F-303"],
        told=["GENERATED ALWAYS AS (b LIKE 'a' ESCAPE 'ab')"],
    ),
    Scenario(
        case=72,
        name="a generated moment before the year 1 is kept as SQLite computed it",
        sql="CREATE TABLE early (id INTEGER PRIMARY KEY, day REAL, julian NUMERIC AS (julianday(day)) STORED,"
        " seconds INTEGER AS (unixepoch(day)) STORED);"
        "INSERT INTO early (id, day) VALUES (1, 1.5), (2, 2460000.5);",
        rows={
            "SELECT julian, seconds FROM early ORDER BY id": [
                (Decimal("1.5"), -210866630400),
                (Decimal("2460000.5"), 1677283200),
            ]
        },
        findings=["F-303"],
    ),
    Scenario(
        case=72,
        name="a generated column of constant texts, which PostgreSQL cannot compute, is an ordinary one",
        sql="CREATE TABLE constants (id INTEGER PRIMARY KEY, a TEXT, b TEXT AS (upper('x')),"
        " c TEXT AS (a || lower(\"Y\")) STORED, d TEXT AS ('x' || a), e INTEGER AS ('a' < 'b'),"
        " f TEXT AS (CASE id WHEN 1 THEN 'one' ELSE 'more' END),"
        " g INTEGER AS ((id, 'a') = (1, 'b')), h TEXT AS (id || '-' || coalesce(a, '')));"
        "INSERT INTO constants (id, a) VALUES (1, 'A');",
        rows={
            "SELECT b, c, d, e, f, g, h FROM constants": [("X", "Ay", "xA", 1, "one", 0, "1-A")],
            "INSERT INTO constants (id, a) VALUES (2, 'B') RETURNING b, c, d, e, f, g, h": [
                (None, None, "xB", None, "more", None, "2-B")
            ],
        },
        findings=["F-303"],
        told=["a part that is computed of constant texts"],
    ),
    Scenario(
        case=72,
        name="what an older SQLite wrote of a fraction is kept, not computed again with other digits",
        sql="CREATE TABLE printed (id INTEGER PRIMARY KEY, r REAL, price DECIMAL(10,2),"
        " shown TEXT AS (r || ' m') STORED, asked TEXT AS (price || ' EUR') STORED);"
        "INSERT INTO printed (id, r, price) VALUES (1, 2.0 / 3, 19.5), (2, 7, 12), (3, NULL, 0.01);",
        rows={
            "SELECT shown, asked FROM printed ORDER BY id": [
                # Python's SQLite, 3.40 or so, wrote 15 digits; since 3.52 it would be …666663.
                (sqlite3.connect(":memory:").execute("SELECT (2.0 / 3) || ' m'").fetchone()[0], "19.5 EUR"),
                ("7.0 m", "12 EUR"),
                (None, "0.01 EUR"),
            ],
            "INSERT INTO printed (id, r, price) VALUES (4, 1, 2.50) RETURNING shown, asked": [
                (None, "2.5 EUR")
            ],
        },
        findings=["F-303"],
        told=["GENERATED ALWAYS AS (r || ' m')"],
    ),
    Scenario(
        case=72,
        name="results that overflow in PostgreSQL are kept, moments are counted",
        sql="CREATE TABLE overflown (id INTEGER PRIMARY KEY, a INTEGER, r REAL, made TIMESTAMP,"
        " square INTEGER AS (a * a) STORED, power REAL AS (r * r) STORED,"
        " later INTEGER AS (made + 60) STORED);"
        "INSERT INTO overflown (id, a, r, made) VALUES (1, 9223372036854775807, 1e200, 1700000000),"
        " (2, 3, 2, 1700000001), (3, 4, 1, 1700000002);",
        rows={
            "SELECT square, power, later FROM overflown ORDER BY id": [
                (Decimal("8.507059173023462e37"), float("inf"), 1700000060),
                (Decimal(9), 4.0, 1700000061),
                (Decimal(16), 1.0, 1700000062),
            ],
            "INSERT INTO overflown (id, made) VALUES (4, '2024-01-02 00:00Z') RETURNING later": [
                (1704153660,)
            ],
        },
        findings=["F-201", "F-205", "F-215", "F-303"],
        told=["GENERATED ALWAYS AS (a * a)", "GENERATED ALWAYS AS (r * r)"],
    ),
    Scenario(
        case=73,
        name="checks with SQLite's functions",
        sql="CREATE TABLE checked (id INTEGER PRIMARY KEY, x INTEGER CHECK (typeof(x) = 'integer'),"
        " code TEXT CHECK (code GLOB '[A-Z][0-9]*'), at TEXT CHECK (datetime(at) IS NOT NULL),"
        " j JSON CHECK (json_valid(j)), len TEXT CHECK (length(len) < 4));"
        "INSERT INTO checked VALUES (1, 1, 'A1', '2024-01-02', '{}', 'abc');",
        rows={"SELECT x, code, at, j::text, len FROM checked": [(1, "A1", "2024-01-02", "{}", "abc")]},
        refuses={
            "INSERT INTO checked (id, x, code) VALUES (2, 1, 'a1')": "CheckViolation",
            "INSERT INTO checked (id, x, len) VALUES (2, 1, 'abcd')": "CheckViolation",
            "INSERT INTO checked (id, x) VALUES (2, NULL)": "CheckViolation",
            "INSERT INTO checked (id, j) VALUES (2, 'no JSON')": "InvalidTextRepresentation",
        },
        findings=["F-302"],
        told=["datetime(at) IS NOT NULL"],
    ),
    Scenario(
        case=73,
        name="a check that old rows break guards new rows",
        sql="CREATE TABLE broken_check (id INTEGER PRIMARY KEY, n INTEGER CHECK (n > 0));"
        "PRAGMA ignore_check_constraints = 1; INSERT INTO broken_check VALUES (1, -1), (2, 5);"
        "PRAGMA ignore_check_constraints = 0;",
        rows={
            "SELECT n FROM broken_check ORDER BY id": [(-1,), (5,)],
            "SELECT convalidated FROM pg_constraint WHERE conrelid = 'broken_check'::regclass"
            " AND contype = 'c'": [(False,)],
        },
        refuses={"INSERT INTO broken_check VALUES (3, -2)": "CheckViolation"},
        findings=["F-903"],
    ),
    Scenario(
        case=74,
        name="defaults give the value of the right type",
        sql="CREATE TABLE defaults (id INTEGER PRIMARY KEY, now DATETIME DEFAULT (datetime('now')),"
        " epoch INTEGER DEFAULT (strftime('%s', 'now')), ms INTEGER DEFAULT (unixepoch() * 1000),"
        " token TEXT DEFAULT (lower(hex(randomblob(16)))), q TEXT DEFAULT 'x''y', zero TEXT DEFAULT \"0\","
        " none TEXT DEFAULT null, bytes BLOB DEFAULT x'00', chance INTEGER DEFAULT (random()),"
        " minus INTEGER DEFAULT -1, plus INTEGER DEFAULT +1, price DECIMAL(10,2) DEFAULT 1.5,"
        " big INTEGER DEFAULT 9223372036854775807, real REAL DEFAULT 2, words TEXT DEFAULT '');",
        rows={
            "INSERT INTO defaults DEFAULT VALUES RETURNING"
            " now = date_trunc('second', now() AT TIME ZONE 'utc'),"
            " epoch = floor(extract(epoch FROM now())), ms = floor(extract(epoch FROM now())) * 1000,"
            " token ~ '^[0-9a-f]{32}$', q, zero, none, bytes, chance IS NOT NULL, minus, plus, price, big,"
            " real, words": [
                (
                    True,
                    True,
                    True,
                    True,
                    "x'y",
                    "0",
                    None,
                    b"\x00",
                    True,
                    -1,
                    1,
                    Decimal("1.50"),
                    2**63 - 1,
                    2.0,
                    "",
                )
            ],
            "SELECT count(DISTINCT d) FROM (SELECT pg_get_expr(adbin, adrelid) AS d FROM pg_attrdef"
            " WHERE adrelid = 'defaults'::regclass) x": [(14,)],
        },
    ),
]

_FOREIGN_KEYS = [
    Scenario(
        case=74,
        name="columns that were added later have their default in the rows before, made tables have values",
        sql="CREATE TABLE grown (id INTEGER PRIMARY KEY, a TEXT, gone TEXT);"
        "INSERT INTO grown VALUES (1, 'before', 'x');"
        "ALTER TABLE grown ADD COLUMN b TEXT DEFAULT 'given'; ALTER TABLE grown ADD COLUMN c DEFAULT 1.50;"
        "ALTER TABLE grown RENAME COLUMN a TO renamed;"
        "CREATE TABLE selected AS SELECT 1 AS i, 1.5 AS r, 'x' AS t, x'00' AS b, NULL AS n;"
        "CREATE TABLE backwards (id INTEGER PRIMARY KEY DESC, v TEXT);"
        "INSERT INTO backwards VALUES (9, 'x');",
        types={"grown.c": "double precision", "selected.i": "bigint", "selected.b": "bytea"},
        rows={
            "SELECT id, renamed, b, c FROM grown": [(1, "before", "given", 1.5)],
            "INSERT INTO grown (renamed) VALUES ('after') RETURNING b, c": [("given", 1.5)],
            "SELECT i, r, t, b, n FROM selected": [(1, 1.5, "x", b"\x00", None)],
            "SELECT id, v FROM backwards": [(9, "x")],
        },
        findings=["F-319"],
    ),
    Scenario(
        case=75,
        name="every kind of foreign key",
        sql="CREATE TABLE fk_parent (id INTEGER PRIMARY KEY, code TEXT UNIQUE, x INTEGER, y INTEGER,"
        " UNIQUE (x, y));"
        "CREATE TABLE fk_child (id INTEGER PRIMARY KEY, p INTEGER REFERENCES fk_parent,"
        " self INTEGER REFERENCES fk_child(id) DEFERRABLE INITIALLY DEFERRED,"
        " code TEXT REFERENCES FK_PARENT(CODE) ON UPDATE CASCADE ON DELETE SET NULL,"
        " x INTEGER, y INTEGER, z INTEGER REFERENCES fk_parent(id) MATCH FULL,"
        " FOREIGN KEY (x, y) REFERENCES fk_parent (x, y) ON DELETE CASCADE);"
        "CREATE TABLE fk_a (id INTEGER PRIMARY KEY, b INTEGER REFERENCES fk_b);"
        "CREATE TABLE fk_b (id INTEGER PRIMARY KEY, a INTEGER REFERENCES fk_a);"
        "INSERT INTO fk_parent VALUES (1, 'k', 2, 3);"
        "INSERT INTO fk_child VALUES (1, 1, 1, 'k', 2, 3, 1);"
        "INSERT INTO fk_a VALUES (1, 1); INSERT INTO fk_b VALUES (1, 1);",
        rows={
            "SELECT conrelid::regclass::text, count(*), count(*) FILTER (WHERE convalidated),"
            " count(*) FILTER (WHERE condeferred) FROM pg_constraint WHERE contype = 'f'"
            " AND connamespace = 'public'::regnamespace GROUP BY 1 ORDER BY 1": [
                ("fk_a", 1, 1, 0),
                ("fk_b", 1, 1, 0),
                ("fk_child", 5, 5, 1),
            ],
            "UPDATE fk_parent SET code = 'new' RETURNING 1": [(1,)],
            "SELECT code FROM fk_child": [("new",)],
        },
        refuses={
            "INSERT INTO fk_child (id, p) VALUES (2, 9)": "ForeignKeyViolation",
            "INSERT INTO fk_child (id, x, y) VALUES (2, 2, 4)": "ForeignKeyViolation",
            "INSERT INTO fk_a VALUES (2, 9)": "ForeignKeyViolation",
        },
        findings=["F-316"],
        alone=True,
    ),
    Scenario(
        case=75,
        name="foreign keys that point nowhere, or to another type",
        sql="CREATE TABLE to_nothing (id INTEGER PRIMARY KEY, m INTEGER REFERENCES missing(id),"
        " c INTEGER REFERENCES plain_parent(nope), u INTEGER REFERENCES plain_parent(n));"
        "CREATE TABLE plain_parent (id INTEGER PRIMARY KEY, n INTEGER);"
        "CREATE TABLE text_child (id INTEGER PRIMARY KEY, p TEXT REFERENCES plain_parent);"
        "INSERT INTO plain_parent VALUES (1, 1); INSERT INTO to_nothing VALUES (1, 1, 1, 1);"
        "INSERT INTO text_child VALUES (1, '1');",
        types={"text_child.p": "text", "plain_parent.id": "bigint"},
        rows={
            "SELECT m, c, u FROM to_nothing": [(1, 1, 1)],
            "SELECT p FROM text_child": [("1",)],
            "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conrelid IN"
            " ('to_nothing'::regclass, 'text_child'::regclass)": [(0,)],
        },
        findings=["F-312", "F-313", "F-314"],
    ),
    Scenario(
        case=76,
        name="orphans stay, and the key guards new rows",
        sql="CREATE TABLE orphan_parent (id INTEGER PRIMARY KEY, code TEXT UNIQUE);"
        "CREATE TABLE orphans (id INTEGER PRIMARY KEY, p INTEGER REFERENCES orphan_parent,"
        " c TEXT REFERENCES orphan_parent(code));"
        "INSERT INTO orphan_parent VALUES (1, 'k');"
        "INSERT INTO orphans VALUES (1, 1, 'k'), (2, 77, NULL), (3, NULL, '');",
        rows={
            "SELECT id, p, c FROM orphans ORDER BY id": [(1, 1, "k"), (2, 77, None), (3, None, "")],
            "SELECT convalidated FROM pg_constraint WHERE conrelid = 'orphans'::regclass AND contype = 'f'": [
                (False,),
                (False,),
            ],
        },
        refuses={"INSERT INTO orphans VALUES (4, 78, NULL)": "ForeignKeyViolation"},
        findings=["F-902"],
        told=["77", "VALIDATE CONSTRAINT", "1 row"],
    ),
]

_PROGRAMS = [
    Scenario(
        case=77,
        name="views are carried, or listed with the reason",
        sql="CREATE TABLE seen (id INTEGER PRIMARY KEY, grp TEXT, n INTEGER, at TEXT);"
        "CREATE VIEW v_ifnull AS SELECT id, ifnull(grp, '-') AS grp,"
        " iif(n > 1, 'many', 'one') AS m FROM seen;"
        "CREATE VIEW v_concat AS SELECT grp || n AS joined FROM seen;"
        "CREATE VIEW v_on_view AS SELECT count(*) AS c FROM v_ifnull WHERE grp <> '-';"
        "CREATE VIEW v_group AS SELECT grp, group_concat(n, ';') AS all_n FROM seen GROUP BY grp;"
        "CREATE VIEW v_rowid AS SELECT rowid, n FROM seen;"
        "CREATE VIEW v_bare AS SELECT grp, n FROM seen GROUP BY grp;"
        "CREATE VIEW v_strftime AS SELECT strftime('%W', at) AS week FROM seen;"
        "CREATE VIEW v_broken AS SELECT missing FROM seen;"
        "INSERT INTO seen VALUES (1, 'a', 1, '2024-01-02'), (2, 'a', 2, '2024-01-02'), (3, NULL, 3, NULL);",
        rows={
            "SELECT * FROM v_ifnull ORDER BY id": [(1, "a", "one"), (2, "a", "many"), (3, "-", "many")],
            "SELECT joined FROM v_concat ORDER BY joined": [("a1",), ("a2",), (None,)],
            "SELECT c FROM v_on_view": [(2,)],
            "SELECT grp, all_n FROM v_group ORDER BY grp": [("a", "1;2"), (None, "3")],
            "SELECT * FROM v_rowid ORDER BY 1": [(1, 1), (2, 2), (3, 3)],
            "SELECT week FROM v_strftime ORDER BY week": [("01",), ("01",), (None,)],
            "SELECT viewname FROM pg_views WHERE viewname IN ('v_bare', 'v_broken')": [],
        },
        findings=["F-104", "F-105"],
        told=["v_bare", "such column: missing"],
    ),
    Scenario(
        case=78,
        name="triggers are made where their translation is certain, else listed with their SQL",
        sql="CREATE TABLE watched (id INTEGER PRIMARY KEY, n INTEGER); CREATE VIEW watched_view AS"
        " SELECT id, n FROM watched;"
        "CREATE TRIGGER watched_after AFTER INSERT ON watched BEGIN UPDATE watched SET n = 1; END;"
        "CREATE TRIGGER watched_instead INSTEAD OF INSERT ON watched_view BEGIN"
        " INSERT INTO watched VALUES (new.id, new.n); END;"
        "CREATE TRIGGER watched_raise BEFORE DELETE ON watched BEGIN SELECT RAISE(ABORT, 'no'); END;",
        rows={"SELECT tgname FROM pg_trigger WHERE NOT tgisinternal": [("watched_raise",)]},
        findings=["F-103"],
        told=["watched_after", "watched_instead"],
    ),
    Scenario(
        case=79,
        name="virtual tables that keep rows become ordinary ones, their storage is not carried",
        sql="CREATE TABLE article (id INTEGER PRIMARY KEY, title TEXT, body TEXT);"
        "CREATE VIRTUAL TABLE article_fts USING fts5(title, body, content='article', content_rowid='id');"
        "CREATE VIRTUAL TABLE old_fts USING fts4(body); CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1);"
        "CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER);"
        "CREATE TABLE d1_migrations (id INTEGER PRIMARY KEY, name TEXT);"
        "INSERT INTO article VALUES (1, 't', 'b');"
        "INSERT INTO article_fts (rowid, title, body) VALUES (1, 't', 'b');"
        "INSERT INTO old_fts (docid, body) VALUES (7, 'words to find'); INSERT INTO boxes VALUES (3, 0.5, 2);"
        "INSERT INTO d1_migrations VALUES (1, 'first'); ANALYZE;",
        rows={
            "SELECT title, body FROM article": [("t", "b")],
            "SELECT name FROM d1_migrations": [("first",)],
            "SELECT rowid, body FROM old_fts": [(7, "words to find")],
            "SELECT id, x0, x1 FROM boxes": [(3, 0.5, 2.0)],
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            " AND (relname LIKE '%fts%' OR relname LIKE 'boxes%' OR relname LIKE 'sqlite%')"
            " ORDER BY relname": [("boxes",), ("old_fts",)],
        },
        findings=["F-101", "F-102", "F-111"],
        told=["fts5", "to_tsvector('simple', coalesce(\"body\", ''))"],
    ),
    Scenario(
        case=79,
        name="what only computes or indexes is told, with counters of tables that are gone nothing happens",
        sql="CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, v TEXT);"
        "INSERT INTO counted (v) VALUES ('x'); INSERT INTO sqlite_sequence VALUES ('gone', 5);"
        "CREATE VIRTUAL TABLE bare_fts USING fts5(words, content='');"
        "INSERT INTO bare_fts (rowid, words) VALUES (1, 'hello');"
        "CREATE VIRTUAL TABLE bare_words USING fts5vocab('bare_fts', 'row');",
        rows={
            "INSERT INTO counted (v) VALUES ('y') RETURNING id": [(2,)],
            "SELECT count(*) FROM pg_class WHERE relname LIKE 'bare%' OR relname = 'gone'": [(0,)],
        },
        findings=["F-101", "F-102"],
        told=["fts5vocab", "bare_fts_docsize"],
    ),
]

SCENARIOS = [*_KEYS, *_EXPRESSIONS, *_FOREIGN_KEYS, *_PROGRAMS]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_keys_constraints_and_programs(scenario: Scenario, carry: Carry) -> None:
    check_scenario(scenario, carry(SCENARIOS, scenario))
