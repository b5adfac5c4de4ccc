"""Where the story happens: a directory of its own, commands run in it, its databases and its service."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict

from e2e.story import Step, Story
from howdah.postgres.binaries import list_server_binaries
from support.browser import run_browser
from support.program import Ended, Program

DATABASE = "agent_platform"


@dataclass(frozen=True)
class World:
    """What the steps of the story share; `database` is the DATABASE_URL of its commands, "" for none."""

    story: Story
    program: Program
    project: Path
    database: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def directory(self) -> Path:
        return self.program.directory

    def at(self, database: str) -> World:
        """Return the same with another database in the environment."""
        return replace(self, database=database)

    def environment(self) -> dict[str, str]:
        database = {"DATABASE_URL": self.database} if self.database else {}
        return {**self.settings, **database}

    def howdah(self, *arguments: str | Path, status: int = 0) -> Ended:
        """Run a command as a person would; it must end with that status."""
        started = time.monotonic()
        ended = self.program.run(*arguments, env=self.environment())
        # A URL with its password is all that this one prints.
        output = "" if arguments[:2] == ("pg", "url") else ended.out + ended.err
        self.story.ran(
            ["howdah", *map(str, arguments)],
            seconds=time.monotonic() - started,
            status=ended.status,
            output=output,
            expected=status,
        )
        assert ended.status == status, (
            f"howdah {arguments[0]} ended with {ended.status}\n{ended.out}{ended.err}"
        )
        return ended

    @contextmanager
    def running(self, *arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
        """Run a command beside the steps; it is ended with the block, if it has not ended itself."""
        started, step = time.monotonic(), self.story.steps[-1]
        with open(self.directory / f"{arguments[0]}.log", "w+") as log:
            process = self.program.start(*arguments, env=self.environment(), log=log)
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.send_signal(signal.SIGTERM)
                out, _ = process.communicate(timeout=30)
                log.seek(0)
                self.story.ran(
                    ["howdah", *map(str, arguments)],
                    seconds=time.monotonic() - started,
                    status=process.returncode,
                    output=out + log.read(),
                    step=step,
                )

    def photograph(self, step: Step, name: str, address: str, *, height: int = 1400) -> str:
        """Look at a page in headless Chromium; keep the picture, return what the browser holds of it."""
        profile = self.directory / "browser"
        picture = self.story.directory / f"{name}.png"
        run_browser(profile, f"--window-size=1200,{height}", f"--screenshot={picture}", address)
        assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
        step.pictures.append(picture.name)
        return run_browser(profile, "--dump-dom", "--timeout=5000", "--virtual-time-budget=5000", address)


def make_database(world: World, name: str) -> str:
    """Make an empty database in the embedded server; return its address, for the superuser."""
    postgres = world.howdah("pg", "url").out.strip()
    _psql(postgres, "--command", f"CREATE DATABASE {name}")
    return world.howdah("pg", "url", name).out.strip()


def make_platform_database(world: World) -> tuple[str, str]:
    """Make the platform's database and roles by its own script; return the owner's address, and the API's."""
    admin = conninfo_to_dict(make_database(world, DATABASE))
    passwords = {"owner": secrets.token_hex(16), "app": secrets.token_hex(16)}
    directory = world.directory / "secrets"
    directory.mkdir(mode=0o700)
    for role, password in passwords.items():
        (directory / f"{role}_password").write_text(password)
    environment = {
        **_tools(),
        "PGHOST": str(admin["host"]),
        "PGPORT": str(admin["port"]),
        "PGPASSWORD": str(admin["password"]),
        "POSTGRES_USER": str(admin["user"]),
        "POSTGRES_DB": DATABASE,
        "SECRETS_DIRECTORY": str(directory),
    }
    script = world.project / "database" / "init" / "10-roles.sh"
    subprocess.run(["sh", str(script)], env=environment, check=True, capture_output=True)
    place = f"host={quote(str(admin['host']), safe='')}&port={admin['port']}"
    owner, app = (
        f"postgresql://platform_{role}:{password}@/{DATABASE}?{place}" for role, password in passwords.items()
    )
    return owner, app


def _psql(address: str, *arguments: str) -> None:
    command = ["psql", "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", address, *arguments]
    subprocess.run(command, env=_tools(), check=True, capture_output=True)


def _tools() -> dict[str, str]:
    """Return an environment in which psql is the one that came with the server's programs."""
    return {**os.environ, "PATH": f"{list_server_binaries()[0].bindir}:{os.environ['PATH']}"}


def read_settings(project: Path) -> dict[str, str]:
    """Return the variables of the platform's strapi.env, by which its tokens and logins keep working."""
    lines = (project / "strapi.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@contextmanager
def serving(world: World) -> Iterator[dict[str, str]]:
    """Run the content API on free ports; yields what it announces: `url`, `admin_url`."""
    arguments = ("serve", "--content", world.project / "src", "--port", "0", "--admin-port", "0", "--json")
    with world.running(*arguments) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (world.directory / "serve.log").read_text()
        announced: dict[str, str] = json.loads(line)
        yield announced
