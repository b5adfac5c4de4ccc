"""Values too long for a batch: counted, left out of the load's batches, and read in slices."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from howdah.model.limits import BIG_VALUE_BYTES
from howdah.model.source import StorageClass
from howdah.sqlite.arrow_rows import read_arrow_batches
from howdah.sqlite.big_values import SLICE_BYTES, columns_with_big_values, read_big_rows
from howdah.sqlite.census import take_census
from howdah.sqlite.connect import open_snapshot
from howdah.sqlite.python_rows import read_rows
from support.files import make_database
from support.stored_values import rows_of, table_of

AT_THE_LIMIT = "x" * BIG_VALUE_BYTES
LONG_BLOB = bytes(range(256)) * (BIG_VALUE_BYTES // 256 + 1)
#: Characters of two and three bytes, so that slices cut some in two.
LONG_TEXT = "a" + "ä中" * (BIG_VALUE_BYTES // 4)
LONG_JSON = json.dumps(["j" * 100] * (BIG_VALUE_BYTES // 100))

ROWS: list[tuple[Any, ...]] = [
    (1, "short", 1.5, "[1]"),
    (2, LONG_TEXT, LONG_BLOB, LONG_JSON),
    (3, AT_THE_LIMIT, AT_THE_LIMIT.encode(), "{}"),
    (4, None, AT_THE_LIMIT.encode() + b"y", None),
    (5, "after", b"after", "2"),
]
COLUMNS = ["id", "body", "image", "doc"]
DECLARATIONS = {
    "rowid": "(id INTEGER PRIMARY KEY, body, image, doc)",
    "without rowid": "(id INTEGER NOT NULL PRIMARY KEY, body, image, doc) WITHOUT ROWID",
    "generated": "(id INTEGER PRIMARY KEY, body, image, doc, twice AS (id * 2))",
    "no name for the rowid": "(id INTEGER, body, image, doc, rowid, _rowid_, oid)",
}


def make_pages(path: Path, declaration: str, encoding: str) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA encoding = '{encoding}'")
        connection.execute(f"CREATE TABLE pages {declaration}")
        connection.executemany("INSERT INTO pages (id, body, image, doc) VALUES (?, ?, ?, ?)", ROWS)
        connection.commit()
    return path


def is_big(value: Any, encoding: str) -> bool:
    if isinstance(value, str):
        return len(value.encode(encoding.lower())) > BIG_VALUE_BYTES
    return isinstance(value, bytes) and len(value) > BIG_VALUE_BYTES


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
@pytest.mark.parametrize("kind", DECLARATIONS)
def test_big_rows_are_apart_and_whole(tmp_path: Path, kind: str, encoding: str) -> None:
    path = make_pages(tmp_path / "pages.db", DECLARATIONS[kind], encoding)
    table = table_of(path, "pages")
    census = take_census(str(path), [table]).table("pages")
    big_ids = [row[0] for row in ROWS if any(is_big(value, encoding) for value in row)]
    assert census.big_rows == len(big_ids)
    batches = list(read_arrow_batches(str(path), table, COLUMNS, census))
    small_ids = [row[0][1] for row in rows_of(batches, COLUMNS)]
    assert small_ids == [row[0] for row in ROWS if row[0] not in big_ids]

    found = list(read_big_rows(str(path), table, COLUMNS, columns_with_big_values(census)))
    assert [row.cells["id"].content for row in found] == big_ids
    for big_row in found:
        expected = dict(zip(COLUMNS, ROWS[int(big_row.cells["id"].value) - 1], strict=True))
        if kind in ("rowid", "generated"):
            assert big_row.key.rowid == expected["id"]
        elif kind == "without rowid":
            assert big_row.key.cells == (big_row.cells["id"],)
        assert set(big_row.big) == {name for name, value in expected.items() if is_big(value, encoding)}
        for name, value in expected.items():
            content = value.encode() if isinstance(value, str) else value
            if name not in big_row.big:
                assert big_row.cells[name].content == content
                continue
            big = big_row.big[name]
            pieces = list(big.slices())
            assert b"".join(pieces) == content
            assert max(map(len, pieces)) <= SLICE_BYTES
            assert big.length == len(content)
            assert big.storage_class is (StorageClass.TEXT if isinstance(value, str) else StorageClass.BLOB)


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
@pytest.mark.parametrize("kind", DECLARATIONS)
def test_the_census_counts_big_values_as_exactly_as_small_ones(
    tmp_path: Path, kind: str, encoding: str
) -> None:
    path = make_pages(tmp_path / "pages.db", DECLARATIONS[kind], encoding)
    census = take_census(str(path), [table_of(path, "pages")]).table("pages")
    for position, name in enumerate(COLUMNS):
        values = [row[position] for row in ROWS]
        texts = [value for value in values if isinstance(value, str)]
        blobs = [value for value in values if isinstance(value, bytes)]
        column = census.column(name)
        assert (column.texts, column.blobs) == (len(texts), len(blobs))
        assert column.nulls == values.count(None)
        assert column.text_bytes_max == max((len(text.encode()) for text in texts), default=0)
        assert column.text_chars_max == max(map(len, texts), default=0)
        assert column.blob_bytes_max == max(map(len, blobs), default=0)
        assert column.big_values == sum(is_big(value, encoding) for value in values)
        assert column.texts_invalid_utf8 == column.texts_with_nul == 0
    assert census.column("doc").text_shapes == {"json"}
    assert census.column("doc").json_documents == 3
    assert census.column("body").text_shapes == frozenset()


def test_nul_and_invalid_bytes_in_big_texts_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "odd.db"
    odd = {
        "nul": b"a" * BIG_VALUE_BYTES + b"\0b",
        "invalid": b"[" + b"a" * BIG_VALUE_BYTES + b"\xff]",
        "cut": b"a" * BIG_VALUE_BYTES + b"\xc3",
        "nul in json": b"[1]\0" + b" " * BIG_VALUE_BYTES,
        "open": b"[" + b" " * BIG_VALUE_BYTES,
    }
    with closing(sqlite3.connect(path)) as connection:
        declared = ", ".join(f'"{name}" JSON TEXT' for name in odd)
        connection.execute(f"CREATE TABLE t ({declared})")
        places = ", ".join("CAST(? AS TEXT)" for _ in odd)
        connection.execute(f"INSERT INTO t VALUES ({places})", list(odd.values()))
        connection.commit()
    census = take_census(str(path), [table_of(path, "t")]).table("t")
    assert [column.texts_with_nul for column in census.columns] == [1, 0, 0, 1, 0]
    assert [column.texts_invalid_utf8 for column in census.columns] == [0, 1, 1, 0, 0]
    assert [column.json_documents for column in census.columns] == [0] * 5
    assert all(not column.text_shapes for column in census.columns)


def test_the_proof_reads_big_values_as_null_and_says_in_which_columns(tmp_path: Path) -> None:
    path = make_pages(tmp_path / "pages.db", DECLARATIONS["rowid"], "UTF-8")
    with closing(open_snapshot(str(path))) as connection:
        batches = list(read_rows(connection, "pages", COLUMNS, rowid_name="rowid"))
    rows = rows_of(batches, COLUMNS)
    assert [row[0][1] for row in rows] == [1, 2, 3, 4, 5]
    assert rows[1][1:] == [("null", None)] * 3
    assert rows[2][1] == ("text", AT_THE_LIMIT.encode())
    found, first = [], 0
    for batch in batches:
        found += [(name, first + place) for name, places in batch.big.items() for place in places]
        first += batch.length
    assert sorted(found) == sorted(
        (name, place)
        for place, row in enumerate(ROWS)
        for name, value in zip(COLUMNS, row, strict=True)
        if is_big(value, "UTF-8")
    )


def test_long_values_here_and_there_leave_every_row_in_its_place(tmp_path: Path) -> None:
    """Every switch of the reader: short, longer, too long, not UTF-8, and back, with and without rowid."""
    rows: list[tuple[int, Any]] = [(at, f"row {at}") for at in range(6_000)]
    for at in (0, 17, 300, 301, 2_999, 5_999):
        rows[at] = (at, "m" * 100_000)
    for at in (18, 1_000, 5_998):
        rows[at] = (at, b"b" * (BIG_VALUE_BYTES + at))
    rows[3_500] = (3_500, "late")
    for option in ("", " WITHOUT ROWID"):
        path = tmp_path / f"mixed{option.strip()}.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"CREATE TABLE t (id INTEGER PRIMARY KEY, a){option}")
            connection.executemany("INSERT INTO t VALUES (?, ?)", rows)
            connection.execute("UPDATE t SET a = CAST(x'ff00fe' AS TEXT) WHERE id = 3500")
            connection.commit()
        table = table_of(path, "t")
        with closing(open_snapshot(str(path))) as connection:
            batches = list(read_rows(connection, "t", ["id", "a"], rowid_name=table.rowid_name))
        expected = [
            [("integer", at), ("null", None) if is_big(value, "UTF-8") else as_stored(value)]
            for at, value in rows
        ]
        expected[3_500][1] = ("text", b"\xff\x00\xfe")
        assert rows_of(batches, ["id", "a"]) == expected
        census = take_census(str(path), [table]).table("t")
        assert (census.rows, census.big_rows) == (6_000, 3)
        assert census.column("a").blob_bytes_max == BIG_VALUE_BYTES + 5_998
        assert (
            census.column("a").bytes_total
            == sum(len(value) for at, (_, value) in enumerate(rows) if at != 3_500) + 3
        )


def as_stored(value: str | bytes) -> tuple[str, bytes]:
    return ("text", value.encode()) if isinstance(value, str) else ("blob", value)


#: Runs in a process of its own and prints the megabytes that were resident at most beyond the start.
_MEASURE = """
import resource, sys, pathlib
sys.path[:0] = {path!r}
from support.stored_values import table_of
from contextlib import closing
from howdah.sqlite.connect import open_snapshot
from howdah.sqlite.census import take_census
from howdah.sqlite.python_rows import read_rows
from howdah.sqlite.arrow_rows import read_arrow_batches
table = table_of(pathlib.Path({file!r}), "t")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
census = take_census({file!r}, [table]).table("t")
{work}
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // {unit})
"""
_WORK = {
    "census": "",
    "python": (
        "with closing(open_snapshot({file!r})) as connection:\n"
        "    for batch in read_rows(connection, 't', ['id', 'a', 'b'], rowid_name=table.rowid_name): pass"
    ),
    "arrow": "for batch in read_arrow_batches({file!r}, table, ['id', 'a', 'b'], census): pass",
}


def fill_with_megabytes(connection: sqlite3.Connection) -> None:
    connection.executemany(
        "INSERT INTO t (a, b) VALUES (?, ?)", ((b"x" * 3_900_000, "y" * 3_900_000) for _ in range(60))
    )


def fill_with_pages(connection: sqlite3.Connection) -> None:
    connection.executemany("INSERT INTO t (a, b) VALUES (?, ?)", [(1, "y")] * 20_000)
    connection.executemany(
        "INSERT INTO t (a, b) VALUES (?, ?)", (("x" * 60_000, "y" * 60_000) for _ in range(4_000))
    )


def fill_with_one_giant(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO t (a, b) VALUES (zeroblob(400000000), 'b')")


@pytest.mark.slow
@pytest.mark.parametrize("work", _WORK)
@pytest.mark.parametrize("fill", [fill_with_megabytes, fill_with_pages, fill_with_one_giant])
def test_memory_is_bounded_whatever_the_rows_are(
    tmp_path: Path, work: str, fill: Callable[[sqlite3.Connection], None]
) -> None:
    path = make_database(tmp_path / "t.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b)")
    with closing(sqlite3.connect(path)) as connection:
        fill(connection)
        connection.commit()
    script = _MEASURE.format(
        path=[part for part in sys.path if part],
        file=str(path),
        work=_WORK[work].format(file=str(path)),
        unit=1024 * 1024 if sys.platform == "darwin" else 1024,
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 200


def test_the_digest_of_slices_is_that_of_the_value(tmp_path: Path) -> None:
    path = make_pages(tmp_path / "pages.db", DECLARATIONS["rowid"], "UTF-8")
    table = table_of(path, "pages")
    census = take_census(str(path), [table]).table("pages")
    digests = {}
    for row in read_big_rows(str(path), table, ["image"], columns_with_big_values(census)):
        for value in row.big.values():
            digest = hashlib.sha256()
            for piece in value.slices():
                digest.update(piece)
            digests[row.key.rowid] = digest.hexdigest()
    assert digests == {row[0]: hashlib.sha256(row[2]).hexdigest() for row in ROWS if is_big(row[2], "UTF-8")}
