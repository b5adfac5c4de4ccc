"""
Everything that a migration can touch, in one place that can be put aside and brought back.

A SQLite file in a directory, a state directory, a directory for temporary files, and a database behind
a proxy. `observe` says what is there in terms that two runs can be compared by; `find_leftovers`
names what a command left behind that should not be there when it has ended.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from support.databases import create_database, drop_database
from support.program import HOWDAH
from support.proxy import Proxy

#: A moment or an identifier in a name.
_MARKS = (
    (re.compile(r"\d{4}-\d\d-\d\dT[\d.-]+Z(_[0-9a-f]+)?"), "<backup>"),
    (re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}"), "<run>"),
    (re.compile(r"_(before|restored|howdah_restoring)_[0-9a-f]{6}\b"), r"_\1_<mark>"),
)
#: Kept of every attempt, for people.
_LOGS = ("howdah.log",)


@dataclass(frozen=True)
class Seen:
    """What is there, comparable."""

    #: Part → what it holds.
    parts: dict[str, Any]

    def differences(self, other: Seen) -> list[str]:
        """Return what is not the same, in words."""
        return [
            f"{name}: {_differ(self.parts.get(name), other.parts.get(name))}"
            for name in sorted(self.parts.keys() | other.parts.keys())
            if self.parts.get(name) != other.parts.get(name)
        ]


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    status: int
    out: str
    err: str


@dataclass
class World:
    root: Path
    #: For the superuser, of the database "postgres", past the proxy.
    admin: str
    proxy: Proxy
    name: str
    secret: str
    _kept: dict[str, list[str]] = field(default_factory=dict)

    @property
    def directory(self) -> Path:
        return self.root / "app"

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def source(self) -> Path:
        return self.directory / "app.db"

    @property
    def target(self) -> str:
        """The URI that commands are given."""
        return self.target_named(self.name)

    def target_named(self, database: str) -> str:
        user = conninfo_to_dict(self.admin)["user"]
        return f"postgresql://{user}:{self.secret}@127.0.0.1:{self.proxy.port}/{database}"

    def connect(self, database: str = "") -> psycopg.Connection[Any]:
        """Connect past the proxy, as an application would be connected."""
        parameters = conninfo_to_dict(self.admin) | {"dbname": database or self.name}
        return psycopg.connect(**parameters, autocommit=True, application_name="application")  # type: ignore[arg-type]

    # Putting aside and bringing back.

    def begin(self) -> None:
        """Empty directories and an empty database."""
        for place in (self.directory, self.home, self.root / "tmp"):
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
        with psycopg.connect(self.admin, autocommit=True) as admin:
            self._drop_databases(admin)
            create_database(admin, self.name)

    def keep(self, state: str) -> None:
        """Put what is there aside under a name; it stays there too."""
        kept = self.root / "kept" / state
        shutil.rmtree(kept, ignore_errors=True)
        for place in ("app", "home", "tmp"):
            shutil.copytree(self.root / place, kept / place)
        with psycopg.connect(self.admin, autocommit=True) as admin:
            databases = self._databases(admin)
            for name in databases:
                copy = _kept(state, name)
                drop_database(admin, copy)
                create_database(admin, copy, template=name)
        self._kept[state] = databases

    def has(self, state: str) -> bool:
        return state in self._kept

    def bring_back(self, state: str) -> None:
        """Make everything as it was when it was put aside."""
        for place in ("app", "home", "tmp"):
            shutil.rmtree(self.root / place, ignore_errors=True)
            shutil.copytree(self.root / "kept" / state / place, self.root / place)
        with psycopg.connect(self.admin, autocommit=True) as admin:
            self._drop_databases(admin)
            for name in self._kept[state]:
                create_database(admin, name, template=_kept(state, name))

    def end(self) -> None:
        """Drop every database of this world."""
        with psycopg.connect(self.admin, autocommit=True) as admin:
            self._drop_databases(admin)
            for state, names in self._kept.items():
                for name in names:
                    drop_database(admin, _kept(state, name))

    def _databases(self, admin: psycopg.Connection[Any]) -> list[str]:
        rows = admin.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", (f"{self.name}%",))
        return sorted(name for (name,) in rows.fetchall())

    def _drop_databases(self, admin: psycopg.Connection[Any]) -> None:
        for name in self._databases(admin):
            drop_database(admin, name)

    # Running.

    @property
    def environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PG", "HOWDAH", "DATABASE"))
        }
        return kept | {
            "HOWDAH_HOME": str(self.home),
            "TMPDIR": str(self.root / "tmp"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def run(
        self, arguments: Sequence[str], *, before: Sequence[str] = (), timeout: float = 120, **extra: str
    ) -> Done:
        """Run howdah to its end, behind the words of another program where there are any."""
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            process = self.start(arguments, before=before, out=out, err=err, **extra)
            try:
                status = process.wait(timeout)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()
                status = 1000
            out.seek(0)
            err.seek(0)
            return Done(status, out.read(), err.read())

    def start(
        self, arguments: Sequence[str], *, before: Sequence[str] = (), out: Any, err: Any, **extra: str
    ) -> subprocess.Popen[str]:
        """Start howdah in a process group of its own."""
        return subprocess.Popen(
            [*before, str(HOWDAH), *arguments],
            cwd=self.directory,
            env=self.environment | extra,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            text=True,
            start_new_session=True,
        )

    # Looking.

    def observe(self) -> Seen:
        """Say what is there: both databases, and the names of files."""
        parts: dict[str, Any] = {}
        with psycopg.connect(self.admin, autocommit=True) as admin:
            databases = self._databases(admin)
        parts["databases"] = sorted({_unmark(name) for name in databases})
        if self.name in databases:
            with self.connect() as connection:
                parts |= _observe_postgresql(connection)
        parts |= {f"sqlite {name}": value for name, value in observe_sqlite(self.source).items()}
        parts["files"] = self._files()
        return Seen(parts)

    def rows(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the application's rows in SQLite and on PostgreSQL: table → sorted rows as text."""
        with psycopg.connect(self.admin, autocommit=True) as admin:
            there = self.name in self._databases(admin)
        on_postgresql: dict[str, Any] = {}
        if there:
            with self.connect() as connection:
                on_postgresql = _rows_of(connection)
        return observe_sqlite(self.source).get("rows", {}), on_postgresql

    def _files(self) -> list[str]:
        found = []
        for place in (self.directory, self.home, self.root / "tmp"):
            for path in place.rglob("*"):
                if not path.is_file() or path.name in _LOGS or _is_probe(path):
                    continue
                if "pg" not in path.relative_to(place).parts:
                    found.append(_unmark(f"{place.name}/{path.relative_to(place)}"))
        repository = {name for name in found if "/repo/" in name}
        # How many backups there are is not how a run ends. A killed writer's file goes in an hour.
        kept = sorted(name for name in repository if not name.endswith(".tmp"))
        return sorted(name for name in found if name not in repository) + kept

    def find_leftovers(self, patience: float = 10.0) -> list[str]:
        """Name processes, sessions, locks, slots and temporary tables that do not go away in time."""
        deadline = time.monotonic() + patience
        while True:
            found = [f"process {line}" for line in self._processes()]
            with psycopg.connect(self.admin, autocommit=True, application_name="tester") as admin:
                found += [f"{kind}: {what}" for kind, what in admin.execute(_LEFTOVERS).fetchall()]
            if self.name:
                # The database may not be there.
                with suppress(psycopg.OperationalError), self.connect() as connection:
                    found += [
                        f"temporary table {name}"
                        for (name,) in connection.execute(
                            "SELECT relname FROM pg_class WHERE relpersistence = 't' AND relkind = 'r'"
                        )
                    ]
            if not found or time.monotonic() > deadline:
                return found
            time.sleep(0.1)

    def _processes(self) -> Iterator[str]:
        mark = f"HOWDAH_HOME={self.home}".encode()
        for process in Path("/proc").iterdir():
            if not process.name.isdigit() or int(process.name) == os.getpid():
                continue
            try:
                if mark in (process / "environ").read_bytes().split(b"\0"):
                    yield f"{process.name} {(process / 'cmdline').read_bytes()[:200]!r}"
            except OSError:
                continue

    def find_secrets(self, *texts: str) -> list[str]:
        """Name the texts and files in which the password stands."""
        found = [f"output: {text[:200]}" for text in texts if self.secret in text]
        for path in (*self.home.rglob("*"), *(self.root / "tmp").rglob("*")):
            if path.is_file() and self.secret.encode() in path.read_bytes():
                found.append(str(path.relative_to(self.root)))
        return found


_LEFTOVERS = """
SELECT 'session', application_name || ' in ' || datname || ': ' || left(query, 60)
  FROM pg_stat_activity WHERE application_name LIKE 'howdah%' OR application_name LIKE 'pg\\_%'
UNION ALL
SELECT 'lock', objid::text FROM pg_locks WHERE locktype = 'advisory'
UNION ALL
SELECT 'slot', slot_name::text FROM pg_replication_slots
UNION ALL
SELECT 'prepared transaction', gid FROM pg_prepared_xacts
"""


def _kept(state: str, name: str) -> str:
    """Return how the copy of a database is called that was put aside with a state."""
    return f"kept_{state}_{name}".replace("-", "_")


def _is_probe(path: Path) -> bool:
    """Whether Python tried with it if a directory is fit for temporary files, and was killed just then."""
    return len(path.name) == 8 and path.parent.name == "tmp" and path.read_bytes() in (b"", b"blat")


def _unmark(text: str) -> str:
    for pattern, word in _MARKS:
        text = pattern.sub(word, text)
    return text


def _differ(here: Any, there: Any) -> str:
    if isinstance(here, list) and isinstance(there, list):
        new = [item for item in here if item not in there]
        gone = [item for item in there if item not in here]
        if new or gone:
            return f"{_short(new)} came, {_short(gone)} is missing"
    return f"{_short(here)} instead of {_short(there)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 600 else text[:600] + "…"


def observe_sqlite(path: Path) -> dict[str, Any]:
    """Read a copy of the file with its side files, so that whoever opens it next finds it as it is."""
    if not path.exists():
        return {"there": False}
    with tempfile.TemporaryDirectory() as directory:
        for ending in ("", "-wal", "-journal"):
            if os.path.exists(f"{path}{ending}"):
                shutil.copyfile(f"{path}{ending}", f"{directory}/app.db{ending}")
        connection = sqlite3.connect(f"{directory}/app.db")
        try:
            objects = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY 2").fetchall()
            tables = [
                name for kind, name, _ in objects if kind == "table" and not name.startswith("_howdah_")
            ]
            rows = {
                name: sorted(repr(row) for row in connection.execute(f'SELECT * FROM "{name}"'))
                for name in tables
                if name != "sqlite_sequence"
            }
            sequences = (
                sorted(connection.execute("SELECT * FROM sqlite_sequence"))
                if "sqlite_sequence" in tables
                else []
            )
            mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
            check = connection.execute("PRAGMA integrity_check").fetchone()[0]
        finally:
            connection.close()
    return {
        "rows": rows,
        "objects": [(kind, name) for kind, name, _ in objects],
        "sequences": sequences,
        "journal mode": mode,
        "integrity": check,
        "writable": bool(stat.S_IMODE(path.stat().st_mode) & 0o200),
    }


def _rows_of(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    names = connection.execute(
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'v') AND n.nspname !~ '^pg_'"
        " AND n.nspname NOT IN ('information_schema', 'howdah')"
        " ORDER BY 1, 2"
    ).fetchall()
    found = {}
    for schema, name in names:
        query = sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(schema, name))
        found[f"{schema}.{name}"] = sorted(row for (row,) in connection.execute(query))
    return found


_CATALOG = {
    "constraints": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated"
    " FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
    "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
    "sequences": "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public' ORDER BY 1",
    "triggers": "SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal"
    " ORDER BY 1, 2",
    "functions": "SELECT n.nspname, p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
    " WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1, 2",
    "relations": "SELECT n.nspname, c.relname, c.relkind::text, c.reloptions FROM pg_class c"
    " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname !~ '^pg_'"
    " AND n.nspname <> 'information_schema' ORDER BY 1, 2",
    "schemas": "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1",
}


def _observe_postgresql(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    parts: dict[str, Any] = {
        f"postgresql {name}": connection.execute(query).fetchall() for name, query in _CATALOG.items()
    }
    parts["postgresql rows"] = _rows_of(connection)
    parts["postgresql relations"] = [
        (schema, _unmark(name), kind, options)
        for schema, name, kind, options in parts["postgresql relations"]
    ]
    relations = {name for schema, name, *_ in parts["postgresql relations"] if schema == "howdah"}
    if "run" in relations:
        parts["runs"] = connection.execute("SELECT status FROM howdah.run ORDER BY started_at").fetchall()
        parts["steps"] = connection.execute("SELECT id FROM howdah.step ORDER BY 1").fetchall()
        parts["last proof"] = connection.execute(
            "SELECT status FROM howdah.proof ORDER BY number DESC LIMIT 1"
        ).fetchall()
        parts["quarantine"] = connection.execute(
            "SELECT source_table, source_key, reason FROM howdah.quarantine ORDER BY 1, 2"
        ).fetchall()
    if "capture" in relations:
        parts["capture"] = connection.execute("SELECT phase, goal, proof FROM howdah.capture").fetchall()
    for name in sorted(relations):
        if name.startswith("dirty_") or name == "way_back_whole":
            what = sql.SQL("number" if name == "way_back_whole" else "t::text")
            noted = sql.SQL("SELECT DISTINCT {} FROM {} t ORDER BY 1").format(
                what, sql.Identifier("howdah", name)
            )
            parts[f"noted {name}"] = connection.execute(noted).fetchall()
    return parts
