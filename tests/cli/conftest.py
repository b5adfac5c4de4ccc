"""The program in a directory of its own, and a small source."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.files import make_database
from support.program import Program

NOTES = """
CREATE TABLE folder (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE note (id INTEGER PRIMARY KEY, folder_id INTEGER REFERENCES folder, body TEXT);
INSERT INTO folder VALUES (1, 'inbox'), (2, 'archive');
INSERT INTO note VALUES (1, 1, 'first'), (2, 1, 'second'), (3, 2, 'third');
"""


@pytest.fixture
def howdah(tmp_path: Path) -> Iterator[Program]:
    """The program; what it leaves running is stopped."""
    # Short, because the embedded server's socket is below it.
    with tempfile.TemporaryDirectory(prefix="howdah-cli-", ignore_cleanup_errors=True) as home:
        program = Program(tmp_path, Path(home))
        yield program
        if (program.home / "pg").exists():
            program.run("pg", "stop")


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """A source of two tables and five rows."""
    return make_database(tmp_path / "notes.db", NOTES)
