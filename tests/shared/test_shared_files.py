"""Files that other people's software wrote go over whole, or every row left behind has its reason."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from howdah.errors import ExitStatus, IntegrityError
from howdah.model.quarantine import QuarantinedRow
from howdah.ops.migrate import MigrateRequest, migrate
from howdah.ops.quarantine import list_rows
from support.crossing import assert_everything_arrived
from support.random_databases import quoted
from support.runs import migrate_file, target_request
from support.shared import shared_path

pytestmark = pytest.mark.shared

#: File → tables and rows that Python's sqlite3 counts in it (virtual tables and their shadows apart).
WHOLE = {
    "databases/anki_v2.anki2": (5, 33),
    "databases/calibre_metadata.db": (26, 10),
    "databases/chinook.sqlite": (11, 15607),
    "databases/chinook_autoinc.sqlite": (11, 15607),
    "databases/chinook_fts5.db": (14, 16_000),
    "databases/chinook_utf16le.db": (11, 15607),
    "databases/coverage.db": (7, 123),
    "databases/datasette_fixtures.db": (24, 1462),
    "databases/empty_zero_bytes.db": (0, 0),
    "databases/gtfs_sample.db": (13, 75),
    "databases/ipython_history.sqlite": (3, 6),
    "databases/naturalearth.gpkg": (9, 361),
    "databases/northwind.db": (13, 3310),
    "databases/svn_wc.db": (9, 27),
    "databases/wn_lexicon.db": (27, 232),
    "strapi/small.db": (84, 5129),
    "strapi/edge.db": (84, 5129),
}

#: File → rows of each table that must be set aside because of their own values.
WITH_BAD_TEXT = {"databases/bad_utf8_text.db": {"Album": 3, "Artist": 1, "Track": 1}}

#: File → what the first sentence must name.
DAMAGED = {
    "databases/bad_truncated.db": "truncated",
    "databases/bad_zeroed_leaf.db": 'damaged: table "Track"',
}


def test_every_shared_file_has_an_expectation() -> None:
    files = {
        f"databases/{path.name}" for path in shared_path("databases").iterdir() if path.suffix != ".md"
    } | {f"strapi/{path.name}" for path in shared_path("strapi").glob("*.db")}
    assert files == WHOLE.keys() | WITH_BAD_TEXT.keys() | DAMAGED.keys()


@pytest.mark.parametrize("name", WHOLE)
def test_a_sound_file_arrives_whole(name: str, database: str) -> None:
    source = shared_path(name)
    before = _digest(source)

    report = migrate_file(source, database)

    assert (report.status, report.exit_status) == ("done", 0)
    assert_everything_arrived(source, database, report, ())
    assert (len(report.tables), sum(table.rows_target for table in report.tables)) == WHOLE[name]
    assert _digest(source) == before


@pytest.mark.parametrize("name", WITH_BAD_TEXT)
def test_every_row_left_behind_has_its_reason(name: str, database: str) -> None:
    source = shared_path(name)

    report = migrate_file(source, database)
    rows = list_rows(target_request(database)).rows

    assert report.exit_status == ExitStatus.QUARANTINED
    assert_everything_arrived(source, database, report, rows)
    own = [row for row in rows if row.reason == "invalid-utf8"]
    assert {table: sum(row.table == table for row in own) for table in WITH_BAD_TEXT[name]} == WITH_BAD_TEXT[
        name
    ]
    for row in own:
        content = row.cells[row.column].content
        assert isinstance(content, bytes)
        with pytest.raises(UnicodeDecodeError):
            content.decode()
    dependants = [row for row in rows if row.reason == "parent-quarantined"]
    assert len(own) + len(dependants) == len(rows)
    with closing(sqlite3.connect(source)) as sqlite:
        for row in dependants:
            assert _refers_to_one_of(sqlite, row, rows), row


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_refused_and_nothing_is_written(
    name: str, database: str, howdah_home: Path
) -> None:
    source = shared_path(name)
    before = _digest(source)

    with pytest.raises(IntegrityError) as refusal:
        migrate_file(source, database)

    assert refusal.value.exit_status == ExitStatus.INTEGRITY
    assert DAMAGED[name] in refusal.value.message
    assert refusal.value.hint
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT FROM pg_namespace WHERE nspname = 'howdah'").fetchall() == []
        assert connection.execute("SELECT FROM pg_tables WHERE schemaname = 'public'").fetchall() == []
    assert list(howdah_home.glob("runs/*")) == []
    assert _digest(source) == before


@pytest.mark.parametrize(
    ("name", "rows", "lost"),
    [
        (
            "databases/bad_zeroed_leaf.db",
            15_467,
            {"Track": ["Rows from number 1451 to 1590 cannot be read."]},
        ),
        (
            "databases/bad_truncated.db",
            6_738,
            {
                "InvoiceLine": [
                    "Rows from number 1988 to 2065 cannot be read.",
                    "Rows from number 2165 on cannot be read.",
                ],
                "PlaylistTrack": ["None of its rows can be read."],
            },
        ),
    ],
)
def test_a_damaged_file_is_salvaged_on_request(
    name: str, rows: int, lost: dict[str, list[str]], database: str
) -> None:
    source = shared_path(name)
    before = _digest(source)

    report = migrate(MigrateRequest(source=str(source), target=target_request(database), salvage=True))

    assert (report.status, report.exit_status, report.differences) == ("damaged", 8, ())
    assert sum(table.rows_target for table in report.tables) == rows
    told: dict[str, list[str]] = {}
    for finding in report.findings:
        if finding.code == "F-108":
            told.setdefault(finding.object.split('"')[1], []).append(finding.message)
    assert told == lost
    assert _digest(source) == before


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _refers_to_one_of(
    sqlite: sqlite3.Connection, row: QuarantinedRow, others: Sequence[QuarantinedRow]
) -> bool:
    """Tell whether a foreign key of the row's table leads to a row that was set aside too."""
    for key in sqlite.execute(f"PRAGMA foreign_key_list({quoted(row.table)})").fetchall():
        parent, column, parent_column = key[2], key[3], key[4]
        wanted = row.cells[column]
        if any(other.table == parent and other.cells[parent_column] == wanted for other in others):
            return True
    return False
