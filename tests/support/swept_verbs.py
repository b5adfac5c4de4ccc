"""
Every verb that changes something, as the sweep runs it: from which state, with which words, ending how.

A state is made once, from another one, and put aside; see `support.world`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from support.world import Done, World

SCRIPT = """
CREATE TABLE box (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, price DECIMAL(8,2));
CREATE TABLE item (id INTEGER PRIMARY KEY, box INTEGER REFERENCES box, note TEXT);
CREATE TABLE pair (language TEXT, word TEXT, data BLOB, PRIMARY KEY (language, word)) WITHOUT ROWID;
CREATE TABLE keyless (a INTEGER);
CREATE INDEX item_box ON item (box);
CREATE VIEW content AS SELECT box.name, item.note FROM item JOIN box ON box.id = item.box;
INSERT INTO box (name, price) VALUES ('one', 1.5), ('two', NULL), ('three', 20);
WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 400)
INSERT INTO item SELECT i, i % 3 + 1, 'note ' || i FROM n;
INSERT INTO pair SELECT 'en', 'word ' || id, CAST(note AS BLOB) FROM item;
INSERT INTO keyless VALUES (1), (1);
"""
#: What the application does on SQLite while it is followed: more than the fence leaves for its pause.
ON_SQLITE = """
UPDATE item SET note = 'late' WHERE id = 1;
DELETE FROM item WHERE id = 2;
INSERT OR REPLACE INTO box (id, name) VALUES (9, 'two');
UPDATE pair SET word = 'moved' WHERE word = 'word 7';
INSERT INTO keyless VALUES (2);
WITH RECURSIVE n (i) AS (VALUES (1000) UNION ALL SELECT i + 1 FROM n WHERE i < 1400)
INSERT INTO item SELECT i, 1, 'many' FROM n;
"""
#: And on PostgreSQL after it has moved.
ON_POSTGRESQL = """
INSERT INTO box (name, price) VALUES ('there', 7.25);
UPDATE keyless SET a = a + 1;
UPDATE item SET note = 'changed there' WHERE id = 3;
DELETE FROM pair WHERE word = 'word 9';
INSERT INTO item SELECT i, 1, 'many there' FROM generate_series(5000, 5300) i;
"""


_REPOSITORY = ("--repo", "repo", "--name", "kept")


@dataclass(frozen=True)
class Verb:
    name: str
    state: str
    #: Words of the command line, given the world.
    words: Callable[[World], list[str]]
    status: int = 0
    #: It may write to the SQLite file.
    writes_source: bool = False
    #: It works with backups alone, whose number is not how a run ends.
    archive: bool = False
    #: It asks the target nothing.
    silent: bool = False
    #: When it has ended, every row of the SQLite file is on PostgreSQL.
    carries: bool = False
    #: It says what differs, and does nothing about it.
    compares: bool = False


VERBS = {
    verb.name: verb
    for verb in (
        Verb("migrate", "new", lambda w: ["migrate", "app.db", w.target]),
        Verb("migrate in steps", "new", lambda w: ["migrate", "app.db", w.target, "--jobs", "2"]),
        Verb("migrate with a way back", "new", lambda w: ["migrate", "app.db", w.target, "--keep-way-back"]),
        Verb("migrate into an application's tables", "owned", lambda w: ["migrate", "app.db", w.target]),
        Verb("verify", "migrated", lambda w: ["verify", "app.db", w.target], compares=True),
        Verb("verify --repair", "damaged", lambda w: ["verify", "app.db", w.target, "--repair"]),
        Verb("rollback", "migrated", lambda w: ["rollback", w.target]),
        Verb("rollback of an application's tables", "filled", lambda w: ["rollback", w.target]),
        Verb("rollback --carry-back", "changed", lambda w: ["rollback", "--carry-back", w.target]),
        Verb(
            "follow, from the beginning",
            "new",
            lambda w: ["follow", "app.db", w.target, "--install-triggers", "--until-caught-up"],
            writes_source=True,
            carries=True,
        ),
        Verb(
            "follow, later on",
            "written",
            lambda w: ["follow", "app.db", w.target, "--until-caught-up"],
            writes_source=True,
            carries=True,
        ),
        Verb(
            "follow --stop",
            "followed",
            lambda w: ["follow", "app.db", w.target, "--stop"],
            writes_source=True,
        ),
        Verb("rollback of a follow", "followed", lambda w: ["rollback", w.target], writes_source=True),
        Verb(
            "cutover", "written", lambda w: ["cutover", "app.db", w.target], writes_source=True, carries=True
        ),
        Verb("going home", "away", lambda w: ["rollback", w.target], writes_source=True),
        Verb(
            "cutover again",
            "home",
            lambda w: ["cutover", "app.db", w.target],
            writes_source=True,
            carries=True,
        ),
        Verb("finalize", "complete", lambda w: ["finalize", w.target, "--yes"], writes_source=True),
        Verb("clean", "migrated", lambda w: ["clean", w.target, "--yes"]),
        Verb(
            "backup",
            "migrated",
            lambda w: ["backup", w.target, *_REPOSITORY, "--drill", "never"],
            archive=True,
        ),
        Verb(
            "backup of SQLite",
            "new",
            lambda w: ["backup", "app.db", *_REPOSITORY],
            archive=True,
            silent=True,
        ),
        Verb(
            "backup with its drill",
            "migrated",
            lambda w: ["backup", w.target, *_REPOSITORY, "--drill", "always"],
            archive=True,
        ),
        Verb("drill", "backed up", lambda w: ["drill", *_REPOSITORY], archive=True, silent=True),
        Verb(
            "restore",
            "backed up",
            lambda w: ["restore", "latest", w.target_named(f"{w.name}_again"), *_REPOSITORY],
            archive=True,
        ),
        Verb(
            "restore --replace",
            "backed up",
            lambda w: ["restore", "latest", w.target, "--replace", *_REPOSITORY],
            archive=True,
        ),
    )
}


def make_state(world: World, state: str) -> None:
    """Bring the world into that state; it is made the first time."""
    if world.has(state):
        world.bring_back(state)
        return
    _MAKERS[state](world)
    world.keep(state)


def _new(world: World) -> None:
    world.begin()
    connection = sqlite3.connect(world.source)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(SCRIPT)
    connection.close()


def _owned(world: World) -> None:
    make_state(world, "new")
    with world.connect() as connection:
        connection.execute(
            "CREATE TABLE box (id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name text UNIQUE,"
            " price numeric(8,2)); CREATE TABLE item (id bigint PRIMARY KEY, box integer REFERENCES box,"
            " note varchar(50)); CREATE TABLE pair (language text, word text, data bytea,"
            " PRIMARY KEY (language, word)); CREATE TABLE keyless (a integer);"
            " CREATE INDEX item_box ON item (box); INSERT INTO box VALUES (77, 'seed', 1)"
        )


def _after(
    state: str, words: Callable[[World], list[str]], sqlite: str = "", postgresql: str = ""
) -> Callable[[World], None]:
    def make(world: World) -> None:
        make_state(world, state)
        if sqlite:
            write_on_sqlite(world, sqlite)
        arguments = words(world)
        if arguments:
            require_status(world.run(arguments), 0)
        if postgresql:
            with world.connect() as connection:
                connection.execute(postgresql.encode())

    return make


def write_on_sqlite(world: World, script: str) -> None:
    """Write as the application would."""
    connection = sqlite3.connect(world.source)
    connection.executescript(script)
    connection.close()


def require_status(done: Done, status: int) -> None:
    """Fail the test where the undisturbed command did not end so."""
    assert done.status == status, f"status {done.status}\n{done.out}\n{done.err}"


_MAKERS: dict[str, Callable[[World], None]] = {
    "new": _new,
    "owned": _owned,
    "migrated": _after("new", VERBS["migrate"].words),
    "filled": _after("owned", VERBS["migrate into an application's tables"].words),
    "damaged": _after(
        "new",
        VERBS["migrate"].words,
        postgresql="UPDATE item SET note = 'wrong' WHERE id = 5; DELETE FROM item WHERE id = 6;",
    ),
    "changed": _after("new", VERBS["migrate with a way back"].words, postgresql=ON_POSTGRESQL),
    "followed": _after("new", VERBS["follow, from the beginning"].words),
    "written": _after("followed", lambda w: [], sqlite=ON_SQLITE),
    "complete": _after("written", VERBS["cutover"].words),
    "away": _after("complete", lambda w: [], postgresql=ON_POSTGRESQL),
    "home": _after("away", VERBS["going home"].words),
    "backed up": _after("migrated", VERBS["backup"].words),
}
