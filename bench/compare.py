"""
What arrives, tool by tool: the same difficult SQLite files moved by each, and looked at by the same checker.

    PYTHONPATH=tests python -m bench.compare        (make bench-compare)

Each tool is used as its own guide begins, with its defaults, into an empty database of one server. pgloader
is taken from the PATH, DuckDB from the Python that BENCH_DUCKDB_PYTHON names, sling from BENCH_SLING, its
program, Strapi's own transfer from BENCH_STRAPI, a project with its modules: for the two files of Strapi's
alone. What is not there is said to be not run. Writes bench/results/compare.json and the page's part.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from bench.arrived import look
from bench.page import insert_measured
from bench.strapi_transfer import run_strapi_transfer, strapi_version
from bench.tricky import MOMENTS, write_tricky
from howdah.postgres.embedded import EmbeddedServer, start_embedded

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).with_name("results") / "compare.json"
PAGE = ROOT / "docs" / "explanation" / "comparison.md"

BEGIN = "<!-- measured: begin (make bench-compare) -->"

#: As the tables name Strapi's own transfer, which knows the tables of Strapi alone.
STRAPI = "strapi transfer"

#: Ended with this status, and what it said.
Outcome = tuple[int, str]
Tool = Callable[[Path, EmbeddedServer, str, Path], Outcome]


def main() -> None:
    """Run every tool on every file, and write what arrived."""
    with tempfile.TemporaryDirectory(prefix="howdah-compare-") as name:
        work = Path(name)
        server = start_embedded(work / "pg", durable=False, tcp_port=0, end_with_parent=True)
        try:
            document = compare(server, work)
        finally:
            server.stop(mode="immediate")
    RESULTS.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    write_page(document)


def write_page(document: Mapping[str, Any]) -> None:
    """Put the tables between the marks of the page."""
    text = insert_measured(PAGE.read_text(encoding="utf-8"), render(document), BEGIN)
    PAGE.write_text(text, encoding="utf-8")


def compare(server: EmbeddedServer, work: Path) -> dict[str, Any]:
    """Return versions, and by file and tool what arrived."""
    strapi = ROOT / "tests" / "data" / "strapi"
    files = {
        "tricky.db": (write_tricky(work / "tricky.db"), MOMENTS),
        "Strapi, ordinary": (strapi / "small.db", read_strapi_moments(strapi / "small.db")),
        "Strapi, edge cases": (strapi / "edge.db", read_strapi_moments(strapi / "edge.db")),
    }
    tools, missing = list_tools()
    results: dict[str, dict[str, Any]] = {}
    for title, (source, moments) in files.items():
        for tool, run in tools.items():
            if tool == STRAPI and not title.startswith("Strapi"):
                continue
            database = f"compare_{len(results)}_{tool.replace(' ', '_')}"
            create_database(server, database)
            private = Path(shutil.copy(source, work / "source.db"))
            status, said = run(private, server, database, work)
            found = look(str(source), server.conninfo(database), moments).document()
            results.setdefault(title, {})[tool] = {"exit_status": status, "said": said[-1500:], **found}
            print(f"{title}: {tool}: {status}, {found['rows_missing']} rows missing", file=sys.stderr)
    return {
        "taken": datetime.now(UTC).isoformat(timespec="minutes"),
        "versions": versions(server, tools),
        "not_run": missing,
        "files": results,
    }


def read_strapi_moments(source: Path) -> dict[str, str]:
    """Return Strapi's own rule: what is declared datetime holds milliseconds."""
    with closing(sqlite3.connect(source)) as sqlite:
        rows = sqlite.execute(
            "SELECT m.name, c.name FROM sqlite_schema m, pragma_table_info(m.name) c"
            " WHERE m.type = 'table' AND lower(c.type) = 'datetime'"
        ).fetchall()
    return {f"{table}.{column}": "epoch-ms" for table, column in rows}


def create_database(server: EmbeddedServer, name: str) -> None:
    """Make an empty database."""
    with psycopg.connect(server.conninfo(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))


# --- Who is compared.


def list_tools() -> tuple[dict[str, Tool], dict[str, str]]:
    """Return the tools that are here, and why others are not run."""
    tools: dict[str, Tool] = {"howdah": run_howdah}
    missing = {
        "pgferry": "a program in Go; it was not tried",
    }
    if os.environ.get("BENCH_STRAPI"):
        tools[STRAPI] = run_strapi_transfer
    else:
        missing[STRAPI] = "BENCH_STRAPI names no project"
    if shutil.which("pgloader"):
        tools["pgloader"] = run_pgloader
    else:
        missing["pgloader"] = "not on the PATH"
    if os.environ.get("BENCH_DUCKDB_PYTHON"):
        tools["duckdb"] = run_duckdb
    else:
        missing["duckdb"] = "BENCH_DUCKDB_PYTHON names no Python"
    if os.environ.get("BENCH_SLING"):
        tools["sling"] = run_sling
    else:
        missing["sling"] = "BENCH_SLING names no program"
    return tools, missing


def run_howdah(source: Path, server: EmbeddedServer, database: str, work: Path) -> Outcome:
    """`howdah migrate FILE TARGET`."""
    command = [
        str(Path(sys.executable).with_name("howdah")),
        "migrate",
        str(source),
        server.url_for(database),
    ]
    return _run(command, work, {"HOWDAH_HOME": str(work / f"home-{database}")})


def run_pgloader(source: Path, server: EmbeddedServer, database: str, work: Path) -> Outcome:
    """`pgloader FILE TARGET`."""
    target = f"postgresql://postgres:{server.password}@127.0.0.1:{server.port}/{database}"
    return _run(["pgloader", "--root-dir", str(work / "pgloader"), f"sqlite://{source}", target], work)


def run_duckdb(source: Path, server: EmbeddedServer, database: str, work: Path) -> Outcome:
    """CREATE TABLE … AS SELECT for each table, through DuckDB's two extensions."""
    script = str(Path(__file__).with_name("duckdb_tables.py"))
    return _run([os.environ["BENCH_DUCKDB_PYTHON"], script, str(source)], work, _variables(server, database))


def run_sling(source: Path, server: EmbeddedServer, database: str, work: Path) -> Outcome:
    """A replication of all tables in mode full-refresh."""
    replication = work / "replication.yaml"
    replication.write_text(
        "source: SOURCE\ntarget: TARGET\n"
        "defaults: {mode: full-refresh, object: 'public.{stream_table}'}\n"
        "streams: {'main.*': }\n"
    )
    place = f"127.0.0.1:{server.port}/{database}?sslmode=disable"
    variables = {
        "SOURCE": f"sqlite://{source}",
        "TARGET": f"postgresql://postgres:{server.password}@{place}",
        "SLING_DISABLE_TELEMETRY": "TRUE",
        "SLING_HOME_DIR": str(work / "sling"),
    }
    return _run([os.environ["BENCH_SLING"], "run", "-r", str(replication)], work, variables)


def _variables(server: EmbeddedServer, database: str) -> dict[str, str]:
    return {
        "PGHOST": "127.0.0.1",
        "PGPORT": str(server.port),
        "PGUSER": "postgres",
        "PGPASSWORD": server.password,
        "PGDATABASE": database,
    }


def _run(command: list[str], work: Path, variables: Mapping[str, str] | None = None) -> Outcome:
    ended = subprocess.run(
        command,
        cwd=work if work.is_dir() else None,
        env={**os.environ, **(variables or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=600,
        check=False,
    )
    return ended.returncode, (ended.stdout + ended.stderr).replace(str(work), "…")


def versions(server: EmbeddedServer, tools: Mapping[str, Tool]) -> dict[str, str]:
    """Return what each says of its version, and the server's."""
    commands = {
        "howdah": [str(Path(sys.executable).with_name("howdah")), "--version"],
        "pgloader": ["pgloader", "--version"],
        "duckdb": [
            os.environ.get("BENCH_DUCKDB_PYTHON", ""),
            "-c",
            "import duckdb; print(duckdb.__version__)",
        ],
        "sling": [os.environ.get("BENCH_SLING", ""), "--version"],
    }
    told = {}
    for tool, command in commands.items():
        if tool in tools:
            words = _run(command, RESULTS)[1].split("\n")[0].replace('"', "").split()
            told[tool] = words[-1]
    if STRAPI in tools:
        told["Strapi"] = strapi_version()
    return {"PostgreSQL": str(server.major), **told}


# --- The page's part.


def render(document: Mapping[str, Any]) -> str:
    """Return the tables of the page."""
    said = "; ".join(f"{name} {version}" for name, version in document["versions"].items())
    lines = [f"taken {document['taken']}; {said}.", ""]
    for title, tools in document["files"].items():
        first = next(iter(tools.values()))
        lines += [
            f"### {title}: {first['rows']:,} rows, {first['values']:,} values",
            "",
            "| | exit status | rows missing | values changed | missing: keys | foreign keys | unique"
            " | indexes | not null | numbering | views |",
            "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
        ]
        for tool, found in tools.items():
            objects = [f"{gone} of {wanted}" for wanted, gone in found["objects"].values()]
            lines.append(
                f"| {tool} | {found['exit_status']} | {found['rows_missing']:,}"
                f" | {found['values_changed']:,} | {' | '.join(objects)} |"
            )
        lines += [""]
        for tool, found in tools.items():
            shown = [_escape(example) for example in found["examples"][:6]]
            more = len(found["examples"]) - len(shown)
            if shown:
                lines += [f"{tool}: {'; '.join(shown)}{f'; and {more} more' if more else ''}.", ""]
    for name, why in document["not_run"].items():
        lines.append(f"Not run: {name}, {why}.")
    return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    return "`" + text.replace("`", "'").replace("|", "¦").replace("\n", " ") + "`"


if __name__ == "__main__":
    main()
