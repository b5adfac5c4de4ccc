"""
Loads a SQLite file into PostgreSQL with DuckDB, table by table; run by the Python that has DuckDB.

    python duckdb_tables.py FILE      (PG* variables name the target, passwords included)

A table that fails is told and the next one is tried; the exit status is 1 then.
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from importlib import import_module


def main() -> None:
    """Load every table that can be loaded."""
    duckdb = import_module("duckdb")
    connection = duckdb.connect()
    import_module("duckdb_load").load_extensions(connection)
    with closing(sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)) as source:
        names = source.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'sqlite_sequence'"
        ).fetchall()
    file = sys.argv[1].replace("'", "''")
    connection.execute(f"ATTACH '{file}' AS source (TYPE sqlite, READ_ONLY)")
    connection.execute("ATTACH '' AS target (TYPE postgres)")
    failed = 0
    for (name,) in names:
        quoted = name.replace('"', '""')
        try:
            connection.execute(f'CREATE TABLE target."{quoted}" AS SELECT * FROM source."{quoted}"')
        except duckdb.Error as error:
            print(f"{name}: {error}", file=sys.stderr)
            failed = 1
    sys.exit(failed)


if __name__ == "__main__":
    main()
