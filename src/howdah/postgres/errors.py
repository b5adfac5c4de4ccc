"""
Say in our words what PostgreSQL or the network answered, and what to do about it.

By SQLSTATE where the server gave one; a connection that never came about has
only libpq's text (in English unless the server speaks another language, when the
general error with that text as detail is what remains). No message holds a password.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import psycopg

from howdah.errors import BugError, EnvironmentFailedError, HowdahError, IntegrityError, UsageError
from howdah.postgres.conninfo import redact


@dataclass(frozen=True)
class _Known:
    """One failure that we can explain."""

    kind: type[HowdahError]
    code: str
    message: str
    hint: str = ""


_UNREACHABLE = _Known(
    EnvironmentFailedError,
    "T-111",
    "The PostgreSQL server cannot be reached.",
    "Check host, port and firewall, and that the server runs.",
)
_WRONG_PASSWORD = _Known(
    UsageError,
    "T-112",
    "The server did not accept the user name and password.",
    "Check them; a password may also come from PGPASSWORD, a passfile or DATABASE_PASSWORD_FILE.",
)
_NO_DATABASE = _Known(
    UsageError,
    "T-114",
    "The database does not exist on that server.",
    "Create it (createdb), or correct its name.",
)
_TOO_MANY = _Known(
    EnvironmentFailedError,
    "T-117",
    "The server has no connection left for this role.",
    "Close other sessions, raise max_connections, or use fewer --jobs.",
)
_NOT_NOW = _Known(
    EnvironmentFailedError,
    "T-118",
    "The server is starting, stopping or recovering.",
    "Try again in a moment.",
)
_LOST = _Known(
    EnvironmentFailedError,
    "T-403",
    "The connection to the server was lost.",
    "Look at the server's log, then run the same command again: what was not finished has been undone.",
)
_DAMAGED = _Known(
    IntegrityError,
    "T-413",
    "The server's own storage is damaged.",
    "Look at its log; check its disk; amcheck and a restored backup tell how far it goes.",
)
_READ_ONLY = _Known(
    EnvironmentFailedError,
    "T-405",
    "The database takes no writes.",
    "It is a standby, or default_transaction_read_only is on: name the primary server.",
)

#: What libpq says when a connection does not come about, the first match counts.
_REFUSALS: tuple[tuple[str, _Known], ...] = (
    (
        # Before what speaks of passwords and TLS: such a value is about both.
        r'invalid "?\w+"? value|bad value for|invalid integer value|invalid port number|could not match \d+'
        r"|weak sslmode|definition of service|service file|unrecognized configuration parameter",
        _Known(
            UsageError,
            "T-122",
            "A parameter of the connection has a value that cannot be used.",
            "Correct it in the target, or in the PG… variable or the service file that it comes from.",
        ),
    ),
    (r"password authentication failed", _WRONG_PASSWORD),
    (
        r"no password supplied|password.* required",
        _Known(
            UsageError,
            "T-113",
            "The server asks for a password and none was given.",
            "Put it into the target, PGPASSWORD, a passfile or DATABASE_PASSWORD_FILE.",
        ),
    ),
    (r"database .* does not exist", _NO_DATABASE),
    (
        r"role .* does not exist|is not permitted to log in",
        _Known(UsageError, "T-115", "The role does not exist on that server, or may not log in."),
    ),
    (
        r"no pg_hba\.conf entry|pg_hba\.conf rejects",
        _Known(
            UsageError,
            "T-116",
            "The server's pg_hba.conf does not let this user in from here.",
            "Add a line for this user, database and address, or connect with TLS (sslmode=require).",
        ),
    ),
    (r"too many (clients|connections)|remaining connection slots", _TOO_MANY),
    (r"database system is (starting|shutting|in recovery)|not yet accepting connections", _NOT_NOW),
    (
        r"SSL|TLS|certificate",
        _Known(
            UsageError,
            "T-119",
            "No encrypted connection could be agreed with the server.",
            "Check sslmode and sslrootcert, and whether the server offers TLS.",
        ),
    ),
    (
        r"could not translate host name|Name or service not known|nodename nor servname"
        r"|failed to resolve host|Temporary failure in name",
        _Known(
            UsageError,
            "T-120",
            "The server's host name is not known.",
            "Check its spelling and the name service.",
        ),
    ),
    (
        r"Connection refused|No such file or directory|timeout expired|timed out|No route to host"
        r"|unreachable|Connection reset|server closed the connection unexpectedly|Permission denied",
        _UNREACHABLE,
    ),
)

#: What the server says in the middle of a stream, where no SQLSTATE comes through.
_INTERRUPTIONS: tuple[tuple[str, _Known], ...] = (
    (
        r"terminating connection|server closed the connection|connection to server (was )?lost"
        r"|no connection to the server|could not (receive|send) data|SSL (SYSCALL|connection)",
        _LOST,
    ),
    (
        r"invalid page|could not read block|(missing|unexpected) chunk number|data is corrupt"
        r"|could not access status of transaction|invalid memory alloc request",
        _DAMAGED,
    ),
)

#: By SQLSTATE or its beginning (errcodes-appendix), the longest match counts.
_STATES: dict[str, _Known] = {
    "08": _LOST,
    "25006": _READ_ONLY,
    "28": _WRONG_PASSWORD,
    "3D000": _NO_DATABASE,
    "40": _Known(
        EnvironmentFailedError,
        "T-408",
        "The server undid the work because of a conflict with another session.",
        "Run the same command again.",
    ),
    "42501": _Known(
        UsageError,
        "T-406",
        "The role lacks a privilege in the target.",
        "Grant it (see the detail), or connect as the owner.",
    ),
    "53": _Known(EnvironmentFailedError, "T-400", "The server lacks resources.", "See its log."),
    "53100": _Known(
        EnvironmentFailedError,
        "T-401",
        "The server's disk is full.",
        "Make space on the server, then run the same command again.",
    ),
    "53200": _Known(EnvironmentFailedError, "T-402", "The server ran out of memory.", "Use fewer --jobs."),
    "53300": _TOO_MANY,
    "55P03": _Known(
        EnvironmentFailedError,
        "T-407",
        "Another session holds a lock on what is to be changed.",
        "End that session (pg_stat_activity), then run the same command again.",
    ),
    "57014": _Known(EnvironmentFailedError, "T-404", "The statement was cancelled on the server."),
    "57P": _LOST,
    "57P03": _NOT_NOW,
    "58": _Known(
        EnvironmentFailedError, "T-411", "The server met an error of its operating system.", "See its log."
    ),
    "F0": _Known(EnvironmentFailedError, "T-412", "The server's configuration is faulty.", "See its log."),
    "XX001": _DAMAGED,
    "XX002": _DAMAGED,
    "XX": _Known(EnvironmentFailedError, "T-409", "The server failed internally.", "See its log."),
}

#: Connection, another session's work, resources, locks, operators, operating system, configuration, damage.
_OF_THE_MOMENT = ("08", "25006", "40", "53", "55P03", "57", "58", "F0", "XX001", "XX002")


def translate_connect_error(
    error: psycopg.Error, *, where: str = "", secrets: Iterable[str] = ()
) -> HowdahError:
    """Explain why no connection to `where` (shown to people) came about."""
    text = redact(_one_paragraph(str(error)), secrets)
    known = _by_state(error.sqlstate) if error.sqlstate else _by_text(text, _REFUSALS)
    if known is None:
        known = _Known(EnvironmentFailedError, "T-110", "No connection to the PostgreSQL server came about.")
    detail = f"{where}: {text}" if where else text
    return known.kind(known.code, known.message, detail=detail, hint=known.hint)


def translate_error(error: psycopg.Error, *, doing: str, secrets: Iterable[str] = ()) -> HowdahError:
    """
    Explain a failure on a connection that existed. `doing` completes "…, while …".

    A statement that the server finds wrong in itself is a bug of ours (status 70).
    """
    diagnosis = error.diag
    text = redact(diagnosis.message_primary or _one_paragraph(str(error)), secrets)
    detail = f"{text.rstrip('.')}, while {doing}."
    if error.sqlstate is None:
        known = _LOST if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)) else None
    else:
        known = _by_state(error.sqlstate)
        detail += f" SQLSTATE {error.sqlstate}."
    if known is None:
        return BugError("T-499", "The server refused a statement that Howdah composed.", detail=detail)
    return known.kind(known.code, known.message, detail=detail, hint=known.hint)


def translate_text(text: str, *, state: str | None, doing: str, secrets: Iterable[str] = ()) -> HowdahError:
    """Explain a failure that another driver tells as text, with a SQLSTATE or without."""
    text = redact(_one_paragraph(text), secrets)
    detail = f"{text.rstrip('.')}, while {doing}."
    known = _by_state(state) if state else _by_text(text, (*_INTERRUPTIONS, *_REFUSALS))
    if known is None and state:
        return BugError("T-499", "The server refused a statement that Howdah composed.", detail=detail)
    if known is None:
        known = _Known(EnvironmentFailedError, "T-498", "The server failed in the middle of its answer.")
    return known.kind(known.code, known.message, detail=detail, hint=known.hint)


def as_howdah_error(error: BaseException, *, doing: str = "working on the target") -> HowdahError | None:
    """Explain any exception of the database driver; None for one that is not the driver's."""
    return translate_error(error, doing=doing) if isinstance(error, psycopg.Error) else None


def is_of_the_moment(error: psycopg.Error) -> bool:
    """
    Whether this says nothing about the statement: the server, its disk, its operator or another session
    ended it.

    Whoever takes a refused statement for an answer must not take this for one.
    """
    state = error.sqlstate
    if state is None:
        return isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))
    return state.startswith(_OF_THE_MOMENT)


def _by_state(state: str) -> _Known | None:
    for length in (5, 3, 2):
        if state[:length] in _STATES:
            return _STATES[state[:length]]
    return None


def _by_text(text: str, table: Iterable[tuple[str, _Known]]) -> _Known | None:
    return next((known for pattern, known in table if re.search(pattern, text, re.IGNORECASE)), None)


def _one_paragraph(text: str) -> str:
    return " ".join(line.strip() for line in text.splitlines() if line.strip())
