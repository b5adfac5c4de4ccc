"""Options: what is not understood is refused, where each value comes from, and one JSON document always."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import apsw
import psycopg
import pytest

from support.program import HOWDAH, Program, list_objects

#: Whose messages these verbs may show; `postgres` starts programs that have options of their own.
ROOMS = {"cli", "sqlite", "planning", "loading", "proof", "state", "report", "process", "codecs"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["migrate", "notes.db", "--no-such-option"], "No such option: --no-such-option"),
        (["no-such-verb"], "No such command 'no-such-verb'"),
        (["migrate"], "Missing argument 'SOURCE'"),
        (["migrate", "notes.db", "--jobs", "many"], "--jobs"),
        (["migrate", "notes.db", "--jobs", "0"], "--jobs"),
        (["migrate", "notes.db", "--json-type", "bson"], "--json-type takes json, jsonb or text"),
        (["migrate", "notes.db", "--on-reject", "ignore"], "--on-reject takes quarantine or stop"),
        (["migrate", "notes.db", "--plan", "missing.toml"], "missing.toml"),
        (["migrate", "notes.db", "mysql://root@localhost/app"], "not one of PostgreSQL"),
        (["migrate", "postgresql://localhost/app", "notes.db"], "not a SQLite file"),
        (["migrate", "notes.db", "host=h colour=red"], "not a connection string"),
        (["migrate", "notes.db", "target", "one-more"], "unexpected extra argument"),
        (["quarantine", "show", "first"], "'number'"),
        (["pg", "start", "--port", "99999999"], "--port"),
        (["--config", "missing.toml", "doctor"], "missing.toml"),
    ],
)
def test_a_command_line_that_is_wrong_ends_with_2_and_says_why(
    howdah: Program, notes: Path, arguments: list[str], words: str
) -> None:
    ended = howdah.run(*arguments)
    assert (ended.status, ended.out) == (2, "")
    assert ended.error_line.startswith("error ")
    assert words in ended.error_line
    assert "Traceback" not in ended.err
    as_json = howdah.run(*arguments, "--json")
    assert as_json.status == as_json.document["exit_status"] == 2
    assert words in as_json.document["error"]["message"]


def test_a_group_alone_lists_nothing_and_says_what_is_missing(howdah: Program) -> None:
    ended = howdah.run("quarantine")
    assert (ended.status, ended.out) == (2, "")
    assert ended.error_line == "error U-401: Missing command."


def test_an_output_that_cannot_be_written_is_said_so(howdah: Program, notes: Path) -> None:
    ended = howdah.run("plan", notes, "-o", "missing/plan.toml", "--json")
    assert ended.status == 2
    assert "missing/plan.toml" in ended.error_line


@pytest.mark.parametrize(
    "arguments",
    [
        ["plan", "notes.db", "-o", "notes.db"],
        ["plan", "notes.db", "-o", "link"],
        ["plan", "notes.db", "-o", "notes.db-wal"],
        ["quarantine", "export", "notes.db"],
        ["accept", "--html", "notes.db"],
        ["audit", ".", "--sarif", "notes.db"],
        ["audit", ".", "--write-baseline", "notes.db"],
    ],
)
def test_no_output_is_written_over_a_sqlite_database(
    howdah: Program, notes: Path, arguments: list[str]
) -> None:
    (notes.parent / "link").symlink_to(notes)
    with closing(apsw.Connection(str(notes))) as application:
        list(application.execute("PRAGMA journal_mode = wal"))
        application.execute("INSERT INTO folder VALUES (3, 'kept in the log')")
        before = {name: Path(f"{notes}{name}").read_bytes() for name in ("", "-wal")}
        ended = howdah.run(*arguments)
        assert ended.status == 2
        assert ended.error_line.startswith("error U-106: ")
        assert {name: Path(f"{notes}{name}").read_bytes() for name in before} == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["audit", ".", "--sarif", "missing/x"],
        ["audit", ".", "--write-baseline", "missing/x"],
        ["accept", "--html", "missing/x"],
    ],
)
def test_a_path_that_cannot_be_written_is_a_usage_error_everywhere(
    howdah: Program, notes: Path, arguments: list[str]
) -> None:
    ended = howdah.run(*arguments)
    assert ended.status == 2
    assert ended.error_line.startswith("error U-103: ")


def test_a_plan_that_cannot_be_read_is_refused_after_the_run_is_finished_too(
    howdah: Program, notes: Path, database: str
) -> None:
    assert howdah.run("migrate", notes, database).status == 0
    (howdah.directory / "broken.toml").write_text("tables = [")
    for plan, code in (("missing.toml", "P-101"), ("broken.toml", "P-110")):
        ended = howdah.run("migrate", notes, database, "--plan", plan)
        assert (ended.status, ended.error_line[:11]) == (2, f"error {code}")
    assert howdah.run("migrate", notes, database).status == 0


def test_help_and_version_answer_without_a_verb(howdah: Program) -> None:
    bare = howdah.run()
    assert bare.status == 0
    assert bare.out == howdah.run("--help").out
    assert howdah.run("--version").out.startswith("howdah ")


def test_json_is_all_of_stdout_when_it_goes_well(howdah: Program, notes: Path, database: str) -> None:
    ended = howdah.run("migrate", notes, database, "--json")
    assert ended.status == 0
    assert ended.document["verb"] == "migrate"
    assert ended.err.startswith("target: ")
    assert howdah.run("migrate", notes, database, env={"HOWDAH_JSON": "1"}).document["repeated"] is True


def test_flags_come_before_variables_before_the_file_before_defaults(
    howdah: Program, notes: Path, database: str
) -> None:
    (howdah.directory / "howdah.toml").write_text('[migrate]\nschema = "from_file"\n')

    def plan_schema(*flags: str, **variables: str) -> str:
        ended = howdah.run("migrate", notes, database, "--json", *flags, env=variables)
        assert ended.status == 0, ended.err
        with psycopg.connect(database) as connection:
            row = connection.execute(
                "SELECT max(relnamespace::regnamespace::text) FROM pg_class WHERE relname = 'note'"
            ).fetchone()
        assert howdah.run("rollback", database).status == 0
        assert row is not None
        return str(row[0])

    assert plan_schema() == "from_file"
    assert plan_schema(HOWDAH_SCHEMA="from_env") == "from_env"
    assert plan_schema("--schema", "from_flag", HOWDAH_SCHEMA="from_env") == "from_flag"
    (howdah.directory / "howdah.toml").unlink()
    assert plan_schema() == "public"


def test_a_table_of_the_file_may_name_lists_flags_and_another_file_may_be_chosen(
    howdah: Program, notes: Path
) -> None:
    (howdah.directory / "other.toml").write_text(
        'json = true\n[plan]\ninclude = ["folder"]\n[quarantine.list]\nstate-schema = "mine"\n'
    )
    ended = howdah.run("--config", "other.toml", "plan", notes)
    assert [table["name"] for table in ended.document["plan"]["tables"]] == ["folder"]
    ended = howdah.run("plan", notes, env={"HOWDAH_CONFIG": "other.toml"})
    assert [table["name"] for table in ended.document["plan"]["tables"]] == ["folder"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("job = 3", '"job"'),
        ("[migrate]\nyes = true", '"yes"'),
        ('target = "postgresql://h/d"', '"target"'),
        ("[verify]\nrepair = true", '"repair"'),
        ("jobs = [", "is not TOML"),
    ],
)
def test_the_file_is_refused_where_a_name_means_nothing(howdah: Program, text: str, words: str) -> None:
    (howdah.directory / "howdah.toml").write_text(text)
    ended = howdah.run("doctor", "--json")
    assert ended.status == 2
    assert words in ended.error_line


def test_doctor_shows_value_and_source_of_every_option(howdah: Program) -> None:
    (howdah.directory / "howdah.toml").write_text('jobs = 3\n[migrate]\nschema = "app"\ncollation = "C"\n')
    ended = howdah.run("doctor", "--json", env={"HOWDAH_JOBS": "2", "HOWDAH_JOB": "4", "HOWDAH_YES": "1"})
    assert ended.status == 0
    shown = {item["name"]: (item["value"], item["origin"]) for item in ended.document["sections"]["options"]}
    assert shown["--jobs"] == ("2", "environment: HOWDAH_JOBS")
    assert shown["--schema (migrate)"] == ("app", "file: howdah.toml")
    assert ("public", "default") in [
        item for name, item in shown.items() if name.startswith("--schema (") and "plan" in name
    ]
    assert shown["--on-reject"] == ("quarantine", "default")
    assert not any("--yes" in name for name in shown)
    assert any(
        "HOWDAH_JOB " in problem and "HOWDAH_JOBS" in problem for problem in ended.document["problems"]
    )
    assert any("HOWDAH_YES " in problem for problem in ended.document["problems"])
    assert "environment: HOWDAH_JOBS" in howdah.run("doctor", env={"HOWDAH_JOBS": "2"}).out


def test_a_path_that_no_disk_takes_is_no_bug(howdah: Program) -> None:
    (howdah.directory / "loop").symlink_to("loop")
    for name in ("x" * 300, "loop"):
        ended = howdah.run("audit", ".", "--sarif", name)
        assert (ended.status, ended.error_line[:11]) == (7, "error X-002")


def test_doctor_knows_the_variables_of_the_service_and_shows_no_secret(howdah: Program) -> None:
    secret = "a-token-of-thirty-two-characters"
    environment = {
        "HOWDAH_ADMIN_TOKEN": secret,
        "HOWDAH_BACKUP_KEY_FILE": "/run/key",
        "HOWDAH_LOG_LEVEL": "info",
    }
    ended = howdah.run("doctor", "--json", env=environment)
    assert not any("HOWDAH_" in problem for problem in ended.document["problems"])
    assert {item["name"] for item in ended.document["sections"]["settings"]} >= set(environment)
    assert secret not in ended.out


def test_consent_has_no_twin_in_the_environment(howdah: Program, notes: Path, database: str) -> None:
    assert howdah.run("migrate", notes, database).status == 0
    before = list_objects(database)
    ended = howdah.run("clean", database, "--json", env={"HOWDAH_YES": "1", "HOWDAH_CLEAN_YES": "1"})
    assert (ended.status, ended.document["status"]) == (4, "refused")
    assert list_objects(database) == before


def test_no_option_that_a_hint_names_is_missing(howdah: Program) -> None:
    """Every `--option` in a string of the program is one of its own, or of a tool that it starts."""
    import typer.main

    from howdah.cli.app import app
    from howdah.cli.tree import read_commands, read_root_options

    root = typer.main.get_command(app)
    known = {flag for command in read_commands(root) for option in command.options for flag in option.flags}
    known |= {flag for option in read_root_options(root) for flag in option.flags} | {"--help"}
    source = Path(__file__).parents[2] / "src" / "howdah"
    commands = "".join(path.read_text() for path in (source / "cli").glob("*.py"))
    verbs = set(re.findall(r"from howdah\.ops\.(\w+) import", commands))
    unknown = {
        (path.name, flag)
        for path in source.rglob("*.py")
        if path.relative_to(source).parts[0] in ROOMS or (path.stem in verbs and path.parent.name == "ops")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]+", node.value)
    }
    assert {(name, flag) for name, flag in unknown if flag not in known} == set()


def test_the_document_is_one_even_in_a_pipe_that_closes(howdah: Program, notes: Path) -> None:
    ended = howdah.run("inspect", notes, "--json")
    assert json.loads(ended.out)["verb"] == "inspect"
    assert ended.out.endswith("}\n")


@pytest.mark.parametrize(
    ("closed", "arguments", "status"),
    [
        ("<&-", ["clean"], 4),
        (">&-", ["inspect", "notes.db"], 0),
        ("2>&-", ["inspect", "notes.db"], 0),
        ("2>&-", ["inspect", "no-such.db"], 2),
        ("<&- >&- 2>&-", ["inspect", "notes.db", "--json"], 0),
    ],
)
def test_closed_standard_streams_are_no_bug(
    howdah: Program, notes: Path, closed: str, arguments: list[str], status: int
) -> None:
    ended = subprocess.run(
        ["sh", "-c", f'exec "$0" "$@" {closed}', HOWDAH, *arguments],
        cwd=howdah.directory,
        env=howdah.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == status
    assert "Traceback" not in ended.stderr
    assert (ended.stdout != "") == (arguments == ["inspect", "notes.db"] and ">&-" not in closed.split())


@pytest.mark.parametrize("home", [None, "~/howdah"])
def test_a_user_without_a_home_is_told_to_name_a_directory(
    howdah: Program, notes: Path, home: str | None
) -> None:
    # As in a container that runs as a number: no HOME, and nobody of that number among the users.
    program = (
        "import pwd, sys\n"
        "def nobody(number): raise KeyError(number)\n"
        "pwd.getpwuid = nobody\n"
        "from howdah.cli import main\n"
        "main(sys.argv[1:])\n"
    )
    kept = {
        name: value
        for name, value in howdah.environment().items()
        if name not in ("HOME", "XDG_STATE_HOME", "HOWDAH_HOME")
    }
    for arguments, status in (
        (["inspect", "notes.db"], 2),
        (["migrate", "notes.db"], 2),
        (["status", "passwort=x"], 2),
        (["doctor"], 0),
    ):
        ended = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            cwd=howdah.directory,
            env=kept | ({"HOWDAH_HOME": home} if home else {}),
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ended.returncode, "Traceback" in ended.stderr) == (status, False), ended.stderr
        if arguments[0] != "status":
            assert "HOWDAH_HOME" in ended.stdout + ended.stderr
    assert not (howdah.directory / "~").exists()
