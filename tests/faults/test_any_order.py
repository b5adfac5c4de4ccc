"""
Any order of the application's writes and our verbs, with a kill in between: every write is there once.

The model is a dictionary of the rows that the application was told are stored. After each step the side
that takes writes must hold exactly those. The seed is printed; HOWDAH_SEED repeats a run.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from howdah.errors import RefusedError
from howdah.ops.carry_back import CarryBackRequest, carry_back
from howdah.ops.cutover import CutoverRequest, cutover
from howdah.ops.finalize import finalize
from howdah.ops.follow import FollowRequest, follow, stop
from howdah.ops.go_home import go_home
from howdah.ops.live_run import LiveOptions
from howdah.ops.migrate import MigrateRequest, migrate
from howdah.ops.rollback import rollback
from howdah.ops.verify import VerifyRequest, verify_run
from support.faulty import run_faulty
from support.runs import target_request

pytestmark = pytest.mark.long

SCRIPT = """
CREATE TABLE item (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, note TEXT);
CREATE TABLE part (
    item INTEGER REFERENCES item ON DELETE CASCADE, number INTEGER, PRIMARY KEY (item, number)
);
CREATE TABLE seen (what TEXT);
INSERT INTO item VALUES (1, 'c1', 'first'), (2, 'c2', NULL);
INSERT INTO part VALUES (1, 1), (1, 2);
"""
_ids = st.integers(1, 12)
#: So many milliseconds after it began.
_moments = st.tuples(st.just("kill-in-time"), st.integers(1, 1200))
#: Where a verb is killed: before or after this step of it, at a moment, or not at all.
_kills = st.none() | st.tuples(st.sampled_from(["kill-before", "kill-after"]), st.integers(1, 7)) | _moments
_KILLED = (-signal.SIGKILL, -signal.SIGALRM)
_numbers = itertools.count(1)


class Journey(RuleBasedStateMachine):
    """One application and its database, from SQLite to PostgreSQL and home again."""

    server: Any

    def __init__(self) -> None:
        super().__init__()
        self._directory = tempfile.TemporaryDirectory(prefix="howdah-journey-")
        self.source = Path(self._directory.name) / "app.db"
        self._name = f"journey_{os.getpid()}_{next(_numbers)}"
        self.database = self.server.dsn(self._name)
        self._admin("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'")
        #: "new", "followed", "away", "home", "migrated" or "final".
        self.phase = "new"
        self.items: dict[int, tuple[str, str | None]] = {1: ("c1", "first"), 2: ("c2", None)}
        self.parts = {(1, 1), (1, 2)}
        self.seen: list[str] = []

    def teardown(self) -> None:
        self._admin("DROP DATABASE {} WITH (FORCE)")
        self._directory.cleanup()

    def _admin(self, statement: str) -> None:
        with psycopg.connect(self.server.dsn(), autocommit=True) as admin:
            admin.execute(statement.format(self._name).encode())

    @property
    def on_postgresql(self) -> bool:
        return self.phase in ("away", "migrated", "final")

    def _run(self, *statements: tuple[str, tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Run statements in one transaction on the side that takes writes; return the last one's rows."""
        rows: list[tuple[Any, ...]] = []
        if self.on_postgresql:
            with psycopg.connect(self.database) as there:
                for statement, values in statements:
                    cursor = there.execute(statement.replace("?", "%s").encode(), values)
                    rows = cursor.fetchall() if cursor.description else []
            return rows
        here = sqlite3.connect(self.source)
        try:
            here.execute("PRAGMA foreign_keys = ON")
            with here:
                for statement, values in statements:
                    rows = here.execute(statement, values).fetchall()
        finally:
            here.close()
        return rows

    # What the application does.

    @initialize(wal=st.booleans())
    def begin(self, wal: bool) -> None:
        here = sqlite3.connect(self.source)
        here.execute(f"PRAGMA journal_mode = {'WAL' if wal else 'DELETE'}")
        here.executescript(SCRIPT)
        here.close()

    @rule(number=_ids, code=_ids, note=st.text("ab'\u00fc", max_size=5) | st.none())
    def put(self, number: int, code: int, note: str | None) -> None:
        """A row takes the place of those with its number or its code, as INSERT OR REPLACE does."""
        word = f"c{code}"
        gone = [key for key, (other, _) in self.items.items() if key == number or other == word]
        values = (number, word, note)
        if self.on_postgresql:
            self._run(
                ("DELETE FROM item WHERE id = ? OR code = ?", (number, word)),
                ("INSERT INTO item VALUES (?, ?, ?)", values),
            )
        else:
            self._run(("INSERT OR REPLACE INTO item VALUES (?, ?, ?)", values))
        for key in gone:
            del self.items[key]
            self.parts = {part for part in self.parts if part[0] != key}
        self.items[number] = (word, note)

    @precondition(lambda self: len(self.items) > 1)
    @rule(data=st.data())
    def swap(self, data: st.DataObject) -> None:
        one, two = data.draw(st.permutations(sorted(self.items)))[:2]
        (first, _), (second, _) = self.items[one], self.items[two]
        self._run(
            ("UPDATE item SET code = 'away' WHERE id = ?", (one,)),
            ("UPDATE item SET code = ? WHERE id = ?", (first, two)),
            ("UPDATE item SET code = ? WHERE id = ?", (second, one)),
        )
        self.items[one] = (second, self.items[one][1])
        self.items[two] = (first, self.items[two][1])

    @precondition(lambda self: self.items)
    @rule(data=st.data(), number=st.integers(1, 4))
    def add_part(self, data: st.DataObject, number: int) -> None:
        item = data.draw(st.sampled_from(sorted(self.items)))
        self._run(
            ("DELETE FROM part WHERE item = ? AND number = ?", (item, number)),
            ("INSERT INTO part VALUES (?, ?)", (item, number)),
        )
        self.parts.add((item, number))

    @precondition(lambda self: self.items)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(sorted(self.items)))
        self._run(("DELETE FROM item WHERE id = ?", (item,)))
        del self.items[item]
        self.parts = {part for part in self.parts if part[0] != item}

    @rule(what=st.sampled_from("xyz"))
    def see(self, what: str) -> None:
        self._run(("INSERT INTO seen VALUES (?)", (what,)))
        self.seen.append(what)

    # What we do.

    def _verb(self, name: str, run: Callable[[], Any], kill: tuple[str, int] | None) -> Any:
        """Run a verb; killed first, then once more, where that is drawn."""
        if kill is not None:
            killed = run_faulty(name, self.source, self.database, *kill)
            assert killed.status in (*_KILLED, 0), killed.errors
        return run()

    def _verb_that_ends(self, name: str, run: Callable[[], Any], kill: tuple[str, int] | None) -> None:
        """The same of a verb that leaves nothing of a run: killed at its end, there is none to end."""
        try:
            self._verb(name, run, kill)
        except RefusedError as error:
            if kill is None or error.code != "M-401":
                raise

    def _follow(self) -> Any:
        request = FollowRequest(
            source=str(self.source), target=target_request(self.database), consent=True, until_caught_up=True
        )
        return follow(request)

    @precondition(lambda self: self.phase in ("new", "followed", "home"))
    @rule(kill=_kills)
    def follows(self, kill: tuple[str, int] | None) -> None:
        assert self._verb("follow", self._follow, kill).status == "caught-up"
        self.phase = "followed"

    @precondition(lambda self: self.phase in ("followed", "home"))
    @rule(kill=_kills)
    def cuts_over(self, kill: tuple[str, int] | None) -> None:
        request = CutoverRequest(source=str(self.source), target=target_request(self.database))
        report = self._verb("cutover", lambda: cutover(request), kill)
        assert (report.phase, report.difference_count) == ("complete", 0)
        self.phase = "away"
        with pytest.raises(sqlite3.IntegrityError, match="moved to"):
            self._write_to_the_file()

    def _write_to_the_file(self) -> None:
        here = sqlite3.connect(self.source)
        try:
            here.execute("INSERT INTO seen VALUES ('too late')")
        finally:
            here.close()

    @precondition(lambda self: self.phase == "away")
    @rule(kill=_kills)
    def goes_home(self, kill: tuple[str, int] | None) -> None:
        report = self._verb("home", lambda: go_home(target_request(self.database), LiveOptions()), kill)
        assert (report.phase, report.difference_count) == ("home", 0)
        self.phase = "home"

    @precondition(lambda self: self.phase in ("followed", "home"))
    @rule(began=_kills, kill=st.none() | _moments)
    def calls_off(self, began: tuple[str, int] | None, kill: tuple[str, int] | None) -> None:
        """A cutover that was killed somewhere is called off, unless it had come past the point."""
        if began is not None:
            killed = run_faulty("cutover", self.source, self.database, *began)
            assert killed.status in (*_KILLED, 0), killed.errors
        request = CutoverRequest(source=str(self.source), target=target_request(self.database), abort=True)
        if kill is not None:
            killed = run_faulty("abort", self.source, self.database, *kill)
            assert killed.status in (*_KILLED, 0, 4), killed.errors
        try:
            report = cutover(request)
        except RefusedError as error:
            if began is None or error.code != "L-118":
                raise
            self.cuts_over_again()
            return
        assert report.phase in ("following", "home")
        self.phase = "home" if report.phase == "home" else "followed"

    def cuts_over_again(self) -> None:
        request = CutoverRequest(source=str(self.source), target=target_request(self.database))
        report = cutover(request)
        assert (report.phase, report.difference_count) == ("complete", 0)
        self.phase = "away"

    @precondition(lambda self: self.phase == "followed")
    @rule(undone=st.booleans(), kill=st.none() | _moments)
    def gives_up(self, undone: bool, kill: tuple[str, int] | None) -> None:
        if undone:
            self._verb_that_ends("rollback", lambda: rollback(target_request(self.database)), kill)
        else:
            self._verb("stop", lambda: stop(str(self.source), target_request(self.database)), kill)
            # What was brought over stays there; somebody drops it.
            with psycopg.connect(self.database, autocommit=True) as there:
                there.execute("DROP TABLE item, part, seen; DROP SCHEMA howdah CASCADE")
        self.phase = "new"
        here = sqlite3.connect(self.source)
        left = here.execute("SELECT name FROM sqlite_schema WHERE name LIKE '%howdah%'").fetchall()
        here.close()
        assert left == []

    @precondition(lambda self: self.phase == "new")
    @rule()
    def migrates(self) -> None:
        report = migrate(
            MigrateRequest(source=str(self.source), target=target_request(self.database), keep_way_back=True)
        )
        assert report.exit_status == 0
        assert (
            verify_run(
                VerifyRequest(source=str(self.source), target=target_request(self.database))
            ).exit_status
            == 0
        )
        self.phase = "migrated"

    @precondition(lambda self: self.phase == "migrated")
    @rule(all_rows=st.booleans())
    def carries_back(self, all_rows: bool) -> None:
        output = self.source.with_name("carried.db")
        report = carry_back(
            CarryBackRequest(target=target_request(self.database), output=output, all_rows=all_rows)
        )
        assert (report.status, report.difference_count) == ("carried-back", 0)
        here = sqlite3.connect(output)
        try:
            assert self._read(lambda query: here.execute(query).fetchall()) == self._expected()
        finally:
            here.close()
        output.unlink()

    @precondition(lambda self: self.phase in ("away", "migrated"))
    @rule(kill=st.none() | _moments)
    def ends_the_way_back(self, kill: tuple[str, int] | None) -> None:
        away = self.phase == "away"
        self._verb("finalize", lambda: finalize(target_request(self.database)), kill)
        self.phase = "final"
        with psycopg.connect(self.database) as there:
            assert (
                there.execute("SELECT tgname FROM pg_trigger WHERE tgname LIKE '%howdah%'").fetchall() == []
            )
        if away:
            assert self.source.stat().st_mode & 0o222 == 0
            here = sqlite3.connect(f"file:{self.source}?immutable=1", uri=True)
            left = here.execute("SELECT name FROM sqlite_schema WHERE name LIKE '%howdah%'").fetchall()
            here.close()
            assert left == []

    # What must hold.

    @staticmethod
    def _read(ask: Callable[[str], list[tuple[Any, ...]]]) -> tuple[list[tuple[Any, ...]], ...]:
        return tuple(
            sorted(ask(query), key=repr)
            for query in (
                "SELECT id, code, note FROM item",
                "SELECT item, number FROM part",
                "SELECT what FROM seen",
            )
        )

    def _expected(self) -> tuple[list[tuple[Any, ...]], ...]:
        return (
            sorted(((key, code, note) for key, (code, note) in self.items.items()), key=repr),
            sorted(self.parts, key=repr),
            sorted([(what,) for what in self.seen], key=repr),
        )

    @invariant()
    def every_acknowledged_write_is_there_once(self) -> None:
        if self.source.exists():
            assert self._read(lambda query: self._run((query, ()))) == self._expected()


@pytest.mark.parametrize(
    ("examples", "steps"),
    [(6, 20), pytest.param(40, 25, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])],
)
def test_any_order_of_writes_and_verbs_loses_nothing(server: Any, examples: int, steps: int) -> None:
    seed = int(os.environ.get("HOWDAH_SEED") or random.SystemRandom().randrange(2**32))
    print(f"HOWDAH_SEED={seed}")
    machine = type("Journey", (Journey,), {"server": server})
    run_state_machine_as_test(
        hypothesis.seed(seed)(machine),
        settings=hypothesis.settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(hypothesis.HealthCheck),
        ),
    )
