"""Damage of a table's tree costs the rows that it hit, and each range that is lost or doubtful is named."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from howdah.errors import IntegrityError, RefusedError
from howdah.model.findings import Finding
from howdah.ops.source_facts import read_source
from howdah.ops.workspace import Workspace
from howdah.process.phases import PhaseLog
from howdah.sqlite.catalog import read_catalog
from howdah.sqlite.connect import open_snapshot
from howdah.sqlite.integrity import check_integrity
from howdah.sqlite.salvage import salvage
from support.files import make_database

_PAGE = 1024
_ROWS = 400
_SCRIPT = f"""
    PRAGMA page_size = {_PAGE};
    CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL);
    WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < {_ROWS})
        INSERT INTO t SELECT i, 'row ' || i || hex(zeroblob(20)) FROM n;
    CREATE TABLE wide (id INTEGER PRIMARY KEY, a TEXT, b INT);
    INSERT INTO wide SELECT id, 'wide ' || id || hex(zeroblob(20)), id FROM t;
    CREATE TABLE big (id INTEGER PRIMARY KEY, body BLOB);
    INSERT INTO big SELECT id, randomblob(5000) FROM t WHERE id <= 6;
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A sound file, to be damaged by a test."""
    return make_database(tmp_path / "source.db", _SCRIPT)


def _number(content: bytes, place: int, size: int = 2) -> int:
    return int.from_bytes(content[place : place + size], "big")


def _root(source: Path, table: str) -> int:
    with closing(sqlite3.connect(source)) as connection:
        found = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
    return int(found[0])


def _cells(content: bytes, page: int) -> list[int]:
    """Where the cells of a page are in the file."""
    start = (page - 1) * _PAGE
    first = start + (12 if content[start] == 5 else 8)
    return [start + _number(content, first + 2 * cell) for cell in range(_number(content, start + 3))]


def _children(content: bytes, page: int) -> list[int]:
    """Where in the file the pointers of an interior page are; the last one is not among them."""
    assert content[(page - 1) * _PAGE] == 5
    return _cells(content, page)


def _leaves(source: Path, table: str) -> list[int]:
    content = source.read_bytes()
    root = _root(source, table)
    found = [_number(content, place, 4) for place in _children(content, root)]
    return [*found, _number(content, (root - 1) * _PAGE + 8, 4)]


def _change(source: Path, place: int, content: bytes) -> None:
    with source.open("r+b") as file:
        file.seek(place)
        file.write(content)


def _numbers(content: bytes, page: int) -> list[int]:
    """Row numbers below 16384 of rows that are shorter than 128 bytes."""
    found = []
    for place in _cells(content, page):
        first, second = content[place + 1], content[place + 2]
        found.append(first if first < 128 else (first & 127) << 7 | second)
    return found


def _salvage(source: Path) -> tuple[sqlite3.Connection, list[tuple[str, str]]]:
    """Return the new file, and the objects and messages of the findings."""
    before = (source.read_bytes(), source.stat().st_mtime_ns)
    destination = source.with_name("salvaged.db")
    findings = salvage(str(source), str(destination))
    assert (source.read_bytes(), source.stat().st_mtime_ns) == before
    assert sorted(path.name for path in source.parent.iterdir()) == sorted(["salvaged.db", source.name])
    return sqlite3.connect(destination), [(finding.object, _words(finding)) for finding in findings]


def _words(finding: Finding) -> str:
    return f"{finding.message} {finding.detail}".strip()


def _ids(connection: sqlite3.Connection, table: str) -> list[int]:
    return [number for (number,) in connection.execute(f"SELECT id FROM {table} ORDER BY id")]


def _all_but(*missing: int) -> list[int]:
    return [number for number in range(1, _ROWS + 1) if number not in missing]


def test_a_wrong_row_number_costs_its_row_alone(source: Path) -> None:
    page = _leaves(source, "t")[4]
    numbers = _numbers(source.read_bytes(), page)
    hurt = numbers[3]
    assert 128 > hurt > 64
    # Beyond everything on this page: a search for the rows between goes astray.
    _change(source, _cells(source.read_bytes(), page)[3] + 1, bytes([127]))
    fresh, told = _salvage(source)
    with closing(fresh):
        assert _ids(fresh, "t") == _all_but(hurt)
        assert fresh.execute("SELECT count(*) FROM t WHERE a NOT LIKE 'row ' || id || '0%'").fetchone() == (
            0,
        )
    (message,) = [words for name, words in told if name == 'table "t"']
    assert message.startswith(f"Rows from number {hurt} to {hurt} cannot be read.")


@pytest.mark.parametrize("wrong", [lambda count: count - 3, lambda count: 1, lambda count: count + 2])
def test_a_wrong_number_of_rows_on_a_page_loses_nothing(wrong: Callable[[int], int], source: Path) -> None:
    place = (_leaves(source, "t")[2] - 1) * _PAGE + 3
    count = _number(source.read_bytes(), place)
    _change(source, place, wrong(count).to_bytes(2, "big"))
    assert check_integrity(str(source))
    fresh, told = _salvage(source)
    with closing(fresh):
        assert _ids(fresh, "t") == _all_but()
    assert told == []


def test_a_wrong_number_of_pages_below_a_page_loses_nothing(source: Path) -> None:
    place = (_root(source, "t") - 1) * _PAGE + 3
    _change(source, place, (_number(source.read_bytes(), place) - 2).to_bytes(2, "big"))
    fresh, told = _salvage(source)
    with closing(fresh):
        assert _ids(fresh, "t") == _all_but()
    assert told == []


def test_a_page_of_another_table_gives_no_rows_to_this_one(source: Path) -> None:
    content = source.read_bytes()
    place = _children(content, _root(source, "t"))[3]
    lost = _numbers(content, _number(content, place, 4))
    # Of rows with nearly the same numbers, so that only their shape tells them apart.
    others = [page for page in _leaves(source, "wide") if set(_numbers(content, page)) & set(lost)]
    _change(source, place, others[0].to_bytes(4, "big"))
    fresh, told = _salvage(source)
    with closing(fresh):
        assert _ids(fresh, "t") == _all_but(*lost)
        assert fresh.execute("SELECT count(*) FROM t WHERE a NOT LIKE 'row%'").fetchone() == (0,)
        assert _ids(fresh, "wide") == _all_but()
    (message,) = [words for name, words in told if name == 'table "t"']
    assert message.startswith(f"Rows from number {lost[0]} to {lost[-1]} cannot be read.")


def test_a_page_that_points_to_itself_costs_the_rows_that_it_hides(source: Path) -> None:
    content = source.read_bytes()
    root = _root(source, "t")
    hidden = []
    for place in _children(content, root)[2:5]:
        hidden += _numbers(content, _number(content, place, 4))
        _change(source, place, root.to_bytes(4, "big"))
    fresh, told = _salvage(source)
    with closing(fresh):
        assert _ids(fresh, "t") == _all_but(*hidden)
    assert [words.split(" cannot")[0] for name, words in told if name == 'table "t"'] == [
        f"Rows from number {hidden[0]} to {hidden[-1]}"
    ]


def test_rows_that_share_an_overflow_page_are_named_as_doubtful(source: Path) -> None:
    content = source.read_bytes()
    first, second = (_cells(content, page)[0] for page in _leaves(source, "big")[:2])
    # The pointer is the last thing of a cell; these cells end where the page does.
    ends = [(place // _PAGE + 1) * _PAGE - 4 for place in (first, second)]
    _change(source, ends[1], content[ends[0] : ends[0] + 4])
    fresh, told = _salvage(source)
    with closing(fresh):
        assert _ids(fresh, "big") == [1, 2, 3, 4, 5, 6]
    named = " ".join(words for name, words in told if name == 'table "big"')
    assert "may be wrong" in named
    assert "from number 1 to 2 " in named


def test_lengths_that_were_overwritten_end_in_no_bug(source: Path) -> None:
    chance = random.Random(5)
    sound = source.read_bytes()
    lengths = [b"\xff" * 9, b"\x8f\xff\xff\xff\x7f", b"\0\0", b"\xff\xff\x7f"]
    for _ in range(60):
        _change(source, 0, sound)
        for page in chance.sample(_leaves(source, "t"), 3):
            place = chance.choice(_cells(sound, page))
            _change(source, place, chance.choice(lengths))
        fresh, told = _salvage(source)
        with closing(fresh):
            rows = dict(fresh.execute("SELECT id, a FROM t"))
        assert len(rows) >= _ROWS - 12
        assert len(rows) == _ROWS or told
        assert [number for number, a in rows.items() if not a.startswith(f"row {number}0")] == []
        source.with_name("salvaged.db").unlink()


@pytest.mark.parametrize("pages", [2, 0xFFFFFFFF])
def test_a_wrong_page_count_in_the_header_loses_nothing(pages: int, source: Path) -> None:
    _change(source, 28, pages.to_bytes(4, "big"))
    fresh, _ = _salvage(source)
    with closing(fresh):
        assert _ids(fresh, "t") == _ids(fresh, "wide") == _all_but()


@pytest.mark.parametrize(
    "change", ["type = NULL", "type = 'view'", "name = ''", "tbl_name = 'other'", "name = NULL, type = 'x'"]
)
def test_a_table_whose_entry_says_that_it_is_something_else_is_carried(change: str, source: Path) -> None:
    with closing(sqlite3.connect(source)) as connection:
        connection.executescript(
            f"PRAGMA writable_schema = ON; UPDATE sqlite_schema SET {change} WHERE name = 'wide'"
        )
    fresh, _ = _salvage(source)
    with closing(fresh):
        assert _ids(fresh, "t") == _ids(fresh, "wide") == _all_but()


def test_a_table_without_a_definition_is_named(source: Path) -> None:
    with closing(sqlite3.connect(source)) as connection:
        connection.executescript(
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = NULL WHERE name = 'wide'"
        )
    fresh, told = _salvage(source)
    with closing(fresh):
        assert _ids(fresh, "t") == _all_but()
    assert 'table "wide"' in dict(told)


def test_a_schema_entry_that_cannot_be_found_costs_its_table_alone(source: Path) -> None:
    # The pointer to the first of three entries.
    _change(source, 100 + 8, b"\xff\xff")
    fresh, told = _salvage(source)
    with closing(fresh):
        assert _ids(fresh, "wide") == _all_but()
        assert _ids(fresh, "big") == [1, 2, 3, 4, 5, 6]
    assert ["entries of its schema cannot be read" in words for _, words in told] == [True]


def test_rows_that_the_new_table_refuses_are_named(source: Path) -> None:
    with closing(sqlite3.connect(source)) as connection:
        connection.execute("UPDATE wide SET b = NULL WHERE id IN (7, 9)")
        connection.commit()
        connection.executescript(
            "PRAGMA writable_schema = ON;"
            "UPDATE sqlite_schema SET sql = replace(sql, 'b INT', 'b INT NOT NULL') WHERE name = 'wide'"
        )
    fresh, told = _salvage(source)
    with closing(fresh):
        assert _ids(fresh, "wide") == _all_but(7, 9)
    assert dict(told)['table "wide"'].endswith("2 rows are in the file twice, or break its constraints: 7, 9")


def test_a_table_whose_definition_became_a_virtual_one_is_damage_and_no_bug(
    source: Path, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(source)) as connection:
        connection.executescript(
            "PRAGMA writable_schema = ON;"
            "UPDATE sqlite_schema SET sql = 'CREATE VIRTUAL TABLE wide USING fts5(a)' WHERE name = 'wide'"
        )
    workspace = Workspace(path=tmp_path / "workspace")
    workspace.create()
    with pytest.raises(IntegrityError):
        read_source(str(source), workspace, PhaseLog())
    facts = read_source(str(source), workspace, PhaseLog(), salvage=True)
    assert [table.name for table in facts.census.tables] == ["t", "big"]


def test_a_pointer_past_a_level_of_the_tree_makes_its_range_doubtful(tmp_path: Path) -> None:
    path = make_database(
        tmp_path / "deep.db",
        "PRAGMA page_size = 512; CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT);"
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 9000)"
        " INSERT INTO t SELECT i, 'row ' || i FROM n;",
    )
    content = path.read_bytes()
    root = (_root(path, "t") - 1) * 512
    last = (_number(content, root + 8, 4) - 1) * 512
    assert (content[root], content[last]) == (5, 5)
    # From the root to the last leaf of all: only its rows are found.
    _change(path, root + 8, content[last + 8 : last + 12])
    fresh, told = _salvage(path)
    with closing(fresh):
        ids = _ids(fresh, "t")
    missing = sorted(set(range(1, 9001)) - set(ids))
    assert missing
    assert 9000 not in missing
    ((_, words),) = told
    assert words.startswith(
        f"Rows from number {missing[0]} on are carried as they are read, but may be wrong"
    )


def test_numbering_under_a_name_that_is_no_text_ends_in_no_bug(tmp_path: Path) -> None:
    path = make_database(
        tmp_path / "source.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO t VALUES (7);"
        "INSERT INTO sqlite_sequence VALUES (CAST(x'ff80' AS TEXT), 5), (x'ff', 6), (NULL, 7);",
    )
    with closing(open_snapshot(str(path))) as connection:
        tables = {table.name: table for table in read_catalog(connection, str(path)).tables}
    assert tables["t"].sequence_value == 7


def test_a_page_that_may_be_either_tables_makes_the_whole_range_of_both_doubtful(source: Path) -> None:
    content = source.read_bytes()
    place = _children(content, _root(source, "t"))[3]
    lost = _numbers(content, _number(content, place, 4))
    with closing(sqlite3.connect(source)) as connection:
        connection.execute("CREATE TABLE alike (id INTEGER PRIMARY KEY, a TEXT)")
        connection.execute("INSERT INTO alike SELECT * FROM t")
        connection.execute("DELETE FROM alike WHERE id IN (?, ?)", lost[:2])
        connection.commit()
    content = source.read_bytes()
    others = [page for page in _leaves(source, "alike") if set(_numbers(content, page)) & set(lost)]
    _change(source, place, others[0].to_bytes(4, "big"))
    fresh, told = _salvage(source)
    with closing(fresh):
        missing = sorted(set(_all_but()) - set(_ids(fresh, "t")))
    assert missing
    named = [words for name, words in told if name == 'table "t"']
    assert any(f"from number {lost[0]} to {lost[-1]} " in words for words in named), named


@pytest.mark.parametrize("column", ["name", "default"])
def test_a_name_of_a_column_that_is_no_text_is_refused(column: str, tmp_path: Path) -> None:
    path = make_database(
        tmp_path / "app.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, nAmE TEXT DEFAULT 'dEf')"
    )
    sound, broken = {"name": (b"nAmE", b"n\xd8mE"), "default": (b"dEf", b"d\xd8f")}[column]
    path.write_bytes(path.read_bytes().replace(sound, broken))
    with closing(open_snapshot(str(path))) as connection:
        if column == "default":
            assert [table.name for table in read_catalog(connection, str(path)).tables] == ["t"]
            return
        with pytest.raises(RefusedError, match="not valid Unicode"):
            read_catalog(connection, str(path))
