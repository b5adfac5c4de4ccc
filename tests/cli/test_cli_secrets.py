"""A password goes to the server and nowhere else: not printed, not written, not in anybody's arguments."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from howdah.postgres.conninfo import format_conninfo, format_url
from support.files import make_database
from support.program import Ended, Program

CANARY = "c4n4ry/pass word'%40"


@pytest.fixture
def owner(database: str) -> Iterator[dict[str, str]]:
    """Parameters of a role that may do everything in the database, and whose password is CANARY."""
    name = f"owner_{conninfo_to_dict(database)['dbname']}"
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE ROLE {} SUPERUSER LOGIN PASSWORD {}").format(
                sql.Identifier(name), sql.Literal(CANARY)
            )
        )
        found = {name: str(value) for name, value in conninfo_to_dict(database).items()}
        yield found | {"user": name, "password": CANARY}
        connection.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(sql.Identifier(name)))
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def forms_of(secret: str) -> list[str]:
    """Return a secret as it is, in a URL, in a keyword string, in JSON and in Python."""
    return [
        secret,
        format_url({"password": secret}).removeprefix("postgresql://:").split("@/")[0],
        format_conninfo({"password": secret}).removeprefix("password="),
        repr(secret),
        "c4n4ry",
    ]


def require_no_secret(howdah: Program, ended: Ended, *more: str) -> None:
    """Look for the canary in what was printed, in every file of ours, and in `more`."""
    texts = {"stdout": ended.out, "stderr": ended.err}
    texts |= {str(path): path.read_bytes().decode("utf-8", "replace") for path in howdah.files()}
    texts |= {f"more {number}": text for number, text in enumerate(more)}
    for where, text in texts.items():
        for form in forms_of(CANARY):
            assert form not in text, where


def dump(database: str) -> str:
    """Return every row of every table of the database that is not PostgreSQL's own, as text."""
    with psycopg.connect(database) as connection:
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        assert ("howdah", "run") in tables
        rows = [
            connection.execute(
                sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(schema, table))
            ).fetchall()
            for schema, table in tables
        ]
    return repr(rows)


def ways_to_say(owner: dict[str, str], tmp_path: Path) -> dict[str, tuple[list[str], dict[str, str]]]:
    """Return the ways a password may be given: arguments and environment of each."""
    without = {name: value for name, value in owner.items() if name != "password"}
    secret_file = tmp_path / "secret"
    secret_file.write_text(CANARY + "\n")
    passfile = tmp_path / "passfile"
    passfile.write_text(f"*:*:*:*:{CANARY}\n")
    passfile.chmod(0o600)
    parts = {
        "DATABASE_CLIENT": "postgres",
        "DATABASE_HOST": owner["host"],
        "DATABASE_PORT": owner["port"],
        "DATABASE_NAME": owner["dbname"],
        "DATABASE_USERNAME": owner["user"],
    }
    return {
        "url": ([format_url(owner)], {}),
        "keywords": ([format_conninfo(owner)], {}),
        "PGPASSWORD": ([format_conninfo(without)], {"PGPASSWORD": CANARY}),
        "passfile": ([format_conninfo(without)], {"PGPASSFILE": str(passfile)}),
        "DATABASE_URL": ([], {"DATABASE_URL": format_url(owner)}),
        "password-file": ([], parts | {"DATABASE_PASSWORD_FILE": str(secret_file)}),
        "password-variable": ([], parts | {"DATABASE_PASSWORD": CANARY}),
    }


WAYS = ["url", "keywords", "PGPASSWORD", "passfile", "DATABASE_URL", "password-file", "password-variable"]


@pytest.mark.parametrize("way", WAYS)
def test_no_secret_is_left_anywhere_by_a_migration_that_goes_well(
    howdah: Program, notes: Path, database: str, owner: dict[str, str], tmp_path: Path, way: str
) -> None:
    arguments, env = ways_to_say(owner, tmp_path)[way]

    ended = howdah.run("migrate", notes, *arguments, "--json", env=env)

    assert ended.status == 0, ended.err
    assert any(path.name == "howdah.log" for path in howdah.files())
    assert any(path.name == "report.html" for path in howdah.files())
    require_no_secret(howdah, ended, dump(database))
    require_no_secret(howdah, howdah.run("status", *arguments, env=env))
    require_no_secret(howdah, howdah.run("doctor", "--json", env=env))


@pytest.mark.parametrize("way", WAYS)
def test_no_secret_is_left_by_one_that_fails(
    howdah: Program, database: str, owner: dict[str, str], tmp_path: Path, way: str
) -> None:
    arguments, env = ways_to_say(owner | {"dbname": "no_such_database"}, tmp_path)[way]
    source = make_database(tmp_path / "s.db", "CREATE TABLE t (a)")

    ended = howdah.run("migrate", source, *arguments, "--json", env=env)

    assert ended.status == 2
    assert ended.document["error"]["code"] == "T-114"
    require_no_secret(howdah, ended)


@pytest.mark.parametrize(
    "arguments",
    [
        ["status", "one", f"postgresql://u:{CANARY}@h/d"],
        ["status", f"postgresql://u:{CANARY}@h/d"],
        ["status", f"host=h password={CANARY} dbname=d"],
        ["migrate", f"postgresql://u:{CANARY}@h/d", "notes.db"],
        ["quarantine", "show", f"postgresql://u:{CANARY}@h/d"],
        ["migrate", "notes.db", "--jobs", f"postgresql://u:{CANARY}@h/d"],
        ["no-such-verb", f"password='{CANARY}'"],
    ],
)
def test_a_misplaced_target_is_not_shown(howdah: Program, notes: Path, arguments: list[str]) -> None:
    ended = howdah.run(*arguments)
    assert ended.status == 2
    require_no_secret(howdah, ended)


def test_a_bug_keeps_its_traceback_and_not_the_secrets_in_it(
    howdah: Program, notes: Path, database: str, owner: dict[str, str]
) -> None:
    conninfo = format_conninfo(owner)
    script = (
        "import howdah.ops.migrate as verb, sys\n"
        "def fail(target, *rest):\n"
        "    raise RuntimeError('lost in ' + target.conninfo)\n"
        "verb._load = fail\n"
        "from howdah.cli import main\n"
        "main(sys.argv[1:])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "migrate", str(notes), conninfo, "--json"],
        env=howdah.environment(),
        cwd=howdah.directory,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    ended = Ended(done.returncode, done.stdout, done.stderr)

    assert ended.status == ended.document["exit_status"] == 70
    assert ended.document["status"] == "bug"
    assert ended.error_line == "error X-001: Howdah met an error of its own."
    assert "Traceback" not in ended.err
    assert "RuntimeError: lost in" in ended.err
    (kept,) = [path for path in howdah.files() if path.parent.name == "bugs"]
    assert str(kept) in ended.err
    assert kept.stat().st_mode & 0o777 == 0o600
    assert "in fail" in kept.read_text()
    assert any("in fail" in path.read_text() for path in howdah.files() if path.name == "howdah.log")
    require_no_secret(howdah, ended)


def _list_processes() -> list[tuple[int, int, str]]:
    """Return process, parent and arguments of everything that runs."""
    if not Path("/proc/self/stat").exists():
        answer = subprocess.run(
            ["ps", "-A", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
        )
        lines = [line.split(None, 2) for line in answer.stdout.splitlines()]
        return [(int(line[0]), int(line[1]), line[2]) for line in lines if len(line) == 3]
    found = []
    for entry in Path("/proc").iterdir():
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            found.append((int(entry.name), parent, (entry / "cmdline").read_bytes().decode()))
        except (OSError, ValueError):
            continue
    return found


def _arguments_below(pid: int) -> dict[int, str]:
    """Return the arguments of all descendants of a process."""
    processes = _list_processes()
    family = {pid}
    found: dict[int, str] = {}
    while born := [entry for entry in processes if entry[1] in family and entry[0] not in family]:
        family |= {entry[0] for entry in born}
        found |= {entry[0]: entry[2] for entry in born}
    return found


def test_no_child_is_given_a_secret_as_an_argument(
    howdah: Program, database: str, owner: dict[str, str], tmp_path: Path
) -> None:
    source = make_database(
        tmp_path / "s.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT);"
        " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)"
        " INSERT INTO t SELECT i, 'row ' || i FROM n;",
    )
    process = howdah.start("migrate", source, format_conninfo(owner), "--jobs", "2")
    seen: set[str] = set()
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            seen.update(_arguments_below(process.pid).values())

    watcher = threading.Thread(target=watch)
    watcher.start()
    out, err = process.communicate(timeout=120)
    ended.set()
    watcher.join()

    assert process.returncode == 0, err
    assert any("spawn" in arguments for arguments in seen)
    require_no_secret(howdah, Ended(0, out, err), *seen)
