"""The catalog says what SQLite says, and adds what only the CREATE statements tell."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from howdah.errors import RefusedError
from howdah.model.source import Affinity, Check, ForeignKey, IndexColumn, SourceCatalog, Table
from howdah.names import quote_sqlite
from howdah.sqlite.affinity import affinity_of
from howdah.sqlite.catalog import read_catalog
from howdah.sqlite.catalog_build import build_tables
from howdah.sqlite.catalog_fetch import fetch_schema, fetch_table_facts, fetch_tables
from howdah.sqlite.connect import open_snapshot, open_source, reading_source
from howdah.sqlite.snapshot import take_snapshot
from support.files import DATA, make_database
from support.shared import shared_path

Reader = Callable[[str], SourceCatalog]


def read(path: Path) -> SourceCatalog:
    with reading_source(os.fspath(path)) as connection:
        return read_catalog(connection, os.fspath(path))


@pytest.fixture
def catalog_of(tmp_path: Path) -> Reader:
    """Make a database from a script and read its catalog."""
    return lambda script: read(make_database(tmp_path / "app.db", script))


# Tables and columns


def test_columns_with_types_defaults_and_affinities(catalog_of: Reader) -> None:
    table = catalog_of(
        "CREATE TABLE t (a, b integer NOT NULL DEFAULT (1 + 2), c VARCHAR(20) COLLATE nocase DEFAULT 'x''y', "
        "d 'quoted type', e NOT NULL ON CONFLICT REPLACE DEFAULT 0)"
    ).table("T")
    assert [(column.name, column.declared_type, column.affinity) for column in table.columns] == [
        ("a", "", Affinity.BLOB),
        ("b", "integer", Affinity.INTEGER),
        ("c", "VARCHAR(20)", Affinity.TEXT),
        ("d", "quoted type", Affinity.NUMERIC),
        ("e", "", Affinity.BLOB),
    ]
    assert [column.default_sql for column in table.columns] == [None, "(1 + 2)", "'x''y'", None, "0"]
    assert [column.not_null for column in table.columns] == [False, True, False, False, True]
    assert table.column("C").collation == "nocase"
    assert table.column("e").not_null_on_conflict == "REPLACE"
    assert table.unread_sql == ""


#: What sqlite.org/datatype3.html and the field's collection give as types.
TYPES = [
    "", "INT", "INTEGER", "TINYINT", "UNSIGNED BIG INT", "INT8", "NATIVE CHARACTER(70)",
    "VARYING CHARACTER(255)",
    "NVARCHAR(100)", "TEXT", "CLOB", "BLOB", "REAL", "DOUBLE PRECISION", "FLOAT", "NUMERIC", "DECIMAL(10,5)",
    "BOOLEAN", "DATE", "DATETIME", "LONGVARCHAR", "STRING", "GEOMETRY", "ANY", "CHARINT", "FLOATING POINT",
    "JSON", "UUID", "POINT", "FLOATBLOB", "ınt",
]  # fmt: skip


@pytest.mark.parametrize("declared", TYPES)
def test_affinity_is_what_sqlite_does_to_stored_values(declared: str) -> None:
    connection = apsw.Connection(":memory:")
    connection.execute(f"CREATE TABLE t (c {declared})")
    connection.execute("INSERT INTO t VALUES (7), ('7'), ('7.5'), (7.0)")
    stored = tuple(row[0] for row in connection.execute("SELECT typeof(c) FROM t"))
    affinity = {
        ("text", "text", "text", "text"): Affinity.TEXT,
        ("integer", "integer", "real", "integer"): Affinity.NUMERIC,
        ("real", "real", "real", "real"): Affinity.REAL,
        ("integer", "text", "text", "real"): Affinity.BLOB,
    }[stored]
    # INTEGER and NUMERIC store alike; they differ in CAST only.
    ours = affinity_of(declared)
    assert (Affinity.NUMERIC if ours is Affinity.INTEGER else ours) is affinity
    assert (ours is Affinity.INTEGER) == ("INT" in declared)


def test_any_keeps_values_as_they_are_in_a_strict_table_only() -> None:
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE t (c ANY) STRICT; CREATE TABLE u (c ANY)")
    connection.execute("INSERT INTO t VALUES ('007'); INSERT INTO u VALUES ('007')")
    assert connection.execute("SELECT typeof(c) FROM t").get == "text"
    assert connection.execute("SELECT typeof(c) FROM u").get == "integer"
    assert affinity_of("ANY", strict=True) is Affinity.BLOB
    assert affinity_of("ANY") is Affinity.NUMERIC


NAMES = [
    "Order", "select", "has space", "Camel", 'q""x', "ünï", "a.b", "`back`", "[brackets]", "new\nline",
    "'single'",
    "a]b", "--", "/*", "rowid", "ctid", "\U0001f418", "1st", "",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_awkward_names_are_kept_exactly(tmp_path: Path, name: str) -> None:
    quoted = quote_sqlite(name)
    path = make_database(
        tmp_path / "app.db",
        f"CREATE TABLE {quoted} ({quoted} TEXT CHECK ({quoted} <> ''), id INTEGER PRIMARY KEY,"
        f" CONSTRAINT {quoted} UNIQUE ({quoted}), FOREIGN KEY ({quoted}) REFERENCES {quoted} ({quoted}));"
        f"CREATE TRIGGER {quote_sqlite(name + ' t')} AFTER INSERT ON {quoted} BEGIN SELECT 1; END;"
        f"CREATE VIEW {quote_sqlite(name + ' v')} AS SELECT * FROM {quoted};"
        f"CREATE INDEX {quote_sqlite(name + ' i')} ON {quoted} ({quoted} DESC) WHERE {quoted} > 'a';",
    )
    catalog = read(path)
    [table] = catalog.tables
    assert table.name == name
    assert table.unread_sql == ""
    assert [column.name for column in table.columns] == [name, "id"]
    assert {index.name for index in table.indexes if index.origin == "create"} == {name + " i"}
    assert [index.constraint_name for index in table.indexes if index.origin == "unique"] == [name]
    assert table.foreign_keys[0].parent_table == name
    assert [(view.name, view.columns) for view in catalog.views] == [(name + " v", (name, "id"))]
    assert [(trigger.name, trigger.table) for trigger in catalog.triggers] == [(name + " t", name)]


def test_names_that_differ_in_case_beyond_ascii_are_two(catalog_of: Reader) -> None:
    catalog = catalog_of('CREATE TABLE "É" (a); CREATE TABLE "é" (a, "Ä", "ä");')
    assert [table.name for table in catalog.tables] == ["É", "é"]
    assert [column.name for column in catalog.tables[1].columns] == ["a", "Ä", "ä"]


def test_constraints_of_names_that_differ_in_case_beyond_ascii_keep_their_own(catalog_of: Reader) -> None:
    catalog = catalog_of(
        'CREATE TABLE t ("Ä", "ä", CONSTRAINT low UNIQUE ("ä"), CONSTRAINT high UNIQUE ("Ä"));'
    )
    uniques = {index.constraint_name: index.columns[0].name for index in catalog.tables[0].indexes}
    assert uniques == {"low": "ä", "high": "Ä"}


def test_tables_come_in_the_order_of_their_creation(catalog_of: Reader) -> None:
    catalog = catalog_of("CREATE TABLE z (a); CREATE TABLE a (a); CREATE TABLE m (a);")
    assert [table.name for table in catalog.tables] == ["z", "a", "m"]


def test_a_table_of_generated_columns_and_one_plain(catalog_of: Reader) -> None:
    table = catalog_of(
        "CREATE TABLE g (a, v AS (a + 1), s TEXT GENERATED ALWAYS AS (upper(a)) STORED)"
    ).table("g")
    assert [(column.name, column.generated, column.generated_sql) for column in table.columns] == [
        ("a", "", None),
        ("v", "virtual", "a + 1"),
        ("s", "stored", "upper(a)"),
    ]
    assert table.column("s").declared_type == "TEXT"


# The rowid


KEYS = [
    ("id INTEGER PRIMARY KEY", True),
    ("id integer primary key asc on conflict replace", True),
    ("id INTEGER PRIMARY KEY AUTOINCREMENT", True),
    ("id INTEGER, PRIMARY KEY (id)", True),
    ("id INTEGER, PRIMARY KEY (id DESC)", True),
    ('id "INTEGER" PRIMARY KEY', True),
    ("id INTEGER /* x */ PRIMARY KEY", True),
    ("id INTEGER PRIMARY KEY DESC", False),
    ("id INT PRIMARY KEY", False),
    ("id BIGINT PRIMARY KEY", False),
    ("id INTEGER(4) PRIMARY KEY", False),
    ("id INTEGER UNIQUE", False),
    ("id INTEGER, b, PRIMARY KEY (id, b)", False),
    ("id TEXT PRIMARY KEY", False),
]


@pytest.mark.parametrize(("columns", "is_alias"), KEYS)
def test_the_rowid_alias_is_the_column_that_sqlite_fills_with_the_rowid(
    tmp_path: Path, columns: str, is_alias: bool
) -> None:
    path = make_database(tmp_path / "app.db", f"CREATE TABLE t ({columns}); INSERT INTO t (id) VALUES (NULL)")
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT id IS rowid FROM t").fetchone() == (int(is_alias),)
    connection.close()
    assert read(path).table("t").rowid_alias == ("id" if is_alias else None)


def test_a_table_without_rowid_has_neither_alias_nor_name(catalog_of: Reader) -> None:
    table = catalog_of("CREATE TABLE t (b, a INTEGER PRIMARY KEY) WITHOUT ROWID").table("t")
    assert (table.without_rowid, table.rowid_alias, table.rowid_name) == (True, None, None)
    assert table.primary_key == ("a",)


@pytest.mark.parametrize(
    ("columns", "rowid_name"),
    [
        ("a", "rowid"),
        ("ROWID TEXT", "_rowid_"),
        ("rowid, _RowID_", "oid"),
        ("rowid, _rowid_, oid", None),
        ("rowid, _rowid_, oid, id INTEGER PRIMARY KEY", "id"),
        ("rowid INTEGER PRIMARY KEY, _rowid_, oid", "rowid"),
    ],
)
def test_the_rowid_is_read_by_a_name_that_no_column_hides(
    tmp_path: Path, columns: str, rowid_name: str | None
) -> None:
    path = make_database(tmp_path / "app.db", f"CREATE TABLE t ({columns}); INSERT INTO t DEFAULT VALUES;")
    table = read(path).table("t")
    assert table.rowid_name == rowid_name
    if rowid_name is not None:
        connection = sqlite3.connect(path)
        assert connection.execute(f"SELECT {rowid_name} FROM t").fetchone() == (1,)
        connection.close()


def test_autoincrement_keeps_its_counter(catalog_of: Reader) -> None:
    catalog = catalog_of(
        "CREATE TABLE used (id INTEGER PRIMARY KEY AUTOINCREMENT, v);"
        "INSERT INTO used VALUES (10, 1); DELETE FROM used;"
        "CREATE TABLE never (id INTEGER PRIMARY KEY AUTOINCREMENT);"
        "CREATE TABLE plain (id INTEGER PRIMARY KEY);"
        "CREATE TABLE odd (id INTEGER PRIMARY KEY AUTOINCREMENT);"
        "INSERT INTO sqlite_sequence VALUES ('odd', 'garbage'), ('gone', 5);"
    )
    facts = {table.name: (table.autoincrement, table.sequence_value) for table in catalog.tables}
    assert facts["used"] == (True, 10)
    assert facts["never"] == (True, None)
    assert facts["plain"] == (False, None)
    assert facts["odd"] == (True, None)
    assert catalog.table("sqlite_sequence").kind == "system"


# Keys, indexes, constraints


def test_primary_keys_in_key_order_with_name_and_conflict_action(catalog_of: Reader) -> None:
    table = catalog_of(
        "CREATE TABLE t (a, b, c, CONSTRAINT pk PRIMARY KEY (c, a) ON CONFLICT REPLACE) WITHOUT ROWID"
    ).table("t")
    assert table.primary_key == ("c", "a")
    assert (table.primary_key_name, table.primary_key_on_conflict) == ("pk", "REPLACE")
    assert [column.pk_position for column in table.columns] == [2, 0, 1]
    [index] = table.indexes
    assert (index.origin, [column.name for column in index.columns]) == ("primary_key", ["c", "a"])


def test_unique_constraints_with_names_and_conflict_actions(catalog_of: Reader) -> None:
    table = catalog_of(
        "CREATE TABLE t (a UNIQUE ON CONFLICT IGNORE, b TEXT COLLATE NOCASE CONSTRAINT ub UNIQUE, "
        "UNIQUE (A), CONSTRAINT uab UNIQUE (a, b))"
    ).table("t")
    facts = {
        tuple(column.name for column in index.columns): (
            index.constraint_name,
            index.on_conflict,
            index.origin,
        )
        for index in table.indexes
    }
    assert facts == {
        ("a",): (None, "IGNORE", "unique"),
        ("b",): ("ub", "", "unique"),
        ("a", "b"): ("uab", "", "unique"),
    }
    assert [
        column.collation for index in table.indexes for column in index.columns if column.name == "b"
    ] == [
        "NOCASE",
        "NOCASE",
    ]


def test_indexes_with_expressions_predicates_collations_and_directions(catalog_of: Reader) -> None:
    table = catalog_of(
        "CREATE TABLE t (nm TEXT, act INT, j TEXT);"
        "CREATE UNIQUE INDEX one_active ON t (nm) WHERE act = 1;"
        "CREATE INDEX lower_name ON t (lower(nm) COLLATE NOCASE DESC, json_extract(j, '$.a'));"
        "CREATE INDEX plain ON t (act DESC, nm COLLATE RTRIM);"
        'CREATE INDEX quoted ON t (nm) WHERE j = "x";'
    ).table("t")
    indexes = {index.name: index for index in table.indexes}
    assert indexes["one_active"].unique
    assert indexes["one_active"].predicate_sql == "act = 1"
    assert indexes["lower_name"].columns == (
        IndexColumn(name=None, expression_sql="lower(nm)", collation="NOCASE", descending=True),
        IndexColumn(name=None, expression_sql="json_extract(j, '$.a')"),
    )
    assert indexes["plain"].columns == (
        IndexColumn(name="act", descending=True),
        IndexColumn(name="nm", collation="RTRIM"),
    )
    assert indexes["plain"].predicate_sql is None
    assert indexes["quoted"].predicate_sql == 'j = "x"'
    assert indexes["plain"].sql == "CREATE INDEX plain ON t (act DESC, nm COLLATE RTRIM)"


def test_foreign_keys_of_every_form(catalog_of: Reader) -> None:
    table = catalog_of(
        "CREATE TABLE p (x, y, u UNIQUE, PRIMARY KEY (x, y));"
        "CREATE TABLE c (A REFERENCES P(u) ON UPDATE CASCADE, b, d REFERENCES nowhere, e REFERENCES c,"
        " FOREIGN KEY (a, b) REFERENCES p DEFERRABLE INITIALLY DEFERRED,"
        " CONSTRAINT twice FOREIGN KEY (b) REFERENCES c (b) ON DELETE SET NULL,"
        " CONSTRAINT twice FOREIGN KEY (b) REFERENCES c (b) ON DELETE SET NULL)"
    ).table("c")
    twice = ForeignKey(
        columns=("b",), parent_table="c", parent_columns=("b",), on_delete="SET NULL", name="twice"
    )
    assert table.foreign_keys == (
        ForeignKey(columns=("A",), parent_table="P", parent_columns=("u",), on_update="CASCADE"),
        ForeignKey(columns=("d",), parent_table="nowhere", parent_columns=()),
        ForeignKey(columns=("e",), parent_table="c", parent_columns=()),
        ForeignKey(
            columns=("A", "b"), parent_table="p", parent_columns=(), deferrable=True, initially_deferred=True
        ),
        twice,
        twice,
    )


def test_checks_with_functions_and_double_quoted_strings(catalog_of: Reader) -> None:
    table = catalog_of(
        "CREATE TABLE t (x CHECK (typeof(x) = 'integer'), s CONSTRAINT word CHECK (s = \"x\"), "
        "CHECK (s GLOB '[a-z]*'))"
    ).table("t")
    assert table.checks == (
        Check(sql="typeof(x) = 'integer'", column="x"),
        Check(sql='s = "x"', name="word", column="s"),
        Check(sql="s GLOB '[a-z]*'"),
    )


def test_strict_tables(catalog_of: Reader) -> None:
    catalog = catalog_of("CREATE TABLE s (a INTEGER PRIMARY KEY, b ANY) STRICT; CREATE TABLE t (a)")
    assert [table.strict for table in catalog.tables] == [True, False]


# Views and triggers


def test_views_with_their_columns_and_broken_ones_with_their_error(catalog_of: Reader) -> None:
    catalog = catalog_of(
        "CREATE TABLE t (a, b); CREATE VIEW v (one, two) AS SELECT a, b FROM t;"
        "CREATE VIEW w AS SELECT * FROM v;"
        "CREATE VIEW lost AS SELECT * FROM gone; CREATE VIEW app AS SELECT only_in_the_app(a) FROM t;"
        "CREATE VIEW quiet AS SELECT a FROM t WHERE only_in_the_app(b);"
    )
    views = {view.name: view for view in catalog.views}
    assert views["v"].columns == views["w"].columns == ("one", "two")
    assert views["lost"].columns == ()
    assert "gone" in views["lost"].error
    assert "only_in_the_app" in views["app"].error
    assert "only_in_the_app" in views["quiet"].error


def test_triggers_with_timing_and_event(catalog_of: Reader) -> None:
    catalog = catalog_of(
        "CREATE TABLE t (a); CREATE VIEW v AS SELECT a FROM t;"
        "CREATE TRIGGER one AFTER UPDATE OF a ON t BEGIN UPDATE t SET a = 1; END;"
        "CREATE TRIGGER two INSTEAD OF INSERT ON v BEGIN SELECT RAISE(ABORT, 'no'); END;"
    )
    assert [(trigger.name, trigger.table, trigger.timing, trigger.event) for trigger in catalog.triggers] == [
        ("one", "t", "AFTER", "UPDATE"),
        ("two", "v", "INSTEAD OF", "INSERT"),
    ]
    assert catalog.triggers[0].sql.startswith("CREATE TRIGGER one AFTER UPDATE OF a ON t BEGIN")


# Virtual tables


def test_virtual_tables_with_their_shadows(tmp_path: Path) -> None:
    connection = apsw.Connection(os.fspath(tmp_path / "app.db"))
    connection.execute(
        "CREATE TABLE docs (id INTEGER PRIMARY KEY, body TEXT); CREATE TABLE docs_archive (a);"
        "CREATE VIRTUAL TABLE docs_fts USING fts5(body, content='docs', content_rowid='id');"
        "CREATE VIRTUAL TABLE places USING rtree(id, minx, maxx); CREATE TABLE docs_fts_notes (a);"
    )
    connection.close()
    catalog = read(tmp_path / "app.db")
    kinds = {table.name: (table.kind, table.module, table.shadow_of) for table in catalog.tables}
    assert kinds["docs_fts"] == ("virtual", "fts5", None)
    assert kinds["docs_fts_idx"] == ("shadow", "", "docs_fts")
    assert kinds["places_node"] == ("shadow", "", "places")
    assert kinds["docs"] == kinds["docs_archive"] == kinds["docs_fts_notes"] == ("table", "", None)
    assert [column.name for column in catalog.table("docs_fts").columns] == ["body"]


def test_a_trigger_on_a_table_that_is_called_like_one_of_full_text_is_no_damage(tmp_path: Path) -> None:
    catalog = read(
        make_database(
            tmp_path / "app.db",
            "CREATE TABLE docs_content (id INTEGER PRIMARY KEY, body TEXT);"
            "CREATE VIRTUAL TABLE docs USING fts5(body, content='docs_content', content_rowid='id');"
            "CREATE TRIGGER fresh AFTER INSERT ON docs_content BEGIN"
            " INSERT INTO docs (rowid, body) VALUES (new.id, new.body); END;",
        )
    )
    assert (catalog.table("docs_content").kind, catalog.table("docs_content").shadow_of) == ("table", "docs")
    assert [trigger.name for trigger in catalog.triggers] == ["fresh"]


def test_a_virtual_table_whose_module_is_missing_stops_nothing(tmp_path: Path) -> None:
    catalog = read(
        make_database(
            tmp_path / "app.db",
            'CREATE TABLE t (a); CREATE TABLE "vec_chunks" (a); CREATE TABLE vec_vector_chunks00 (a);'
            "CREATE TABLE vec_users (a); PRAGMA writable_schema = ON;"
            "INSERT INTO sqlite_schema VALUES"
            " ('table', 'vec', 'vec', 0, 'CREATE VIRTUAL TABLE vec USING vec0(embedding float[3])');",
        )
    )
    vec = catalog.table("vec")
    assert (vec.kind, vec.module, vec.columns) == ("virtual", "vec0", ())
    assert vec.unread_sql == "no such module: vec0"
    # What looks like a part of it but is none of its known parts stays a table of the user's.
    assert {table.name: table.kind for table in catalog.tables} == {
        "t": "table",
        "vec": "virtual",
        "vec_chunks": "shadow",
        "vec_vector_chunks00": "shadow",
        "vec_users": "table",
    }


def test_tables_of_sqlite_itself_are_system(catalog_of: Reader) -> None:
    catalog = catalog_of("CREATE TABLE t (a UNIQUE); INSERT INTO t VALUES (1), (2); ANALYZE;")
    assert catalog.table("sqlite_stat1").kind == "system"


# The file


def test_facts_of_the_file(catalog_of: Reader) -> None:
    catalog = catalog_of(
        "PRAGMA page_size = 65536; PRAGMA encoding = 'UTF-16be'; PRAGMA auto_vacuum = INCREMENTAL;"
        "CREATE TABLE t (a); PRAGMA user_version = 77; PRAGMA application_id = 1234;"
    )
    assert catalog.encoding == "UTF-16be"
    assert (catalog.page_size, catalog.auto_vacuum) == (65536, 2)
    assert (catalog.user_version, catalog.application_id) == (77, 1234)
    assert catalog.page_count >= 2
    assert catalog.sqlite_version == apsw.sqlite_lib_version()


def test_the_journal_mode_is_the_live_files(tmp_path: Path) -> None:
    path = make_database(tmp_path / "app.db", "PRAGMA journal_mode = WAL; CREATE TABLE t (a);")
    assert read(path).journal_mode == "wal"
    snapshot = take_snapshot(os.fspath(path), os.fspath(tmp_path / "copy.db"))
    connection = open_snapshot(snapshot.path)
    catalog = read_catalog(connection, os.fspath(path), journal_mode=snapshot.journal_mode)
    connection.close()
    assert (catalog.journal_mode, catalog.path) == ("wal", os.fspath(path))


def test_a_transaction_of_the_caller_stays_open_and_none_is_left(tmp_path: Path) -> None:
    path = make_database(tmp_path / "app.db", "CREATE TABLE t (a)")
    connection = open_source(os.fspath(path))
    read_catalog(connection, os.fspath(path))
    assert not connection.in_transaction
    connection.execute("BEGIN")
    read_catalog(connection, os.fspath(path))
    assert connection.in_transaction
    connection.close()


def test_an_empty_database_has_an_empty_catalog(tmp_path: Path) -> None:
    (tmp_path / "app.db").write_bytes(b"")
    catalog = read(tmp_path / "app.db")
    assert (catalog.tables, catalog.views, catalog.triggers) == ((), (), ())


def test_collations_of_the_application_are_listed(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "app.db")
    connection.create_collation("german", lambda one, two: (one > two) - (one < two))
    connection.executescript("CREATE TABLE t (a COLLATE german, b COLLATE rtrim); CREATE INDEX i ON t (a);")
    connection.close()
    assert read(tmp_path / "app.db").unknown_collations == ("german",)


# Text that cannot be read


def test_a_statement_that_the_parser_does_not_know_leaves_the_facts_of_the_pragmas(tmp_path: Path) -> None:
    path = make_database(
        tmp_path / "app.db",
        "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT DEFAULT 'x' REFERENCES t (a)); CREATE TABLE other (a);"
        "CREATE INDEX i ON t (b) WHERE b > 'a'; CREATE INDEX j ON t (b);",
    )
    table = read(path).table("t")
    with reading_source(os.fspath(path)) as source:
        facts = [fetch_table_facts(source, row) for row in fetch_tables(source)]
        schema = fetch_schema(source)
    # SQL that a future SQLite may read and ours does not.
    future = {
        "t": "CREATE TABLE t (a INTEGER PRIMARY KEY CHECK (a > 0), b TEXT DEFAULT ->> 'x' REFERENCES t (a))",
        "i": "CREATE INDEX i ON t (b) SORTED SOMEHOW WHERE b > 'a'",
        "j": "CREATE INDEX j ON t (b) SORTED SOMEHOW",
    }
    changed = [row._replace(sql=future.get(row.name, row.sql)) for row in schema]
    degraded = next(item for item in build_tables(facts, changed, {}) if item.name == "t")
    # An index of which the predicate is not known would be another index; one without needs no text.
    assert degraded.unread_sql == f"->> 'x' REFERENCES t (a))\n{future['i']}"
    assert [index.name for index in degraded.indexes] == ["j"]
    assert [column.name for column in degraded.columns] == [column.name for column in table.columns]
    assert degraded.rowid_alias == "a"
    assert degraded.column("b").default_sql == "'x'"
    assert degraded.foreign_keys == table.foreign_keys
    assert degraded.checks == (Check(sql="a > 0", column="a"),)


def test_a_statement_that_speaks_of_other_columns_is_not_believed(tmp_path: Path) -> None:
    path = make_database(tmp_path / "app.db", "CREATE TABLE t (a INT CHECK (a > 0), b)")
    with reading_source(os.fspath(path)) as source:
        facts = [fetch_table_facts(source, row) for row in fetch_tables(source)]
        [row] = fetch_schema(source)
    wrong = "CREATE TABLE t (a INT CHECK (a > 0), c)"
    [table] = build_tables(facts, [row._replace(sql=wrong)], {})
    assert table.unread_sql == wrong
    assert table.checks == ()
    assert [column.name for column in table.columns] == ["a", "b"]


def test_invalid_text_in_a_statement_stops_nothing(tmp_path: Path) -> None:
    path = make_database(
        tmp_path / "app.db",
        "CREATE TABLE t (a INT, b TEXT DEFAULT 'HOLE'); CREATE TABLE u (a);",
    )
    path.write_bytes(path.read_bytes().replace(b"HOLE", b"\xff\xfe\xfd\xfc"))
    catalog = read(path)
    assert [table.name for table in catalog.tables] == ["t", "u"]
    table = catalog.table("t")
    assert [column.name for column in table.columns] == ["a", "b"]
    # A default that cannot be read is not made up, and said to be unread.
    assert table.column("b").default_sql is None
    assert table.unread_sql.startswith("CREATE TABLE t")


def test_a_generated_column_with_a_function_of_the_application_is_set_apart(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.create_function("slug", 1, lambda text: str(text).lower(), deterministic=True)
        connection.executescript(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, kept TEXT AS (slug(name)) STORED,"
            " short TEXT UNIQUE AS (slug(name)), up INT REFERENCES t (id) AS (slug(id) + 0), last);"
            "CREATE INDEX by_short ON t (short); CREATE INDEX by_name ON t (name);"
            "INSERT INTO t (name, last) VALUES ('Zoë', 1);"
        )
    table = read(path).table("t")
    assert [column.name for column in table.columns] == ["id", "name", "kept", "last"]
    assert [(lost.name, lost.sql, lost.message) for lost in table.uncomputed] == [
        ("short", "slug(name)", "unknown function: slug()"),
        ("up", "slug(id) + 0", "unknown function: slug()"),
    ]
    assert table.uncomputed[0].lost == ("UNIQUE (short)", "CREATE INDEX by_short ON t (short)")
    assert table.uncomputed[1].lost == ("FOREIGN KEY (up) REFERENCES t",)
    assert [index.name for index in table.indexes] == ["by_name"]
    assert table.foreign_keys == ()


def test_a_generated_column_that_fails_on_a_row_is_found_by_trying_every_row(tmp_path: Path) -> None:
    path = make_database(
        tmp_path / "app.db",
        "CREATE TABLE t (a); INSERT INTO t VALUES (1), (-9223372036854775808);"
        "ALTER TABLE t ADD COLUMN size AS (abs(a)); ALTER TABLE t ADD COLUMN fine AS (a IS NULL)",
    )
    with reading_source(os.fspath(path)) as connection:
        by_names = read_catalog(connection, os.fspath(path)).table("t")
        by_rows = read_catalog(connection, os.fspath(path), every_row=True).table("t")
    assert [column.name for column in by_names.columns] == ["a", "size", "fine"]
    assert [column.name for column in by_rows.columns] == ["a", "fine"]
    assert [(lost.name, lost.message) for lost in by_rows.uncomputed] == [("size", "integer overflow")]


def test_a_name_that_is_not_unicode_is_refused(tmp_path: Path) -> None:
    path = make_database(tmp_path / "app.db", "CREATE TABLE HOLE (a INT);")
    path.write_bytes(path.read_bytes().replace(b"HOLE", b"\xff\xfe\xfd\xfc"))
    with pytest.raises(RefusedError) as caught:
        read(path)
    assert caught.value.code == "S-017"


# Real files


#: All of the collection that can be read.
DATABASES = [
    "anki_v2.anki2", "bad_utf8_text.db", "bad_zeroed_leaf.db", "calibre_metadata.db", "chinook.sqlite",
    "chinook_autoinc.sqlite", "chinook_fts5.db", "chinook_utf16le.db", "coverage.db", "datasette_fixtures.db",
    "empty_zero_bytes.db", "gtfs_sample.db", "ipython_history.sqlite", "naturalearth.gpkg", "northwind.db",
    "svn_wc.db", "wn_lexicon.db",
]  # fmt: skip


def assert_agrees_with_sqlite(path: Path) -> None:
    """Compare our catalog with what Python's own sqlite3 tells through the PRAGMAs."""
    catalog = read(path)
    assert [table.name for table in catalog.tables if table.unread_sql] == []
    connection = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    assert {table.name for table in catalog.tables} == set(names)
    for table in catalog.tables:
        if table.kind != "virtual":
            _assert_columns_agree(connection, table)
            _assert_indexes_agree(connection, table)
            _assert_foreign_keys_agree(connection, table)
    views = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'view'").fetchall()
    assert {view.name for view in catalog.views} == {row[0] for row in views}
    triggers = connection.execute(
        "SELECT name, tbl_name FROM sqlite_schema WHERE type = 'trigger'"
    ).fetchall()
    assert {(trigger.name, trigger.table) for trigger in catalog.triggers} == set(triggers)
    assert all(trigger.timing and trigger.event for trigger in catalog.triggers)
    connection.close()


def _assert_columns_agree(connection: sqlite3.Connection, table: Table) -> None:
    facts = connection.execute("SELECT * FROM pragma_table_xinfo(?)", (table.name,)).fetchall()
    ours = [
        (number, column.name, column.declared_type.upper(), int(column.not_null), column.pk_position)
        for number, column in enumerate(table.columns)
    ]
    assert ours == [(fact[0], fact[1], fact[2].upper(), fact[3], fact[5]) for fact in facts]
    for column, fact in zip(table.columns, facts, strict=True):
        if column.default_sql is None or fact[4] is None:
            assert column.default_sql is fact[4]
        else:
            assert fact[4] in (
                column.default_sql,
                column.default_sql.removeprefix("(").removesuffix(")").strip(),
            )
    assert table.primary_key == tuple(fact[1] for fact in sorted(facts, key=lambda fact: fact[5]) if fact[5])


def _assert_indexes_agree(connection: sqlite3.Connection, table: Table) -> None:
    listed = connection.execute("SELECT * FROM pragma_index_list(?)", (table.name,)).fetchall()
    facts = {(row[1], bool(row[2]), bool(row[4])) for row in listed}
    assert {(index.name, index.unique, index.predicate_sql is not None) for index in table.indexes} == facts
    for index in table.indexes:
        columns = connection.execute(
            'SELECT name, coll, "desc" FROM pragma_index_xinfo(?) WHERE key', (index.name,)
        ).fetchall()
        assert [
            (column.name, column.collation, int(column.descending)) for column in index.columns
        ] == columns
        assert all(column.name or column.expression_sql for column in index.columns)


def _assert_foreign_keys_agree(connection: sqlite3.Connection, table: Table) -> None:
    listed = connection.execute("SELECT * FROM pragma_foreign_key_list(?)", (table.name,)).fetchall()
    facts = [
        (row[2], row[3], row[4], row[5], row[6]) for row in sorted(listed, key=lambda row: (-row[0], row[1]))
    ]
    ours = [
        (key.parent_table, column, parent, key.on_update, key.on_delete)
        for key in table.foreign_keys
        for column, parent in zip(key.columns, key.parent_columns or (None,) * len(key.columns), strict=True)
    ]
    assert ours == facts


@pytest.mark.parametrize("name", ["chinook.sqlite", "strapi/small.db", "strapi/edge.db"])
def test_the_shipped_files_agree_with_sqlite(name: str) -> None:
    assert_agrees_with_sqlite(DATA / name)


def test_strapi_declares_each_foreign_key_twice_with_one_name() -> None:
    catalog = read(DATA / "strapi" / "small.db")
    keys = [key for table in catalog.tables for key in table.foreign_keys]
    assert (len(keys), len({(key.name, key.columns) for key in keys})) == (244, 122)
    assert all(key.name for key in keys)


@pytest.mark.shared
@pytest.mark.parametrize("name", DATABASES)
def test_the_files_of_the_collection_agree_with_sqlite(name: str) -> None:
    assert_agrees_with_sqlite(shared_path("databases", name))


@pytest.mark.shared
def test_what_the_collection_is_known_for() -> None:
    calibre = read(shared_path("databases", "calibre_metadata.db"))
    assert "no such function: sortconcat" in {view.error for view in calibre.views}
    svn = read(shared_path("databases", "svn_wc.db"))
    assert ("local_relpath", "wc_id") in {tuple(sorted(table.primary_key)) for table in svn.tables}
    assert read(shared_path("databases", "chinook_utf16le.db")).encoding == "UTF-16le"
    fts = read(shared_path("databases", "chinook_fts5.db"))
    assert {table.module for table in fts.tables if table.kind == "virtual"} == {"fts5", "fts4", "rtree"}
    northwind = read(shared_path("databases", "northwind.db"))
    assert any(check.sql for table in northwind.tables for check in table.checks)
