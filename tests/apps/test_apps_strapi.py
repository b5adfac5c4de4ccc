"""Strapi 5.54 itself, started on the migrated database, answers every recorded request as it did."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from howdah.ops.quarantine import list_rows
from support.node_projects import node_project
from support.owned import dump_schema
from support.runs import migrate_file, target_request
from support.shared import shared_path

pytestmark = [pytest.mark.slow, pytest.mark.shared, pytest.mark.timeout(1_800)]

#: What a new document and a new login differ in, whichever database is below.
_OF_THE_MOMENT = frozenset({"jwt", "createdAt", "updatedAt", "publishedAt", "documentId"})
_START_SECONDS = 300


def make_project(directory: Path) -> Path:
    """Return a Strapi project with the content types of the recorded one."""
    project = node_project("strapi_project", directory)
    shutil.copytree(shared_path("strapi", "src"), project / "src", copy_function=shutil.copyfile)
    for path in [project / "src", *(project / "src").rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    (project / "src" / "index.js").write_text("module.exports = {};\n")
    (project / "public" / "uploads").mkdir(parents=True)
    for schema in (project / "src" / "api").glob("*/content-types/*/schema.json"):
        name, api = schema.parent.name, schema.parent.parent.parent
        for kind in ("router", "controller", "service"):
            room = api / ("routes" if kind == "router" else f"{kind}s")
            room.mkdir(exist_ok=True)
            factory = f"require('@strapi/strapi').factories.createCore{kind.title()}"
            (room / f"{name}.js").write_text(f"module.exports = {factory}('api::{api.name}.{name}');\n")
    return project


@contextmanager
def running(project: Path, database: str | Path) -> Iterator[str]:
    """Start Strapi on the database, or SQLite file, and give its address; it is stopped in the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    recorded = json.loads(shared_path("strapi", "env.json").read_text())
    environment = os.environ | {name: value for name, value in recorded.items() if isinstance(value, str)}
    environment |= {
        "PORT": port,
        "REST_DEFAULT_LIMIT": str(recorded["rest"]["defaultLimit"]),
        "REST_MAX_LIMIT": str(recorded["rest"]["maxLimit"]),
        **_database_environment(database),
        "STRAPI_TELEMETRY_DISABLED": "true",
        "NODE_ENV": "production",
    }
    log = project / "strapi.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            ["node", "start.js"], cwd=project, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + _START_SECONDS
        while "READY" not in log.read_text():
            assert process.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _database_environment(database: str | Path) -> dict[str, str]:
    if isinstance(database, Path):
        return {"DATABASE_CLIENT": "sqlite", "DATABASE_FILENAME": str(database)}
    parts = {name: str(value) for name, value in conninfo_to_dict(database).items()}
    return {
        "DATABASE_CLIENT": "postgres",
        "DATABASE_HOST": parts["host"],
        "DATABASE_PORT": parts["port"],
        "DATABASE_NAME": parts["dbname"],
        "DATABASE_USERNAME": parts["user"],
        "DATABASE_PASSWORD": parts.get("password", ""),
    }


class Client:
    """Replays recorded requests; keeps what they say is to be saved."""

    def __init__(self, address: str, fixture: str = "small") -> None:
        self._address = address
        self._saved: dict[str, str] = {}
        self._token = json.loads(shared_path("strapi", f"{fixture}.secrets.json").read_text())["apiToken"]

    def ask(self, recorded: dict[str, Any]) -> tuple[int, Any]:
        """Send one request; return status and body."""
        headers = {}
        token = {"full": self._token, "bad": "nonsense", "jwt": self._saved.get("jwt", "")}.get(
            recorded.get("auth", "public")
        )
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        content = None
        if "raw" in recorded or "body" in recorded:
            content = recorded["raw"] if "raw" in recorded else self._fill(json.dumps(recorded["body"]))
            headers["Content-Type"] = "application/json"
        path = urllib.parse.quote(self._fill(recorded["path"]), safe="/?&=[]$:,*%")
        request = urllib.request.Request(
            self._address + path,
            method=recorded.get("method", "GET"),
            data=None if content is None else content.encode(),
            headers=headers,
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                status, answer = response.status, response.read()
        except urllib.error.HTTPError as error:
            status, answer = error.code, error.read()
        body = _read(answer)
        if "save" in recorded:
            name, place = recorded["save"]
            value = body
            for step in place.split("."):
                value = value[step] if isinstance(value, dict) else value[int(step)]
            self._saved[name] = str(value)
        return status, body

    def _fill(self, text: str) -> str:
        return re.sub(r"\$\{(\w+)\}", lambda match: self._saved[match[1]], text)


def _read(answer: bytes) -> Any:
    try:
        return json.loads(answer) if answer else None
    except ValueError:
        return {"__text__": answer.decode()}


def without_the_moment(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_the_moment(item) for name, item in value.items() if name not in _OF_THE_MOMENT}
    return [without_the_moment(item) for item in value] if isinstance(value, list) else value


def test_strapi_answers_every_recorded_request_on_the_migrated_database(
    database: str, server_bindir: Path, tmp_path: Path
) -> None:
    project = make_project(tmp_path)
    with running(project, database):
        pass  # It makes its tables.
    before = dump_schema(server_bindir, database)
    report = migrate_file(shared_path("strapi", "small.db"), database)
    assert report.exit_status == 0
    assert dump_schema(server_bindir, database) == before
    different = []
    with running(project, database) as address:
        client = Client(address)
        asked = 0
        for name in ("reads", "writes", "access"):
            for recorded in json.loads(shared_path("strapi", "rest", f"{name}.json").read_text()):
                status, body = client.ask(recorded)
                expected = recorded["response"]
                asked += 1
                if name != "reads":
                    body, expected = without_the_moment(body), without_the_moment(expected)
                if (status, body) != (expected["status"], expected.get("body")):
                    different.append((recorded.get("method", "GET"), recorded["path"], status, body))
    assert asked == 137
    assert different == []


def unlike(before: Any, after: Any, place: str = "") -> Iterator[str]:
    """Tell where an answer is another than on SQLite for no reason that the fixture's FACTS give."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted(before.keys() | after.keys()):
            yield from unlike(before.get(name), after.get(name), f"{place}.{name}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from unlike(one, other, f"{place}[{number}]")
    elif not _is_same(before, after):
        yield f"{place}: {before!r} was, {after!r} is"


def _is_same(before: Any, after: Any) -> bool:
    if type(before) in (int, float) and type(after) in (int, float):
        # decimal(10,2) rounds half away from zero.
        if before in (after, float(after)):
            return True
        rounded = (
            Decimal(repr(before)).quantize(Decimal("0.01"), ROUND_HALF_UP) if abs(before) < 1e8 else None
        )
        return rounded == Decimal(repr(after))
    if _is_whole(before) and _is_whole(after):
        # JavaScript reads a bigint of SQLite as the nearest double; from PostgreSQL it comes as it is.
        return float(before) == float(after)
    # The column of a time has no thousandths where they are zero.
    return before == after or (isinstance(before, str) and before == f"{after}.000")


def _is_whole(value: Any) -> bool:
    return isinstance(value, str) and value.removeprefix("-").isdecimal()


def without(value: Any, gone: set[str]) -> Any:
    """Leave out the entries that are in quarantine, wherever they are named."""
    if isinstance(value, dict):
        if _is_gone(value, gone):
            return None
        return {name: without(item, gone) for name, item in value.items() if name != "meta"}
    if isinstance(value, list):
        return [without(item, gone) for item in value if not _is_gone(item, gone)]
    return value


def _is_gone(value: Any, gone: set[str]) -> bool:
    return isinstance(value, dict) and value.get("documentId") in gone


def test_strapi_answers_for_awkward_values_as_it_does_on_sqlite(
    database: str, server_bindir: Path, tmp_path: Path
) -> None:
    project = make_project(tmp_path)
    recorded = json.loads(shared_path("strapi", "rest", "reads.json").read_text())
    places = sorted({request["path"].partition("?")[0] for request in recorded})
    paths = [
        f"{place}?sort=id:asc&pagination[pageSize]=500&populate=*"
        for place in places
        if place.count("/") == 2
    ]
    source = tmp_path / "edge.db"
    shutil.copyfile(shared_path("strapi", "edge.db"), source)
    with running(project, source) as address:
        before = {path: Client(address, "edge").ask({"path": path, "auth": "full"}) for path in paths}
    with running(project, database):
        pass  # It makes its tables.
    schema = dump_schema(server_bindir, database)
    report = migrate_file(shared_path("strapi", "edge.db"), database)
    assert not report.differences
    assert dump_schema(server_bindir, database) == schema
    with running(project, database) as address:
        after = {path: Client(address, "edge").ask({"path": path, "auth": "full"}) for path in paths}
    aside = [row.key.rowid for row in list_rows(target_request(database)).rows if row.table == "agents"]
    with closing(sqlite3.connect(shared_path("strapi", "edge.db"))) as sqlite:
        gone = {
            document for key, document in sqlite.execute("SELECT id, document_id FROM agents") if key in aside
        }
    listed = [path for path in paths if path.startswith("/api/agents?")]
    documents = [
        {entry["documentId"] for entry in answers[listed[0]][1]["data"]} for answers in (before, after)
    ]
    assert documents[0] - documents[1] == gone & documents[0]
    assert [status for status, _ in after.values()] == [status for status, _ in before.values()]
    different = [
        line
        for path in paths
        for line in unlike(
            without(before[path][1], gone), without(after[path][1], gone), path.partition("?")[0]
        )
    ]
    assert different == []
