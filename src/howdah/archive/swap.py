"""
Put a restored database in the place of another by renaming both in one transaction.

Nothing is dropped: what was there goes on under another name, and the way back is two renames.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from psycopg import sql

from howdah.errors import EnvironmentFailedError
from howdah.names import NAME_BYTES_MAX, quote
from howdah.postgres.connect import Connection

#: Seconds until sessions that were told to end have ended.
_PATIENCE = 20.0


@dataclass(frozen=True, kw_only=True)
class Swap:
    """Which database goes where."""

    #: The name that the application knows.
    name: str
    #: The restored database, as it is called until the swap.
    restored: str
    #: What was there, afterwards; "" where nothing was.
    kept: str
    #: The restored database, should the swap be undone: a name under which nobody takes it for half-restored.
    undone: str

    @property
    def undo(self) -> tuple[str, ...]:
        """SQL that puts things back, to be run in another database of the server."""
        back = f"ALTER DATABASE {quote(self.name)} RENAME TO {quote(self.undone)};"
        if not self.kept:
            return (back,)
        return (f"BEGIN; {back} ALTER DATABASE {quote(self.kept)} RENAME TO {quote(self.name)}; COMMIT;",)


def name_beside(name: str, word: str, mark: str) -> str:
    """Return a database name beside `name` that PostgreSQL keeps whole."""
    tail = f"_{word}_{mark}"
    head = name.encode()[: NAME_BYTES_MAX - len(tail)].decode(errors="ignore")
    return head + tail


def swap_databases(admin: Connection, swap: Swap) -> None:
    """
    Swap, on a connection in autocommit mode to another database of the server.

    Raises EnvironmentFailedError (B-430) where sessions do not end; all is then as it was.
    """
    if not swap.kept:
        admin.execute(_rename(swap.restored, swap.name))
        return
    old = sql.Identifier(swap.name)
    admin.execute(sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false").format(old))
    try:
        _end_sessions(admin, swap.name)
        with admin.transaction():
            admin.execute(_rename(swap.name, swap.kept))
            admin.execute(_rename(swap.restored, swap.name))
    except BaseException:
        admin.execute(sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS true").format(old))
        raise
    admin.execute(sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS true").format(sql.Identifier(swap.kept)))


def _rename(name: str, other: str) -> sql.Composed:
    return sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(name), sql.Identifier(other))


def _end_sessions(admin: Connection, name: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        sessions = admin.execute(
            "SELECT pid, pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity"
            " WHERE datname = %s",
            (name,),
        ).fetchall()
        if not sessions:
            return
        if time.monotonic() > deadline:
            raise EnvironmentFailedError(
                "B-430",
                f'Sessions of database "{name}" do not end, so it cannot be renamed.',
                detail=f"Server processes {', '.join(str(pid) for pid, _ in sessions)}.",
                hint="Stop the application, then run the same command again: nothing was changed.",
            )
        time.sleep(0.1)
