"""The content API as tests ask it: a server in a thread, requests recorded from Strapi, answers compared."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from howdah.content.query.limits import Limits
from howdah.service.api.engine import WriteGate, open_gate
from howdah.service.api.server import ApiServer
from howdah.service.api.settings import ApiSettings
from support.content import PLATFORM, STRAPI_DATA, build_model
from support.service import settings_for

SMALL = STRAPI_DATA / "small.db"
SECRETS = json.loads((STRAPI_DATA / "small.secrets.json").read_text(encoding="utf-8"))
ENVIRONMENT = json.loads((STRAPI_DATA / "env.json").read_text(encoding="utf-8"))


def recorded_settings(uploads: Path | None = None) -> ApiSettings:
    """Return the settings behind the recorded answers."""
    rest = ENVIRONMENT["rest"]
    return ApiSettings(
        port=0,
        api_token_salt=ENVIRONMENT["API_TOKEN_SALT"],
        jwt_secret=ENVIRONMENT["JWT_SECRET"],
        limits=Limits(
            default_limit=rest["defaultLimit"], max_limit=rest["maxLimit"], with_count=rest["withCount"]
        ),
        upload_directory=uploads,
    )


@contextmanager
def serving(
    conninfo: str,
    settings: ApiSettings,
    *,
    project: Path = PLATFORM,
    gate: WriteGate = open_gate,
    **pool: Any,
) -> Iterator[httpx.Client]:
    """Serve a project's API from a database, and return a client of it."""
    server = ApiServer(
        build_model(project), settings_for(conninfo, **pool), replace(settings, port=0), gate=gate
    )
    server.listen()
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        with httpx.Client(base_url=server.url, timeout=30) as client:
            yield client
    finally:
        server.stop()
        thread.join(20)


@dataclass(frozen=True)
class Recorded:
    """One request and the answer that Strapi gave."""

    name: str
    method: str
    path: str
    auth: str
    body: Any
    raw: str | None
    #: Names, and where in the answer the values are that they are to have.
    saves: tuple[tuple[str, str], ...]
    status: int
    content_type: str | None
    expected: Any


def read_recorded(name: str) -> list[Recorded]:
    """Return the requests of one file, in order."""
    items = json.loads((STRAPI_DATA / "rest" / f"{name}.json").read_text(encoding="utf-8"))
    return [
        Recorded(
            name=f"{name}-{number}-{item.get('method', 'GET')}-{item['path']}",
            method=item.get("method", "GET"),
            path=item["path"],
            auth=item.get("auth", "public"),
            body=item.get("body"),
            raw=item.get("raw"),
            saves=_saves(item.get("save", [])),
            status=item["response"]["status"],
            content_type=item["response"]["content_type"],
            expected=item["response"]["body"],
        )
        for number, item in enumerate(items)
    ]


def _saves(given: list[Any]) -> tuple[tuple[str, str], ...]:
    pairs = [given] if given and isinstance(given[0], str) else given
    return tuple((name, path) for name, path in pairs)


class Replay:
    """Sends recorded requests and tells where an answer differs from the recorded one."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._saved: dict[str, str] = {}
        #: Which table the newest answer is of, as its path has it.
        self._collection = ""
        #: Strapi's ids and documentIds of rows made while recording → ours.
        self._ids: dict[Any, Any] = {}

    def send(self, item: Recorded) -> httpx.Response:
        """Send one request as it was sent."""
        headers = {}
        match item.auth:
            case "full":
                headers["Authorization"] = f"Bearer {SECRETS['apiToken']}"
            case "jwt":
                headers["Authorization"] = f"Bearer {self._saved['jwt']}"
            case auth if auth.startswith("jwt:"):
                headers["Authorization"] = f"Bearer {self._saved[auth.removeprefix('jwt:')]}"
            case "bad":
                headers["Authorization"] = "Bearer not-a-token"
        if item.raw is not None:
            headers["Content-Type"] = "application/json"
            content: str | None = item.raw
        else:
            content = None
        body = self._fill(item.body)
        return self._client.request(
            item.method,
            self._fill(item.path),
            headers=headers,
            content=content,
            json=body if item.body is not None else None,
        )

    def difference(self, item: Recorded) -> str:
        """Return the first difference between our answer and the recorded one, "" where there is none."""
        response = self.send(item)
        self._collection = item.path.removeprefix("/api/").partition("?")[0].partition("/")[0]
        if response.status_code != item.status:
            return f"status {response.status_code}, recorded {item.status}: {response.text[:500]}"
        if item.content_type is not None and response.headers.get("content-type") != item.content_type:
            return f"content type {response.headers.get('content-type')}, recorded {item.content_type}"
        expected = item.expected
        if isinstance(expected, Mapping) and "__text__" in expected:
            return "" if response.text == expected["__text__"] else f"text {response.text!r}"
        if expected is None:
            return "" if not response.content else f"body {response.text[:200]!r}"
        document = response.json()
        for name, path in item.saves:
            self._saved[name] = _at(document, path)
        collection = item.path.split("/")[2].partition("?")[0] if item.path.startswith("/api/") else ""
        return self._compare(document, expected, collection)

    def _fill(self, value: Any) -> Any:
        if isinstance(value, str):
            for name, saved in self._saved.items():
                if value == f"${{{name}}}#":
                    return int(saved)
                value = value.replace(f"${{{name}}}", saved)
            return value
        if isinstance(value, dict):
            return {key: self._fill(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._fill(item) for item in value]
        return value

    def _compare(self, ours: Any, theirs: Any, path: str) -> str:
        if isinstance(ours, dict) and isinstance(theirs, dict):
            if set(ours) != set(theirs):
                return f"{path}: {sorted(set(ours) ^ set(theirs))} on one side only"
            for key in ours:
                found = self._compare(ours[key], theirs[key], f"{path}.{key}")
                if found:
                    return found
            return ""
        if isinstance(ours, list) and isinstance(theirs, list):
            if len(ours) != len(theirs):
                return f"{path}: {len(ours)} items, recorded {len(theirs)}"
            for number, (one, other) in enumerate(zip(ours, theirs, strict=True)):
                found = self._compare(one, other, f"{path}[{number}]")
                if found:
                    return found
            return ""
        if type(ours) is bool or type(theirs) is bool:
            return "" if ours is theirs else f"{path}: {ours!r}, recorded {theirs!r}"
        if ours == theirs or self._is_new(ours, theirs, path):
            return ""
        return f"{path}: {ours!r:.200}, recorded {theirs!r:.200}"

    def _is_new(self, ours: Any, theirs: Any, path: str) -> bool:
        """Tell ids, documentIds, logins and moments of rows that were made while recording."""
        place, _, key = re.sub(r"\[\d+\]", "", path).rpartition(".")
        if (
            key in ("createdAt", "updatedAt", "publishedAt")
            and isinstance(ours, str)
            and isinstance(theirs, str)
        ):
            return theirs >= "2026-11-22T12:00" and len(ours) == len(theirs)
        if key == "jwt":
            return isinstance(ours, str) and ours.count(".") == 2
        if key == "message" and isinstance(ours, str) and isinstance(theirs, str):
            # Documents and rows are named in the middle of a sentence.
            return _nameless(ours) == _nameless(theirs)
        if key == "documentId":
            # The same row each time.
            return bool(self._ids.setdefault(theirs, ours) == ours)
        if key == "id" and isinstance(ours, int) and isinstance(theirs, int):
            # Another table may have given the same number.
            return bool(self._ids.setdefault((self._collection, place, theirs), ours) == ours)
        return False


def _nameless(message: str) -> str:
    return re.sub(r"\b[a-z][a-z0-9]{23}\b|\b\d+\b", "…", message)


def _at(document: Any, path: str) -> str:
    for key in path.split("."):
        document = document[int(key) if isinstance(document, list) else key]
    return str(document)
