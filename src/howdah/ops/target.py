"""
Open the target that a command works on: named, from the environment, or the embedded server.

Where it came from is announced first; one that an environment variable names and that
is not on this machine wants consent. On the embedded server every source has a
database of its own; a verb without a source takes the one used last.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from howdah.errors import RefusedError
from howdah.model.owned import OwnedFacts
from howdah.model.plan import PlanOptions
from howdah.model.target import TargetFacts
from howdah.ops.pg import embedded_directory
from howdah.places import state_directory
from howdah.planning.target_checks import may_be_owned
from howdah.postgres.catalog import read_target_facts
from howdah.postgres.connect import Connection, Target, connect, translate_error
from howdah.postgres.conninfo import parse_target, secrets_in
from howdah.postgres.databases import create_database, database_exists
from howdah.postgres.embedded import start_embedded
from howdah.postgres.owned_catalog import read_owned_facts
from howdah.postgres.pooler import pools_transactions
from howdah.settings import resolve_target
from howdah.sqlite.location import source_path
from howdah.sqlite.snapshot import require_readable


def announce_nothing(line: str) -> None:
    """Say nothing: a library does not print."""


@dataclass(frozen=True, kw_only=True)
class TargetRequest:
    """The target as a person names it, and what they agree to."""

    #: URI or keyword string; None looks at the environment, then takes the embedded server.
    target: str | None = None
    #: Agrees to a target from the environment that is not on this machine.
    consent: bool = False
    state_schema: str = "howdah"
    #: Server programs for the embedded server.
    pg_bindir: Path | None = None
    #: Told, in one line, which target it is and where it came from.
    announce: Callable[[str], None] = announce_nothing


@dataclass(frozen=True, kw_only=True)
class OpenTarget:
    """A connection to the target, and how to make more."""

    connection: Connection
    #: Secret-bearing; for further connections and workers.
    conninfo: str
    #: For people: no secrets.
    display: str
    rehearsal: bool
    #: E.g. "16.15".
    server_version: str


@contextmanager
def open_target(
    request: TargetRequest, *, source: str | None = None, salvage: bool = False
) -> Iterator[OpenTarget]:
    """
    Connect to the target; `source` chooses the database on the embedded server, which is made
    for a damaged one only with `salvage`.

    Raises UsageError for a source that names no file or a target that cannot be read, RefusedError where
    consent is missing, EnvironmentFailedError where there is no connection.
    """
    if source is not None:
        # First of all, because source and target may have been given the wrong way round.
        source_path(source)
    target = find_target(request, source, salvage=salvage)
    try:
        with connect(target.conninfo, application_name="howdah", bulk=True) as connection:
            _require_own_session(connection, target)
            yield OpenTarget(
                connection=connection,
                conninfo=target.conninfo,
                display=target.redacted,
                rehearsal=target.rehearsal,
                server_version=str(connection.info.parameter_status("server_version") or "").split(" ")[0],
            )
    except psycopg.Error as error:
        # From None: the driver's exception may carry more than a person should see.
        raise translate_error(
            error, doing="working on the target", secrets=secrets_in(target.conninfo)
        ) from None


def _require_own_session(connection: Connection, target: Target) -> None:
    if not pools_transactions(connection, target.conninfo):
        return
    raise RefusedError(
        "T-203",
        f"The target {target.redacted} is behind a connection pooler in transaction mode.",
        detail="Locks, settings and temporary tables of a session do not hold there: each transaction gets"
        " another server process.",
        hint="Name the server itself (often another port), or a pool in session mode.",
    )


def read_facts_of_target(
    request: TargetRequest, options: PlanOptions
) -> tuple[TargetFacts, OwnedFacts | None]:
    """Connect, read what is in the schema, and disconnect."""
    with open_target(request) as target:
        return read_open_target(target, options)


def read_open_target(target: OpenTarget, options: PlanOptions) -> tuple[TargetFacts, OwnedFacts | None]:
    """Read what is in the schema and, where its tables may be an application's, all that they hold."""
    facts = read_target_facts(target.connection, options.schema)
    owned = (
        read_owned_facts(target.connection, facts, options.schema) if may_be_owned(facts, options) else None
    )
    target.connection.rollback()
    return facts, owned


def find_target(request: TargetRequest, source: str | None, *, salvage: bool = False) -> Target:
    """
    Decide and announce which target is meant, without connecting; `source` as in `open_target`.

    Raises what `open_target` raises before it connects.
    """
    choice = resolve_target(request.target)
    if choice.target is None:
        target = _rehearsal_target(request, source, salvage)
        request.announce(f"target: {target.redacted} (embedded server: REHEARSAL)")
    else:
        target = choice.target
        request.announce(f"target: {target.redacted} (from {choice.origin})")
    for line in choice.passed_over:
        request.announce(f"note: {line}.")
    if choice.needs_consent and not request.consent:
        raise RefusedError(
            "T-201",
            f"The target {target.redacted} comes from {choice.origin} and is not on this machine.",
            hint="Name it as an argument, or say --yes.",
        )
    return target


def _rehearsal_target(request: TargetRequest, source: str | None, salvage: bool) -> Target:
    remembered = state_directory() / "rehearsal-database"
    if source is None and not remembered.exists():
        raise RefusedError(
            "T-202",
            "There is no target: none was named and the embedded server holds no migration.",
            hint='Name the target, or run "howdah migrate SOURCE" first.',
        )
    name = rehearsal_database(source) if source is not None else remembered.read_text("utf-8").strip()
    server = start_embedded(embedded_directory(request.pg_bindir), bindir=request.pg_bindir)
    with connect(server.conninfo(), autocommit=True) as admin:
        if not database_exists(admin, name):
            if source is not None and not salvage:
                # Nothing is made for a source that cannot be read.
                require_readable(source)
            create_database(admin, name)
    remembered.write_text(name, encoding="utf-8")
    return parse_target(server.conninfo(name), origin="embedded", rehearsal=True)


def rehearsal_database(source: str) -> str:
    """Return the name of the embedded server's database for a source: readable, and its own by path."""
    path = os.path.realpath(source_path(source))
    stem = re.sub(r"[^a-z0-9]+", "_", Path(path).stem.lower()).strip("_")[:40] or "database"
    return f"{stem}_{hashlib.sha256(path.encode()).hexdigest()[:6]}"
