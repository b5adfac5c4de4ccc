"""Both reading paths give exactly what SQLite stores, whatever is in the columns."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from howdah.errors import BugError, IntegrityError
from howdah.model.census import ColumnCensus, TableCensus
from howdah.model.limits import BATCH_BYTES, BATCH_ROWS
from howdah.model.source import Table
from howdah.sqlite.arrow_rows import read_arrow_batches
from howdah.sqlite.batches import SourceBatch, rows_per_batch
from howdah.sqlite.census import take_census, take_table_census
from howdah.sqlite.connect import open_snapshot
from howdah.sqlite.python_rows import fetch_rows_by_key, read_rows
from support.files import make_database
from support.shared import shared_path
from support.stored_values import (
    Text,
    catalog_of,
    insert_values,
    read_expected,
    rows_of,
    stored_values,
    table_of,
)


@dataclass(frozen=True)
class Shape:
    """A way to declare the table `t` of the property tests."""

    declaration: str
    #: Columns before the drawn ones: a counter from 0, where there is any.
    counter: str
    order: str


SHAPES = {
    "alias": Shape("(n INTEGER PRIMARY KEY, {})", "n", "n"),
    "plain": Shape("({})", "", "rowid"),
    "without rowid": Shape("(n INTEGER NOT NULL PRIMARY KEY, {}) WITHOUT ROWID", "n", "n"),
    "descending": Shape("(n INTEGER NOT NULL, {}, PRIMARY KEY (n DESC)) WITHOUT ROWID", "n", "n DESC"),
    "rowid shadowed": Shape("(rowid TEXT, {})", "rowid", "_rowid_"),
    "all shadowed": Shape("(rowid, _rowid_, oid, {})", "rowid", "rowid"),
}
#: Files of the shared collection whose pages are whole.
READABLE = (
    "anki_v2.anki2", "bad_utf8_text.db", "calibre_metadata.db", "chinook.sqlite", "chinook_autoinc.sqlite",
    "chinook_fts5.db", "chinook_utf16le.db", "coverage.db", "datasette_fixtures.db", "gtfs_sample.db",
    "ipython_history.sqlite", "naturalearth.gpkg", "northwind.db", "svn_wc.db", "wn_lexicon.db",
)  # fmt: skip
TYPES = ("", "INTEGER", "REAL", "TEXT", "NUMERIC", "BLOB")


def arrow_batches(path: Path, table: Table, columns: list[str]) -> list[SourceBatch]:
    census = take_census(str(path), [table]).table(table.name)
    return list(read_arrow_batches(str(path), table, columns, census))


def python_batches(path: Path, table: Table, columns: list[str], **limits: Any) -> list[SourceBatch]:
    with closing(open_snapshot(str(path))) as connection:
        return list(read_rows(connection, table.name, columns, rowid_name=table.rowid_name, **limits))


READERS = {"arrow": arrow_batches, "python": python_batches}


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(sorted(SHAPES)),
    st.lists(st.sampled_from(TYPES), min_size=1, max_size=4),
    st.data(),
    st.sampled_from(["UTF-8", "UTF-16le", "UTF-16be"]),
)
def test_random_tables_come_as_sqlite_stores_them(
    shape_name: str, types: list[str], data: st.DataObject, encoding: str
) -> None:
    shape = SHAPES[shape_name]
    drawn = [f"c {position}" for position in range(len(types))]
    rows = data.draw(st.lists(st.tuples(*(stored_values for _ in types)), max_size=12))
    counters = {"all shadowed": 3}.get(shape_name, 1 if shape.counter else 0)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "t.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA encoding = '{encoding}'")
            declared = ", ".join(f'"{name}" {kind}' for name, kind in zip(drawn, types, strict=True))
            connection.execute(f"CREATE TABLE t {shape.declaration.format(declared)}")
            insert_values(connection, "t", [[at] * counters + list(row) for at, row in enumerate(rows)])
            connection.commit()
        table = table_of(path, "t")
        columns = [column.name for column in table.columns]
        expected = read_expected(path, "t", columns, shape.order)
        for name, read in READERS.items():
            assert rows_of(read(path, table, columns), columns) == expected, name


@pytest.mark.parametrize("reader", READERS)
def test_a_value_that_does_not_fit_the_first_rows_is_not_converted(tmp_path: Path, reader: str) -> None:
    """2**53 + 1 after thousands of reals would be rounded, a real after texts printed with six digits."""
    path = make_database(
        tmp_path / "late.db",
        "CREATE TABLE t (a, b, c, d);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)"
        " INSERT INTO t SELECT i + 0.5, 'text', NULL, i FROM n;"
        "INSERT INTO t VALUES (9007199254740993, 0.1234567890123, x'00', 'late');",
    )
    columns = ["a", "b", "c", "d"]
    rows = rows_of(READERS[reader](path, table_of(path, "t"), columns), columns)
    assert rows == read_expected(path, "t", columns, "rowid")
    assert rows[-1][0] == ("integer", 9007199254740993)


@pytest.mark.parametrize("reader", READERS)
def test_invalid_utf8_far_into_a_table_leaves_every_other_row_as_it_is(tmp_path: Path, reader: str) -> None:
    path = tmp_path / "bad.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a, b)")
        rows: list[list[Any]] = [[at, f"größe {at}", at] for at in range(10_000)]
        rows[7_777][1] = Text(b"\xff\xfe bad")
        rows[9_000][2] = b"\xff\xfe blob"
        insert_values(connection, "t", rows)
        connection.commit()
    columns = ["id", "a", "b"]
    found = rows_of(READERS[reader](path, table_of(path, "t"), columns), columns)
    assert found == read_expected(path, "t", columns, "rowid")
    assert found[7_777][1] == ("text", b"\xff\xfe bad")


def test_python_rows_come_in_rowid_order_even_where_an_index_holds_all_columns(tmp_path: Path) -> None:
    path = make_database(
        tmp_path / "covered.db",
        "CREATE TABLE t (a INTEGER, b); CREATE INDEX i ON t (a, b); ANALYZE;"
        "INSERT INTO t (rowid, a, b) VALUES (30, 1, 'x'), (10, 3, 'y'), (20, 2, 'z');",
    )
    (batch,) = python_batches(path, table_of(path, "t"), ["a", "b"])
    assert batch.rowids is not None
    assert batch.rowids.tolist() == [10, 20, 30]
    assert batch.columns["a"].integer is not None
    assert batch.columns["a"].integer.to_pylist() == [3, 2, 1]


def test_ranges_take_every_row_exactly_once(tmp_path: Path) -> None:
    path = make_database(
        tmp_path / "sparse.db",
        "CREATE TABLE t (a);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
        " INSERT INTO t (rowid, a) SELECT i * i - 5000000000, i FROM n;",
    )
    table = table_of(path, "t")
    census = take_census(str(path), [table]).table("t")
    assert len(census.rowid_marks) >= 3
    whole = [list(batch.rowids) for batch in read_arrow_batches(str(path), table, ["a"], census)]  # type: ignore[arg-type]
    assert len(whole) == len(census.rowid_marks) + 1
    borders = [-(2**63), *census.rowid_marks[::2], census.rowid_marks[0] + 7, 2**63 - 1]
    lows = sorted(set(borders[:-1]))
    ranges = list(zip(lows, [*(low - 1 for low in lows[1:]), 2**63 - 1], strict=True))
    by_range = [
        rowid
        for low, high in ranges
        for batch in read_arrow_batches(str(path), table, ["a"], census, rowid_range=(low, high))
        for rowid in batch.rowids.tolist()  # type: ignore[union-attr]
    ]
    by_python = [
        rowid
        for low, high in ranges
        for batch in python_batches(path, table, ["a"], low=low, high=high)
        for rowid in batch.rowids.tolist()  # type: ignore[union-attr]
    ]
    everything = [at * at - 5_000_000_000 for at in range(1, 100_001)]
    assert by_range == everything
    assert by_python == everything


def test_arrow_batches_stay_small_where_long_rows_stand_together(tmp_path: Path) -> None:
    """On average the rows are short; 60 MB of them stand side by side."""
    path = tmp_path / "lumpy.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
        connection.executemany("INSERT INTO t (a) VALUES (?)", [("short",)] * 50_000)
        connection.executemany("INSERT INTO t (a) VALUES (?)", [(b"x" * 1_000_000,)] * 60)
        connection.executemany("INSERT INTO t (a) VALUES (?)", [("short",)] * 50_000)
        connection.commit()
    table = table_of(path, "t")
    census = take_census(str(path), [table]).table("t")
    batches = list(read_arrow_batches(str(path), table, ["id", "a"], census))
    assert sum(batch.length for batch in batches) == 100_060
    sizes = [
        sum(part.nbytes for part in (batch.columns["a"].text, batch.columns["a"].blob) if part is not None)
        for batch in batches
    ]
    assert max(sizes) < 12 * 1024 * 1024


def test_types_other_than_the_census_promised_stop_the_load(tmp_path: Path) -> None:
    path = make_database(tmp_path / "t.db", "CREATE TABLE t (a); INSERT INTO t VALUES (1), (2);")
    table = table_of(path, "t")
    census = take_census(str(path), [table]).table("t")
    make_database(path, "UPDATE t SET a = 'two' WHERE a = 2")
    with pytest.raises(BugError) as raised:
        list(read_arrow_batches(str(path), table, ["a"], census))
    assert raised.value.code == "S-902"


def test_rows_are_found_by_key_exactly(tmp_path: Path) -> None:
    path = make_database(
        tmp_path / "keys.db",
        "CREATE TABLE t (k TEXT COLLATE NOCASE, n NUMERIC, v);"
        "INSERT INTO t VALUES ('a', 1, 'first'), ('A', 1, 'second'), ('b', 2.5, x'01'), (x'61', 1, 'blob');",
    )
    table = table_of(path, "t")
    with closing(open_snapshot(str(path))) as connection:
        batch = fetch_rows_by_key(connection, table, ["k", "n"], [("A", 1), ("b", 2.5), ("a", 1), (b"a", 1)])
        values = [row[2] for row in rows_of([batch], ["k", "n", "v"])]
        assert values == [("text", b"second"), ("blob", b"\x01"), ("text", b"first"), ("text", b"blob")]
        with pytest.raises(BugError):
            fetch_rows_by_key(connection, table, ["k"], [("c",)])


def test_rows_are_found_by_key_under_a_collation_that_only_the_application_has(tmp_path: Path) -> None:
    path = tmp_path / "collation.db"
    with closing(sqlite3.connect(path)) as connection:
        # Backwards: a search that took another order for the index's would miss.
        connection.create_collation("backwards", lambda left, right: (left < right) - (left > right))
        connection.execute("CREATE TABLE t (k TEXT COLLATE backwards PRIMARY KEY, v)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", [(f"key {at}", at) for at in range(500)])
        connection.commit()
    table = table_of(path, "t")
    with closing(open_snapshot(str(path))) as connection:
        batch = fetch_rows_by_key(connection, table, ["k"], [(f"key {at}",) for at in range(500)], ["v"])
    assert batch.columns["v"].integer is not None
    assert batch.columns["v"].integer.to_pylist() == list(range(500))


@pytest.mark.parametrize("reader", READERS)
def test_a_table_ordered_by_a_collation_of_the_application_is_read_whole(tmp_path: Path, reader: str) -> None:
    path = tmp_path / "collation.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.create_collation("backwards", lambda left, right: (left < right) - (left > right))
        connection.execute("CREATE TABLE t (k TEXT COLLATE backwards PRIMARY KEY, v) WITHOUT ROWID")
        connection.executemany("INSERT INTO t VALUES (?, ?)", [(f"key {at:03}", at) for at in range(500)])
        connection.commit()
    batches = READERS[reader](path, table_of(path, "t"), ["k", "v"])
    assert [row[1] for row in rows_of(batches, ["k", "v"])] == [
        ("integer", at) for at in reversed(range(500))
    ]


def test_a_damaged_page_is_an_error_on_both_paths(tmp_path: Path) -> None:
    path = make_database(
        tmp_path / "damaged.db",
        "CREATE TABLE t (a); "
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
        " INSERT INTO t SELECT hex(randomblob(100)) FROM n;",
    )
    table = table_of(path, "t")
    census = take_census(str(path), [table]).table("t")
    content = bytearray(path.read_bytes())
    content[4096 * 20 : 4096 * 21] = bytes(4096)
    path.write_bytes(content)
    with pytest.raises(IntegrityError) as raised:
        python_batches(path, table, ["a"])
    assert raised.value.code == "S-042"
    with pytest.raises(IntegrityError) as raised:
        list(read_arrow_batches(str(path), table, ["a"], census))
    assert raised.value.code == "S-041"
    unreadable = take_census(str(path), [table])
    assert unreadable.tables == ()
    assert unreadable.unreadable == (("t", "database disk image is malformed"),)


@pytest.mark.parametrize("key", ["INTEGER PRIMARY KEY", "TEXT", "INTEGER NOT NULL PRIMARY KEY"])
@pytest.mark.parametrize("batch_rows", [3, 1000])
def test_what_adbc_cannot_compute_is_read_on_by_the_other_library(
    tmp_path: Path, key: str, batch_rows: int
) -> None:
    path = tmp_path / "built.db"
    ending = " WITHOUT ROWID" if "NOT NULL" in key else ""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE t (id {key}, a){ending}")
        values = [(number, 1 if number <= 7 else b"a") for number in range(1, 12)]
        connection.executemany("INSERT INTO t VALUES (?, ?)", values)
        # Of a BLOB, ADBC's SQLite comes to the ESCAPE and fails, APSW's does not.
        escape = "'!' || iif(typeof(a) = 'blob', '!', '')"
        connection.execute(f"ALTER TABLE t ADD COLUMN v AS (a LIKE '1' ESCAPE ({escape}))")
        connection.commit()
    columns = ["id", "a", "v"]
    table = table_of(path, "t")
    census = take_census(str(path), [table]).table("t")
    expected = read_expected(path, "t", columns, "id" if ending else "rowid")
    assert rows_of(list(read_arrow_batches(str(path), table, columns, census)), columns) == expected
    # A cause that nobody knows yet: nothing in the column's expression tells that it will fail.
    told = [replace(each, generated_sql=each.generated_sql and "1") for each in table.columns]
    table = replace(table, columns=tuple(told))
    batches = list(read_arrow_batches(str(path), table, columns, census, batch_rows=batch_rows))
    assert rows_of(batches, columns) == expected
    if not ending:
        ranged = list(
            read_arrow_batches(str(path), table, columns, census, rowid_range=(5, 10), batch_rows=2)
        )
        assert rows_of(ranged, columns) == expected[4:10]


def test_generated_columns_are_read_and_counted(tmp_path: Path) -> None:
    path = make_database(
        tmp_path / "generated.db",
        "CREATE TABLE t (a INTEGER, v AS (a * 2), s TEXT AS (a || '!') STORED);"
        "INSERT INTO t (a) VALUES (1), (2);",
    )
    table = table_of(path, "t")
    columns = ["a", "v", "s"]
    expected = read_expected(path, "t", columns, "rowid")
    for read in READERS.values():
        assert rows_of(read(path, table, columns), columns) == expected
    with closing(open_snapshot(str(path))) as connection:
        assert take_table_census(connection, table).column("v").integer_max == 4


def test_catalog_and_readers_agree_on_every_table_of_a_file(tmp_path: Path) -> None:
    path = make_database(
        tmp_path / "names.db",
        'CREATE TABLE "odd ""name" ("select" INTEGER, "a.b", "ü" TEXT);'
        "INSERT INTO \"odd \"\"name\" VALUES (1, 'x', 'y');",
    )
    for table in catalog_of(path).tables:
        columns = [column.name for column in table.columns]
        expected = read_expected(path, table.name, columns, "rowid")
        for read in READERS.values():
            assert rows_of(read(path, table, columns), columns) == expected


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(("encoding", "codec"), [("UTF-16le", "utf-16-le"), ("UTF-16be", "utf-16-be")])
def test_half_surrogate_pairs_in_utf16_come_as_sqlite_translates_them(
    tmp_path: Path, reader: str, encoding: str, codec: str
) -> None:
    path = tmp_path / "halves.db"
    whole = "fine 🐘"
    halves = [
        "\ud83d",
        "a\ud83d",
        "\ud83db",
        "\udc18\ud83d",
        "\ud83d\ud83d\udc18",
        "\udfff",
        "x\udbff\ue000y",
    ]
    # Python's sqlite3 cannot store them, so characters of the same length are exchanged in the file.
    stand_ins = [
        "".join(chr(ord(unit) + 0x1800) if "\ud800" <= unit <= "\udfff" else unit for unit in text)
        for text in halves
    ]
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA encoding = '{encoding}'")
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
        connection.executemany(
            "INSERT INTO t (a) VALUES (?)", [(f"{text}.",) for text in (whole, *stand_ins)]
        )
        connection.executemany("INSERT INTO t (a) VALUES (?)", [(text,) for text in stand_ins])
        connection.commit()
    content = path.read_bytes()
    for half, stand_in in sorted(zip(halves, stand_ins, strict=True), key=lambda pair: -len(pair[0])):
        assert stand_in.encode(codec) in content
        content = content.replace(stand_in.encode(codec), half.encode(codec, "surrogatepass"))
    path.write_bytes(content)
    found = rows_of(READERS[reader](path, table_of(path, "t"), ["id", "a"]), ["id", "a"])
    assert found == read_expected(path, "t", ["id", "a"], "id")
    assert found[0][1] == ("text", f"{whole}.".encode())
    # Alone at the end a half stays alone, and is not UTF-8.
    assert found[8][1] == ("text", b"\xed\xa0\xbd")


def test_batches_of_a_table_without_rowid_follow_average_and_longest_row() -> None:
    def rows(average: int, longest: int, count: int = 100_000) -> int:
        column = ColumnCensus(name="a", texts=count, text_bytes_max=longest)
        return rows_per_batch(
            TableCensus(name="t", rows=count, columns=(column,), bytes_total=average * count)
        )

    assert rows(100, 100) == BATCH_ROWS
    assert rows(1_000, 1_200) == BATCH_BYTES // 1_000
    assert rows(1_000, 100_000) == BATCH_BYTES // 1_000 // 8
    for average, longest in ((10, 4_000_000), (100, 400_000), (100_000, 4_000_000), (4_000_000, 4_000_000)):
        assert rows(average, longest) >= 1
        assert rows(average, longest) * longest <= 256 * 1024 * 1024
    assert rows(0, 0, count=0) == BATCH_ROWS


@pytest.mark.shared
@pytest.mark.parametrize("name", READABLE)
def test_every_table_of_the_collection_comes_as_sqlite_stores_it(name: str) -> None:
    path = shared_path("databases", name)
    for table in catalog_of(path).tables:
        if table.kind not in ("table", "shadow"):
            continue
        columns = [column.name for column in table.columns]
        order = table.rowid_name or ", ".join(f'"{key}"' for key in table.primary_key)
        expected = read_expected(path, table.name, columns, order)
        for reader, read in READERS.items():
            assert rows_of(read(path, table, columns), columns) == expected, (reader, table.name)
