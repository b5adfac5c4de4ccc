"""
An application that never stops writing: a process with mixed transactions on SQLite or PostgreSQL.

Where its database is now stands in a file, as a service's configuration would have it. A transaction
that was acknowledged is written to a log with its token, its database and the time. Refused writes
are tried again where the file says. Runs as `python writing_app.py DIRECTORY RATE SEED`.
"""

from __future__ import annotations

import itertools
import json
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

SCHEMA = """
CREATE TABLE token (token TEXT PRIMARY KEY, at INTEGER NOT NULL);
CREATE TABLE parent (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL);
CREATE TABLE child (
    id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES parent (id) ON DELETE CASCADE, note TEXT
);
CREATE TABLE slot (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, made DATETIME, weight REAL, facts JSON);
CREATE TABLE rank (player TEXT PRIMARY KEY, place INTEGER NOT NULL UNIQUE);
CREATE TABLE word (language TEXT, word TEXT, uses INTEGER, PRIMARY KEY (language, word)) WITHOUT ROWID;
CREATE TABLE sighting (who TEXT, spot INTEGER);
INSERT INTO rank VALUES ('p0', 0), ('p1', 1), ('p2', 2), ('p3', 3), ('p4', 4);
INSERT INTO slot VALUES (1, 'c1', '2024-01-01 00:00:00', 0.5, '{}'), (2, 'c2', NULL, NULL, NULL);
INSERT INTO sighting VALUES ('x', 1), ('x', 1);
"""


@dataclass(frozen=True)
class Acknowledged:
    token: str
    place: str
    at: float


def prepare(directory: Path, *, wal: bool, filler: int = 0) -> Path:
    """Create the application's SQLite file, with `filler` rows that nobody touches, and point to it."""
    source = directory / "app.db"
    connection = sqlite3.connect(source)
    connection.execute(f"PRAGMA journal_mode = {'WAL' if wal else 'DELETE'}")
    connection.executescript(SCHEMA)
    if filler:
        connection.execute("CREATE TABLE filler (id INTEGER PRIMARY KEY, body TEXT)")
        connection.execute(
            "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            " INSERT INTO filler SELECT i, hex(zeroblob(200)) || i FROM n",
            (filler,),
        )
    connection.commit()
    connection.close()
    point(directory, "sqlite")
    return source


def point(directory: Path, place: str) -> None:
    """Tell the application where its database is: "sqlite" or a connection string."""
    temporary = directory / "where.new"
    temporary.write_text(place)
    temporary.replace(directory / "where")


@contextmanager
def writing(directory: Path, *, rate: int = 200, seed: int = 1) -> Iterator[subprocess.Popen[str]]:
    """Run the application until the block ends; a failure of it fails the test."""
    (directory / "stop").unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, __file__, str(directory), str(rate), str(seed)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        (directory / "stop").touch()
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors


def read_log(directory: Path) -> list[Acknowledged]:
    """Return every write that was acknowledged, in order."""
    path = directory / "acknowledged"
    if not path.exists():
        return []
    return [Acknowledged(**json.loads(line)) for line in path.read_text().splitlines()]


def longest_gap(log: list[Acknowledged], before: str, after: str) -> float:
    """Return the seconds between the last write on one side and the first on the other."""
    for one, two in itertools.pairwise(log):
        if one.place.startswith(before) and two.place.startswith(after):
            return two.at - one.at
    raise AssertionError(f"no write went from {before} to {after}")


class _MovedError(Exception):
    """The database takes no more writes."""


class _Database:
    def __init__(self, directory: Path, place: str) -> None:
        self.place = place
        if place == "sqlite":
            self.connection: Any = sqlite3.connect(directory / "app.db", timeout=30, isolation_level=None)
            self.connection.execute("PRAGMA foreign_keys = ON")
            self.connection.execute("PRAGMA synchronous = NORMAL")
        else:
            self.connection = psycopg.connect(place, autocommit=True)

    def run(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        if self.place != "sqlite":
            statement = statement.replace("?", "%s")
        cursor = self.connection.execute(statement, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall() if cursor.description else []
        return rows

    def transaction(self, work: Any) -> None:
        self.run("BEGIN IMMEDIATE" if self.place == "sqlite" else "BEGIN")
        try:
            work(self)
            self.run("COMMIT")
        except Exception as error:
            self.run("ROLLBACK")
            if "moved to" in str(error):
                raise _MovedError from error
            raise


def _insert(db: _Database, chance: random.Random) -> None:
    db.run("INSERT INTO parent (name) VALUES (?)", f"n{chance.random()}")
    parent = db.run("SELECT max(id) FROM parent")[0][0]
    new = (db.run("SELECT max(id) FROM child")[0][0] or 0) + 1
    for number in range(3):
        db.run("INSERT INTO child VALUES (?, ?, ?)", new + number, parent, "made")


def _delete_parent(db: _Database, chance: random.Random) -> None:
    found = db.run("SELECT min(id), max(id) FROM parent")[0]
    if found[0] is not None:
        db.run("DELETE FROM parent WHERE id = ?", chance.randint(*found))


def _replace(db: _Database, chance: random.Random) -> None:
    """A new id for a code that may be there: the old row goes without a DELETE trigger."""
    new, code = chance.randint(1, 300), f"c{chance.randint(1, 60)}"
    values = (new, code, "2025-01-02 03:04:05", chance.random(), '{"n": [1, null]}')
    if db.place == "sqlite":
        db.run("INSERT OR REPLACE INTO slot VALUES (?, ?, ?, ?, ?)", *values)
        return
    db.run("DELETE FROM slot WHERE id = ? OR code = ?", new, code)
    db.run("INSERT INTO slot VALUES (?, ?, ?, ?, ?)", *values)


def _swap(db: _Database, chance: random.Random) -> None:
    one, two = chance.sample(range(5), 2)
    places = dict(db.run("SELECT player, place FROM rank"))
    db.run("UPDATE rank SET place = -1 WHERE player = ?", f"p{one}")
    db.run("UPDATE rank SET place = ? WHERE player = ?", places[f"p{one}"], f"p{two}")
    db.run("UPDATE rank SET place = ? WHERE player = ?", places[f"p{two}"], f"p{one}")


def _move_key(db: _Database, chance: random.Random) -> None:
    rows = db.run("SELECT id FROM slot ORDER BY id LIMIT 20")
    new = chance.randint(301, 600)
    if rows and not db.run("SELECT 1 FROM slot WHERE id = ?", new):
        db.run("UPDATE slot SET id = ? WHERE id = ?", new, chance.choice(rows)[0])


def _count_word(db: _Database, chance: random.Random) -> None:
    word = f"w{chance.randint(1, 40)}"
    db.run(
        "INSERT INTO word VALUES ('en', ?, 1)"
        " ON CONFLICT (language, word) DO UPDATE SET uses = word.uses + 1",
        word,
    )
    if chance.random() < 0.2:
        db.run("DELETE FROM word WHERE word = ?", f"w{chance.randint(1, 40)}")


def _see(db: _Database, chance: random.Random) -> None:
    db.run("INSERT INTO sighting VALUES (?, ?)", f"s{chance.randint(1, 5)}", chance.randint(1, 5))
    if chance.random() < 0.1:
        db.run("DELETE FROM sighting WHERE spot = ?", chance.randint(1, 5))


_WORK = (_insert, _insert, _delete_parent, _replace, _replace, _swap, _move_key, _count_word, _see)


def _main(directory: Path, rate: int, seed: int) -> None:
    chance = random.Random(seed)
    # A second run of the application must not draw the tokens of the first.
    number = len(read_log(directory))
    database: _Database | None = None
    due = time.monotonic()
    with (directory / "acknowledged").open("a") as log:
        while not (directory / "stop").exists():
            place = (directory / "where").read_text()
            if database is None or database.place != place:
                database = _Database(directory, place)
            token = f"{seed}-{number}"
            work = chance.choice(_WORK)
            at = time.time_ns()

            def transaction(db: _Database) -> None:
                db.run("INSERT INTO token VALUES (?, ?)", token, at)  # noqa: B023
                work(db, chance)  # noqa: B023

            try:
                database.transaction(transaction)
            except _MovedError:
                time.sleep(0.002)
                continue
            short = "sqlite" if place == "sqlite" else "postgresql"
            log.write(json.dumps({"token": token, "place": short, "at": time.monotonic()}) + "\n")
            log.flush()
            number += 1
            due += 1 / rate
            time.sleep(max(0.0, due - time.monotonic()))
            due = max(due, time.monotonic() - 0.1)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
