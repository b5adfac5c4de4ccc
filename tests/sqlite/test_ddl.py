"""CREATE statements as SQLite keeps them: what the parser adds to the PRAGMAs, word for word."""

from __future__ import annotations

import sqlite3

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from howdah.model.source import Check, ForeignKey
from howdah.names import quote_sqlite
from howdah.sqlite.ddl import read_index, read_trigger, read_virtual_table
from howdah.sqlite.ddl_cursor import UnreadSqlError
from howdah.sqlite.ddl_table import read_table
from howdah.sqlite.definitions import KeyDefinition, KeyPart, TableDefinition
from howdah.sqlite.lexer import quote_string


def read_stored(sql: str) -> TableDefinition:
    """Read a CREATE TABLE after SQLite has accepted it and rewritten its beginning."""
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE p (a, b, PRIMARY KEY (a, b))")
    connection.execute(sql)
    stored = connection.execute("SELECT sql FROM sqlite_schema WHERE name = 't'").get
    definition = read_table(stored)
    assert definition.unread_sql == ""
    return definition


@pytest.mark.parametrize(
    ("written", "default"),
    [
        ("DEFAULT (datetime('now'))", "(datetime('now'))"),
        ("DEFAULT (strftime('%s', 'now'))", "(strftime('%s', 'now'))"),
        ("DEFAULT ( unixepoch() * 1000 )", "( unixepoch() * 1000 )"),
        ("DEFAULT (lower(hex(randomblob(16)))) NOT NULL", "(lower(hex(randomblob(16))))"),
        ("DEFAULT 'x''y'", "'x''y'"),
        ('DEFAULT "0"', '"0"'),
        ("DEFAULT null", "null"),
        ("DEFAULT x'00'", "x'00'"),
        ("DEFAULT -1", "-1"),
        ("DEFAULT +1 UNIQUE", "+1"),
        ("DEFAULT - /* minus */ 2", "- /* minus */ 2"),
        ("DEFAULT 1_000", "1_000"),
        ("DEFAULT 0x1F", "0x1F"),
        ("DEFAULT CURRENT_TIMESTAMP", "CURRENT_TIMESTAMP"),
        ("DEFAULT true", "true"),
        ("DEFAULT word CHECK (c <> ')')", "word"),
        ("CONSTRAINT d DEFAULT 'a,b' CONSTRAINT n NOT NULL", "'a,b'"),
        ("NOT NULL", None),
    ],
)
def test_defaults_are_kept_as_written(written: str, default: str | None) -> None:
    assert read_stored(f"CREATE TABLE t (c TEXT {written}, d)").columns[0].default_sql == default


@pytest.mark.parametrize(
    "written",
    [
        "INTEGER",
        "UNSIGNED BIG INT",
        "NATIVE CHARACTER(70)",
        "VARYING CHARACTER ( 255 )",
        "DECIMAL(10, -2)",
        "DOUBLE PRECISION",
        "LONGVARCHAR",
        "",
    ],
)
def test_types_are_kept_as_written(written: str) -> None:
    definition = read_stored(f"CREATE TABLE t (c {written}, d {written} NOT NULL)")
    assert [column.declared_type for column in definition.columns] == [written, written]


def test_checks_keep_their_names_and_their_columns() -> None:
    definition = read_stored(
        "CREATE TABLE t (a INT CONSTRAINT positive CHECK (a > 0 -- really\n), b CHECK(b in (1,(2))), "
        "CONSTRAINT \"both ')'\" CHECK (a < b), CHECK (a <> ')'))"
    )
    assert definition.checks == (
        Check(sql="a > 0", name="positive", column="a"),
        Check(sql="b in (1,(2))", column="b"),
        Check(sql="a < b", name="both ')'"),
        Check(sql="a <> ')'"),
    )


def test_double_quoted_strings_stay_as_written() -> None:
    definition = read_stored('CREATE TABLE t (s TEXT CHECK (s = "x"), "S2" CHECK ("S2" <> "y"))')
    assert [check.sql for check in definition.checks] == ['s = "x"', '"S2" <> "y"']


def test_keys_keep_order_direction_collation_names_and_conflict_actions() -> None:
    definition = read_stored(
        "CREATE TABLE t (a, b COLLATE NOCASE UNIQUE ON CONFLICT REPLACE, c NOT NULL ON CONFLICT IGNORE, "
        "CONSTRAINT pk PRIMARY KEY (c DESC, a COLLATE RTRIM) ON CONFLICT FAIL, CONSTRAINT u UNIQUE (b, a))"
    )
    assert definition.primary_key == KeyDefinition(
        parts=(KeyPart(name="c", descending=True), KeyPart(name="a", collation="RTRIM")),
        name="pk",
        on_conflict="FAIL",
    )
    assert definition.uniques == (
        KeyDefinition(parts=(KeyPart(name="b"),), on_conflict="REPLACE"),
        KeyDefinition(parts=(KeyPart(name="b"), KeyPart(name="a")), name="u"),
    )
    assert definition.columns[1].collation == "NOCASE"
    assert (definition.columns[2].not_null, definition.columns[2].not_null_on_conflict) == (True, "IGNORE")


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT)",
        "CREATE TABLE t (id INTEGER CONSTRAINT x PRIMARY KEY ASC ON CONFLICT ABORT AUTOINCREMENT NOT NULL)",
        "CREATE TABLE t (id INTEGER, PRIMARY KEY (id AUTOINCREMENT))",
    ],
)
def test_autoincrement_wherever_it_stands(sql: str) -> None:
    key = read_stored(sql).primary_key
    assert key is not None
    assert key.autoincrement
    assert key.columns == ("id",)


def test_foreign_keys_of_every_form() -> None:
    definition = read_stored(
        "CREATE TABLE t (a REFERENCES p, "
        "b CONSTRAINT fk REFERENCES p(a) ON DELETE SET NULL ON UPDATE CASCADE "
        "MATCH full DEFERRABLE INITIALLY DEFERRED, "
        "c REFERENCES missing NOT DEFERRABLE INITIALLY DEFERRED, d, "
        "CONSTRAINT two FOREIGN KEY (a, b) REFERENCES p ON DELETE NO ACTION ON UPDATE RESTRICT, "
        "FOREIGN KEY (d) REFERENCES t(d) ON DELETE SET DEFAULT DEFERRABLE INITIALLY IMMEDIATE)"
    )
    assert definition.foreign_keys == (
        ForeignKey(columns=("a",), parent_table="p", parent_columns=()),
        ForeignKey(
            columns=("b",),
            parent_table="p",
            parent_columns=("a",),
            on_delete="SET NULL",
            on_update="CASCADE",
            match="FULL",
            name="fk",
            deferrable=True,
            initially_deferred=True,
        ),
        ForeignKey(columns=("c",), parent_table="missing", parent_columns=()),
        ForeignKey(columns=("a", "b"), parent_table="p", parent_columns=(), on_update="RESTRICT", name="two"),
        ForeignKey(
            columns=("d",), parent_table="t", parent_columns=("d",), on_delete="SET DEFAULT", deferrable=True
        ),
    )


def test_generated_columns_in_both_spellings() -> None:
    definition = read_stored(
        "CREATE TABLE t (a, b INT GENERATED ALWAYS AS (a * (2 + 1)) STORED, c AS (a || ')') NOT NULL, "
        "d generated, e TEXT AS (a) VIRTUAL)"
    )
    assert [
        (column.generated, column.generated_sql, column.declared_type) for column in definition.columns
    ] == [
        ("", None, ""),
        ("stored", "a * (2 + 1)", "INT"),
        ("virtual", "a || ')'", ""),
        ("", None, "generated"),
        ("virtual", "a", "TEXT"),
    ]


def test_table_options_in_any_order() -> None:
    definition = read_stored("CREATE TABLE t (a INT PRIMARY KEY) STRICT, WITHOUT ROWID")
    assert (definition.strict, definition.without_rowid) == (True, True)


def test_what_the_grammar_allows_beyond_the_documentation() -> None:
    definition = read_stored(
        "CREATE TABLE 't' (a CONSTRAINT forgotten, b CONSTRAINT x CONSTRAINT y NOT NULL, "
        "c REFERENCES p(a) NOT NULL DEFERRABLE INITIALLY DEFERRED, "
        "UNIQUE (a) CHECK (a > 0) CONSTRAINT last PRIMARY KEY (b))"
    )
    assert [column.name for column in definition.columns] == ["a", "b", "c"]
    assert definition.columns[1].not_null
    assert definition.foreign_keys[0].initially_deferred
    assert [unique.columns for unique in definition.uniques] == [("a",)]
    assert definition.primary_key is not None
    assert definition.primary_key.name == "last"


def test_a_table_made_by_select_and_one_that_was_altered() -> None:
    connection = apsw.Connection(":memory:")
    for statement in (
        "CREATE TABLE \"old\" (a INTEGER, 'b' TEXT)",
        'CREATE TABLE copied AS SELECT a AS "a b", b FROM old',
        'ALTER TABLE old RENAME TO "new name"',
        'ALTER TABLE "new name" ADD COLUMN c REAL DEFAULT (1 + 2)',
        'ALTER TABLE "new name" RENAME COLUMN b TO "B ""2"""',
    ):
        connection.execute(statement)
    stored = {str(name): str(sql) for name, sql in connection.execute("SELECT name, sql FROM sqlite_schema")}
    assert [column.name for column in read_table(stored["copied"]).columns] == ["a b", "b"]
    altered = read_table(stored["new name"])
    assert altered.name == "new name"
    assert [column.name for column in altered.columns] == ["a", 'B "2"', "c"]
    assert altered.columns[2].default_sql == "(1 + 2)"


def test_what_is_not_understood_is_kept_and_what_came_before_it_is_known() -> None:
    definition = read_table("CREATE TABLE t (a INT CHECK (a > 0), b WITH SURPRISES (1), c DEFAULT ->> 1, d)")
    assert definition.unread_sql.startswith("->> 1")
    assert [column.name for column in definition.columns] == ["a", "b", "c"]
    assert definition.checks == (Check(sql="a > 0", column="a"),)


@pytest.mark.parametrize(
    "sql",
    ["", "garbage", "CREATE TABLE t", "CREATE TABLE t (", "CREATE TABLE t (a, ", "CREATE TABLE t (a 'x"],
)
def test_a_statement_that_breaks_off_is_unread_and_raises_nothing(sql: str) -> None:
    definition = read_table(sql)
    assert definition.unread_sql or sql == ""


def test_index_entries_with_expressions_collations_directions_and_a_predicate() -> None:
    definition = read_index(
        'CREATE UNIQUE INDEX "i x" ON t (lower(nm) COLLATE NOCASE DESC, "a b" COLLATE RTRIM, '
        "c || d COLLATE NOCASE, json_extract(j, '$.a') ASC, (e), 'f') WHERE act = 1 AND n IN (1, 2);"
    )
    assert definition.unique
    assert (definition.name, definition.table) == ("i x", "t")
    assert definition.parts == (
        KeyPart(name=None, expression_sql="lower(nm)", collation="NOCASE", descending=True),
        KeyPart(name="a b", collation="RTRIM"),
        # COLLATE binds to d alone.
        KeyPart(name=None, expression_sql="c || d COLLATE NOCASE"),
        KeyPart(name=None, expression_sql="json_extract(j, '$.a')"),
        KeyPart(name=None, expression_sql="(e)"),
        KeyPart(name="f"),
    )
    assert definition.predicate_sql == "act = 1 AND n IN (1, 2)"


@pytest.mark.parametrize(
    "expression",
    [
        "lower(a) COLLATE NOCASE",
        "(a || b) COLLATE NOCASE",
        "a || b COLLATE NOCASE",
        "a COLLATE NOCASE",
        "(a)",
    ],
)
def test_the_collation_of_an_index_entry_is_the_one_that_sqlite_uses(expression: str) -> None:
    connection = apsw.Connection(":memory:")
    connection.execute(f"CREATE TABLE t (a, b); CREATE INDEX i ON t ({expression})")
    used = connection.execute("SELECT coll FROM pragma_index_xinfo('i') WHERE key = 1").get
    [part] = read_index(f"CREATE INDEX i ON t ({expression})").parts
    assert (part.collation or "BINARY") == used


def test_trigger_headers() -> None:
    definition = read_trigger(
        "CREATE TRIGGER tr AFTER UPDATE OF a, b ON t FOR EACH ROW WHEN new.a > (SELECT 1) BEGIN SELECT 1; END"
    )
    assert (definition.timing, definition.event, definition.columns) == ("AFTER", "UPDATE", ("a", "b"))
    assert definition.when_sql == "new.a > (SELECT 1)"
    assert definition.body_sql == "BEGIN SELECT 1; END"
    instead = read_trigger("CREATE TRIGGER x INSTEAD OF INSERT ON v BEGIN SELECT 1; END")
    assert (instead.timing, instead.event, instead.table) == ("INSTEAD OF", "INSERT", "v")
    assert read_trigger("CREATE TRIGGER x DELETE ON t BEGIN SELECT 1; END").timing == "BEFORE"


def test_virtual_tables_with_their_modules_and_arguments() -> None:
    definition = read_virtual_table(
        "CREATE VIRTUAL TABLE f USING fts5(a, content='t', tokenize = \"x (y)\", b(1,2))"
    )
    assert definition.module == "fts5"
    assert definition.arguments == ("a", "content='t'", 'tokenize = "x (y)"', "b(1,2)")


@pytest.mark.parametrize("reader", [read_index, read_trigger, read_virtual_table])
def test_other_statements_that_are_not_understood_say_where(reader: object) -> None:
    assert callable(reader)
    for sql in (
        "",
        "SELECT 1",
        "CREATE VIRTUAL TABLE f USING m(a",
        "CREATE INDEX i ON t (a",
        "CREATE VIEW v",
    ):
        with pytest.raises(UnreadSqlError):
            reader(sql)


# Random tables: SQLite says what it made of the statement.

_names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=8)
_spaces = st.sampled_from([" ", "\n", " /* , ( ' */ ", " -- , ) \n", "\t"])
_types = st.sampled_from(["", "INT", "varchar(10)", "double precision", "decimal( 10 , 2 )", "json"])
_defaults = st.one_of(
    st.none(),
    st.integers(-(10**6), 10**6).map(str),
    _names.map(quote_string),
    st.sampled_from(["CURRENT_DATE", "NULL", "x'ab'", "1.5e3", "word", "+7"]),
    st.sampled_from(["(1 + (2))", "('a)' || ',')", "( /* c */ random() )"]),
)
_columns = st.lists(
    st.tuples(_names, _types, _defaults, st.booleans(), st.sampled_from([None, "nocase", "RTRIM"]), _spaces),
    min_size=1,
    max_size=6,
    unique_by=lambda column: column[0].lower(),
)


@given(_columns)
def test_random_tables_read_as_sqlite_reads_them(
    columns: list[tuple[str, str, str | None, bool, str | None, str]],
) -> None:
    parts = []
    for name, declared_type, default, not_null, collation, space in columns:
        words = [quote_sqlite(name), declared_type]
        words += ["NOT NULL"] if not_null else []
        words += [f"DEFAULT{space}{default}"] if default is not None else []
        words += [f"COLLATE {collation}"] if collation else []
        parts.append(space.join(words))
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (" + ",".join(parts) + ")")
    (stored,) = connection.execute("SELECT sql FROM sqlite_schema").fetchone()
    definition = read_table(stored)
    assert definition.unread_sql == ""
    facts = connection.execute("PRAGMA table_xinfo(t)").fetchall()
    connection.close()
    assert [column.name for column in definition.columns] == [fact[1] for fact in facts]
    assert [column.declared_type.lower() for column in definition.columns] == [
        fact[2].lower() for fact in facts
    ]
    assert [column.not_null for column in definition.columns] == [bool(fact[3]) for fact in facts]
    assert [_bare(column.default_sql) for column in definition.columns] == [_bare(fact[4]) for fact in facts]
    assert [column.collation for column in definition.columns] == [column[4] for column in columns]


def _bare(default: str | None) -> str | None:
    """Without the outer parentheses, which the PRAGMA leaves out, and the space and comments beside them."""
    if default is None:
        return None
    text = default.strip()
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1]
    return text.strip()
