"""
Loads a SQLite file into PostgreSQL with DuckDB; run by the Python that has DuckDB.

    python duckdb_load.py FILE      (PG* variables name the target, passwords included)

Creates every table as DuckDB sees fit and copies the rows; no keys, no indexes.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any


def load_extensions(connection: Any) -> None:
    """Load the two extensions, from PyPI's packages where they are, from DuckDB's site otherwise."""
    for name in ("sqlite_scanner", "postgres_scanner"):
        try:
            import_module("duckdb_extensions").import_extension(name, con=connection)
        except ImportError:
            connection.install_extension(name)
        connection.load_extension(name)


def main() -> None:
    """Load every table of the file named on the command line."""
    connection = import_module("duckdb").connect(config={"threads": 2})
    load_extensions(connection)
    source = sys.argv[1].replace("'", "''")
    connection.execute(f"ATTACH '{source}' AS source (TYPE sqlite, READ_ONLY)")
    connection.execute("ATTACH '' AS target (TYPE postgres)")
    tables = connection.execute(
        "SELECT table_name FROM duckdb_tables()"
        " WHERE database_name = 'source' AND NOT starts_with(table_name, 'sqlite_')"
    ).fetchall()
    for (table,) in tables:
        quoted = table.replace('"', '""')
        connection.execute(f'CREATE TABLE target."{quoted}" AS SELECT * FROM source."{quoted}"')


if __name__ == "__main__":
    main()
