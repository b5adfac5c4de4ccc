"""
A database of Strapi on PostgreSQL, filled from a SQLite file by the simplest loader there is.

For tests of what works on such a database. SQLite is read by a child process: this
one has a SQLite library already. Conversions are those of the type of the column it goes to.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from support.content import STRAPI_SCHEMA

_READER = """
import json, sqlite3, sys
connection = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro&immutable=1", uri=True)
names = [row[0] for row in connection.execute(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
for name in names:
    cursor = connection.execute(f'SELECT * FROM "{name}"')
    columns = [item[0] for item in cursor.description]
    print(json.dumps([name, columns, cursor.fetchall()]))
"""
_EPOCH = datetime(1970, 1, 1)


def fill_from_sqlite(database: str, source: Path) -> None:
    """Create Strapi's schema in an empty database and copy every row of the file."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(STRAPI_SCHEMA.read_text(encoding="utf-8").encode())
        connection.execute("SET search_path = public")
        connection.execute("SET session_replication_role = replica")
        for table, columns, rows in _read(source):
            _copy(connection, table, columns, rows)
        connection.execute("RESET session_replication_role")


def _read(source: Path) -> Iterator[tuple[str, list[str], list[list[Any]]]]:
    child = subprocess.run(
        [sys.executable, "-c", _READER, str(source)], check=True, capture_output=True, text=True
    )
    for line in child.stdout.splitlines():
        table, columns, rows = json.loads(line)
        yield table, columns, rows


def _copy(connection: psycopg.Connection[Any], table: str, columns: list[str], rows: list[list[Any]]) -> None:
    found = connection.execute(
        "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute"
        " WHERE attrelid = to_regclass(quote_ident(%s)) AND attnum > 0",
        (table,),
    )
    types = dict(found.fetchall())
    copy = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as cursor, cursor.copy(copy) as writer:
        for row in rows:
            writer.write_row([_convert(types[name], value) for name, value in zip(columns, row, strict=True)])
    connection.execute(
        sql.SQL("SELECT setval(pg_get_serial_sequence(%s, 'id'), max(id)) FROM {} HAVING max(id) > 0").format(
            sql.Identifier(table)
        ),
        (sql.Identifier(table).as_string(),),
    )


def _convert(kind: str, value: Any) -> Any:
    if value is None:
        return None
    if kind.startswith("timestamp") and isinstance(value, int):
        return (_EPOCH + timedelta(milliseconds=value)).isoformat(sep=" ")
    if kind == "boolean":
        return bool(value)
    if kind == "numeric":
        return str(Decimal(repr(value)).quantize(Decimal("0.01"), ROUND_HALF_UP))
    if kind in ("json", "jsonb"):
        try:
            json.loads(value if isinstance(value, str) else repr(value))
        except ValueError:
            return json.dumps(json.dumps(value))
        return value if isinstance(value, str) else repr(value)
    if kind == "integer" or kind == "bigint":
        return int(value)
    return value
