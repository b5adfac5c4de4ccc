"""
Read CREATE TABLE: all that SQLite's PRAGMAs do not tell.

Follows the grammar of src/parse.y (create_table_args, ccons, tcons), which is
wider than the documented one: commas between table constraints may be missing,
DEFERRABLE may stand apart from its REFERENCES, a CONSTRAINT name may name nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from howdah.model.source import Check, ForeignKey
from howdah.sqlite.ddl_cursor import Cursor, UnreadSqlError
from howdah.sqlite.definitions import ColumnDefinition, KeyDefinition, KeyPart, TableDefinition
from howdah.sqlite.lexer import TokenKind

#: Unquoted, these begin a table constraint and never a column.
_TABLE_CONSTRAINT_WORDS = ("CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN")
#: Unquoted, these end a column's type. GENERATED ends it only before ALWAYS.
_COLUMN_CONSTRAINT_WORDS = (
    "CONSTRAINT", "DEFAULT", "NULL", "NOT", "PRIMARY", "UNIQUE", "CHECK", "REFERENCES", "COLLATE", "AS", "ON",
    "DEFERRABLE",
)  # fmt: skip
_CONFLICT_ACTIONS = ("ROLLBACK", "ABORT", "FAIL", "IGNORE", "REPLACE")


def read_table(sql: str) -> TableDefinition:
    """
    Read one CREATE TABLE statement.

    Never raises: what comes after a place that is not understood is in
    `unread_sql`, and the definition holds what was read before it.
    """
    reader = _TableReader(sql)
    try:
        reader.read()
    except UnreadSqlError as error:
        return replace(reader.definition(), unread_sql=error.rest or sql)
    return reader.definition()


class _TableReader:
    """Collects one table's definition while the cursor moves over its statement."""

    def __init__(self, sql: str) -> None:
        self._cursor = Cursor(sql)
        self._name = ""
        self._columns: list[ColumnDefinition] = []
        self._primary_key: KeyDefinition | None = None
        self._uniques: list[KeyDefinition] = []
        self._checks: list[Check] = []
        self._foreign_keys: list[ForeignKey] = []
        self._without_rowid = False
        self._strict = False

    def definition(self) -> TableDefinition:
        return TableDefinition(
            name=self._name,
            columns=tuple(self._columns),
            primary_key=self._primary_key,
            uniques=tuple(self._uniques),
            checks=tuple(self._checks),
            foreign_keys=tuple(self._foreign_keys),
            without_rowid=self._without_rowid,
            strict=self._strict,
        )

    def read(self) -> None:
        cursor = self._cursor
        cursor.expect("CREATE")
        cursor.accept_any("TEMP", "TEMPORARY")
        cursor.expect("TABLE")
        cursor.accept("IF", "NOT", "EXISTS")
        self._name = cursor.qualified_name()
        cursor.expect_operator("(")
        self._read_columns()
        while not cursor.accept_operator(")"):
            cursor.accept_operator(",")
            self._read_table_constraint()
        self._read_options()
        if not cursor.at_end:
            raise cursor.unread()

    def _read_columns(self) -> None:
        cursor = self._cursor
        while True:
            self._read_column()
            if not cursor.accept_operator(","):
                return
            if any(cursor.sees(word) for word in _TABLE_CONSTRAINT_WORDS):
                return

    def _read_options(self) -> None:
        cursor = self._cursor
        if cursor.at_end:
            return
        while True:
            if cursor.accept("WITHOUT", "ROWID"):
                self._without_rowid = True
            elif cursor.accept("STRICT"):
                self._strict = True
            else:
                raise cursor.unread()
            if not cursor.accept_operator(","):
                return

    # Columns

    def _read_column(self) -> None:
        name = self._cursor.name()
        self._columns.append(ColumnDefinition(name=name, declared_type=self._read_type()))
        while not (self._cursor.sees_operator(",") or self._cursor.sees_operator(")")):
            constraint_name = self._cursor.name() if self._cursor.accept("CONSTRAINT") else None
            if constraint_name is not None and self._at_end_of_constraints():
                # SQLite takes a name with no constraint behind it, and forgets it.
                continue
            if not self._read_column_constraint(constraint_name):
                raise self._cursor.unread()

    def _at_end_of_constraints(self) -> bool:
        cursor = self._cursor
        return cursor.sees_operator(",") or cursor.sees_operator(")") or cursor.sees("CONSTRAINT")

    def _read_type(self) -> str:
        cursor = self._cursor
        first = cursor.position
        while (token := cursor.peek()) is not None:
            if token.kind not in (TokenKind.WORD, TokenKind.QUOTED, TokenKind.STRING):
                break
            if token.is_word(*_COLUMN_CONSTRAINT_WORDS) or cursor.sees("GENERATED", "ALWAYS"):
                break
            cursor.next()
        if cursor.position > first and cursor.sees_operator("("):
            cursor.parenthesized()
        return cursor.text_between(first, cursor.position)

    def _change_column(self, **changes: object) -> None:
        self._columns[-1] = replace(self._columns[-1], **changes)  # type: ignore[arg-type]

    def _read_column_constraint(self, name: str | None) -> bool:
        cursor = self._cursor
        column = self._columns[-1].name
        if cursor.accept("DEFAULT"):
            self._change_column(default_sql=self._read_default())
        elif cursor.accept("NOT", "NULL"):
            self._change_column(not_null=True, not_null_on_conflict=self._read_conflict())
        elif cursor.accept("NULL"):
            self._read_conflict()
        elif cursor.accept("PRIMARY", "KEY"):
            self._read_column_primary_key(column, name)
        elif cursor.accept("UNIQUE"):
            part = KeyPart(name=column)
            self._uniques.append(KeyDefinition(parts=(part,), name=name, on_conflict=self._read_conflict()))
        elif cursor.accept("CHECK"):
            self._checks.append(Check(sql=cursor.parenthesized(), name=name, column=column))
            self._read_conflict()
        elif cursor.accept("COLLATE"):
            self._change_column(collation=cursor.name())
        elif cursor.accept("REFERENCES"):
            self._foreign_keys.append(self._read_references((column,), name))
        elif cursor.sees("NOT", "DEFERRABLE") or cursor.sees("DEFERRABLE"):
            self._defer_last_foreign_key()
        elif cursor.accept("GENERATED", "ALWAYS", "AS") or cursor.accept("AS"):
            self._read_generated()
        else:
            return False
        return True

    def _read_default(self) -> str:
        cursor = self._cursor
        first = cursor.position
        if cursor.sees_operator("("):
            cursor.parenthesized()
        else:
            if cursor.sees_operator("+") or cursor.sees_operator("-"):
                cursor.next()
            token = cursor.peek()
            if token is not None and token.kind is TokenKind.OPERATOR:
                raise cursor.unread()
            cursor.next()
        return cursor.text_between(first, cursor.position)

    def _read_column_primary_key(self, column: str, name: str | None) -> None:
        descending = self._cursor.accept_any("ASC", "DESC") == "DESC"
        self._primary_key = KeyDefinition(
            parts=(KeyPart(name=column, descending=descending),),
            name=name,
            on_conflict=self._read_conflict(),
            autoincrement=self._cursor.accept("AUTOINCREMENT"),
        )

    def _read_generated(self) -> None:
        expression = self._cursor.parenthesized()
        stored: Literal["stored", "virtual"] = "virtual"
        if self._cursor.accept_any("STORED", "VIRTUAL") == "STORED":
            stored = "stored"
        self._change_column(generated=stored, generated_sql=expression)

    # Table constraints

    def _read_table_constraint(self) -> None:
        cursor = self._cursor
        name = cursor.name() if cursor.accept("CONSTRAINT") else None
        if cursor.accept("PRIMARY", "KEY"):
            parts = cursor.key_parts()
            closing_follows = cursor.peek(-2)
            self._primary_key = KeyDefinition(
                parts=parts,
                name=name,
                on_conflict=self._read_conflict(),
                autoincrement=closing_follows is not None and closing_follows.is_word("AUTOINCREMENT"),
            )
        elif cursor.accept("UNIQUE"):
            parts = cursor.key_parts()
            self._uniques.append(KeyDefinition(parts=parts, name=name, on_conflict=self._read_conflict()))
        elif cursor.accept("CHECK"):
            self._checks.append(Check(sql=cursor.parenthesized(), name=name))
            self._read_conflict()
        elif cursor.accept("FOREIGN", "KEY"):
            columns = cursor.name_list()
            cursor.expect("REFERENCES")
            self._foreign_keys.append(self._read_references(columns, name))
            if cursor.sees("NOT", "DEFERRABLE") or cursor.sees("DEFERRABLE"):
                self._defer_last_foreign_key()
        elif name is None or not (cursor.sees_operator(")") or cursor.sees_operator(",")):
            raise cursor.unread()

    # Clauses that both kinds share

    def _read_conflict(self) -> str:
        if not self._cursor.accept("ON", "CONFLICT"):
            return ""
        action = self._cursor.accept_any(*_CONFLICT_ACTIONS)
        if action is None:
            raise self._cursor.unread()
        return action

    def _read_references(self, columns: tuple[str, ...], name: str | None) -> ForeignKey:
        cursor = self._cursor
        parent = cursor.name()
        parent_columns = cursor.name_list() if cursor.sees_operator("(") else ()
        actions = {"DELETE": "NO ACTION", "UPDATE": "NO ACTION", "INSERT": "NO ACTION"}
        match = ""
        while True:
            if cursor.accept("MATCH"):
                match = cursor.name().upper()
            elif cursor.accept("ON"):
                event = cursor.accept_any(*actions)
                if event is None:
                    raise cursor.unread()
                actions[event] = self._read_action()
            else:
                break
        return ForeignKey(
            columns=columns,
            parent_table=parent,
            parent_columns=parent_columns,
            on_update=actions["UPDATE"],
            on_delete=actions["DELETE"],
            name=name,
            match=match,
        )

    def _read_action(self) -> str:
        cursor = self._cursor
        for words in (("SET", "NULL"), ("SET", "DEFAULT"), ("NO", "ACTION"), ("CASCADE",), ("RESTRICT",)):
            if cursor.accept(*words):
                return " ".join(words)
        raise cursor.unread()

    def _defer_last_foreign_key(self) -> None:
        deferrable = not self._cursor.accept("NOT")
        self._cursor.expect("DEFERRABLE")
        deferred = False
        if self._cursor.accept("INITIALLY"):
            timing = self._cursor.accept_any("DEFERRED", "IMMEDIATE")
            if timing is None:
                raise self._cursor.unread()
            deferred = timing == "DEFERRED"
        if self._foreign_keys:
            last = self._foreign_keys[-1]
            self._foreign_keys[-1] = replace(
                last, deferrable=deferrable, initially_deferred=deferrable and deferred
            )
