"""
The fault sweep: one fault at one place of one verb, and what must hold afterwards.

Whatever happened: the command ended with a status that says so, or it was killed; one side has every row;
nothing of ours runs or is locked; no password was shown; and the same command, run again, ends as it
does where nothing ever happened.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from howdah.postgres.embedded import EmbeddedServer, start_embedded
from support.proxy import Harm, Message, proxy_before
from support.swept_verbs import VERBS, Verb, make_state, require_status
from support.system_calls import ENDING, WRITING, SystemCall, can_trace, inject, read_trace, trace
from support.world import Done, Seen, World

#: Exit statuses that the documentation has; 70 is a bug.
_KNOWN = frozenset({0, 2, 3, 4, 5, 6, 7, 8, 9})
_KILLED = frozenset({-9, 137})


@dataclass(frozen=True)
class Case:
    verb: str
    kind: str
    #: Where in the verb, from 0.0 (its first message or call) to 1.0 (its last).
    place: float


@dataclass(frozen=True)
class Outcome:
    case: Case
    #: Where it struck, in words.
    where: str
    status: int
    status_again: int
    #: Empty where all held.
    problems: tuple[str, ...] = ()
    #: The command ended before the fault came.
    missed: bool = False


@dataclass
class Undisturbed:
    """How a verb runs when nothing happens."""

    seen: Seen
    truth: dict[str, Any]
    truth_on_postgresql: dict[str, Any]
    messages: list[Message]
    calls: list[SystemCall] | None = None


@dataclass
class Sweep:
    """Runs cases in one world; remembers how each verb runs undisturbed."""

    world: World
    server: EmbeddedServer
    bindir: Path
    settings: dict[str, str]
    _known: dict[str, Undisturbed] = field(default_factory=dict)

    def undisturbed(self, name: str) -> Undisturbed:
        if name not in self._known:
            verb = VERBS[name]
            make_state(self.world, verb.state)
            before = self.world.rows()
            self.world.proxy.watch()
            require_status(self.world.run(verb.words(self.world)), verb.status)
            messages = list(self.world.proxy.seen)
            assert self.world.find_leftovers() == []
            self._known[name] = Undisturbed(self._observe(), before[0], before[1], messages)
        return self._known[name]

    def calls(self, name: str) -> list[SystemCall]:
        known = self.undisturbed(name)
        if known.calls is None:
            verb = VERBS[name]
            make_state(self.world, verb.state)
            with tempfile.TemporaryDirectory() as directory:
                output = Path(directory) / "trace"
                before = trace(output, ENDING, children=not verb.archive)
                require_status(self.world.run(verb.words(self.world), before=before), verb.status)
                known.calls = read_trace(output, self.world)
        return known.calls

    def run(self, case: Case) -> Outcome:
        """Run one case to its end and say what did not hold."""
        verb = VERBS[case.verb]
        known = self.undisturbed(case.verb)
        if case.kind in _BY_CALL:
            self.calls(case.verb)
        make_state(self.world, verb.state)
        where, missed, done = _KINDS[case.kind](self, verb, known, case.place)
        self.world.proxy.watch()
        problems = self._check(verb, known, done, killed=case.kind.startswith("killed"))
        reached = not self._observe().differences(known.seen)
        again = self.world.run(verb.words(self.world))
        problems += self._check_again(verb, known, done, again, reached=reached)
        return Outcome(case, where, done.status, again.status, tuple(problems), missed)

    def _check(self, verb: Verb, known: Undisturbed, done: Done, *, killed: bool) -> list[str]:
        problems = []
        allowed = _KNOWN | (_KILLED if killed else set())
        if done.status not in allowed:
            problems.append(f"it ended with status {done.status}: {done.out[-500:]} {done.err[-1500:]}")
        # A drill that cannot judge says why in its report.
        named = "error " in done.err or (verb.archive and "environment" in done.out)
        if done.status not in {*_KILLED, 0, 3, 5} and not named:
            problems.append(f"it failed with status {done.status} and named no error: {done.err[-500:]}")
        if "Traceback" in done.err:
            problems.append(f"a traceback was printed: {done.err[-1500:]}")
        problems += [f"left behind: {found}" for found in self.world.find_leftovers()]
        sqlite, postgresql = (undisguise(rows) for rows in self.world.rows())
        if not verb.archive and verb.name != "rollback --carry-back" and sqlite != known.truth:
            final = known.seen.parts.get("sqlite rows")
            if sqlite != final and postgresql != known.truth_on_postgresql:
                problems.append("rows are whole on neither side")
            if not verb.writes_source:
                problems.append("the SQLite file was changed")
        return problems

    def _check_again(
        self, verb: Verb, known: Undisturbed, done: Done, again: Done, *, reached: bool
    ) -> list[str]:
        problems = []
        # A command that had come to its end before it was killed may say that nothing is left to do.
        differs = verb.compares and again.status == 3 and DISGUISE in repr(self.world.rows()[0])
        if again.status != verb.status and not (reached and again.status == 4) and not differs:
            problems.append(
                f"run again, it ended with status {again.status}: {again.out[-300:]} {again.err[-1500:]}"
            )
        if not differs:
            problems += [f"run again, {line}" for line in self._observe().differences(known.seen)]
        if verb.carries and again.status == 0:
            sides = [DISGUISE in repr(rows) for rows in self.world.rows()]
            if sides == [True, False]:
                problems.append("a row of the file in the source's place did not arrive")
        problems += [f"left behind in the end: {found}" for found in self.world.find_leftovers()]
        problems += [
            f"the password stands in {found}"
            for found in self.world.find_secrets(done.out, done.err, again.out, again.err)
        ]
        return problems

    def _observe(self) -> Seen:
        return Seen(undisguise(self.world.observe().parts))

    def restart_server(self) -> None:
        """Start the server again where it was killed."""
        start_embedded(
            self.server.directory,
            bindir=self.bindir,
            durable=False,
            settings=self.settings,
            end_with_parent=True,
        )


#: What the file that takes the source's place holds in one row, and what the source holds there.
DISGUISE, _ORIGINAL = "other 200", "note 200"


def undisguise(value: Any) -> Any:
    """Return what was observed as it is where the source was never replaced."""
    if isinstance(value, str):
        return value.replace(DISGUISE, _ORIGINAL)
    if isinstance(value, dict):
        return {undisguise(name): undisguise(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        items = [undisguise(item) for item in value]
        return tuple(items) if isinstance(value, tuple) else sorted(items) if _are_texts(items) else items
    return value


def _are_texts(items: Sequence[Any]) -> bool:
    return all(isinstance(item, str) for item in items)


def _at(place: float, items: Sequence[Any]) -> int:
    """Return the index at that place of a sequence."""
    return min(len(items) - 1, int(place * len(items)))


_Struck = tuple[str, bool, Done]


def _by_message(
    kind: str, make: Callable[[Sweep], Callable[[], None]] | None = None
) -> Callable[..., _Struck]:
    def strike(sweep: Sweep, verb: Verb, known: Undisturbed, place: float) -> _Struck:
        index = _at(place, known.messages)
        if kind == "deaf":
            commits = [number for number, message in enumerate(known.messages) if message.commits]
            index = commits[_at(place, commits)] if commits else index
        if kind == "full":
            # In the place of a simple query alone its error is one that the client waits for.
            queries = [number for number, message in enumerate(known.messages) if message.kind == "Q"]
            index = queries[_at(place, queries)] if queries else index
        harm = Harm(at=index + 1, kind=kind)
        if make is not None:
            harm.hook = make(sweep)
        sweep.world.proxy.watch(harm)
        done = sweep.world.run(verb.words(sweep.world))
        if kind == "call" and make is _kill_postmaster:
            sweep.restart_server()
        message = known.messages[index]
        return f"message {index + 1} ({message.kind} {message.head[:30]!r})", not harm.done.is_set(), done

    return strike


def _terminate_backends(sweep: Sweep) -> Callable[[], None]:
    def hook() -> None:
        with psycopg.connect(sweep.world.admin, autocommit=True, application_name="tester") as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE application_name LIKE 'howdah%' OR application_name LIKE 'pg\\_%'"
            )

    return hook


def _kill_postmaster(sweep: Sweep) -> Callable[[], None]:
    def hook() -> None:
        # Its backends notice, and end; the client's connection is gone.
        pid = int((sweep.server.directory / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, 9)

    return hook


def _replace_source(sweep: Sweep) -> Callable[[], None]:
    """Have somebody put another file in the source's place: a copy of it, one row of which is another."""

    def hook() -> None:
        source = sweep.world.source
        if source.exists():
            replace_file(source)

    return hook


def replace_file(source: Path) -> None:
    """Put a copy in its place that has one other row, unless a fence keeps that one."""
    new = source.with_name(f"{source.name}.new")
    mode = source.stat().st_mode
    with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=60)) as there:
        wal = there.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        with closing(sqlite3.connect(new)) as copy:
            there.backup(copy)
            with suppress(sqlite3.DatabaseError), copy:
                copy.execute("UPDATE item SET note = ? WHERE note = ?", (DISGUISE, _ORIGINAL))
            # The copy's own side files would stay under its old name.
            copy.execute("PRAGMA journal_mode = DELETE")
    os.chmod(new, mode)
    new.replace(source)
    for ending in ("-wal", "-shm", "-journal"):
        Path(f"{source}{ending}").unlink(missing_ok=True)
    if wal:
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(source)) as copy:
            copy.execute("PRAGMA journal_mode = WAL")


def _by_call(names: Sequence[str], what: str, words: str) -> Callable[..., _Struck]:
    def strike(sweep: Sweep, verb: Verb, known: Undisturbed, place: float) -> _Struck:
        calls = [call for call in sweep.calls(verb.name) if call.name in names]
        if not calls:
            return "it makes no such call", True, sweep.world.run(verb.words(sweep.world))
        call = calls[_at(place, calls)]
        injected = what.format(number=call.number, next=call.number + 1)
        before = inject([call.name], injected, children=not verb.archive)
        done = sweep.world.run(verb.words(sweep.world), before=before)
        return f"{words} {call.name} {call.number}: {call.shown}", done.status == verb.status, done

    return strike


_BY_CALL = {
    "killed at a system call": _by_call(ENDING, "signal=KILL:when={number}", "at"),
    "Ctrl-C": _by_call(ENDING, "signal=INT:when={number}", "at"),
    "Ctrl-C twice": _by_call(ENDING, "signal=INT:when={number}..{next}", "at"),
    "disk full": _by_call(WRITING, "error=ENOSPC:when={number}+", "from"),
    "disk broken": _by_call(WRITING, "error=EIO:when={number}+", "from"),
}
_KINDS: dict[str, Callable[[Sweep, Verb, Undisturbed, float], _Struck]] = {
    **_BY_CALL,
    "connection cut in a message": _by_message("cut"),
    "answer to COMMIT lost": _by_message("deaf"),
    "backends terminated": _by_message("call", _terminate_backends),
    "disk of the server full": _by_message("full"),
    "source replaced": _by_message("call", _replace_source),
    "postmaster killed": _by_message("call", _kill_postmaster),
}
KINDS = tuple(_KINDS)


def list_cases(points: int, *, verbs: Sequence[str] = (), kinds: Sequence[str] = ()) -> list[Case]:
    """Return so many places of every verb and kind, evenly over its run, beginning elsewhere in each."""
    return [
        Case(verb, kind, (number + zlib.crc32(f"{verb} {kind}".encode()) % 100 / 100) / points)
        for verb in verbs or VERBS
        for kind in kinds or KINDS
        for number in range(points)
        if (can_trace() if kind in _BY_CALL else not VERBS[verb].silent)
        if kind != "source replaced" or not VERBS[verb].archive
    ]


@contextmanager
def sweeping(bindir: Path, root: Path) -> Iterator[Sweep]:
    """A world on a server of its own, which faults may kill."""
    with tempfile.TemporaryDirectory(prefix="howdah-sweep-", ignore_cleanup_errors=True) as place:
        settings = {"shared_buffers": "64MB", "max_connections": "60"}
        server = start_embedded(
            Path(place) / "pg", bindir=bindir, durable=False, settings=settings, end_with_parent=True
        )
        try:
            with proxy_before(server.socket_directory, server.port) as proxy:
                yield Sweep(
                    world=World(
                        root=root, admin=server.conninfo(), proxy=proxy, name="world", secret=server.password
                    ),
                    server=server,
                    bindir=bindir,
                    settings=settings,
                )
        finally:
            server.stop(mode="immediate")
            shutil.rmtree(root, ignore_errors=True)
