"""
Writes a small SQLite file with what migrations trip over: each table is one trap, each row a case of it.

Everything in it is what real applications store, and SQLite takes all of it. `MOMENTS` says what a number in
a column of times means; a number in any other column is a number.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

SCHEMA = """
CREATE TABLE numbers (id INTEGER PRIMARY KEY, whole BIGINT, price DECIMAL(20,2), ratio REAL, measured DOUBLE);
CREATE TABLE booleans (id INTEGER PRIMARY KEY, flag BOOLEAN, word BOOLEAN);
CREATE TABLE texts (id INTEGER PRIMARY KEY, body TEXT, short VARCHAR(5));
CREATE TABLE blobs (id INTEGER PRIMARY KEY, content BLOB);
CREATE TABLE texts_in_blobs (id INTEGER PRIMARY KEY, content BLOB);
CREATE TABLE iso_times (id INTEGER PRIMARY KEY, at DATETIME, day DATE);
CREATE TABLE offset_times (id INTEGER PRIMARY KEY, at DATETIME);
CREATE TABLE millisecond_times (id INTEGER PRIMARY KEY, at DATETIME);
CREATE TABLE years (id INTEGER PRIMARY KEY, at DATETIME);
CREATE TABLE documents (id INTEGER PRIMARY KEY, document JSON);
CREATE TABLE mixed (id INTEGER PRIMARY KEY, anything);
CREATE TABLE "Order Lines" ("order" INTEGER PRIMARY KEY, "Select" TEXT, "größe" TEXT);
CREATE TABLE words (word TEXT PRIMARY KEY, uses INTEGER NOT NULL DEFAULT 1) WITHOUT ROWID;
CREATE TABLE people (
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, email TEXT UNIQUE,
  boss INTEGER REFERENCES people (id) ON DELETE SET NULL, made TEXT DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE letters (
  id INTEGER PRIMARY KEY, person INTEGER NOT NULL REFERENCES people (id) ON DELETE CASCADE, body TEXT NOT NULL
);
CREATE INDEX letters_person ON letters (person);
CREATE UNIQUE INDEX people_lower ON people (lower(name)) WHERE email IS NOT NULL;
CREATE VIEW busy AS
  SELECT name, count(*) AS letters FROM people JOIN letters ON person = people.id GROUP BY name;
"""

ROWS: dict[str, list[tuple[object, ...]]] = {
    "numbers": [
        (1, 9223372036854775807, "0.10", 0.1, 1e308),
        (2, 9007199254740993, 123456789012345.67, 1700000000.123, 5e-324),
        (3, -9223372036854775808, 5, 16777217.0, 2.5),
        (4, None, None, None, None),
    ],
    "booleans": [(1, 1, "true"), (2, 0, "false"), (3, None, "f"), (4, 1, "t")],
    "texts": [
        (1, "", "short"),
        (2, "a\\N\tb\r\nc\\", "much longer than five"),
        (3, "日本語 🐘 é", ""),
        (4, None, None),
    ],
    "blobs": [(1, b""), (2, bytes(range(256))), (3, b"\x00text\xff"), (4, None)],
    "texts_in_blobs": [(1, "test"), (2, "a longer text"), (3, b"bytes")],
    "iso_times": [
        (1, "2024-02-29 12:34:56", "2024-02-29"),
        (2, "1999-12-31 23:59:59.999", "1900-01-01"),
        (3, None, None),
    ],
    "offset_times": [(1, "2024-06-01T12:00:00+05:30"), (2, "2024-06-01T12:00:00Z")],
    "millisecond_times": [(1, 1709210096789), (2, -86400000), (3, 0), (4, None)],
    "years": [(1, 2024), (2, 1999)],
    "documents": [(1, '{"b": 1, "a": [1.50, null]}'), (2, "[]"), (3, "42.5"), (4, '"text"'), (5, None)],
    "mixed": [(1, 1), (2, "two"), (3, 3.5), (4, None)],
    "Order Lines": [(1, "a", "groß"), (2, "b", None)],
    "words": [("alpha", 1), ("Alpha", 2), ("", 3)],
    "people": [
        (1, "Ada", "a@x", None, "2024-01-01"),
        (2, "Bob", None, 1, "2024-01-02"),
        (7, "Cy", "c@x", 2, ""),
    ],
    "letters": [(1, 1, "to Ada"), (2, 7, "to Cy"), (3, 1, "again")],
}

#: Rows whose bytes Python's module does not bind as they are.
ODD_ROWS = """
INSERT INTO texts VALUES (5, CAST(x'610062' AS TEXT), NULL);
INSERT INTO texts VALUES (6, CAST(x'616263ff' AS TEXT), NULL);
"""

#: Columns of times that hold numbers → the unit.
MOMENTS = {"millisecond_times.at": "epoch-ms"}


def write_tricky(path: Path) -> Path:
    """Write the file; return its path."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCHEMA)
        for table, rows in ROWS.items():
            marks = ", ".join("?" * len(rows[0]))
            connection.executemany(f'INSERT INTO "{table}" VALUES ({marks})', rows)
        connection.executescript(ODD_ROWS)
        # The highest number was given to a row that is gone.
        connection.execute("INSERT INTO people (id, name) VALUES (9, 'gone')")
        connection.execute("DELETE FROM people WHERE id = 9")
        connection.commit()
    return path
