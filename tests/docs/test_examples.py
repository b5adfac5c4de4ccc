"""Every shell example of the documentation runs, in the order of its page, and ends well."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from support.doc_examples import Example, put_databases_in, read_examples

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

#: What a page takes for granted.
_BACKED_UP = (
    'howdah migrate app.db "$TARGET" && howdah backup "$TARGET" --repo backups --name shop --drill never'
)
BEFORE = {
    "back-up.md": 'howdah migrate app.db "$TARGET"',
    "restore.md": _BACKED_UP,
    # Another page may have made the role on this server already.
    "disaster-recovery.md": 'howdah migrate app.db "$TARGET"\n'
    'psql "$TARGET" -c "CREATE ROLE shop_app LOGIN" || true',
    "go-home-to-sqlite.md": 'howdah migrate app.db "$TARGET"',
    # Tables that are nobody's but the application's.
    "migrate-into-your-applications-tables.md": (
        'howdah migrate app.db "$TARGET"; howdah clean "$TARGET" --yes'
    ),
}

#: A drill after each backup takes seconds; those that a page asks for by name are done all the same.
ENVIRONMENT = {
    page: {"HOWDAH_DRILL": "never"} for page in ("back-up.md", "restore.md", "disaster-recovery.md")
}

#: Dry-runs the repository's own make: that the target is there is what an example promises.
MAKE = f"""#!/bin/sh
exec "{shutil.which("make")}" --no-print-directory -n -C "{ROOT}" "$@"
"""


@pytest.fixture
def playground(tmp_path: Path) -> Iterator[Path]:
    """A directory with an app.db, the programs, and a state directory of its own."""
    shutil.copy(ROOT / "tests" / "data" / "chinook.sqlite", tmp_path / "app.db")
    (tmp_path / "path" / "to").mkdir(parents=True)
    (tmp_path / "path" / "to" / "strapi-project").symlink_to(ROOT / "examples" / "agent-platform")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    shims = tmp_path / "shims"
    shims.mkdir()
    (shims / "make").write_text(MAKE)
    (shims / "make").chmod(0o755)
    # Short, because the embedded server's socket is below it.
    with tempfile.TemporaryDirectory(prefix="howdah-docs-", ignore_cleanup_errors=True) as home:
        (tmp_path / "home").symlink_to(home)
        yield tmp_path
        if (Path(home) / "pg").exists():
            _run("howdah pg stop", tmp_path, {})


def _run(script: str, directory: Path, more: dict[str, str]) -> subprocess.CompletedProcess[str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "DATABASE_", "HOWDAH_"))
    }
    path = f"{directory / 'shims'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=directory,
        env=kept | {"PATH": path, "HOWDAH_HOME": os.path.realpath(directory / "home")} | more,
        capture_output=True,
        text=True,
        input="",
        timeout=240,
        check=False,
    )


def _pages_with_examples() -> list[Path]:
    return [page for page in PAGES if any(example.runs for example in read_examples(page))]


@pytest.mark.long
@pytest.mark.parametrize("page", _pages_with_examples(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_example_of_the_page_runs(page: Path, playground: Path, server: Any) -> None:
    made: dict[str, str] = {}
    if shutil.which("psql") is None:
        (playground / "shims" / "psql").symlink_to(server.bindir / "psql")

    def dsn(name: str) -> str:
        if name not in made:
            real = f"docs_{os.getpid()}_{name}"
            with psycopg.connect(server.dsn(), autocommit=True) as admin:
                admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(real)))
            made[name] = server.dsn(real)
        return made[name]

    try:
        before = Example(page=page.name, line=0, script=BEFORE.get(page.name, "true"))
        for example in (before, *read_examples(page)):
            if example.runs:
                script = put_databases_in(example.script, dsn)
                _check(example, dsn("target"), script, playground, ENVIRONMENT.get(page.name))
    finally:
        with psycopg.connect(server.dsn(), autocommit=True) as admin:
            for name in made:
                real = sql.Identifier(f"docs_{os.getpid()}_{name}")
                admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(real))


def _check(
    example: Example, target: str, script: str, directory: Path, more: Mapping[str, str] | None = None
) -> None:
    done = _run(script, directory, {"TARGET": target, "DATABASE_URL": target, **(more or {})})
    assert done.returncode == 0, (
        f"{example.page}:{example.line}\n{example.script}\n{done.stdout}\n{done.stderr}"
    )


def test_an_example_that_fails_is_seen(playground: Path) -> None:
    page = playground / "page.md"
    page.write_text("# Page\n\n```console\n$ howdah inspect no-such-file.db\n```\n")
    with pytest.raises(AssertionError, match=r"page\.md:3"):
        _check(read_examples(page)[0], "", read_examples(page)[0].script, playground)


def test_what_is_not_run_gives_a_reason() -> None:
    reasons = [example.not_run for page in PAGES for example in read_examples(page) if example.not_run]
    assert [reason for reason in reasons if len(reason.split()) < 3] == []


def test_every_block_with_commands_says_what_it_is() -> None:
    examples = [example for page in PAGES for example in read_examples(page)]
    assert [f"{example.page}:{example.line}" for example in examples if not example.marked] == []


def test_commands_in_an_unmarked_block_are_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```\nhowdah inspect app.db\n```\n")
    assert [example.marked for example in read_examples(page)] == [False]
