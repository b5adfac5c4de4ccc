"""Every kind of damage is made to the target, and the verifier has to name it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from howdah.model.plan import StepKind
from howdah.model.quarantine import Cell, SourceKey
from howdah.model.report import Difference, ProofStatus
from howdah.proof.pieces import RANGE_BYTES
from support.lending_library import BOOKS, LOANS, SHELVES, VISITS, Library, build_library, copy_in


@pytest.fixture
def library(tmp_path: Path, database: str) -> Library:
    return build_library(tmp_path / "library.db", database)


def only(library: Library, **options: Any) -> Difference:
    """Return the one difference that a verification finds."""
    proof = library.verify(**options)
    assert proof.status is ProofStatus.DIFFERENT
    assert [proof.difference_count, len(proof.differences)] == [1, 1], proof.differences
    table = proof.differences[0].table
    assert [name for name, found in proof.tables.items() if found.status is not ProofStatus.PROVEN] == (
        [table] if table else []
    )
    return proof.differences[0]


def test_undamaged_sides_are_proven_whole(library: Library) -> None:
    proof = library.verify()
    assert proof.differences == ()
    assert proof.status is ProofStatus.PROVEN
    rows = {name: (found.rows_source, found.rows_target) for name, found in proof.tables.items()}
    assert rows == {
        name: (len(rows), len(rows))
        for name, rows in (("books", BOOKS), ("shelves", SHELVES), ("loans", LOANS), ("visits", VISITS))
    }
    assert {name: found.method for name, found in proof.tables.items()} == {
        "books": "integer-ranges",
        "shelves": "buckets",
        "loans": "buckets",
        "visits": "rows",
    }
    for found in proof.tables.values():
        assert found.status is ProofStatus.PROVEN
        assert found.digest_source == found.digest_target
    assert proof.tables["visits"].digest_source
    assert proof.rows == len(BOOKS) + len(SHELVES) + len(LOANS) + len(VISITS)


def test_two_processes_find_what_one_finds(library: Library) -> None:
    # Heavy enough, by the plan's word, for processes to be started.
    tables = tuple(dataclasses.replace(table, bytes=2 * RANGE_BYTES) for table in library.plan.tables)
    library.plan = dataclasses.replace(library.plan, tables=tables)
    assert library.verify(jobs=2).status is ProofStatus.PROVEN
    library.on_target("UPDATE public.books SET pages = 475 WHERE id = 1")
    library.on_target("DELETE FROM public.visits WHERE reader = 'bob'")
    one, two = library.verify(jobs=1, key=b"k"), library.verify(jobs=2, key=b"k")
    assert one.difference_count == 3
    assert one.differences == two.differences
    assert one.tables == two.tables


VALUE_DAMAGE: list[tuple[str, str, str, str, str, str, str]] = [
    # what, SQL on the target, table, key, column, source, target
    ("a value", "UPDATE books SET title = 'Emmb' WHERE id = 1", "books", "1", "title", "'Emma'", "'Emmb'"),
    ("'' for NULL", "UPDATE books SET summary = '' WHERE id = 1", "books", "1", "summary", "NULL", "''"),
    ("NULL for ''", "UPDATE books SET summary = NULL WHERE id = 2", "books", "2", "summary", "''", "NULL"),
    ("NULL for b''", "UPDATE books SET cover = NULL WHERE id = 2", "books", "2", "cover", "X''", "NULL"),
    (
        "a float's last bit",
        "UPDATE books SET weight = 0.10000000000000002 WHERE id = 1",
        "books",
        "1",
        "weight",
        "0.1",
        "0.10000000000000002",
    ),
    (
        "infinity",
        "UPDATE books SET weight = 1e308 WHERE id = 5000",
        "books",
        "5000",
        "weight",
        "9e999",
        "1e+308",
    ),
    (
        "an integer above 2^53 off by one",
        "UPDATE books SET isbn = 9007199254740992 WHERE id = 1",
        "books",
        "1",
        "isbn",
        "9007199254740993",
        "9007199254740992",
    ),
    (
        "the smallest integer",
        "UPDATE books SET isbn = isbn + 1 WHERE id = 2",
        "books",
        "2",
        "isbn",
        "-9223372036854775808",
        "-9223372036854775807",
    ),
    (
        "a trailing space",
        "UPDATE books SET title = rtrim(title) WHERE id = 2",
        "books",
        "2",
        "title",
        "'Caf\u00e9 '",
        "'Caf\u00e9'",
    ),
    (
        "Unicode normalisation",
        "UPDATE books SET title = normalize(title, NFD) WHERE id = 2",
        "books",
        "2",
        "title",
        "'Caf\u00e9 '",
        "'Cafe\u0301 '",
    ),
    (
        "a blob's byte",
        "UPDATE books SET cover = '\\x00fe' WHERE id = 1",
        "books",
        "1",
        "cover",
        "X'00FF'",
        "X'00FE'",
    ),
    (
        "a millisecond",
        "UPDATE books SET added = added + '1 ms' WHERE id = 1",
        "books",
        "1",
        "added",
        "1600000000123",
        "1600000000124",
    ),
    ("a cent", "UPDATE books SET price = 12.51 WHERE id = 1", "books", "1", "price", "12.5", "12.51"),
    ("a boolean", "UPDATE books SET lent = NOT lent WHERE id = 1", "books", "1", "lent", "1", "0"),
    (
        "space in JSON",
        "UPDATE books SET facts = '[1, 2]' WHERE id = 2",
        "books",
        "2",
        "facts",
        "'[1,  2]'",
        "'[1, 2]'",
    ),
    (
        "a value under a text key",
        "UPDATE shelves SET room = 'x' WHERE code = 'a'",
        "shelves",
        "'a'",
        "room",
        "'room a'",
        "'x'",
    ),
    (
        "a value under a key of two columns",
        "UPDATE loans SET book = 7 WHERE reader = 'Ann' AND number = 3",
        "loans",
        "('Ann', 3)",
        "book",
        "1",
        "7",
    ),
]


@pytest.mark.parametrize("damage", VALUE_DAMAGE, ids=lambda damage: damage[0])
def test_one_damaged_value_is_named_with_both_sides(
    library: Library, damage: tuple[str, str, str, str, str, str, str]
) -> None:
    _, statement, table, key, column, source, target = damage
    library.on_target(f"SET search_path = public; {statement}")
    found = only(library)
    assert (found.kind, found.table, found.key, found.column) == ("value", table, key, column)
    assert (found.source, found.target) == (source, target)


def test_normalised_text_is_explained_in_words(library: Library) -> None:
    library.on_target("UPDATE public.books SET title = normalize(title, NFD) WHERE id = 2")
    assert only(library).detail.startswith("same text in another Unicode form")


def test_two_rows_swapped_are_two_differences_per_column(library: Library) -> None:
    library.on_target(
        "UPDATE public.shelves SET room = CASE code WHEN 'a' THEN 'room b' ELSE 'room a' END"
        " WHERE code IN ('a', 'b')"
    )
    found = {(item.key, item.source, item.target) for item in library.verify().differences}
    assert found == {("'a'", "'room a'", "'room b'"), ("'b'", "'room b'", "'room a'")}


@pytest.mark.parametrize(
    ("statement", "table", "key"),
    [
        ("DELETE FROM books WHERE id = 2", "books", "2"),
        ("DELETE FROM books WHERE id = 5000", "books", "5000"),
        ("DELETE FROM shelves WHERE code = ''", "shelves", "''"),
        ("DELETE FROM loans WHERE reader = 'bob' AND number = 39", "loans", "('bob', 39)"),
    ],
)
def test_a_missing_row_is_named_by_its_key(library: Library, statement: str, table: str, key: str) -> None:
    library.on_target("ALTER TABLE public.loans DROP CONSTRAINT loans_book_fkey")
    library.plan = dataclasses.replace(
        library.plan, steps=tuple(step for step in library.plan.steps if step.object != "loans_book_fkey")
    )
    library.on_target(f"SET search_path = public; {statement}")
    found = only(library)
    assert (found.kind, found.table, found.key, found.target) == ("missing-row", table, key, "missing")


@pytest.mark.parametrize(
    ("statement", "table", "key"),
    [
        ("INSERT INTO books (id, title) VALUES (4, 'new')", "books", "4"),
        ("INSERT INTO books (id, title) VALUES (-4, 'below')", "books", "-4"),
        ("INSERT INTO books (id, title) VALUES (5999, 'above')", "books", "5999"),
        ("INSERT INTO shelves VALUES ('A ', 'new')", "shelves", "'A '"),
        ("INSERT INTO loans VALUES ('eve', 1, NULL)", "loans", "('eve', 1)"),
    ],
)
def test_a_row_too_many_is_named_by_its_key(library: Library, statement: str, table: str, key: str) -> None:
    library.on_target(f"SET search_path = public; {statement}")
    found = only(library)
    assert (found.kind, found.table, found.key, found.source) == ("extra-row", table, key, "missing")


def test_a_key_twice_in_the_target_is_a_row_too_many(library: Library) -> None:
    library.on_target("ALTER TABLE public.books DROP CONSTRAINT books_pkey CASCADE")
    library.on_target("INSERT INTO public.books (id, title) VALUES (7, 'again'), (7, 'and again')")
    proof = library.verify()
    rows = [(item.key, item.kind) for item in proof.differences if item.kind.endswith("row")]
    assert rows == [("7", "extra-row")] * 2


def test_rows_whose_key_is_null_are_rows_too_many(library: Library) -> None:
    library.on_target(
        "ALTER TABLE public.books DROP CONSTRAINT books_pkey CASCADE, ALTER id DROP IDENTITY;"
        "ALTER TABLE public.books ALTER id DROP NOT NULL;"
        "INSERT INTO public.books (id, title) VALUES (NULL, 'no key')"
    )
    found = [item for item in library.verify().differences if item.kind == "extra-row"]
    assert [(item.table, item.key, item.detail) for item in found] == [("books", "NULL", "the key is NULL")]


@pytest.mark.parametrize(
    ("statement", "kind", "detail"),
    [
        (
            "INSERT INTO visits VALUES ('ann', 1)",
            "extra-row",
            "3 copies in the source, 4 copies in the target",
        ),
        (
            "DELETE FROM visits WHERE ctid = (SELECT min(ctid) FROM visits WHERE reader IS NULL)",
            "missing-row",
            "2 copies in the source, 1 copy in the target",
        ),
        (
            "DELETE FROM visits WHERE reader = 'bob'",
            "missing-row",
            "1 copy in the source, 0 copies in the target",
        ),
    ],
)
def test_repeated_rows_without_a_key_are_counted(
    library: Library, statement: str, kind: str, detail: str
) -> None:
    library.on_target(f"SET search_path = public; {statement}")
    found = only(library)
    assert (found.kind, found.table, found.detail) == (kind, "visits", detail)


def test_a_changed_row_without_a_key_is_shown_on_both_sides(library: Library) -> None:
    library.on_target("UPDATE public.visits SET door = 3 WHERE reader = 'bob'")
    proof = library.verify()
    assert {(item.kind, item.source, item.target) for item in proof.differences} == {
        ("missing-row", "('bob', 2)", "missing"),
        ("extra-row", "missing", "('bob', 3)"),
    }


@pytest.mark.parametrize(
    ("stored", "source", "detail"),
    [
        (b"12", "X'3132'", "blob in the source, text in the target"),
        (12, "12", "integer in the source, text in the target"),
    ],
)
def test_another_storage_class_of_the_same_content_differs(
    library: Library, stored: Any, source: str, detail: str
) -> None:
    library.on_source("CREATE TABLE labels (id INTEGER PRIMARY KEY, label)")
    library.on_source("INSERT INTO labels VALUES (1, ?)", (stored,))
    library.on_target("CREATE TABLE public.labels (id bigint, label text)")
    library.on_target("INSERT INTO public.labels VALUES (1, '12')")
    add_table(library, "labels", "label")
    found = only(library)
    assert (found.column, found.source, found.target, found.detail) == ("label", source, "'12'", detail)


def add_table(library: Library, name: str, column: str) -> None:
    """Plan one more table with an integer key and a column of text."""
    books = library.plan.table("books")
    columns = (
        dataclasses.replace(books.column("id"), identity=False, not_null=False),
        dataclasses.replace(books.column("summary"), name=column, target_name=column),
    )
    table = dataclasses.replace(books, name=name, target_name=name, columns=columns, rows=1)
    catalog_table = dataclasses.replace(library.catalog.tables[0], name=name, sequence_value=None)
    library.plan = dataclasses.replace(library.plan, tables=(*library.plan.tables, table))
    library.catalog = dataclasses.replace(library.catalog, tables=(*library.catalog.tables, catalog_table))


def test_a_wrong_epoch_unit_is_seen_although_it_inverts(library: Library) -> None:
    library.on_target(
        "UPDATE public.books SET added = to_timestamp(0) + (added - to_timestamp(0)) / 1000 WHERE id < 5000"
    )
    found = [item for item in library.verify().differences if item.key == "3"]
    assert [(item.column, item.source, item.target) for item in found] == [
        ("added", "1600000000000", "1600000000")
    ]


def test_a_codec_that_drops_the_lowest_bit_is_seen_in_every_odd_value(library: Library) -> None:
    library.on_target("UPDATE public.books SET isbn = isbn & ~1::bigint, pages = pages & ~1::bigint")
    found = {(item.key, item.column) for item in library.verify().differences}
    assert found == {("1", "isbn"), ("3", "isbn"), ("7", "pages"), ("7", "double_pages")}


def test_a_wrong_generated_value_is_seen(library: Library) -> None:
    library.on_target("ALTER TABLE public.books DROP COLUMN double_pages")
    library.on_target(
        "ALTER TABLE public.books ADD COLUMN double_pages bigint"
        " GENERATED ALWAYS AS (pages * 2 + (id / 5000)) STORED"
    )
    found = only(library)
    assert (found.key, found.column, found.source, found.target) == ("5000", "double_pages", "24", "25")


def test_keys_that_a_collation_would_confuse_are_told_apart(library: Library) -> None:
    library.on_target("UPDATE public.shelves SET code = 'Ae' WHERE code = 'A'")
    library.on_target("UPDATE public.shelves SET room = 'x' WHERE code = 'a '")
    found = {(item.kind, item.key) for item in library.verify().differences}
    assert found == {("missing-row", "'A'"), ("extra-row", "'Ae'"), ("value", "'a '")}


OBJECT_DAMAGE: list[tuple[str, str, str, str, str, str]] = [
    # what, SQL, kind, table, source, target
    ("a dropped index", "DROP INDEX loans_book", "index", "loans", "index loans_book", "missing"),
    (
        "a dropped unique index",
        "DROP INDEX books_title",
        "index",
        "books",
        "unique index books_title",
        "missing",
    ),
    (
        "an index that is no longer unique",
        "DROP INDEX books_title; CREATE INDEX books_title ON books (title)",
        "index",
        "books",
        "unique index books_title",
        "not unique",
    ),
    (
        "an invalid index",
        "UPDATE pg_catalog.pg_index SET indisvalid = false WHERE indexrelid = 'loans_book'::regclass",
        "index",
        "loans",
        "index loans_book",
        "invalid",
    ),
    (
        "a dropped check",
        "ALTER TABLE books DROP CONSTRAINT books_pages",
        "constraint",
        "books",
        "check books_pages",
        "missing",
    ),
    (
        "a dropped foreign key",
        "ALTER TABLE loans DROP CONSTRAINT loans_book_fkey",
        "constraint",
        "loans",
        "foreign key loans_book_fkey",
        "missing",
    ),
    (
        "an unvalidated foreign key",
        "ALTER TABLE loans DROP CONSTRAINT loans_book_fkey;"
        " ALTER TABLE loans ADD CONSTRAINT loans_book_fkey"
        " FOREIGN KEY (book) REFERENCES books (id) NOT VALID",
        "constraint",
        "loans",
        "foreign key loans_book_fkey",
        "NOT VALID",
    ),
    (
        "a dropped primary key",
        "ALTER TABLE shelves DROP CONSTRAINT shelves_pkey",
        "constraint",
        "shelves",
        "primary key shelves_pkey",
        "missing",
    ),
    ("a dropped view", "DROP VIEW lent_books", "view", "", "view lent_books", "missing"),
    (
        "a sequence behind the data",
        "SELECT setval('books_id_seq', 4999, true)",
        "sequence",
        "books",
        "next key above 6000",
        "next key 5000",
    ),
    (
        "a sequence ahead of the data but behind the keys once given",
        "SELECT setval('books_id_seq', 6000, false)",
        "sequence",
        "books",
        "next key above 6000",
        "next key 6000",
    ),
    (
        "a changed type",
        "ALTER TABLE loans ALTER book TYPE bigint; ALTER TABLE shelves ALTER room TYPE varchar(100)",
        "column",
        "shelves",
        "text",
        "character varying(100)",
    ),
    (
        "a changed modifier",
        "ALTER TABLE books ALTER price TYPE numeric(12,2)",
        "column",
        "books",
        "numeric(10,2)",
        "numeric(12,2)",
    ),
    (
        "a dropped NOT NULL",
        "ALTER TABLE books ALTER title DROP NOT NULL",
        "column",
        "books",
        "NOT NULL",
        "nullable",
    ),
    (
        "a dropped default",
        "ALTER TABLE books ALTER isbn DROP DEFAULT",
        "column",
        "books",
        "DEFAULT 0",
        "no default",
    ),
    (
        "a generated column made ordinary",
        "ALTER TABLE books ALTER double_pages DROP EXPRESSION",
        "column",
        "books",
        "generated as pages * 2",
        "an ordinary column",
    ),
    ("a dropped column", "ALTER TABLE shelves DROP COLUMN room", "column", "shelves", "room", "missing"),
    ("a dropped table", "DROP TABLE visits", "table", "visits", "public.visits", "missing"),
]


@pytest.mark.parametrize("damage", OBJECT_DAMAGE, ids=lambda damage: damage[0])
def test_a_missing_or_weaker_object_is_named(
    library: Library, damage: tuple[str, str, str, str, str, str]
) -> None:
    _, statement, kind, table, source, target = damage
    library.on_target("SET search_path = public")
    with psycopg.connect(library.conninfo, options="-c search_path=public") as connection:
        connection.execute(statement)
    found = only(library)
    assert (found.kind, found.table, found.source, found.target) == (kind, table, source, target)


def test_an_identity_lost_is_named_with_its_sequence(library: Library) -> None:
    library.on_target("ALTER TABLE public.books ALTER id DROP IDENTITY")
    found = library.verify().differences
    assert [(item.kind, item.column, item.target) for item in found] == [
        ("column", "id", "not an identity column"),
        ("sequence", "id", "no sequence"),
    ]


def test_rows_are_compared_even_where_a_column_cannot_be(library: Library) -> None:
    library.on_target("ALTER TABLE public.books ALTER cover TYPE text USING encode(cover, 'hex')")
    library.on_target("UPDATE public.books SET pages = 475 WHERE id = 1")
    found = library.verify().differences
    assert [(item.kind, item.column) for item in found] == [
        ("column", "cover"),
        ("value", "pages"),
        ("value", "double_pages"),
    ]


def test_a_table_that_lost_its_key_column_is_compared_by_its_rows(library: Library) -> None:
    library.on_target("ALTER TABLE public.shelves DROP COLUMN code")
    library.on_target("UPDATE public.shelves SET room = 'x' WHERE room = 'room z'")
    proof = library.verify()
    assert proof.tables["shelves"].method == "rows"
    assert ("missing-row", "('room z')") in {(item.kind, item.source) for item in proof.differences}


def test_an_unvalidated_constraint_that_a_finding_told_is_no_difference(library: Library) -> None:
    library.on_target(
        "ALTER TABLE public.loans DROP CONSTRAINT loans_book_fkey;"
        "ALTER TABLE public.loans ADD CONSTRAINT loans_book_fkey"
        " FOREIGN KEY (book) REFERENCES public.books (id) NOT VALID"
    )
    step = next(step for step in library.plan.steps if step.kind is StepKind.FOREIGN_KEY)
    assert library.verify(expected_not_valid={step.id}).status is ProofStatus.PROVEN
    library.on_target("ALTER TABLE public.loans DROP CONSTRAINT loans_book_fkey")
    # There, but NOT VALID, is what was told: missing was not.
    assert only(library, expected_not_valid={step.id}).target == "missing"
    assert library.verify(expected_missing={step.id}).status is ProofStatus.PROVEN


def quarantine_of(*keys: SourceKey) -> set[str]:
    return {key.text for key in keys}


def test_quarantined_rows_are_expected_on_the_source_only(library: Library) -> None:
    library.on_target("DELETE FROM public.visits WHERE reader = 'bob'")
    library.on_target("DELETE FROM public.shelves WHERE code = 'z'")
    library.on_target("DELETE FROM public.books WHERE id = 5000")
    quarantined = {
        "visits": quarantine_of(SourceKey(rowid=4)),
        "shelves": quarantine_of(SourceKey(cells=(Cell.of("z"),))),
        "books": quarantine_of(SourceKey(rowid=5000)),
    }
    proof = library.verify(quarantined=quarantined)
    assert proof.differences == ()
    for name in quarantined:
        found = proof.tables[name]
        assert found.rows_quarantined == 1
        assert found.rows_source == found.rows_target + 1
    assert library.verify().difference_count == 3


@pytest.mark.parametrize(
    ("table", "key", "shown"),
    [
        ("books", SourceKey(rowid=5000), "5000"),
        ("shelves", SourceKey(cells=(Cell.of("z"),)), "'z'"),
        ("loans", SourceKey(rowid=1), "('ann', 0)"),
    ],
)
def test_a_row_in_quarantine_and_in_the_target_is_a_difference(
    library: Library, table: str, key: SourceKey, shown: str
) -> None:
    found = only(library, quarantined={table: quarantine_of(key)})
    assert (found.kind, found.table, found.key) == ("extra-row", table, shown)


@pytest.mark.parametrize(
    ("table", "key"),
    [("books", SourceKey(rowid=4711)), ("shelves", SourceKey(cells=(Cell.of("nowhere"),)))],
)
def test_a_quarantine_that_names_a_row_nobody_has_is_a_difference(
    library: Library, table: str, key: SourceKey
) -> None:
    found = only(library, quarantined={table: quarantine_of(key)})
    assert (found.kind, found.table) == ("row-count", table)


def test_differences_are_all_counted_and_the_first_ones_listed(library: Library) -> None:
    many = [(f"reader {number}", number) for number in range(3000)]
    source = [(reader, door) for reader, door in many]
    library.on_source("CREATE TABLE many (id INTEGER PRIMARY KEY, label TEXT)")
    for start in range(0, len(source), 500):
        rows = source[start : start + 500]
        marks = ", ".join(["(?, ?)"] * len(rows))
        library.on_source(
            f"INSERT INTO many (label, id) VALUES {marks}", [value for row in rows for value in row]
        )
    library.on_target("CREATE TABLE public.many (id bigint, label text)")
    with psycopg.connect(library.conninfo) as connection:
        copy_in(connection, "many", [(door, "wrong") for _, door in many])
    add_table(library, "many", "label")
    proof = library.verify(listed_max=10)
    assert proof.difference_count == 3000
    assert [item.key for item in proof.differences] == [str(number) for number in range(10)]


def test_a_large_table_with_a_text_key_names_the_one_row(library: Library) -> None:
    rows: Sequence[tuple[Any, ...]] = [(f"code {number}", f"room {number}") for number in range(40_000)]
    for start in range(0, len(rows), 10_000):
        part = rows[start : start + 10_000]
        library.on_source(
            "INSERT INTO shelves VALUES " + ", ".join(["(?, ?)"] * len(part)),
            [value for row in part for value in row],
        )
    with psycopg.connect(library.conninfo) as connection:
        connection.execute(
            "INSERT INTO public.shelves"
            " SELECT 'code ' || n, 'room ' || n FROM generate_series(39999, 0, -1) AS n"
        )
    table = dataclasses.replace(library.plan.table("shelves"), rows=len(rows))
    library.plan = dataclasses.replace(
        library.plan,
        tables=tuple(table if item.name == "shelves" else item for item in library.plan.tables),
    )
    assert library.verify().status is ProofStatus.PROVEN
    library.on_target("UPDATE public.shelves SET room = 'x' WHERE code = 'code 31234'")
    found = only(library)
    assert (found.key, found.column, found.target) == ("'code 31234'", "room", "'x'")


def test_a_weaker_equality_is_kept_named_and_counted(library: Library) -> None:
    library.on_target("ALTER TABLE public.books ALTER facts TYPE jsonb USING facts::jsonb")
    books = library.plan.table("books")
    columns = tuple(
        dataclasses.replace(item, type="jsonb", codec="jsonb") if item.name == "facts" else item
        for item in books.columns
    )
    tables = tuple(
        dataclasses.replace(table, columns=columns) if table.name == "books" else table
        for table in library.plan.tables
    )
    library.plan = dataclasses.replace(library.plan, tables=tables)
    proof = library.verify()
    assert proof.status is ProofStatus.PROVEN
    assert list(proof.tables["books"].equalities) == ["facts"]
    assert "JSON" in proof.tables["books"].equalities["facts"]
    # '{"a": 1}' and '[1,  2]' have spaces that jsonb does not keep; '"x"' and 'null' are as they were.
    assert proof.tables["books"].values_by_equality == {"facts": 2}
    library.on_target("UPDATE public.books SET facts = '[2, 1]' WHERE id = 2")
    found = only(library)
    assert (found.key, found.column) == ("2", "facts")


def test_every_server_version_is_proven_and_its_damage_seen(tmp_path: Path, any_server_database: str) -> None:
    library = build_library(tmp_path / "library.db", any_server_database)
    assert library.verify().differences == ()
    library.on_target("UPDATE public.books SET weight = 0.10000000000000002 WHERE id = 1")
    assert only(library).column == "weight"


def test_an_unfinished_transaction_of_somebody_else_does_not_matter(library: Library) -> None:
    with psycopg.connect(library.conninfo) as writer:
        writer.execute("DELETE FROM public.visits")
        assert library.verify().status is ProofStatus.PROVEN
    assert library.verify().difference_count == len(VISITS)
