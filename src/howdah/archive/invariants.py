"""
Whether a restored database could serve: keys hold, indexes are sound, and the user's own questions are
answered.

Foreign keys and checks were tested by PostgreSQL when it built them (that they are there and valid is
compared by `compare`). Indexes are tested entry by entry against their tables by amcheck, where the server
has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg

from howdah.errors import UsageError
from howdah.model.backup import ContentDifference
from howdah.postgres.connect import Connection
from howdah.postgres.errors import is_of_the_moment

#: Type boolean by its oid (pg_type.dat).
_BOOLEAN = 16

_BTREES = """
SELECT n.nspname, c.relname, c.oid
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_am a ON a.oid = c.relam JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
 WHERE a.amname = 'btree' AND c.relkind = 'i' AND c.relpersistence <> 't' AND i.indisvalid AND i.indisready
   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""


def check_indexes(connection: Connection) -> tuple[list[ContentDifference], str]:
    """
    Check every B-tree against its table with amcheck; on a connection in autocommit mode.

    Returns what is wrong, and why nothing could be checked ("" where it was).
    """
    found = connection.execute(
        "SELECT 1 FROM pg_catalog.pg_available_extensions WHERE name = 'amcheck'"
    ).fetchone()
    if found is None:
        return [], "amcheck is not available here: indexes were built, not checked."
    connection.execute("CREATE SCHEMA IF NOT EXISTS howdah_amcheck")
    connection.execute("CREATE EXTENSION IF NOT EXISTS amcheck SCHEMA howdah_amcheck")
    differences = []
    for schema, name, oid in connection.execute(_BTREES).fetchall():
        try:
            connection.execute(
                "SELECT howdah_amcheck.bt_index_check(index => %s::pg_catalog.oid::pg_catalog.regclass,"
                " heapallindexed => true)",
                (oid,),
            )
        except (psycopg.errors.IndexCorrupted, psycopg.errors.DataCorrupted) as error:
            said = error.diag.message_primary or ""
            differences.append(
                ContentDifference(
                    kind="integrity", object=f"index {schema}.{name}", expected="sound", found=said
                )
            )
    return differences, ""


def read_smoke_sql(path: Path) -> str:
    """Read the user's own checks. Raises UsageError (B-118)."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError("B-118", f"The smoke SQL {path} cannot be read: {reason}.") from None


def run_smoke_sql(connection: Connection, text: str) -> Iterator[ContentDifference]:
    """
    Run the user's statements one after the other; yield one difference for the first that fails.

    A statement that answers with a single boolean must answer true. On a connection in autocommit mode.
    Raises psycopg.Error where the server failed, and not what was asked.
    """
    connection.execute("SET search_path TO DEFAULT")
    connection.execute("SELECT set_config('search_path', '\"$user\", public', false)")
    try:
        cursor = connection.execute(text.encode())
        number = 0
        while True:
            number += 1
            if cursor.description is not None:
                rows = cursor.fetchall()
                is_question = len(cursor.description) == 1 and cursor.description[0].type_code == _BOOLEAN
                if is_question and (not rows or any(row[0] is not True for row in rows)):
                    shown = "no row" if not rows else "null" if rows[0][0] is None else "false"
                    yield ContentDifference(
                        kind="smoke", object=f"statement {number}", expected="true", found=shown
                    )
                    return
            if not cursor.nextset():
                return
    except psycopg.Error as error:
        # A limit of time is the user's own, and its end an answer.
        if is_of_the_moment(error) and not isinstance(error, psycopg.errors.QueryCanceled):
            raise
        said = error.diag.message_primary or str(error)
        yield ContentDifference(kind="smoke", object="smoke SQL", expected="an answer", found=said)
