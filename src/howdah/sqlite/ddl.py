"""
Read CREATE INDEX, TRIGGER and VIRTUAL TABLE.

CREATE TABLE is in `ddl_table`. Each function raises `UnreadSqlError` where the
statement is not understood; the caller keeps what SQLite's own catalog tells.
"""

from __future__ import annotations

from typing import Literal

from howdah.sqlite.ddl_cursor import Cursor
from howdah.sqlite.definitions import (
    IndexDefinition,
    TriggerDefinition,
    VirtualTableDefinition,
)


def read_index(sql: str) -> IndexDefinition:
    """Read one CREATE INDEX statement. Raises UnreadSqlError."""
    cursor = Cursor(sql)
    cursor.expect("CREATE")
    unique = cursor.accept("UNIQUE")
    cursor.expect("INDEX")
    cursor.accept("IF", "NOT", "EXISTS")
    name = cursor.qualified_name()
    cursor.expect("ON")
    table = cursor.name()
    parts = cursor.key_parts()
    predicate = cursor.rest() if cursor.accept("WHERE") else None
    if not cursor.at_end:
        raise cursor.unread()
    return IndexDefinition(name=name, table=table, unique=unique, parts=parts, predicate_sql=predicate)


def read_trigger(sql: str) -> TriggerDefinition:
    """Read one CREATE TRIGGER statement; its body is kept as text. Raises UnreadSqlError."""
    cursor = Cursor(sql)
    cursor.expect("CREATE")
    cursor.accept_any("TEMP", "TEMPORARY")
    cursor.expect("TRIGGER")
    cursor.accept("IF", "NOT", "EXISTS")
    name = cursor.qualified_name()
    timing = _read_timing(cursor)
    event = _read_event(cursor)
    columns: list[str] = []
    if event == "UPDATE" and cursor.accept("OF"):
        columns.append(cursor.name())
        while cursor.accept_operator(","):
            columns.append(cursor.name())
    cursor.expect("ON")
    table = cursor.qualified_name()
    cursor.accept("FOR", "EACH", "ROW")
    when = _read_when(cursor) if cursor.accept("WHEN") else None
    if not cursor.sees("BEGIN"):
        raise cursor.unread()
    return TriggerDefinition(
        name=name,
        table=table,
        timing=timing,
        event=event,
        columns=tuple(columns),
        when_sql=when,
        body_sql=cursor.rest(),
    )


def _read_timing(cursor: Cursor) -> Literal["BEFORE", "AFTER", "INSTEAD OF"]:
    if cursor.accept("AFTER"):
        return "AFTER"
    if cursor.accept("INSTEAD", "OF"):
        return "INSTEAD OF"
    cursor.accept("BEFORE")
    return "BEFORE"


def _read_event(cursor: Cursor) -> Literal["DELETE", "INSERT", "UPDATE"]:
    if cursor.accept("DELETE"):
        return "DELETE"
    if cursor.accept("INSERT"):
        return "INSERT"
    cursor.expect("UPDATE")
    return "UPDATE"


def _read_when(cursor: Cursor) -> str:
    first = cursor.position
    while not cursor.sees("BEGIN"):
        cursor.next()
    return cursor.text_between(first, cursor.position)


def read_virtual_table(sql: str) -> VirtualTableDefinition:
    """Read one CREATE VIRTUAL TABLE statement. Raises UnreadSqlError."""
    cursor = Cursor(sql)
    cursor.expect("CREATE", "VIRTUAL", "TABLE")
    cursor.accept("IF", "NOT", "EXISTS")
    name = cursor.qualified_name()
    cursor.expect("USING")
    module = cursor.name()
    arguments: list[str] = []
    if cursor.accept_operator("("):
        while not cursor.accept_operator(")"):
            if cursor.at_end:
                raise cursor.unread()
            first = cursor.position
            arguments.append(cursor.text_between(first, cursor.expression_end()))
            cursor.accept_operator(",")
    return VirtualTableDefinition(name=name, module=module, arguments=tuple(arguments))
