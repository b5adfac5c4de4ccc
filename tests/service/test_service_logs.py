"""The service's log: lines that programs and people read, each with the request it belongs to."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from howdah.errors import EnvironmentFailedError, UsageError
from howdah.service.log_settings import LogSettings, read_log_settings
from howdah.service.logs import configure_logging
from howdah.service.request_log import RequestLog


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the log goes; Python's logging is put back afterwards."""
    root = logging.getLogger()
    kept = (root.handlers[:], root.level)
    yield io.StringIO()
    root.handlers[:], level = kept
    root.setLevel(level)


async def hello(_: Request) -> Response:
    logging.getLogger("howdah.api").info("inside", extra={"rows": 3})
    return PlainTextResponse("hello")


async def broken(_: Request) -> Response:
    raise RuntimeError("s3cret-C4n4ry")


def ask(path: str, **headers: str | bytes) -> httpx.Response:
    app = RequestLog(
        Starlette(routes=[Route("/hello", hello), Route("/broken", broken), Route("/_health", hello)]),
        quiet_paths=frozenset({"/_health"}),
    )

    async def work() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, client=("203.0.113.9", 1), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://a.example") as client:
            return await client.get(path, headers=[*headers.items()])  # type: ignore[arg-type]

    return asyncio.run(work())


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_every_line_of_a_request_carries_the_id_that_the_answer_carries(stream: io.StringIO) -> None:
    configure_logging(LogSettings(format="json"), stream=stream)
    answers = [ask("/hello"), ask("/hello", **{"X-Request-ID": "from-the-proxy.1"})]
    inside, access, inside_2, access_2 = lines(stream)
    assert answers[0].headers["x-request-id"] == inside["request_id"] == access["request_id"]
    assert answers[1].headers["x-request-id"] == "from-the-proxy.1"
    assert {inside_2["request_id"], access_2["request_id"]} == {"from-the-proxy.1"}
    assert inside["rows"] == 3
    assert {name: access[name] for name in ("method", "path", "status", "bytes", "peer", "level")} == {
        "method": "GET",
        "path": "/hello",
        "status": 200,
        "bytes": 5,
        "peer": "203.0.113.9",
        "level": "info",
    }


def test_neither_query_nor_headers_are_logged(stream: io.StringIO) -> None:
    configure_logging(LogSettings(format="json", level="debug"), stream=stream)
    ask("/hello?filters[password]=C4n4ry", Authorization="Bearer C4n4ry", Cookie="jwt=C4n4ry")
    assert "C4n4ry" not in stream.getvalue()


@pytest.mark.parametrize("forged", ["a b", "x" * 200, "ä", "a\tb", ""])
def test_an_id_that_could_forge_a_line_is_replaced(stream: io.StringIO, forged: str) -> None:
    configure_logging(LogSettings(), stream=stream)
    answer = ask("/hello", **{"X-Request-ID": forged.encode()})
    assert len(answer.headers["x-request-id"]) == 16
    assert answer.headers["x-request-id"] != forged


def test_a_path_cannot_forge_a_line(stream: io.StringIO) -> None:
    configure_logging(LogSettings(), stream=stream)
    ask("/hello%0A2026-01-01T00:00:00Z%20info%20forged")
    assert len(stream.getvalue().splitlines()) == 1


@pytest.mark.parametrize("sent", ["%1b[2J", "%9b2J", "%E2%80%A8", "%7f", "%00"])
def test_a_path_cannot_steer_a_terminal(stream: io.StringIO, sent: str) -> None:
    configure_logging(LogSettings(), stream=stream)
    ask(f"/hello{sent}")
    line = stream.getvalue()
    assert "path=/hello" in line
    assert line.endswith("\n")
    assert line[:-1].isprintable()


def test_a_failure_is_logged_with_its_traceback_and_without_secrets(stream: io.StringIO) -> None:
    configure_logging(LogSettings(format="json"), secrets=("s3cret-C4n4ry",), stream=stream)
    assert ask("/broken").status_code == 500
    failed, access = lines(stream)
    assert failed["level"] == "error"
    assert "RuntimeError" in failed["traceback"]
    assert failed["request_id"] == access["request_id"]
    assert access["status"] == 500
    assert "C4n4ry" not in stream.getvalue()


def test_an_error_of_ours_is_told_by_its_code_and_detail(stream: io.StringIO) -> None:
    configure_logging(LogSettings(), stream=stream)
    try:
        raise EnvironmentFailedError("A-142", "No connection.", detail="After 30 s.")
    except EnvironmentFailedError:
        logging.getLogger("howdah").exception("failed")
    assert 'failed code=A-142 error="No connection." detail="After 30 s."' in stream.getvalue()
    assert "Traceback" not in stream.getvalue()


def test_requests_of_probes_are_told_at_debug_level_only(stream: io.StringIO) -> None:
    configure_logging(LogSettings(), stream=stream)
    ask("/_health")
    assert "howdah.access" not in stream.getvalue()
    configure_logging(LogSettings(level="debug"), stream=stream)
    ask("/_health")
    assert "howdah.access" in stream.getvalue()


def test_settings_of_the_log_are_read_and_refused() -> None:
    assert read_log_settings({}) == LogSettings(format="text", level="info")
    assert read_log_settings({"HOWDAH_LOG_FORMAT": "JSON", "HOWDAH_LOG_LEVEL": "debug"}) == LogSettings(
        format="json", level="debug"
    )
    with pytest.raises(UsageError) as refused:
        read_log_settings({"HOWDAH_LOG_FORMAT": "xml", "HOWDAH_LOG_LEVEL": "loud"})
    assert "HOWDAH_LOG_FORMAT" in refused.value.detail
    assert "HOWDAH_LOG_LEVEL" in refused.value.detail
