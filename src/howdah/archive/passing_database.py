"""
Databases that exist only while a command works on them: told apart from those that a killed one left.

Whoever makes one holds an advisory lock on its name for as long as the session lasts that looks after it;
the lock is seen from every database of the server. One of that name without its lock belongs to nobody.
"""

from __future__ import annotations

import re

from howdah.postgres.connect import Connection
from howdah.postgres.databases import drop_database

_KEY = "pg_catalog.hashtextextended('howdah database ' || %s, 0)"

# A lock on a bigint shows its two halves in classid and objid (objsubid 1), whatever the database.
_IS_HELD = f"""
SELECT EXISTS (SELECT FROM pg_catalog.pg_locks l
                WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
                  AND ((l.classid::bigint << 32) | l.objid::bigint) = {_KEY})
"""


def hold_database(admin: Connection, name: str) -> None:
    """Lock the name, before the database is made, until `admin`'s session ends."""
    admin.execute(f"SELECT pg_catalog.pg_advisory_lock({_KEY})".encode(), (name,))


def drop_abandoned(admin: Connection, prefix: str) -> tuple[str, ...]:
    """
    Drop the databases named `prefix` and a mark of digits that nobody holds; return their names.

    On a connection in autocommit mode; those of other owners are left where they are.
    """
    rows = admin.execute(
        "SELECT datname FROM pg_catalog.pg_database WHERE pg_catalog.starts_with(datname::text, %s)"
        " AND pg_catalog.pg_has_role(datdba, 'USAGE') ORDER BY 1",
        (prefix,),
    ).fetchall()
    dropped = []
    for (name,) in rows:
        if not re.fullmatch(r"[0-9a-f]+", name.removeprefix(prefix)):
            continue
        held = admin.execute(_IS_HELD.encode(), (name,)).fetchone()
        if held is not None and not held[0]:
            drop_database(admin, name)
            dropped.append(name)
    return tuple(dropped)
