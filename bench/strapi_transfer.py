"""
Strapi's own way: `strapi export` from a project on SQLite, `strapi import` into the same one on PostgreSQL.

BENCH_STRAPI names a Strapi project with its node_modules, whose configuration takes the database from the
variables that Strapi's guide names (DATABASE_CLIENT, DATABASE_FILENAME, DATABASE_HOST…). It is copied.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from howdah.postgres.embedded import EmbeddedServer

_RECORDED = Path(__file__).parent.parent / "tests" / "data" / "strapi" / "env.json"
#: Seconds for each of the two commands.
_LONGEST = 600


def run_strapi_transfer(source: Path, server: EmbeddedServer, database: str, work: Path) -> tuple[int, str]:
    """Move the content of a Strapi file; return the exit status and what was said."""
    project = work / f"strapi-{database}"
    shutil.copytree(os.environ["BENCH_STRAPI"], project, symlinks=True, copy_function=os.link)
    archive = project / "content"
    status, said = _strapi(
        project,
        ["export", "--no-encrypt", "--file", str(archive)],
        {"DATABASE_CLIENT": "sqlite", "DATABASE_FILENAME": str(source)},
    )
    if status:
        return status, said
    return _strapi(
        project,
        ["import", "--force", "--file", f"{archive}.tar.gz"],
        {
            "DATABASE_CLIENT": "postgres",
            "DATABASE_HOST": "127.0.0.1",
            "DATABASE_PORT": str(server.port),
            "DATABASE_NAME": database,
            "DATABASE_USERNAME": "postgres",
            "DATABASE_PASSWORD": server.password,
        },
    )


def strapi_version() -> str:
    """Return the version of Strapi in the project that BENCH_STRAPI names."""
    package = Path(os.environ["BENCH_STRAPI"]) / "node_modules" / "@strapi" / "strapi" / "package.json"
    return str(json.loads(package.read_text(encoding="utf-8"))["version"])


def _strapi(project: Path, arguments: list[str], database: Mapping[str, str]) -> tuple[int, str]:
    recorded = json.loads(_RECORDED.read_text(encoding="utf-8"))
    variables = {name: value for name, value in recorded.items() if isinstance(value, str)}
    ended = subprocess.run(
        [str(project / "node_modules" / ".bin" / "strapi"), *arguments],
        cwd=project,
        env={
            **os.environ,
            **variables,
            **database,
            "NODE_ENV": "production",
            "STRAPI_TELEMETRY_DISABLED": "true",
            "NO_COLOR": "1",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_LONGEST,
        check=False,
    )
    return ended.returncode, (ended.stdout + ended.stderr).replace(str(project), "…")
