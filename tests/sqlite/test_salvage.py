"""What can be read of a damaged file is carried; what cannot is listed by table and row numbers."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import pytest

from howdah.errors import IntegrityError
from howdah.model.report import RunReport
from howdah.ops.migrate import MigrateRequest, migrate
from howdah.ops.verify import VerifyRequest, verify_run
from howdah.sqlite.salvage import salvage
from support.files import make_database
from support.runs import target_request

_PAGE = 1024
_ROWS = 400
_SCRIPT = f"""
    PRAGMA page_size = {_PAGE};
    CREATE TABLE other (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT);
    INSERT INTO other VALUES (1, 'x'), (2, 'y'); UPDATE sqlite_sequence SET seq = 77;
    CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL, b BLOB, g TEXT AS (a || '!') STORED);
    WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < {_ROWS})
        INSERT INTO t (id, a, b) SELECT i, 'row ' || i, zeroblob(40) FROM n;
    CREATE INDEX by_a ON t (a);
    CREATE VIEW v AS SELECT id FROM t;
    CREATE TABLE keyed (k TEXT PRIMARY KEY, a TEXT) WITHOUT ROWID;
    INSERT INTO keyed SELECT printf('%05d', id), a FROM t;
    PRAGMA user_version = 9;
"""


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sound file, to be damaged by a test."""
    monkeypatch.setenv("HOWDAH_HOME", str(tmp_path / "howdah-home"))
    return make_database(tmp_path / "source.db", _SCRIPT)


def _migrate(source: Path, database: str, *, salvage: bool) -> RunReport:
    return migrate(MigrateRequest(source=str(source), target=target_request(database), salvage=salvage))


def _leaf_pages(source: Path, table: str) -> list[int]:
    """Numbers of the leaves of a table's tree, from left to right, read from the file itself."""
    with closing(sqlite3.connect(source)) as connection:
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = ? AND rootpage > 0", (table,)
        ).fetchone()
    content = source.read_bytes()

    def leaves(page: int) -> list[int]:
        at = (page - 1) * _PAGE
        if content[at] in (13, 10):
            return [page]
        count = int.from_bytes(content[at + 3 : at + 5], "big")
        found: list[int] = []
        for cell in range(count):
            place = at + int.from_bytes(content[at + 12 + 2 * cell : at + 14 + 2 * cell], "big")
            found += leaves(int.from_bytes(content[place : place + 4], "big"))
        return found + leaves(int.from_bytes(content[at + 8 : at + 12], "big"))

    return leaves(root)


def _ids_in(source: Path, page: int) -> list[int]:
    """Row numbers in a leaf, from the cells themselves (numbers below 16384, payload below 128)."""
    content = source.read_bytes()[(page - 1) * _PAGE : page * _PAGE]
    ids = []
    for cell in range(int.from_bytes(content[3:5], "big")):
        place = int.from_bytes(content[8 + 2 * cell : 10 + 2 * cell], "big") + 1
        first, second = content[place], content[place + 1]
        ids.append(first if first < 128 else (first & 127) << 7 | second)
    return ids


def _zero(source: Path, pages: list[int]) -> None:
    with source.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * _PAGE)
            file.write(bytes(_PAGE))


def _rows(database: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database) as connection:
        return connection.execute(query.encode()).fetchall()


def _found(report: RunReport, code: str) -> list[tuple[str, str]]:
    return [(finding.object, finding.message) for finding in report.findings if finding.code == code]


def test_without_salvage_nothing_is_written_and_salvage_is_named(source: Path, database: str) -> None:
    _zero(source, _leaf_pages(source, "t")[3:4])
    with pytest.raises(IntegrityError, match="damaged") as refusal:
        _migrate(source, database, salvage=False)
    assert "--salvage" in refusal.value.hint
    assert _rows(database, "SELECT 1 FROM pg_namespace WHERE nspname = 'howdah'") == []


def test_a_sound_file_with_salvage_is_carried_as_ever(source: Path, database: str) -> None:
    report = _migrate(source, database, salvage=True)
    assert (report.exit_status, _found(report, "F-110")) == (0, [])


@pytest.mark.parametrize(
    "choose",
    [
        pytest.param(lambda leaves: leaves[3:4], id="one leaf"),
        pytest.param(lambda leaves: leaves[3:6], id="leaves in a row"),
        pytest.param(
            lambda leaves: [leaves[2], leaves[8], leaves[9], leaves[15]], id="leaves here and there"
        ),
        pytest.param(lambda leaves: leaves[:1], id="the first leaf"),
        pytest.param(lambda leaves: leaves[-1:], id="the last leaf"),
    ],
)
def test_zeroed_pages_lose_their_rows_and_no_others(
    choose: Callable[[list[int]], list[int]], source: Path, database: str
) -> None:
    pages = choose(_leaf_pages(source, "t"))
    lost = sorted(number for page in pages for number in _ids_in(source, page))
    assert lost
    original = source.read_bytes()
    _zero(source, pages)
    damaged = source.read_bytes()
    assert damaged != original

    report = _migrate(source, database, salvage=True)

    assert (report.exit_status, report.status) == (8, "damaged")
    assert source.read_bytes() == damaged
    kept = [number for number in range(1, _ROWS + 1) if number not in lost]
    assert _rows(database, "SELECT id FROM t ORDER BY id") == [(number,) for number in kept]
    assert _rows(database, "SELECT count(*) FROM t WHERE a <> 'row ' || id OR g <> a || '!'") == [(0,)]
    assert _rows(database, "SELECT count(*), max(k) FROM keyed") == [(_ROWS, f"{_ROWS:05}")]
    assert _rows(database, "SELECT nextval('other_id_seq')") == [(78,)]
    told = " ".join(message for object_name, message in _found(report, "F-108") if object_name == 'table "t"')
    edges = [number for number in lost if number - 1 not in lost and number > 1]
    assert all(f"from number {number} " in told for number in edges), told
    assert {"F-110", "F-005"} <= {finding.code for finding in report.findings}
    assert all(table.proof is not None and table.proof.status == "proven" for table in report.tables)

    again = _migrate(source, database, salvage=True)
    assert (again.repeated, again.exit_status) == (True, 8)
    checked = verify_run(VerifyRequest(source=str(source), target=target_request(database), salvage=True))
    assert (checked.exit_status, checked.differences) == (8, ())


def test_a_truncated_file_keeps_what_stands_before_the_end(source: Path, database: str) -> None:
    size = source.stat().st_size
    with source.open("r+b") as file:
        file.truncate(size * 6 // 10 + 100)

    report = _migrate(source, database, salvage=True)

    assert report.exit_status == 8
    assert _rows(database, "SELECT a FROM other") == [("x",), ("y",)]
    ids = [number for (number,) in _rows(database, "SELECT id FROM t ORDER BY id")]
    assert 50 < len(ids) <= _ROWS
    assert _rows(database, "SELECT count(*) FROM t WHERE a <> 'row ' || id") == [(0,)]
    assert any("bytes are missing at the end" in message for _, message in _found(report, "F-109"))


def test_a_wrong_page_count_in_the_header_loses_nothing(source: Path, database: str) -> None:
    with source.open("r+b") as file:
        file.seek(28)
        pages = int.from_bytes(file.read(4), "big")
        file.seek(28)
        file.write((pages + 7).to_bytes(4, "big"))

    report = _migrate(source, database, salvage=True)

    assert _rows(database, "SELECT count(*) FROM t") == [(_ROWS,)]
    assert _rows(database, "SELECT count(*) FROM keyed") == [(_ROWS,)]
    assert report.exit_status == 8


def test_a_schema_entry_that_cannot_be_read_costs_its_table_alone(source: Path, database: str) -> None:
    with closing(sqlite3.connect(source)) as connection:
        connection.executescript(
            "PRAGMA writable_schema = ON;"
            "UPDATE sqlite_schema SET sql = 'CREATE TABLE keyed (((' WHERE name = 'keyed';"
            "UPDATE sqlite_schema SET sql = 'CREATE VIEW v AS SELEC' WHERE name = 'v';"
        )

    report = _migrate(source, database, salvage=True)

    assert report.exit_status == 8
    assert [table.name for table in report.tables] == ["other", "t"]
    assert _rows(database, "SELECT count(*) FROM t") == [(_ROWS,)]
    assert {name for name, _ in _found(report, "F-109")} == {'table "keyed"', 'view "v"'}


def _keys_in(source: Path, pages: list[int]) -> list[str]:
    """The keys (five digits) that stand in these leaves, found as text."""
    content = source.read_bytes()
    found = []
    for page in pages:
        part = content[(page - 1) * _PAGE : page * _PAGE]
        found += [key.decode() for key in re.findall(rb"(\d{5})row \d", part)]
    return sorted(found)


@pytest.mark.parametrize(
    "choose",
    [
        pytest.param(lambda leaves: leaves[3:4], id="one leaf"),
        pytest.param(lambda leaves: leaves[2:5], id="leaves in a row"),
        pytest.param(lambda leaves: [leaves[1], leaves[4], leaves[7]], id="leaves here and there"),
        pytest.param(lambda leaves: leaves[:1], id="the first leaf"),
        pytest.param(lambda leaves: leaves[-1:], id="the last leaf"),
    ],
)
@pytest.mark.parametrize("order", ["", " DESC"])
def test_a_damaged_table_without_rowid_loses_the_rows_of_its_pages_alone(
    choose: Callable[[list[int]], list[int]], order: str, tmp_path: Path, database: str, source: Path
) -> None:
    path = make_database(
        tmp_path / "keyed.db",
        _SCRIPT.replace("k TEXT PRIMARY KEY, a TEXT", f"k TEXT, a TEXT, PRIMARY KEY (k{order})"),
    )
    pages = choose(_leaf_pages(path, "keyed"))
    lost = _keys_in(path, pages)
    assert lost
    _zero(path, pages)

    report = _migrate(path, database, salvage=True)

    every = [f"{number:05}" for number in range(1, _ROWS + 1)]
    kept = [key for (key,) in _rows(database, "SELECT k FROM keyed ORDER BY k")]
    # Between leaves in a row stand keys on the page above that no walk can come by.
    unreachable = sorted(set(every) - set(lost) - set(kept))
    assert set(kept).isdisjoint(lost)
    assert len(unreachable) == sum(1 for key in unreachable if f"{int(key) - 1:05}" in lost)
    assert len(unreachable) <= len(pages) - 1
    assert report.exit_status == 8
    told = [message for name, message in _found(report, "F-108") if name == 'table "keyed"']
    missing = sorted(set(every) - set(kept))
    expected = set()
    for low, high in pairwise(["", *kept, ""]):
        between = [key for key in missing if (not low or key > low) and (not high or key < high)]
        if between:
            first, second = (high, low) if order else (low, high)
            expected.add(_key_range(first, second))
    assert set(told) == expected


def _key_range(low: str, high: str) -> str:
    if not low:
        return f"Rows before key '{high}' cannot be read."
    if not high:
        return f"Rows after key '{low}' cannot be read."
    return f"Rows between the keys '{low}' and '{high}' cannot be read."


def test_keys_of_several_columns_and_classes_are_named_and_their_neighbours_kept(
    tmp_path: Path, database: str, source: Path
) -> None:
    path = make_database(
        tmp_path / "composite.db",
        f"""
        PRAGMA page_size = {_PAGE}; PRAGMA encoding = 'UTF-16le';
        CREATE TABLE c (a TEXT COLLATE NOCASE, n, payload TEXT, PRIMARY KEY (n, a)) WITHOUT ROWID;
        WITH RECURSIVE i AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM i WHERE i < {_ROWS})
            INSERT INTO c SELECT CASE i % 2 WHEN 0 THEN 'é' ELSE 'x' END, i / 2, 'row ' || i FROM i;
        """,
    )
    leaves = _leaf_pages(path, "c")
    hurt = [leaves[2], leaves[6]]
    content = path.read_bytes()
    # How many cells a page has stands at its fourth byte.
    starts = [(page - 1) * _PAGE for page in hurt]
    lost = sum(int.from_bytes(content[start + 3 : start + 5], "big") for start in starts)
    _zero(path, hurt)

    report = _migrate(path, database, salvage=True)

    told = [message for name, message in _found(report, "F-108") if name == 'table "c"']
    kept = _rows(database, 'SELECT n, a, payload FROM c ORDER BY n, a COLLATE "C"')
    assert all(payload == f"row {n * 2 + (a == 'x')}" for n, a, payload in kept)
    assert len(told) == 2
    assert all(
        re.fullmatch(r"Rows between the keys \(\d+, '[éx]'\) and \(\d+, '[éx]'\) cannot be read\.", words)
        for words in told
    )
    assert len(kept) == _ROWS - lost


def test_a_page_torn_in_the_middle_costs_what_stood_in_its_second_half(source: Path, database: str) -> None:
    for table in ("t", "keyed"):
        page = _leaf_pages(source, table)[4]
        with source.open("r+b") as file:
            file.seek((page - 1) * _PAGE + _PAGE // 2)
            file.write(bytes(_PAGE // 2))

    report = _migrate(source, database, salvage=True)

    assert report.exit_status == 8
    for table in ("t", "keyed"):
        (count,) = _rows(database, f"SELECT count(*) FROM {table}")[0]
        assert _ROWS - 60 < count < _ROWS
        assert any(name == f'table "{table}"' for name, _ in _found(report, "F-108"))
    assert _rows(database, "SELECT max(id), max(k) FROM t, keyed") == [(_ROWS, f"{_ROWS:05}")]
    assert _rows(database, "SELECT count(*) FROM t WHERE a <> 'row ' || id") == [(0,)]
    assert _rows(database, "SELECT count(*) FROM keyed WHERE a <> 'row ' || k::int") == [(0,)]


def test_a_file_without_a_schema_is_refused_even_then(source: Path, database: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.db"
    shutil.copyfile(source, broken)
    with broken.open("r+b") as file:
        file.seek(100)
        file.write(bytes(_PAGE - 100))
    with pytest.raises(IntegrityError, match="schema cannot be read"):
        _migrate(broken, database, salvage=True)


def test_tables_with_odd_names_are_salvaged_as_any_other(source: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(source)) as connection:
        connection.executescript(
            """
            CREATE TABLE "Sales (2020)" (id INTEGER PRIMARY KEY, amount REAL CHECK (amount > 0));
            INSERT INTO "Sales (2020)" VALUES (1, 2.5), (7, 1.25);
            CREATE TABLE "by (key" /* ( */ (code TEXT PRIMARY KEY, amount INT) WITHOUT ROWID;
            INSERT INTO "by (key" VALUES ('a', 1);
            CREATE TABLE "all names taken" (rowid TEXT, _rowid_ TEXT, oid TEXT);
            INSERT INTO "all names taken" VALUES ('x', 'y', 'z'), ('x', 'y', 'z');
            """
        )
    _zero(source, _leaf_pages(source, "t")[3:4])
    salvaged = tmp_path / "salvaged.db"
    findings = salvage(str(source), str(salvaged))

    assert {finding.object for finding in findings} == {'table "t"'}
    with closing(sqlite3.connect(salvaged)) as connection:
        assert connection.execute('SELECT * FROM "Sales (2020)"').fetchall() == [(1, 2.5), (7, 1.25)]
        assert connection.execute('SELECT * FROM "by (key"').fetchall() == [("a", 1)]
        assert connection.execute('SELECT * FROM "all names taken"').fetchall() == [("x", "y", "z")] * 2
