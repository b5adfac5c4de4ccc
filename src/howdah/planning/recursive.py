"""
WITH RECURSIVE: a query that names itself, taken apart and put together for PostgreSQL.

Pure. PostgreSQL settles the types of the columns by the first part alone and refuses what the other part
gives otherwise, so both are cast to one type. What SQLite sorts or limits while it recurses (ORDER BY and
LIMIT inside) has no equal.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from howdah.model.source import fold_name
from howdah.names import quote
from howdah.planning.expressions import Node, only
from howdah.planning.sql_values import Kind, Untranslatable, Value, as_number

#: What both parts are cast to; a sort order of one part alone would be an error.
_CASTS = {Kind.INTEGER: "::bigint", Kind.REAL: "::double precision", Kind.TEXT: '::text COLLATE "default"'}


@dataclass(frozen=True, kw_only=True)
class Recursion:
    """The parts of a query that names itself."""

    first: Node
    following: Node
    #: UNION ALL; else rows that were there already are left out.
    every_row: bool


def names_itself(table: Node) -> bool:
    """Whether the query of a WITH reads the table that it makes; SQLite does not ask for RECURSIVE."""
    own = fold_name(table.args["alias"].name)
    return any(fold_name(read.name) == own for read in table.this.find_all(exp.Table))


def take_apart(table: Node) -> Recursion:
    """Return the parts of `first UNION ALL following`. Raises Untranslatable for any other form."""
    union, own = table.this, fold_name(table.args["alias"].name)
    if not isinstance(union, exp.Union):
        raise Untranslatable("a recursive query that is no UNION")
    only(union, "this", "expression", "distinct")
    if any(fold_name(read.name) == own for read in union.this.find_all(exp.Table)):
        raise Untranslatable("a recursive query whose first part names itself")
    return Recursion(first=union.this, following=union.expression, every_row=not union.args.get("distinct"))


def settle(value: Value) -> Value:
    """Return what a column of the first part is for the whole. Raises Untranslatable."""
    if value.kind is Kind.BOOLEAN:
        value = as_number(value)
    if value.kind not in _CASTS or value.collation:
        raise Untranslatable(f"a recursive query over {value.collation or value.kind}")
    return Value(sql="", kind=value.kind, wide=value.kind is Kind.INTEGER)


def cast_part(sql: str, columns: tuple[Value, ...], settled: tuple[Value, ...]) -> str:
    """Return one part with its columns cast. Raises Untranslatable where they are of other kinds."""
    if len(columns) != len(settled):
        raise Untranslatable("queries with different numbers of columns")
    names = [quote(f"c{number}") for number in range(1, len(columns) + 1)]
    casts = []
    for name, column, whole in zip(names, columns, settled, strict=True):
        number = "::int" if column.kind is Kind.BOOLEAN else ""
        kind = Kind.INTEGER if column.kind is Kind.BOOLEAN else column.kind
        if kind is not whole.kind or column.collation:
            raise Untranslatable(f"a recursive query that gives {whole.kind} first and {column.kind} then")
        casts.append(f"{name}{number}{_CASTS[whole.kind]}")
    return f"SELECT {', '.join(casts)} FROM ({sql}) AS part ({', '.join(names)})"
