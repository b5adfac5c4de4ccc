"""Committed changes in a -wal that SQLite passes over are told; what a crash leaves behind is not."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from howdah.sqlite.snapshot import take_snapshot
from howdah.sqlite.wal_file import PassedOver, find_passed_over

_FRAME = 24 + 1024


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copy of a file with three transactions in its -wal, as a running application has it."""
    live, copy = tmp_path / "live.db", tmp_path / "copy.db"
    with closing(sqlite3.connect(live)) as connection:
        connection.executescript(
            "PRAGMA page_size = 1024; CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT);"
            "PRAGMA journal_mode = WAL"
        )
        for first in (0, 100, 200):
            connection.executemany(
                "INSERT INTO t VALUES (?, ?)", [(first + number, "x" * 50) for number in range(100)]
            )
            connection.commit()
        for suffix in ("", "-wal"):
            shutil.copyfile(f"{live}{suffix}", f"{copy}{suffix}")
    return copy


def _change(path: Path, change: Callable[[bytearray], object]) -> None:
    content = bytearray(path.read_bytes())
    change(content)
    path.write_bytes(content)


def _told(source: Path, destination: Path) -> list[str]:
    found = take_snapshot(str(source), str(destination)).findings
    return [f"{finding.message} {finding.detail}" for finding in found if finding.code == "F-006"]


def _rows(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM t").fetchone()
    return int(count)


def test_a_sound_wal_is_read_to_its_end(source: Path, tmp_path: Path) -> None:
    assert _told(source, tmp_path / "snapshot.db") == []
    assert _rows(tmp_path / "snapshot.db") == 300


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda content: content.__setitem__(0, 0), id="magic"),
        pytest.param(lambda content: content.__setitem__(28, content[28] ^ 1), id="checksum"),
        pytest.param(lambda content: content.__setitem__(slice(0, 32), bytes(32)), id="zeros"),
    ],
)
def test_a_wal_with_a_damaged_beginning_is_told(
    change: Callable[[bytearray], object], source: Path, tmp_path: Path
) -> None:
    wal = Path(f"{source}-wal")
    _change(wal, change)
    (words,) = _told(source, tmp_path / "snapshot.db")
    assert words.startswith(f"{wal.stat().st_size} bytes of committed changes in its -wal file are not read")
    assert "nothing of it is read" in words


@pytest.mark.parametrize("frame", [0, 9, 12])
def test_a_damaged_page_in_a_wal_is_told_with_what_is_behind_it(
    frame: int, source: Path, tmp_path: Path
) -> None:
    wal = Path(f"{source}-wal")
    _change(wal, lambda content: content.__setitem__(32 + frame * _FRAME + 100, 77))
    (words,) = _told(source, tmp_path / "snapshot.db")
    behind = (wal.stat().st_size - 32) // _FRAME - frame
    assert words.startswith(f"{behind * _FRAME} bytes ")
    assert f"right for {frame} pages" in words


def test_a_transaction_that_was_cut_off_is_not_told(source: Path, tmp_path: Path) -> None:
    wal = Path(f"{source}-wal")
    wal.write_bytes(wal.read_bytes()[:-500])
    assert _told(source, tmp_path / "snapshot.db") == []


def test_what_an_earlier_time_left_in_a_wal_is_not_told(tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); PRAGMA journal_mode = WAL")
        connection.executemany("INSERT INTO t (a) VALUES (?)", [("x" * 500,)] * 100)
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
        connection.execute("INSERT INTO t (a) VALUES ('y')")
        connection.commit()
        assert Path(f"{path}-wal").stat().st_size > 10 * 4096
        assert find_passed_over(f"{path}-wal") is None


def test_frames_read_are_those_that_sqlite_reads(source: Path) -> None:
    wal = Path(f"{source}-wal")
    sound = wal.read_bytes()
    for frame in range((len(sound) - 32) // _FRAME):
        content = bytearray(sound)
        content[32 + frame * _FRAME + 600] ^= 201
        wal.write_bytes(content)
        found = find_passed_over(str(wal))
        assert found == PassedOver(read=frame, byte_count=len(sound) - 32 - frame * _FRAME)
