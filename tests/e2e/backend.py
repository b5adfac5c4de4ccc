"""
The platform's backend while it is moved: it saves its editors' preferences, one by one, without a stop.

Where its database is stands in a file, as in a service's environment. A save that is refused because the
database has moved is done again where the file says.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg

TABLE = "strapi_core_store_settings"
_EVERY = 0.005


class Backend:
    """Saves until the block ends; `saved` holds what was acknowledged, as (key, place)."""

    def __init__(self, file: Path, address: Path) -> None:
        self.file, self.address = file, address
        self.saved: list[tuple[str, str]] = []
        self._ending = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Backend:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join(60)
        if self._failure is not None and error is None:
            raise self._failure

    def count(self, place: str) -> int:
        """Return how many saves a place has acknowledged."""
        return sum(where == place for _, where in self.saved)

    def wait_for(self, place: str, more: int) -> None:
        """Wait until a place has acknowledged that many more saves. Raises what the backend died of."""
        wanted, deadline = self.count(place) + more, time.monotonic() + 60
        while self.count(place) < wanted:
            if self._failure is not None:
                raise self._failure
            assert time.monotonic() < deadline, f"{self.count(place)} saves on {place}, {wanted} wanted"
            time.sleep(0.02)

    def _run(self) -> None:
        number = 0
        try:
            while not self._ending.wait(_EVERY):
                address = self.address.read_text().strip()
                place = "PostgreSQL" if address.startswith("postgresql:") else "SQLite"
                if address and self._save(address, f"editor_{number}"):
                    self.saved.append((f"editor_{number}", place))
                    number += 1
        except BaseException as error:
            self._failure = error

    def _save(self, address: str, key: str) -> bool:
        """Save in a connection of its own; False where the database says that it has moved."""
        mark = "%s" if address.startswith("postgresql:") else "?"
        statement = f"INSERT INTO {TABLE} (key, value, type) VALUES ({mark}, '{{}}', 'object')"
        try:
            with closing(self._connect(address)) as connection, connection:
                connection.execute(statement, (key,))
        except (sqlite3.IntegrityError, psycopg.errors.ReadOnlySqlTransaction) as error:
            if "moved to" not in str(error):
                raise
            return False
        return True

    def _connect(self, address: str) -> Any:
        return (
            psycopg.connect(address)
            if address.startswith("postgresql:")
            else sqlite3.connect(self.file, timeout=30)
        )


def read_saved(address: str, file: Path) -> list[str]:
    """Return the keys of all saves that a database holds, read without Howdah."""
    query = f"SELECT key FROM {TABLE} WHERE key LIKE 'editor%'"
    if address.startswith("postgresql:"):
        with psycopg.connect(address) as connection:
            return [key for (key,) in connection.execute(query.encode())]
    with closing(sqlite3.connect(file)) as sqlite:
        return [key for (key,) in sqlite.execute(query)]
