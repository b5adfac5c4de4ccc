"""
The secrets that this process may know, so that none of them is written down.

Messages are built without secrets in the first place. This is for what nobody built:
the traceback of a bug, a command line that could not be read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

from howdah.errors import HowdahError
from howdah.places import state_directory

#: Variables of ours, the application's and libpq's that hold secrets by their names.
_SECRET_NAME = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|KEY|CREDENTIAL", re.IGNORECASE)
_READ_BY_US = ("HOWDAH_", "DATABASE_", "PG")

#: Passwords in what libpq could not read as a connection string.
_IN_URL = re.compile(r"://[^:/?#\s]*:(.+)@", re.DOTALL)
_IN_KEYWORDS = re.compile(r"password\s*=\s*('(?:[^'\\]|\\.)*'?|\S+)", re.IGNORECASE)
_PASSFILE = re.compile(r"passfile\s*=\s*('(?:[^'\\]|\\.)*'?|[^\s&]+)", re.IGNORECASE)


def collect_secrets(
    arguments: Iterable[str] = (), environ: Mapping[str, str] = os.environ
) -> tuple[str, ...]:
    """
    Return every secret that `arguments`, the environment and the files they name hold.

    Never raises: a file that cannot be read has told this process nothing.
    """
    texts = [*arguments, environ.get("DATABASE_URL", ""), _read(environ.get("DATABASE_URL_FILE", "")).strip()]
    found = {secret for text in texts for secret in _in_connection_string(text)}
    for name, value in environ.items():
        if not name.startswith(_READ_BY_US) or not _SECRET_NAME.search(name):
            continue
        found.add(_read(value).rstrip("\r\n") if name.endswith("_FILE") else value)
    passfiles = [match[1].strip("'") for text in texts for match in _PASSFILE.finditer(text)]
    passfiles += [environ.get("PGPASSFILE", ""), os.path.expanduser("~/.pgpass")]
    found |= {secret for path in passfiles for secret in _in_passfile(path)}
    with suppress(HowdahError):
        found |= {_read(str(path)).strip() for path in state_directory(environ).glob("pg/*/password")}
    return tuple(sorted(secret for secret in found if secret))


def redact_known(text: str, arguments: Iterable[str] = (), environ: Mapping[str, str] = os.environ) -> str:
    """Replace in `text` every secret that `collect_secrets` finds by ***."""
    from howdah.postgres.conninfo import redact

    return redact(text, collect_secrets(arguments, environ))


def _in_connection_string(text: str) -> Iterator[str]:
    if "://" not in text and "=" not in text:
        return
    from howdah.postgres.conninfo import parse_target, secrets_in

    try:
        yield from secrets_in(parse_target(text).conninfo)
    except HowdahError:
        for pattern in (_IN_URL, _IN_KEYWORDS):
            for match in pattern.finditer(text):
                yield match[1].strip("'")
                yield unquote(match[1].strip("'"))


def _in_passfile(path: str) -> Iterator[str]:
    for line in _read(path).splitlines():
        if line.startswith("#"):
            continue
        fields = re.split(r"(?<!\\):", line)
        if len(fields) >= 5:
            yield ":".join(fields[4:]).replace("\\:", ":").replace("\\\\", "\\")


def _read(path: str) -> str:
    if not path:
        return ""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
