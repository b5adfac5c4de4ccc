"""SQLite files for tests."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

#: Files that the repository ships for its tests.
DATA = Path(__file__).parent.parent / "data"


def make_database(path: Path, script: str, rows: Iterable[tuple[str, Sequence[Any]]] = ()) -> Path:
    """Create a SQLite file with Python's own sqlite3 from a script and parametrised statements."""
    connection = sqlite3.connect(path)
    try:
        connection.executescript(script)
        for statement, parameters in rows:
            connection.execute(statement, parameters)
        connection.commit()
    finally:
        connection.close()
    return path
