"""Real applications on both databases: made on SQLite, migrated, asked again on PostgreSQL."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict

PROJECTS = Path(__file__).parent.parent / "apps" / "projects"


@dataclass(frozen=True)
class Application:
    """A script below tests/apps/projects that knows the actions create, fill and dump."""

    script: Path
    #: What a database URL begins with.
    sqlite: str
    postgresql: str

    @classmethod
    def copied(cls, name: str, directory: Path, *, sqlite: str, postgresql: str) -> Application:
        """Copy the project, which may write beside itself, and return it."""
        source = PROJECTS / name
        if source.is_dir():
            shutil.copytree(source, directory / name)
            return cls(script=directory / name / "run.py", sqlite=sqlite, postgresql=postgresql)
        shutil.copy(source, directory)
        return cls(script=directory / name, sqlite=sqlite, postgresql=postgresql)

    def on_sqlite(self, path: Path, *actions: str) -> str:
        """Run actions on a SQLite file; return what they print."""
        return self._run(f"{self.sqlite}{path}", actions)

    def on_postgresql(self, conninfo: str, *actions: str) -> str:
        """Run actions on a PostgreSQL database; return what they print."""
        parts = {name: str(value) for name, value in conninfo_to_dict(conninfo).items()}
        password = f":{quote(parts['password'])}" if "password" in parts else ""
        url = (
            f"{self.postgresql}://{parts['user']}{password}@/{parts['dbname']}"
            f"?host={quote(parts['host'], safe='')}&port={parts['port']}"
        )
        return self._run(url, actions)

    @property
    def _interpreter(self) -> list[str]:
        return ["node"] if self.script.suffix == ".js" else [sys.executable]

    def _run(self, url: str, actions: tuple[str, ...]) -> str:
        done = subprocess.run(
            [*self._interpreter, str(self.script), *actions],
            env={
                **os.environ,
                "EVERY_DATABASE": url,
                "PYTHONDONTWRITEBYTECODE": "1",
                # For what projects have in common.
                "PYTHONPATH": str(PROJECTS),
            },
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout
