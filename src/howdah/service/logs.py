"""
The service's log: one line an event on standard error, as text or as a JSON object, without secrets.

Every line of a request carries its id (`request_log` sets it). Python's root logger is configured,
because the libraries log there too; only the program `howdah serve` does that, never a library's user.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any, TextIO

from howdah.errors import HowdahError
from howdah.postgres.conninfo import redact
from howdah.service.log_settings import LogSettings

#: The request that this task works for, "" outside one.
current_request_id: ContextVar[str] = ContextVar("howdah_request_id", default="")

#: What `logging` puts into every record; anything else was given by `extra=`.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

#: Libraries that tell at `info` what the operator learns from metrics.
_QUIET = ("psycopg.pool", "asyncio", "httpcore", "httpx")


def configure_logging(
    settings: LogSettings, *, secrets: Iterable[str] = (), stream: TextIO | None = None
) -> None:
    """Log to `stream` (standard error) from now on; replaces what was configured."""
    handler = logging.StreamHandler(stream or sys.stderr)
    form = _JsonFormatter if settings.format == "json" else _TextFormatter
    handler.setFormatter(form(secrets))
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def read_fields(record: logging.LogRecord, secrets: Iterable[str] = ()) -> dict[str, Any]:
    """Return a record as the fields that are written, in their order."""
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    fields: dict[str, Any] = {
        "time": f"{seconds}.{int(record.msecs):03d}Z",
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": record.getMessage(),
    }
    if request_id := current_request_id.get():
        fields["request_id"] = request_id
    fields |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HowdahError):
        # An error with a code says what happened; where in the program is of no use to an operator.
        fields |= {"code": error.code, "error": error.message, "detail": error.detail}
    elif record.exc_info:
        fields["traceback"] = logging.Formatter().formatException(record.exc_info)
    secrets = tuple(secrets)
    return {
        name: redact(value, secrets) if isinstance(value, str) else value for name, value in fields.items()
    }


class _JsonFormatter(logging.Formatter):
    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__()
        self._secrets = tuple(secrets)

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(read_fields(record, self._secrets), default=str, ensure_ascii=False)


class _TextFormatter(_JsonFormatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = read_fields(record, self._secrets)
        traceback = fields.pop("traceback", "")
        head = [fields.pop("time"), f"{fields.pop('level'):<7}", fields.pop("logger"), fields.pop("message")]
        tail = [f"{name}={_in_one_word(value)}" for name, value in fields.items() if value not in ("", None)]
        line = " ".join(_in_one_line(part) for part in [*head, *tail])
        return f"{line}\n{traceback}" if traceback else line


def _in_one_line(text: str) -> str:
    """Escape what does not print: a client's line breaks would forge a line, other codes steer a terminal."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text
    )


def _in_one_word(value: Any) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if any(mark in text for mark in ' "=') else text
